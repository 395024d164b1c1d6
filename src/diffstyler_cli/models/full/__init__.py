"""The full-size model set: the original networks in their own parameter names, and how their files are loaded."""

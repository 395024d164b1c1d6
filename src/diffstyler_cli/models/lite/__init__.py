"""The lite model set: the small trained networks that the package carries, and the styles that they know."""

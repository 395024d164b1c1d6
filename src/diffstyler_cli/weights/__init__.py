"""Reading weight files from disk. Knows files and tensors, no networks."""

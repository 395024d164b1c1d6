"""Finding, fetching, verifying, caching and reading weight files. Knows files and tensors, no networks."""

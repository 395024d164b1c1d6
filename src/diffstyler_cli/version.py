"""The version, in one place: the build reads it, and so do recipes, manifests and messages."""

__version__ = "0.1.0"

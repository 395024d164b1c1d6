"""`diffstyler inspect`."""

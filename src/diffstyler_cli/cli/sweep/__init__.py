"""`diffstyler sweep`."""

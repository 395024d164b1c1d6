"""`diffstyler download`."""

"""`diffstyler stylize`."""

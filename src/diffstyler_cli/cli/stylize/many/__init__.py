"""`diffstyler stylize` with many photos: which they are, what of them is to make, and how a person sees it."""

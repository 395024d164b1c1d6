"""`diffstyler sweep` of many photos: a sweep of each, in a folder of its own, and an overview of them all."""

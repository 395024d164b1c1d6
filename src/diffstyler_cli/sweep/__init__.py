"""Sweeps: the plan of a grid of settings, carrying it out with what its cells share computed once, and the report."""

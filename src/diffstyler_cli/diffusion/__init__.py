"""The mathematics, tensors in and tensors out. In reading order: schedule, solvers, free, dual, guidance."""

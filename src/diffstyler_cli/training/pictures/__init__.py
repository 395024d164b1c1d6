"""Training pictures: photographs drawn and painted in every style. Needs the `train` extra (OpenCV)."""

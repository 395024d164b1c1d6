"""Random fields read off the noise that a training picture is paired with. Needs the `train` extra (OpenCV)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Field


class NoiseFields:
    """The random part of a training picture: where strokes lie, their tints, the grain of paper.

    It is computed from the noise that diffusion training then pairs the picture with. A network trained on squared
    error predicts the mean of whatever its input does not determine, so strokes from any other random source would be
    learnt as a blur; these it can learn, and sampling from fresh noise lays fresh strokes.

    Args:
        eps: standard normal H×W×3.
    """

    def __init__(self, eps: NDArray[np.floating]) -> None:
        # a rotation of the three colours, grey first: rotated white noise is white noise again
        rotation = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
        self._channels = np.ascontiguousarray((eps @ rotation.T).transpose(2, 0, 1), np.float32)

    def field(self, sigma: float, k: int = 0) -> Field:
        """Smooth noise of about unit deviation, blurred by `sigma` pixels; those of k = 0, 1, 2 are independent."""
        # a Gaussian blur of white noise leaves a deviation of 1 / (2 √π sigma)
        return cv2.GaussianBlur(self._channels[k], (0, 0), sigma) * np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))

    def at(self, places: NDArray[np.floating], sigma: float, k: int = 0) -> NDArray[np.float32]:
        """Values of `field` at places (y, x), N×2; a place outside takes the value of the nearest pixel."""
        field = self.field(sigma, k)
        y, x = (np.clip(places[:, a].astype(int), 0, field.shape[a] - 1) for a in (0, 1))
        return field[y, x]

"""What the artworks of a style have in common, given to painted photographs: palette, light, strength of each octave.

All of it is one fixed map a style, the same for every picture: a map made for each picture could not be foretold from a
crop of it. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .brushes import Image, lab_of, rgb_of, to_u8

LEVELS = np.linspace(0, 1, 65)
COLOURS = 12
FINISHES: dict[str, tuple[float, float, int]] = {
    "oil-painting": (0.6, 0.3, 3),
    "impressionism": (0.5, 0.6, 3),
    "post-impressionism": (0.4, 0.5, 3),
    "expressionism": (0.6, 0.6, 3),
    "baroque": (0.7, 0.7, 3),
    "romanticism": (0.6, 0.7, 3),
    "symbolism": (0.4, 0.6, 3),
    "ink-wash": (0.5, 0.5, 3),
    "watercolor": (0.6, 0.6, 3),
    "engraving-etching": (0.6, 1.0, 3),
    "drawing": (0.0, 1.0, 0),
}
"""How far, from 0 to 1, pictures of a style go towards its artworks in light and in colour, and in how many of the
finest octaves; the other styles are finished as they are painted."""


@dataclass(frozen=True)
class Manner:
    """Of some pictures: quantiles of lightness at `LEVELS`; mean of a and b over all; median over the pictures of the
    deviations of a and b, and of L, a and b in each octave, finest first (4×3)."""

    light: NDArray[np.floating]
    colour: NDArray[np.floating]
    spread: NDArray[np.floating]
    octaves: NDArray[np.floating]


def _split(lab: NDArray[np.floating]) -> tuple[list[NDArray[np.floating]], NDArray[np.floating]]:
    bands = []
    for octave in range(4):
        low = cv2.GaussianBlur(lab, (0, 0), 0.7 * 2.0**octave)
        bands.append(lab - low)
        lab = low
    return bands, lab


def manner(pictures: Sequence[Image]) -> Manner:
    labs = [lab_of(picture) for picture in pictures]
    small = np.stack([cv2.resize(lab, (24, 24), interpolation=cv2.INTER_AREA).reshape(-1, 3) for lab in labs])
    octaves = np.median([[band.std((0, 1)) for band in _split(lab)[0]] for lab in labs], axis=0)
    every = small.reshape(-1, 3)
    spread = np.median(small[..., 1:].std(1), axis=0)
    return Manner(np.quantile(every[:, 0], LEVELS), every[:, 1:].mean(0), spread, octaves)


def palette(pictures: Sequence[Image]) -> NDArray[np.float32]:
    """The `COLOURS` most typical colours of some pictures, Lab, K×3."""
    weights = np.array([0.7, 1, 1], np.float32)
    small = [lab_of(cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA)).reshape(-1, 3) for p in pictures]
    pixels = np.concatenate(small) * weights
    cv2.setRNGSeed(0)
    _, _, centres = cv2.kmeans(pixels, COLOURS, None, (3, 30, 0.1), 3, cv2.KMEANS_PP_CENTERS)
    return centres / weights


class Finish:
    """The fixed map from a painter's pictures to a style's artworks.

    Args:
        painted, artworks: manners of the two.
        light, colour: how far to go, from 0 to 1.
        octaves: how many of the finest octaves are made as strong as the artworks'.
    """

    def __init__(self, painted: Sequence[Image], artworks: Manner, light: float, colour: float, octaves: int) -> None:
        own = manner(painted)
        self.light, self.colour, self.own, self.artworks = light, colour, own, artworks
        self.scale = np.clip((artworks.spread + 0.5) / (own.spread + 0.5), 0.3, 2.2)
        self.gains = np.ones((4, 3), np.float32)
        graded = manner([to_u8(rgb_of(self._graded(picture))) for picture in painted])
        gains = np.clip(artworks.octaves / np.maximum(graded.octaves, 0.05), 0.3, 1.6)[:octaves]
        gains[:, 1:] = gains[:, 1:].mean(1, keepdims=True)
        self.gains[:octaves] = gains

    def _graded(self, picture: Image) -> NDArray[np.floating]:
        lab = lab_of(picture)
        goal = np.interp(lab[..., 0], self.own.light + 1e-4 * np.arange(len(LEVELS)), self.artworks.light)
        lab[..., 0] += self.light * (goal - lab[..., 0])
        mean = self.own.colour
        stretched = (lab[..., 1:] - mean) * (1 + self.colour * (self.scale - 1))
        lab[..., 1:] = stretched + mean + self.colour * (self.artworks.colour - mean)
        return lab

    def __call__(self, picture: Image) -> Image:
        bands, x = _split(lab_of(to_u8(rgb_of(self._graded(picture)))))
        for band, gain in zip(bands, self.gains, strict=True):
            x = x + band * gain
        return to_u8(rgb_of(x))

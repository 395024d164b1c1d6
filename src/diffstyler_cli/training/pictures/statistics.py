"""Colour and texture statistics of a style's artworks, and the map that gives them to painted photographs.

The map is one a style, the same for every picture: a map fitted to each picture could not be predicted from a crop of
it. Lightness is matched by its quantiles, a and b by mean and deviation (after Reinhard et al. 2001), texture by the
deviation in each octave of a Laplacian stack. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Image, lab_of, rgb_of, to_u8

QUANTILES = np.linspace(0, 1, 65)
PALETTE_SIZE = 12
OCTAVES = 4


class MatchStrength(NamedTuple):
    """How far pictures of a style go towards the statistics of its artworks."""

    lightness: float
    """From 0 (not at all) to 1 (all the way)."""
    colour: float
    """Of a and b, from 0 to 1."""
    octaves: int
    """How many of the finest octaves become as strong as the artworks'."""


MATCHED: dict[str, MatchStrength] = {
    "oil-painting": MatchStrength(0.6, 0.3, 3),
    "impressionism": MatchStrength(0.5, 0.6, 3),
    "post-impressionism": MatchStrength(0.4, 0.5, 3),
    "expressionism": MatchStrength(0.6, 0.6, 3),
    "baroque": MatchStrength(0.7, 0.7, 3),
    "romanticism": MatchStrength(0.6, 0.7, 3),
    "symbolism": MatchStrength(0.4, 0.6, 3),
    "ink-wash": MatchStrength(0.5, 0.5, 3),
    "watercolor": MatchStrength(0.6, 0.6, 3),
    "engraving-etching": MatchStrength(0.6, 1.0, 3),
    "drawing": MatchStrength(0.0, 1.0, 0),
}
"""By `Style.key`; pictures of the other styles stay as they are painted."""


@dataclass(frozen=True)
class StyleStatistics:
    """What some pictures have in common, in CIE Lab."""

    lightness: NDArray[np.floating]
    """L of all pixels at `QUANTILES`."""
    mean: NDArray[np.floating]
    """Of a and b over all pixels."""
    deviation: NDArray[np.floating]
    """Of a and b within a picture, the median over the pictures."""
    octaves: NDArray[np.floating]
    """Deviation of L, a and b in each octave, finest first, `OCTAVES`×3; the median over the pictures."""


def style_statistics(pictures: Sequence[Image]) -> StyleStatistics:
    labs = [lab_of(picture) for picture in pictures]
    small = np.stack([cv2.resize(lab, (24, 24), interpolation=cv2.INTER_AREA).reshape(-1, 3) for lab in labs])
    octaves = np.median([[band.std((0, 1)) for band in _octaves(lab)[0]] for lab in labs], axis=0)
    pixels = small.reshape(-1, 3)
    deviation = np.median(small[..., 1:].std(1), axis=0)
    return StyleStatistics(np.quantile(pixels[:, 0], QUANTILES), pixels[:, 1:].mean(0), deviation, octaves)


def palette(pictures: Sequence[Image]) -> NDArray[np.float32]:
    """The `PALETTE_SIZE` most typical colours of some pictures (k-means), Lab, K×3."""
    weights = np.array([0.7, 1, 1], np.float32)
    small = [lab_of(cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA)).reshape(-1, 3) for p in pictures]
    pixels = np.concatenate(small) * weights
    cv2.setRNGSeed(0)
    _, _, centres = cv2.kmeans(pixels, PALETTE_SIZE, None, (3, 30, 0.1), 3, cv2.KMEANS_PP_CENTERS)
    return centres / weights


class StatisticsMatch:
    """The fixed map from painted photographs to the statistics of a style's artworks.

    Args:
        painted: pictures that the painter made, to measure where the map begins.
        artworks: statistics of the artworks.
    """

    def __init__(self, painted: Sequence[Image], artworks: StyleStatistics, strength: MatchStrength) -> None:
        self.strength, self.artworks, self.painted = strength, artworks, style_statistics(painted)
        self.scale = np.clip((artworks.deviation + 0.5) / (self.painted.deviation + 0.5), 0.3, 2.2)
        self.gains = np.ones((OCTAVES, 3), np.float32)
        graded = style_statistics([to_u8(rgb_of(self._graded(picture))) for picture in painted])
        gains = np.clip(artworks.octaves / np.maximum(graded.octaves, 0.05), 0.3, 1.6)[: strength.octaves]
        gains[:, 1:] = gains[:, 1:].mean(1, keepdims=True)  # a and b alike: no shift of hue
        self.gains[: strength.octaves] = gains

    def _graded(self, picture: Image) -> NDArray[np.floating]:
        """The picture in Lab with lightness and colour matched."""
        lab = lab_of(picture)
        rising = self.painted.lightness + 1e-4 * np.arange(len(QUANTILES))  # np.interp needs strictly rising ones
        matched = np.interp(lab[..., 0], rising, self.artworks.lightness)
        lab[..., 0] += self.strength.lightness * (matched - lab[..., 0])
        mean, share = self.painted.mean, self.strength.colour
        stretched = (lab[..., 1:] - mean) * (1 + share * (self.scale - 1))
        lab[..., 1:] = stretched + mean + share * (self.artworks.mean - mean)
        return lab

    def __call__(self, picture: Image) -> Image:
        bands, x = _octaves(lab_of(to_u8(rgb_of(self._graded(picture)))))
        for band, gain in zip(bands, self.gains, strict=True):
            x = x + band * gain
        return to_u8(rgb_of(x))


def _octaves(lab: NDArray[np.floating]) -> tuple[list[NDArray[np.floating]], NDArray[np.floating]]:
    """A Laplacian stack: differences of Gaussian blurs, finest first, and what is left."""
    bands = []
    for octave in range(OCTAVES):
        low = cv2.GaussianBlur(lab, (0, 0), 0.7 * 2.0**octave)
        bands.append(lab - low)
        lab = low
    return bands, lab

"""The colours of a finished picture, moved in OKLab (Björn Ottosson, "A perceptual color space for image processing",
2020): lightness L and the two axes of colour, a (green to red) and b (blue to yellow), equal steps looking about equal.

Nothing is ever cut off a channel: what no screen shows loses chroma, at its lightness and hue, until one does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]

_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
"""Linear sRGB to the answers of three kinds of cones."""
_AXES = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip
"""Their cube roots to L, a and b."""
_TO_CONES, _TO_AXES = _CONES.T.astype(np.float32), _AXES.T.astype(np.float32)
_FROM_CONES, _FROM_AXES = (np.linalg.inv(each).T.astype(np.float32) for each in (_CONES, _AXES))

_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Light of each 8-bit value of sRGB."""

_STRIP = 2**18
"""Pixels that are worked on at once: memory stays that of the pictures, whatever their size."""
_HALVINGS = 10
"""Of the interval in which the largest chroma lies that can be shown."""
MOST_SAMPLES = 10**6
"""Pixels that the statistics of a picture's colours are taken of."""
FAINT = 0.02
"""Added to the deviation of colours on every side: what is hardly there, such as the tint of a drawing's paper, is not
blown up to a palette's full width, nor all contrast lost to a palette of one colour."""
_SLACK = 1e-4
"""By which light may miss [0, 1]: less than half a step of 8 bits."""


def keep_colour(picture: Image.Image, photo: Image.Image, share: float) -> Image.Image:
    """`picture` with its own lightness and the chroma of `photo`, mixed with its own where `share` is below 1.

    Args:
        picture, photo: mode RGB, of one size.
        share: above 0, up to 1.
    """
    weight = np.float32(share)

    def mixed(own: Array, rows: slice) -> Array:
        own[..., 1:] += weight * (oklab(photos[rows])[..., 1:] - own[..., 1:])
        return own

    photos = np.asarray(photo)
    return _moved(picture, mixed)


def match_palette(
    picture: Image.Image, palette: Image.Image, seen: Image.Image | None = None, there: Image.Image | None = None
) -> Image.Image:
    """`picture` in the colours of `palette`: of all linear maps that give its colours the mean and the covariance of
    the other's, the one that moves them least (Pitié & Kokaram, "The linear Monge-Kantorovitch linear colour mapping
    for example-based colour transfer", 2007).

    Args:
        picture, palette: mode RGB, of any sizes.
        seen, there: their alpha (mode L), where they have any: what is hidden counts for nothing.
    """
    mean, spread = _statistics(picture, seen)
    wanted, wanted_spread = _statistics(palette, there)
    root = _root(spread)
    inverse = np.linalg.inv(root)
    map_ = (inverse @ _root(root @ wanted_spread @ root) @ inverse).astype(np.float32)
    start, end = mean.astype(np.float32), wanted.astype(np.float32)

    def moved(own: Array, rows: slice) -> Array:
        own = _times(own - start, map_) + end
        own[..., 0] = own[..., 0].clip(0, 1)
        return own

    return _moved(picture, moved)


def oklab(pixels: Array) -> Array:
    """L in [0, 1], a and b of 8-bit sRGB …×3, as float32."""
    return _times(np.cbrt(_times(_LINEAR[pixels], _TO_CONES)), _TO_AXES)


def srgb(lab: Array) -> Array:
    """8-bit sRGB of L, a and b …×3; what it has no colour for, with the largest chroma that it has one for."""
    flat = lab.reshape(-1, 3)
    light = _light(flat)
    beyond = ~_shown(light)
    if beyond.any():
        light[beyond] = _light(_duller(flat[beyond]))
    light = light.clip(0, 1)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** np.float32(1 / 2.4) - 0.055)
    found: Array = (values * 255).round().astype(np.uint8).reshape(lab.shape)
    return found


def _statistics(picture: Image.Image, alpha: Image.Image | None) -> tuple[Array, Array]:
    """Mean and covariance of the colours that are seen, on a lattice of at most a million pixels."""
    stride = max(1, math.isqrt(picture.width * picture.height // MOST_SAMPLES))
    colours = oklab(np.asarray(picture)[::stride, ::stride]).reshape(-1, 3).astype(np.float64)
    weights = np.ones(len(colours)) if alpha is None else np.asarray(alpha)[::stride, ::stride].ravel() / 255
    if not weights.any():
        weights = np.ones(len(colours))
    mean = np.average(colours, axis=0, weights=weights)
    from_mean = colours - mean
    spread = (from_mean * weights[:, None]).T @ from_mean / weights.sum()
    return mean, spread + FAINT**2 * np.eye(3)


def _root(matrix: Array) -> Array:
    """The square root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = vectors * np.sqrt(values.clip(0)) @ vectors.T
    return found


def _duller(lab: Array) -> Array:
    """Colours N×3 with their chroma reduced until they can be shown, at the same lightness and hue."""
    low, high = np.zeros((len(lab), 1), np.float32), np.ones((len(lab), 1), np.float32)
    found = lab.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found[:, 1:] = lab[:, 1:] * middle
        fits = _shown(_light(found))[:, None]
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    found[:, 1:] = lab[:, 1:] * low
    return found


def _light(lab: Array) -> Array:
    """Linear sRGB N×3, also outside of [0, 1]."""
    roots = _times(lab, _FROM_AXES)
    return _times(roots * roots * roots, _FROM_CONES)


def _times(values: Array, matrix: Array) -> Array:
    """`values` …×3 by a matrix 3×3, in one thread: for so small a matrix those of BLAS only wait for each other."""
    found: Array = np.einsum("...j,jk->...k", values, matrix)
    return found


def _shown(light: Array) -> Array:
    """Which colours N×3 a screen shows."""
    found: Array = np.all((light >= -_SLACK) & (light <= 1 + _SLACK), axis=-1)
    return found


def _moved(picture: Image.Image, move: Callable[[Array, slice], Array]) -> Image.Image:
    """`picture` strip by strip: `move` changes the colours, rows×W×3, of these rows."""
    pixels = np.array(picture)
    step = max(1, _STRIP // picture.width)
    for first in range(0, picture.height, step):
        rows = slice(first, first + step)
        pixels[rows] = srgb(move(oklab(pixels[rows]), rows))
    return Image.fromarray(pixels)

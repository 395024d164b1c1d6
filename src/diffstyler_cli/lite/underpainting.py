"""What a painter of a style lays down before any brush texture: shapes, outlines, light and colour of a photograph.

`transfer.py` then gives it the texture and the colours of an artwork of that style. Every function takes an RGB uint8
array H×W×3 and a `numpy.random.Generator` and returns one of the same shape. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from . import filters
from .brushes import (
    Field,
    Image,
    Rng,
    cell_borders,
    cell_means,
    edge_flow,
    edge_strength,
    equalised,
    grey_rgb,
    highest,
    luma,
    regraded,
    strokes,
    to_u8,
    voronoi,
)
from .styles import PHASE


def _outlines(im: Image, radius: float, strength: float) -> Field:
    """1 off the outlines, near 0 on them; `radius` in pixels is about half their width."""
    g = cv2.GaussianBlur(cv2.bilateralFilter(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), 7, 40, 5), (0, 0), radius)
    g = g.astype(np.float32) / 255
    edges = cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1))
    return (1 - strength * np.clip((edges - 0.12) * 4, 0, 1))[..., None]


def _flat(im: Image, passes: int, steps: float) -> Field:
    """Areas of one colour each, in [0, 1]; `steps` levels of lightness, 0 for all."""
    for _ in range(passes):
        im = cv2.bilateralFilter(im, 9, 45, 7)
    lab = cv2.cvtColor(im.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    if steps:
        lab[..., 0] = cv2.GaussianBlur((np.floor(lab[..., 0] / 100 * steps) + 0.5) / steps * 100, (0, 0), 0.7)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def _light(im: Image, gain: float, vignette: float) -> Field:
    """Contrast around the middle and corners in shadow, in [0, 1]."""
    h, w = im.shape[:2]
    yy, xx = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    x = (im.astype(np.float32) / 255 - 0.5) * gain + 0.5
    return np.clip(x * (1 - vignette * np.clip(xx**2 + yy**2, 0, 2) / 2)[..., None], 0, 1)


def oil(im: Image, rng: Rng) -> Image:
    """Modelled light and layered strokes."""
    return filters.oil(to_u8(_light(im, 1.1, 0.15)), rng)


def baroque(im: Image, rng: Rng) -> Image:
    """Figures that come out of the dark."""
    return to_u8(_light(cv2.bilateralFilter(im, 7, 30, 5), 1.6, 0.75) ** 1.25)


def romanticism(im: Image, rng: Rng) -> Image:
    """Haze and glow over blended strokes."""
    lit = _light(im, 1.1, 0.35)
    glow = cv2.GaussianBlur(lit, (0, 0), 8)
    return to_u8(0.7 * lit + 0.3 * np.maximum(lit, glow))


def symbolism(im: Image, rng: Rng) -> Image:
    """Soft, dreamy shapes."""
    flat = _flat(im, 3, 0)
    return to_u8(0.6 * flat + 0.4 * cv2.GaussianBlur(flat, (0, 0), 4))


def post_impressionism(im: Image, rng: Rng) -> Image:
    """Parallel constructive strokes that lean one way, over loose outlines."""
    angle = np.full(im.shape[:2], -0.85, np.float32)
    vivid = regraded(im, 1.3, 1.0, 6)
    out = strokes(vivid, rng, [(6, 0.9), (4, 0.8), (2, 0.4)], 9, 1.8, angle=angle)
    return to_u8(out * _outlines(im, 1.2, 0.35))


def expressionism(im: Image, rng: Rng) -> Image:
    """Broad hard strokes, harsh contrast, heavy dark outlines."""
    strong = to_u8(_light(regraded(im, 1.6), 1.4, 0.0))
    out = strokes(strong, rng, [(8, 0.9), (4, 0.9), (2, 0.5)], 10, 2.2, swirl=0.4, relief=0.25)
    return to_u8(out * _outlines(im, 2.0, 0.8))


def fauvism(im: Image, rng: Rng) -> Image:
    """Large flat patches of loud colour."""
    loud = regraded(to_u8(_flat(im, 4, 5)), 2.2, 1.05, 10)
    out = strokes(loud, rng, [(7, 0.9), (4, 0.9), (2, 0.4)], 14, 1.4, relief=0.1)
    return to_u8(out * _outlines(im, 1.8, 0.5))


def cubism(im: Image, rng: Rng) -> Image:
    """Facets that follow the shapes, each shaded from edge to edge, with dark lines between."""
    h, w = im.shape[:2]
    sites = rng.permutation(highest(-edge_strength(im), PHASE))[: h * w // 440]
    sites = np.clip(sites + rng.uniform(-5, 5, sites.shape), 0, (h - 1, w - 1))
    label, _ = voronoi(im, sites, alike=60)
    colour = cell_means(regraded(im, 1.2), label, len(sites))
    turn = 2 * edge_flow(luma(im), 6)[tuple(sites.astype(int).T)]
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    slope = np.cos(turn)[label] * (xx - sites[label, 1]) + np.sin(turn)[label] * (yy - sites[label, 0])
    shade = 1 + 0.012 * np.clip(slope, -25, 25)
    detail = im.astype(np.float32) / 255 - cv2.GaussianBlur(im, (0, 0), 6).astype(np.float32) / 255
    line = 0.3 + 0.7 * cell_borders(label, 1.0)
    return to_u8((colour[label] * shade[..., None] + 0.8 * detail) * line)


def art_nouveau(im: Image, rng: Rng) -> Image:
    """Flat ornamental areas within flowing contours."""
    return to_u8(_flat(im, 5, 7) * _outlines(im, 1.4, 0.75))


def naive(im: Image, rng: Rng) -> Image:
    """Clean smooth areas, every edge sharp, full colour."""
    flat = _flat(regraded(im, 1.5, 1.0, 8), 5, 0)
    sharp = flat + 0.8 * (flat - cv2.GaussianBlur(flat, (0, 0), 2))
    return to_u8(sharp * _outlines(im, 0.9, 0.3))


def ukiyo_e(im: Image, rng: Rng) -> Image:
    """Flat printed colours with fine key-block lines and a graded ground."""
    flat = _flat(im, 5, 5)
    flat = 0.08 + 0.86 * flat
    return to_u8(flat * _outlines(im, 0.9, 0.9))


def ink_wash(im: Image, rng: Rng) -> Image:
    """Pale wet tones that leave much paper, with dark brush accents."""
    g = equalised(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, 0.5)
    soft = cv2.bilateralFilter(g, 9, 0.15, 6)
    wash = 0.35 + 0.65 * cv2.GaussianBlur(soft, (0, 0), 2.0) ** 0.7
    accent = np.clip((cv2.GaussianBlur(g, (0, 0), 5) - cv2.GaussianBlur(g, (0, 0), 1)) * 3, 0, 0.6)
    tone = np.clip(wash - accent, 0, 1)
    return to_u8(grey_rgb(tone.astype(np.float32)))


UNDERPAINTINGS: dict[str, Callable[[Image, Rng], Image]] = {
    "oil-painting": oil,
    "impressionism": filters.impressionism,
    "post-impressionism": post_impressionism,
    "van-gogh": filters.van_gogh,
    "pointillism": filters.pointillism,
    "expressionism": expressionism,
    "fauvism": fauvism,
    "cubism": cubism,
    "art-nouveau": art_nouveau,
    "baroque": baroque,
    "romanticism": romanticism,
    "symbolism": symbolism,
    "naive-art": naive,
    "ukiyo-e": ukiyo_e,
    "ink-wash": ink_wash,
    "ink-illustration": filters.ink,
    "watercolor": filters.watercolor,
    "engraving-etching": filters.engraving,
    "woodcut": filters.woodcut,
    "drawing": filters.pencil,
}
"""By style, for every style that has artworks."""

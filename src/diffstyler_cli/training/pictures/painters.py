"""Painters: rules that paint a photograph in each painted style; `statistics.py` then matches colour and texture.

Every painter takes an RGB uint8 array H×W×3, the `NoiseFields` of the noise that the result will be paired with and the
palette of the style's artworks (Lab, K×3), and returns a picture of the same shape. Strokes follow from the
photograph's edges and the noise alone, so that a network which sees both can learn every one of them. The rules were
set by eye. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .cells import cell_borders, cell_maxima, cell_means, edge_strength, voronoi
from .colour import Field, Image, adjusted, equalised, lab_of, luma, rgb_of, to_u8, towards_palette
from .grid import PERIOD
from .noise_fields import NoiseFields
from .strokes import brushed, edge_flow, hard_streaks, streaks, textured, warped

Palette = NDArray[np.floating]


def _outlines(im: Image, radius: float, strength: float) -> Field:
    """1 off the outlines, near 0 on them; `radius` in pixels is about half their width."""
    g = cv2.GaussianBlur(cv2.bilateralFilter(cv2.cvtColor(im, cv2.COLOR_RGB2GRAY), 7, 40, 5), (0, 0), radius)
    g = g.astype(np.float32) / 255
    edges = cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1))
    return (1 - strength * np.clip((edges - 0.12) * 4, 0, 1))[..., None]


def _flattened(im: Image, passes: int) -> Field:
    """Areas of about one colour each, by repeated bilateral filtering, in [0, 1]."""
    for _ in range(passes):
        im = cv2.bilateralFilter(im, 9, 45, 7)
    return im.astype(np.float32) / np.float32(255)


def _contrast(im: Image, gain: float) -> Field:
    """Contrast around the middle, in [0, 1]."""
    return np.clip((im.astype(np.float32) / np.float32(255) - 0.5) * gain + 0.5, 0, 1)


def _blurred(im: Image, sigma: float) -> Image:
    """The photograph without the sharpness of a lens, which paint never has."""
    return cv2.GaussianBlur(im, (0, 0), sigma)


def _lightness_between(im: Image | Field, dark: float, light: float) -> Field:
    """Black and white moved to lightness `dark` and `light`, in [0, 1]."""
    lab = lab_of(im)
    lab[..., 0] = dark + (light - dark) / 100 * lab[..., 0]
    return rgb_of(lab)


def oil(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Blended strokes in deep tones on canvas."""
    x = adjusted(_blurred(im, 0.5), 1.2)
    flow = edge_flow(luma(x), -0.6)
    painted = brushed(x, noise, flow, 1.4, 6, 1.8, tint=1.8, hue=0.8, relief=2.5, detail=0.15)
    return to_u8(textured(painted, noise, flow, 5, (1.0, 1.3, 1.2), 0.6))


def impressionism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Short broken dabs of light."""
    x = to_u8(_lightness_between(adjusted(_blurred(im, 0.6), 1.25), 10, 97))
    flow = edge_flow(luma(x), -0.3, bias=0.05)
    painted = brushed(x, noise, flow, 1.5, 3, 2.6, tint=3.0, hue=2.0)
    return to_u8(textured(painted, noise, flow, 2, (0.9, 2.0, 2.6), 2.0))


def post_impressionism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Parallel strokes of one direction, over loose outlines."""
    x = adjusted(_blurred(im, 0.5), 1.3, 1.0, 6)
    flow = np.full(im.shape[:2], -0.85, np.float32)
    painted = brushed(x, noise, flow, 1.6, 6, 2.6, tint=4.5, hue=3.0, relief=3.0, hardness=2.0)
    return to_u8(textured(painted, noise, flow, 5, (1.0, 1.8, 1.8), 1.5) * _outlines(im, 1.2, 0.4))


def van_gogh(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Long thick strokes in swirling rows, saturated blues and yellows."""
    lab = lab_of(adjusted(_blurred(im, 0.5), 1.65, 1.0, 6))
    lab[..., 2] += (lab[..., 0] / 100 - 0.45) * 30
    lab[..., 0] = 5 + 0.95 * lab[..., 0]
    x = to_u8(rgb_of(lab))
    flow = edge_flow(luma(x), -0.3) + 0.8 * np.sin(9 * cv2.GaussianBlur(luma(x), (0, 0), 6))
    lab = lab_of(brushed(x, noise, flow, 1.1, 7, 2.4, tint=5.0, hue=4.0, relief=8.0, detail=0.2, hardness=2.5))
    for k, (amount, width) in enumerate(((6.0, 0.6), (6.0, 0.9), (3.0, 1.6))):
        lab[..., 0] += amount * hard_streaks(noise, flow, width, 7, k, 2.0)
    for k in (1, 2):
        lab[..., k] += 4.0 * hard_streaks(noise, flow, 1.2, 7, k, 2.0)
    return to_u8(rgb_of(lab))


def expressionism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Broad hard strokes, harsh contrast, heavy dark outlines."""
    x = to_u8(_contrast(adjusted(_blurred(im, 0.6), 1.4), 1.3))
    flow = edge_flow(luma(x), -1.0, sigma=4)
    painted = brushed(x, noise, flow, 2.2, 8, 4.0, tint=3.0, hue=2.0, relief=4.0, hardness=2.0)
    lines = cv2.GaussianBlur(_outlines(im, 2.0, 0.8), (0, 0), 0.8)[..., None]
    return to_u8(textured(painted * lines, noise, flow, 6, (0.8, 1.4, 2.2), 1.5))


def fauvism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Large flat patches of loud colour."""
    x = to_u8(towards_palette(_flattened(adjusted(im, 2.0, 1.05, 10), 4), palette, 0.6, 1.7))
    flow = edge_flow(luma(x), -0.2)
    painted = brushed(x, noise, flow, 2.2, 5, 3.5, tint=3.0, hue=4.0)
    return to_u8(textured(painted, noise, flow, 4, (0.6, 1.2, 1.6), 1.5) * _outlines(im, 1.8, 0.6))


def cubism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Facets that follow the shapes, each shaded from edge to edge, with dark lines between."""
    h, w = im.shape[:2]
    sites = cell_maxima(-edge_strength(im), PERIOD)
    sites = sites[noise.at(sites, 2.0) > -0.25]
    sites = np.clip(sites + 3 * np.stack([noise.at(sites, 1.5, k) for k in (1, 2)], 1), 0, (h - 1, w - 1))
    label, _ = voronoi(im, sites, colour_weight=60)
    colour = cell_means(adjusted(im, 1.2), label, len(sites))
    turn = 2 * edge_flow(luma(im), 0.7, sigma=6)[tuple(sites.astype(int).T)]
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    slope = np.cos(turn)[label] * (xx - sites[label, 1]) + np.sin(turn)[label] * (yy - sites[label, 0])
    shade = 1 + 0.012 * np.clip(slope, -25, 25)
    detail = im.astype(np.float32) / 255 - cv2.GaussianBlur(im, (0, 0), 6).astype(np.float32) / 255
    line = 0.3 + 0.7 * cell_borders(label, 1.0)
    return to_u8((colour[label] * shade[..., None] + 0.8 * detail) * line)


def art_nouveau(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Flat ornamental areas in the few colours of a poster, within flowing contours."""
    x = to_u8(towards_palette(_lightness_between(_flattened(adjusted(im, 1.3), 4), 30, 96), palette, 0.75, 1.3))
    painted = brushed(x, noise, edge_flow(luma(x), 0.0), 1.6, 4, 1.2, relief=0.0, detail=0.2)
    return to_u8(painted * _outlines(im, 1.0, 0.65))


def baroque(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Figures that come out of the dark."""
    x = to_u8(_contrast(_blurred(im, 0.6), 1.5) ** 1.4)
    flow = edge_flow(luma(x), -0.6)
    painted = brushed(x, noise, flow, 1.2, 5, 1.4, tint=1.2, hue=0.6, relief=1.5, detail=0.3)
    return to_u8(textured(painted, noise, flow, 4, (0.8, 1.0, 0.8), 0.5))


def romanticism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Haze and glow over blended strokes."""
    lit = _contrast(im, 1.1)
    glow = cv2.GaussianBlur(lit, (0, 0), 8)
    x = to_u8(0.65 * lit + 0.35 * np.maximum(lit, glow))
    flow = edge_flow(luma(x), -0.1, sigma=4)
    painted = brushed(x, noise, flow, 1.8, 5, 2.4, tint=2.2, hue=1.5, detail=0.1)
    return to_u8(textured(painted, noise, flow, 4, (0.6, 1.0, 1.3), 0.8))


def symbolism(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Soft, dreamy shapes in few colours."""
    flat = _flattened(im, 3)
    blurred = 0.6 * flat + 0.4 * cv2.GaussianBlur(flat, (0, 0), 4)
    x = to_u8(towards_palette(blurred.astype(np.float32), palette, 0.6, 1.5, 8.0))
    flow = edge_flow(luma(x), 0.2, sigma=5)
    painted = brushed(x, noise, flow, 2.4, 7, 3.0, tint=2.5, hue=2.5, relief=0.5)
    return to_u8(textured(painted, noise, flow, 4, (0.8, 1.2, 1.4), 1.0))


def naive(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Plain shaded shapes in full colour, every edge outlined, drawn by an unsteady hand."""
    x = warped(im, 1.2 * noise.field(4, 1), 1.2 * noise.field(4, 2))
    flat = towards_palette(_flattened(adjusted(x, 1.5), 4), palette, 0.6, 1.4)
    lab = lab_of(flat)
    lab[..., 0] += 0.5 * (lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 6))
    modelled = rgb_of(lab)
    flow = edge_flow(luma(to_u8(modelled)), 0.3)
    return to_u8(textured(modelled, noise, flow, 3, (0.8, 1.2, 1.2), 1.2) * _outlines(x, 1.1, 0.6))


def ukiyo_e(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Flat printed colours of few blocks with fine key-block lines, the grain of the wood and of the paper."""
    x = towards_palette(_lightness_between(_flattened(adjusted(im, 1.5), 6), 38, 96), palette, 0.8, 1.4)
    wood = streaks(noise.field(0.8, 1), np.zeros(im.shape[:2], np.float32), 10)
    printed = x * (1 + 0.012 * wood + 0.01 * noise.field(0.6))[..., None]
    return to_u8(printed * cv2.GaussianBlur(_outlines(im, 0.7, 0.9), (0, 0), 0.4)[..., None])


def ink_wash(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Pale wet tones that leave much silk, with dark brush accents."""
    g = equalised(luma(im), 0.4)
    soft = cv2.GaussianBlur(cv2.bilateralFilter(g, 9, 0.15, 6), (0, 0), 1.5)
    wash = warped(soft, 2.0 * noise.field(3, 1), 2.0 * noise.field(3, 2))
    accent = np.clip((cv2.GaussianBlur(g, (0, 0), 4) - cv2.GaussianBlur(g, (0, 0), 0.9)) * 3 - 0.08, 0, 0.6)
    tone = np.clip((0.35 + 0.5 * wash - 0.9 * accent + 0.03 * noise.field(0.8)) / 0.8, 0, 1)[..., None]
    silk, ink = np.array([0.88, 0.79, 0.70]), np.array([0.16, 0.13, 0.12])
    return to_u8(ink + (silk - ink) * tone)


def watercolor(im: Image, noise: NoiseFields, palette: Palette) -> Image:
    """Transparent washes with darker rims, pigment grain and paper in the lights."""
    flat = cv2.bilateralFilter(cv2.bilateralFilter(im, 7, 30, 5), 7, 30, 5)
    lab = lab_of(adjusted(warped(flat, 1.4 * noise.field(3, 1), 1.4 * noise.field(3, 2)), 1.2))
    rim = np.clip((cv2.GaussianBlur(lab[..., 0], (0, 0), 2.5) - lab[..., 0]) * 0.6, -2, 10)
    tone = lab_of(im)[..., 0]
    line = np.minimum(tone - cv2.GaussianBlur(tone, (0, 0), 2.0), 0)
    pigment = (1.6 * noise.field(0.7) + 3.0 * noise.field(5)) * np.clip((100 - lab[..., 0]) / 60, 0.1, 1)
    lab[..., 0] = np.clip(10 + 0.9 * (lab[..., 0] - 0.8 * rim + pigment + 0.7 * line), 0, 97)
    return to_u8(rgb_of(lab))


PAINTERS: dict[str, Callable[[Image, NoiseFields, Palette], Image]] = {
    "oil-painting": oil,
    "impressionism": impressionism,
    "post-impressionism": post_impressionism,
    "van-gogh": van_gogh,
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
    "watercolor": watercolor,
}
"""By `Style.key`; `filters.FILTERS` has the other styles."""

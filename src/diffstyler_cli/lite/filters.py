"""Classical filters that draw a photograph in a style: training pictures for styles of which few artworks exist.

Every filter takes an RGB uint8 array H×W×3 and a `numpy.random.Generator` and returns one of the same shape. Needs the
`train` extra (OpenCV). Sources: painterly rendering after Hertzmann 1998; dodge-and-burn sketching, dithering and
Voronoi mosaics are folklore.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .brushes import (
    Image,
    Rng,
    cell_borders,
    cell_means,
    edge_flow,
    equalised,
    grey_rgb,
    hatching,
    luma,
    regraded,
    smooth_noise,
    streaks,
    strokes,
    to_u8,
    voronoi,
)
from .styles import GRID


def pencil(im: Image, rng: Rng) -> Image:
    """Graphite on paper: outlines by dodging, tone by strokes that follow one hand direction."""
    g = cv2.GaussianBlur(equalised(luma(im)), (0, 0), 0.6)
    h, w = g.shape
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), rng.uniform(2, 5)) + 0.02), 0, 1)
    line = np.clip((line - 0.55) / 0.42, 0, 1) ** 1.3
    hand = rng.uniform(-1.1, -0.5)
    paper = 0.955 + 0.015 * smooth_noise((h, w), 0.8, rng)
    tone = np.ones_like(g)
    for offset, limit in ((0.0, 0.66), (0.5, 0.4), (-0.6, 0.22)):
        angle = np.full_like(g, hand + offset) + 0.12 * smooth_noise((h, w), 20, rng)
        streak = streaks(rng.standard_normal((h, w)).astype(np.float32), angle.astype(np.float32), 7)
        depth = np.clip((limit - cv2.GaussianBlur(g, (0, 0), 1.0)) / limit, 0, 1)
        tone -= 0.42 * depth**0.7 * np.clip(0.5 + 0.5 * streak, 0, 1.2)
    out = paper * np.clip(tone, 0.12, 1) * (0.25 + 0.75 * line)
    tint = np.array([1.0, 0.99, 0.965]) if rng.random() < 0.5 else np.ones(3)
    return to_u8(grey_rgb(out) * tint)


def charcoal(im: Image, rng: Rng) -> Image:
    """Broad dark smears with grain, on grey or cream paper."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.8), (0, 0), 1.5)
    h, w = g.shape
    grain = smooth_noise((h, w), 0.7, rng)
    smear = streaks(rng.standard_normal((h, w)).astype(np.float32), edge_flow(g, 5) * 0 + rng.uniform(-1, 0), 5)
    tone = 1 / (1 + np.exp(-(g - 0.42) * 9)) + 0.10 * smear * (1 - g) + 0.09 * grain
    edge = cv2.GaussianBlur(cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)), (0, 0), 1)
    out = np.clip(tone, 0, 1) * np.clip(1 - 1.4 * edge, 0.05, 1)
    paper = np.array([0.93, 0.90, 0.84]) if rng.random() < 0.5 else np.array([0.9, 0.9, 0.89])
    return to_u8(grey_rgb(0.06 + 0.94 * out) * paper)


def woodcut(im: Image, rng: Rng) -> Image:
    """Black ink on paper: solid darks, cut highlights, carved lines between."""
    g = cv2.bilateralFilter(equalised(luma(im), 0.9), 7, 0.15, 4)
    g = cv2.GaussianBlur(g, (0, 0), 1.0)
    h, w = g.shape
    lo, hi = np.quantile(g, [0.05, 0.95])
    tone = np.clip((g - lo) / (hi - lo + 1e-3), 0, 1)
    bend = 3.0 * smooth_noise((h, w), 22, rng) + 10 * cv2.GaussianBlur(g, (0, 0), 5)
    angle, cut = rng.uniform(0, np.pi), np.clip(tone * 1.35 - 0.18, 0, 1)
    period = rng.uniform(4.5, 7.5)
    ink, other = (hatching(cut, angle + turn, period, 0.12, bend) for turn in (0.0, rng.uniform(0.6, 1.4)))
    ink = np.where(cv2.GaussianBlur(tone, (0, 0), 8) > 0.5, ink, other)
    edge = cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=3))
    ink *= 1 - np.clip((edge - 0.35) * 2.5, 0, 1) * 0.9
    wear = np.clip(1 - 0.10 * np.clip(smooth_noise((h, w), 0.8, rng), 0, 3), 0, 1)
    paper = np.array([[0.95, 0.93, 0.87], [0.97, 0.97, 0.96], [0.92, 0.86, 0.74]])[rng.integers(3)]
    black = np.array([0.07, 0.065, 0.06])
    return to_u8(black + (paper - black) * (ink[..., None] * wear[..., None] + 0.06 * (1 - wear[..., None])))


def engraving(im: Image, rng: Rng) -> Image:
    """Fine crossed lines whose thickness carries the tone."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.7), (0, 0), 0.8)
    h, w = g.shape
    base = rng.uniform(0, np.pi)
    bend = 2.5 * smooth_noise((h, w), 18, rng) + 8 * cv2.GaussianBlur(g, (0, 0), 5)
    out = np.ones_like(g)
    for offset, shift in ((0.0, 0.10), (1.0, 0.38)):
        out = np.minimum(out, hatching(np.clip(g + shift, 0, 1), base + offset, rng.uniform(2.6, 3.4), 0.25, bend))
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), 2) + 0.02), 0, 1) ** 3
    paper = np.array([0.95, 0.92, 0.84]) if rng.random() < 0.6 else np.array([0.95, 0.95, 0.94])
    return to_u8(grey_rgb(np.clip(0.1 + 0.9 * out * line, 0, 1)) * paper)


def ink(im: Image, rng: Rng) -> Image:
    """Pen and brush: flat blacks and sharp outlines on white."""
    g = cv2.bilateralFilter(equalised(luma(im), 0.8), 9, 0.2, 5)
    dog = cv2.GaussianBlur(g, (0, 0), 0.8) - 0.97 * cv2.GaussianBlur(g, (0, 0), 2.2)
    line = 1 / (1 + np.exp(-(dog - 0.005) * 160))
    black = 1 / (1 + np.exp(-(cv2.GaussianBlur(g, (0, 0), 1.5) - np.quantile(g, 0.28)) * 40))
    return to_u8(grey_rgb(0.04 + 0.93 * line * black))


def watercolor(im: Image, rng: Rng) -> Image:
    """Pale washes with darker rims, pigment grain and paper showing through the lights."""
    h, w = im.shape[:2]
    flat = im
    for _ in range(3):
        flat = cv2.bilateralFilter(flat, 9, 45, 7)
    flat = cv2.medianBlur(flat, 5)
    dx, dy = (1.4 * smooth_noise((h, w), 5, rng) for _ in range(2))
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    flat = cv2.remap(flat, xx + dx, yy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    lab = cv2.cvtColor(regraded(flat, rng.uniform(1.0, 1.4)), cv2.COLOR_RGB2LAB).astype(np.float32)
    light = lab[..., 0] / 255
    level = np.round(light * 6) / 6
    rim = cv2.magnitude(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1))
    light = 0.30 + 0.72 * (0.5 * light + 0.5 * cv2.GaussianBlur(level, (0, 0), 1.0)) ** 0.8
    bloom = 0.05 * smooth_noise((h, w), 9, rng) + 0.025 * smooth_noise((h, w), 0.7, rng)
    light = light + bloom * (1.15 - light) * 1.5 - 0.10 * np.clip(cv2.GaussianBlur(rim, (0, 0), 0.6), 0, 1)
    lab[..., 0] = np.clip(light, 0, 1) * 255
    rgb = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32) / 255
    keep = np.clip((0.98 - light) * 5, 0, 1)[..., None]
    return to_u8(rgb * keep + np.array([0.985, 0.98, 0.96]) * (1 - keep))


def oil(im: Image, rng: Rng) -> Image:
    """Layered strokes with relief, deep warm tones, canvas."""
    warm = regraded(im, rng.uniform(1.1, 1.5), rng.uniform(0.8, 0.95))
    out = strokes(warm, rng, [(11, 0.8), (6, 0.8), (4, 0.7), (2, 0.3)], 5, 2.0, relief=0.25)
    out = out * np.array([1.04, 0.98, 0.88]) if rng.random() < 0.7 else out
    return to_u8((out - 0.5) * 1.12 + 0.48)


def impressionism(im: Image, rng: Rng) -> Image:
    """Short broken dabs of light, shifted colour."""
    bright = regraded(im, rng.uniform(1.2, 1.7), 0.95, 20)
    return to_u8(strokes(bright, rng, [(5, 0.9), (3, 0.9), (2, 0.8)], 12, 1.5, swirl=0.3, relief=0.22))


def van_gogh(im: Image, rng: Rng) -> Image:
    """Long thick strokes in swirling rows, saturated blues and yellows."""
    vivid = regraded(im, rng.uniform(1.5, 2.0), 1.0, 6)
    lab = cv2.cvtColor(vivid, cv2.COLOR_RGB2LAB).astype(np.float32)
    light = lab[..., 0:1] / 255
    lab[..., 2:3] += (light - 0.45) * rng.uniform(30, 70)
    vivid = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    out = strokes(vivid, rng, [(4, 1.0), (3, 0.9), (2, 0.9)], 14, 2.6, swirl=0.4, relief=0.35)
    return to_u8((out - 0.5) * 1.1 + 0.5)


def pointillism(im: Image, rng: Rng) -> Image:
    """Dots of pure colour whose average is the picture."""
    h, w = im.shape[:2]
    src = regraded(cv2.GaussianBlur(im, (0, 0), 1.0), 1.5, 1.0, 8).astype(np.float32)
    out = np.full((h, w, 3), (236, 228, 206), np.uint8)
    radius = rng.uniform(1.3, 2.0)
    for _ in range(2):
        ys, xs = np.mgrid[0 : h : radius * 1.7, 0 : w : radius * 1.7]
        pts = np.stack([ys.ravel(), xs.ravel()], 1) + rng.normal(0, radius * 0.5, (ys.size, 2))
        rng.shuffle(pts)
        for y, x in pts:
            c = src[int(np.clip(y, 0, h - 1)), int(np.clip(x, 0, w - 1))] + rng.normal(0, 26, 3)
            centre = (int(x * 8), int(y * 8))
            size, colour = int(radius * rng.uniform(0.8, 1.15) * 8), tuple(float(v) for v in np.clip(c, 0, 255))
            cv2.circle(out, centre, size, colour, -1, cv2.LINE_AA, 3)
    return out


def cartoon(im: Image, rng: Rng) -> Image:
    """Flat colours in few steps, dark outlines."""
    flat = im
    for _ in range(4):
        flat = cv2.bilateralFilter(flat, 9, 40, 7)
    steps = rng.integers(5, 8)
    flat = regraded(flat, 1.5, 1.05)
    flat = cv2.GaussianBlur((np.floor(flat / 256.0 * steps) + 0.5) / steps, (0, 0), 0.6)
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.0)
    dog = cv2.GaussianBlur(g, (0, 0), 0.9) - 0.98 * cv2.GaussianBlur(g, (0, 0), 2.4)
    line = 1 / (1 + np.exp(-(dog + 0.012) * 220))
    return to_u8(flat * (0.06 + 0.94 * line[..., None]))


def mosaic(im: Image, rng: Rng) -> Image:
    """Square-ish tiles of `GRID` pixels with light grout, each of one colour."""
    h, w = im.shape[:2]
    ys, xs = np.mgrid[GRID / 2 : h : GRID, GRID / 2 : w : GRID]
    sites = np.stack([ys.ravel(), xs.ravel()], 1) + rng.normal(0, GRID * 0.08, (ys.size, 2))
    label, gap = voronoi(im, sites)
    colour = cell_means(regraded(im, 1.4), label, len(sites)) + rng.normal(0, 0.05, (len(sites), 1))
    tile = np.clip(gap / 1.6 - 0.1, 0, 1)[..., None]
    grout = np.array([0.80, 0.77, 0.70])
    return to_u8(colour[label] * tile + grout * (1 - tile))


def stained_glass(im: Image, rng: Rng) -> Image:
    """Bright cells that follow the shapes, with black leading."""
    h, w = im.shape[:2]
    ys, xs = np.mgrid[8:h:16, 8:w:16]
    sites = np.stack([ys.ravel(), xs.ravel()], 1) + rng.uniform(-6, 6, (ys.size, 2))
    label, _ = voronoi(im, sites, alike=60)
    colour = cell_means(regraded(im, 2.0, 1.1, 12), label, len(sites))
    lead = cell_borders(label, 1.6)
    glow = 1 + 0.08 * smooth_noise((h, w), 3, rng)[..., None]
    return to_u8(colour[label] * glow * lead + 0.04 * (1 - lead))


def low_poly(im: Image, rng: Rng) -> Image:
    """Flat triangles over points drawn to the edges."""
    h, w = im.shape[:2]
    edge = cv2.GaussianBlur(cv2.Canny(im, 80, 160).astype(np.float32), (0, 0), 2).ravel() + 4
    picks = rng.choice(h * w, rng.integers(600, 850), replace=False, p=edge / edge.sum())
    div = cv2.Subdiv2D((-1, -1, w + 2, h + 2))
    for p in picks:
        div.insert((float(p % w), float(p // w)))
    for x, y in ((0, 0), (w, 0), (0, h), (w, h), (w / 2, 0), (w / 2, h), (0, h / 2), (w, h / 2)):
        div.insert((float(x), float(y)))
    out = cv2.GaussianBlur(im, (0, 0), 3)
    src = cv2.GaussianBlur(regraded(im, 1.25), (0, 0), 2)
    for t in div.getTriangleList():
        pts = t.reshape(3, 2)
        cx, cy = pts.mean(0)
        if 0 <= cx < w and 0 <= cy < h:
            colour = src[int(cy), int(cx)].astype(float) + rng.normal(0, 4)
            cv2.fillConvexPoly(out, np.round(pts).astype(np.int32), tuple(np.clip(colour, 0, 255)), cv2.LINE_AA)
    return out


def pixel_art(im: Image, rng: Rng) -> Image:
    """Square pixels of half a `GRID`, few colours."""
    h, w = im.shape[:2]
    cell = GRID // 2
    small = cv2.resize(regraded(im, 1.35), (w // cell, h // cell), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    _, lab, centres = cv2.kmeans(small.astype(np.float32), 16, None, (3, 8, 1.0), 1, cv2.KMEANS_PP_CENTERS)
    out = centres[lab.ravel()].reshape(h // cell, w // cell, 3).astype(np.uint8)
    return cv2.resize(out, (w, h), interpolation=cv2.INTER_NEAREST)


def halftone(im: Image, rng: Rng) -> Image:
    """Printed dots, `GRID` pixels apart along the rows, on flat pop colours."""
    h, w = im.shape[:2]
    flat = cv2.bilateralFilter(regraded(im, 1.8, 1.1), 9, 60, 7).astype(np.float32) / 255
    flat = np.round(flat * 3) / 3
    yy, xx = np.mgrid[:h, :w].astype(np.float32) + 0.5
    dots = 0.5 + 0.25 * (np.cos(2 * np.pi * (xx + yy) / GRID) + np.cos(2 * np.pi * (xx - yy) / GRID))
    g = equalised(luma(im), 0.8)
    ink_ = 1 / (1 + np.exp(-(g * 1.25 - dots * 0.9) * 12))
    return to_u8(np.clip(flat * 0.75 + 0.25, 0, 1) * (0.12 + 0.88 * ink_[..., None]))


def pastel(im: Image, rng: Rng) -> Image:
    """Soft chalk: powdery strokes on toned paper."""
    h, w = im.shape[:2]
    soft = regraded(im, 0.95, 0.8, 55)
    out = strokes(soft, rng, [(6, 0.9), (3, 0.8)], 12, 2.2, relief=0.0)
    tooth = smooth_noise((h, w), 0.6, rng)
    keep = 1 / (1 + np.exp(-(tooth + 1.3) * 4))
    paper = np.array([[0.82, 0.78, 0.72], [0.72, 0.76, 0.8], [0.9, 0.86, 0.8]])[rng.integers(3)]
    return to_u8(out * keep[..., None] + paper * (1 - keep[..., None]))


FILTERS: dict[str, Callable[[Image, Rng], Image]] = {
    "drawing": pencil,
    "charcoal": charcoal,
    "woodcut": woodcut,
    "engraving-etching": engraving,
    "ink-illustration": ink,
    "watercolor": watercolor,
    "oil-painting": oil,
    "impressionism": impressionism,
    "van-gogh": van_gogh,
    "pointillism": pointillism,
    "cartoon": cartoon,
    "mosaic": mosaic,
    "stained-glass": stained_glass,
    "low-poly": low_poly,
    "pixel-art": pixel_art,
    "halftone": halftone,
    "pastel": pastel,
}
"""Filter by style, for the styles in `styles.STYLES` that have one."""

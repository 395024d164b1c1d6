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
    edge_strength,
    equalised,
    grey_rgb,
    hatching,
    highest,
    lattice_points,
    luma,
    regraded,
    smooth_noise,
    streaks,
    strokes,
    to_u8,
    voronoi,
)
from .styles import GRID, PHASE


def pencil(im: Image, rng: Rng) -> Image:
    """Graphite on paper: outlines by dodging, tone by strokes that follow one hand direction."""
    g = cv2.GaussianBlur(equalised(luma(im)), (0, 0), 0.6)
    h, w = g.shape
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), 3.5) + 0.02), 0, 1)
    line = np.clip((line - 0.55) / 0.42, 0, 1) ** 1.3
    hand = -0.8
    paper = 0.955 + 0.015 * smooth_noise((h, w), 0.8, rng)
    tone = np.ones_like(g)
    for offset, limit in ((0.0, 0.66), (0.5, 0.4), (-0.6, 0.22)):
        angle = np.full_like(g, hand + offset) + 0.12 * smooth_noise((h, w), 20, rng)
        streak = streaks(rng.standard_normal((h, w)).astype(np.float32), angle.astype(np.float32), 7)
        depth = np.clip((limit - cv2.GaussianBlur(g, (0, 0), 1.0)) / limit, 0, 1)
        tone -= 0.42 * depth**0.7 * np.clip(0.5 + 0.5 * streak, 0, 1.2)
    out = paper * np.clip(tone, 0.12, 1) * (0.25 + 0.75 * line)
    tint = np.array([1.0, 0.99, 0.965])
    return to_u8(grey_rgb(out) * tint)


def charcoal(im: Image, rng: Rng) -> Image:
    """Broad dark smears with grain, on grey or cream paper."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.8), (0, 0), 1.5)
    h, w = g.shape
    grain = smooth_noise((h, w), 0.7, rng)
    smear = streaks(rng.standard_normal((h, w)).astype(np.float32), np.full_like(g, -0.5), 5)
    tone = 1 / (1 + np.exp(-(g - 0.42) * 9)) + 0.10 * smear * (1 - g) + 0.09 * grain
    edge = cv2.GaussianBlur(cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)), (0, 0), 1)
    out = np.clip(tone, 0, 1) * np.clip(1 - 1.4 * edge, 0.05, 1)
    paper = np.array([0.92, 0.90, 0.86])
    return to_u8(grey_rgb(0.06 + 0.94 * out) * paper)


def woodcut(im: Image, rng: Rng) -> Image:
    """Black ink on paper: solid darks, cut highlights, carved lines between."""
    g = cv2.bilateralFilter(equalised(luma(im), 0.9), 7, 0.15, 4)
    g = cv2.GaussianBlur(g, (0, 0), 1.0)
    h, w = g.shape
    lo, hi = np.quantile(g, [0.05, 0.95])
    tone = np.clip((g - lo) / (hi - lo + 1e-3), 0, 1)
    bend = 8 * cv2.GaussianBlur(g, (0, 0), 5)
    cut = np.clip(tone * 1.35 - 0.18, 0, 1)
    ink, other = (hatching(cut, waves, 0.12, bend) for waves in ((3, 1), (1, -3)))
    ink = np.where(cv2.GaussianBlur(tone, (0, 0), 8) > 0.5, ink, other)
    edge = cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=3))
    ink *= 1 - np.clip((edge - 0.35) * 2.5, 0, 1) * 0.9
    wear = np.clip(1 - 0.10 * np.clip(smooth_noise((h, w), 0.8, rng), 0, 3), 0, 1)
    paper = np.array([0.96, 0.95, 0.91])
    black = np.array([0.07, 0.065, 0.06])
    return to_u8(black + (paper - black) * (ink[..., None] * wear[..., None] + 0.06 * (1 - wear[..., None])))


def engraving(im: Image, rng: Rng) -> Image:
    """Fine crossed lines whose thickness carries the tone."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.7), (0, 0), 0.8)
    bend = 6 * cv2.GaussianBlur(g, (0, 0), 5)
    out = np.ones_like(g)
    for waves, shift in (((5, 2), 0.10), ((-1, 5), 0.38)):
        out = np.minimum(out, hatching(np.clip(g + shift, 0, 1), waves, 0.25, bend))
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), 2) + 0.02), 0, 1) ** 3
    paper = np.array([0.95, 0.93, 0.88])
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
    lab = cv2.cvtColor(regraded(flat, 1.3), cv2.COLOR_RGB2LAB).astype(np.float32)
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
    """Layered, blended strokes in deep tones, a little relief."""
    deep = regraded(im, 1.35, 0.97)
    out = strokes(deep, rng, [(8, 0.9), (5, 0.9), (3, 0.7), (2, 0.4)], 4, 2.0, relief=0.1)
    return to_u8((out - 0.5) * 1.15 + 0.5)


def impressionism(im: Image, rng: Rng) -> Image:
    """Short broken dabs of light, shifted colour."""
    return to_u8(
        strokes(regraded(im, 1.4, 0.95, 20), rng, [(5, 0.9), (3, 0.9), (2, 0.6)], 14, 1.5, swirl=0.3, relief=0.22)
    )


def van_gogh(im: Image, rng: Rng) -> Image:
    """Long thick strokes in swirling rows, saturated blues and yellows."""
    lab = cv2.cvtColor(regraded(im, 1.7, 1.0, 6), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 2:3] += (lab[..., 0:1] / 255 - 0.45) * 45
    vivid = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    out = strokes(vivid, rng, [(5, 1.0), (3, 1.0), (2, 0.7)], 15, 2.8, swirl=0.8, relief=0.35)
    return to_u8((out - 0.5) * 1.1 + 0.5)


def pointillism(im: Image, rng: Rng) -> Image:
    """Dots of pure colour whose average is the picture."""
    lattice = np.random.default_rng(3)
    h, w = im.shape[:2]
    src = regraded(cv2.GaussianBlur(im, (0, 0), 1.0), 1.6, 1.0, 10).astype(np.float32)
    out = cv2.GaussianBlur(im, (0, 0), 3)
    for _ in range(2):
        for points in lattice_points((h, w), 4, lattice):
            radius = lattice.uniform(1.8, 2.5)
            for y, x in points:
                tint = rng.normal(0, 34, 3)
                c = np.clip(src[int(np.clip(y, 0, h - 1)), int(np.clip(x, 0, w - 1))] + tint - tint.mean() / 2, 0, 255)
                cv2.circle(out, (int(x * 8), int(y * 8)), int(radius * 8), tuple(map(float, c)), -1, cv2.LINE_AA, 3)
    return out


def cartoon(im: Image, rng: Rng) -> Image:
    """Flat colours in few steps of light, dark outlines."""
    flat = im
    for _ in range(5):
        flat = cv2.bilateralFilter(flat, 9, 45, 7)
    lab = cv2.cvtColor(regraded(flat, 1.45, 1.08), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] = cv2.GaussianBlur((np.floor(lab[..., 0] / 256 * 6) + 0.5) / 6 * 255, (0, 0), 0.6)
    rgb = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32) / 255
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.0)
    dog = cv2.GaussianBlur(g, (0, 0), 0.9) - 0.98 * cv2.GaussianBlur(g, (0, 0), 2.4)
    line = 1 / (1 + np.exp(-(dog + 0.012) * 220))
    return to_u8(rgb * (0.06 + 0.94 * line[..., None]))


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
    sites = highest(-edge_strength(im), PHASE)
    sites += rng.uniform(-4, 4, sites.shape)
    label, _ = voronoi(im, sites, alike=60)
    colour = cell_means(regraded(im, 2.0, 1.1, 12), label, len(sites))
    lead = cell_borders(label, 1.6)
    glow = 1 + 0.08 * smooth_noise((h, w), 3, rng)[..., None]
    return to_u8(colour[label] * glow * lead + 0.04 * (1 - lead))


def low_poly(im: Image, rng: Rng) -> Image:
    """Flat triangles over points drawn to the edges."""
    h, w = im.shape[:2]
    edge = edge_strength(im)
    div = cv2.Subdiv2D((-1, -1, w + 2, h + 2))
    for y, x in np.unique(np.concatenate([highest(edge, PHASE), highest(edge, PHASE // 2, 0.2)]), axis=0):
        div.insert((float(x), float(y)))
    for x, y in ((0, 0), (w, 0), (0, h), (w, h), (w / 2, 0), (w / 2, h), (0, h / 2), (w, h / 2)):
        div.insert((float(x), float(y)))
    out = cv2.GaussianBlur(im, (0, 0), 3)
    src = cv2.GaussianBlur(regraded(im, 1.35), (0, 0), 2)
    for t in div.getTriangleList():
        pts = t.reshape(3, 2)
        cx, cy = pts.mean(0)
        if 0 <= cx < w and 0 <= cy < h:
            facing = np.arctan2(*(pts[1] - pts[0])[::-1])
            colour = src[int(cy), int(cx)].astype(float) * (1 + 0.07 * np.sin(2 * facing))
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
    soft = regraded(im, 1.1, 0.8, 50)
    out = strokes(soft, rng, [(6, 0.9), (3, 0.9)], 9, 2.4, relief=0.0)
    tooth = smooth_noise((h, w), 1.0, rng)
    keep = 1 - 0.22 * np.clip(tooth, 0, 2.5)
    paper = np.array([0.88, 0.85, 0.79])
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

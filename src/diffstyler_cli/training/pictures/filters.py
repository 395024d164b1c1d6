"""Classical filters that draw a photograph: pencil, ink, printed dots, tiles, cells. No artwork takes part.

Every filter takes an RGB uint8 array H×W×3 and the `NoiseFields` of the noise that the result will be paired with, and
returns a picture of the same shape. Needs the `train` extra (OpenCV). Sketching by dodging, dithering and Voronoi
mosaics are common practice without a paper to cite; the other rules were set by eye.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .cells import cell_borders, cell_maxima, cell_means, edge_strength, lattice_points, voronoi
from .colour import Image, adjusted, equalised, grey_rgb, lab_of, luma, rgb_of, to_u8
from .grid import PERIOD, TILE
from .noise_fields import NoiseFields
from .strokes import brushed, edge_flow, hatching, streaks


def pencil(im: Image, noise: NoiseFields) -> Image:
    """Graphite on paper: outlines by dodging (division by a blurred copy), tone by strokes of about one direction."""
    g = cv2.GaussianBlur(equalised(luma(im)), (0, 0), 0.6)
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), 3.5) + 0.02), 0, 1)
    line = np.clip((line - 0.55) / 0.42, 0, 1) ** 1.3
    stroke_angle = -0.8
    paper = 0.955 + 0.015 * noise.field(0.8)
    tone = np.ones_like(g)
    for k, (offset, limit) in enumerate(((0.0, 0.66), (0.5, 0.4), (-0.6, 0.22))):
        streak = streaks(noise.field(0.6, k), np.full_like(g, stroke_angle + offset), 7)
        depth = np.clip((limit - cv2.GaussianBlur(g, (0, 0), 1.0)) / limit, 0, 1)
        tone -= 0.42 * depth**0.7 * np.clip(0.5 + 0.5 * streak, 0, 1.2)
    out = paper * np.clip(tone, 0.12, 1) * (0.25 + 0.75 * line)
    tint = np.array([1.0, 0.99, 0.965])
    return to_u8(grey_rgb(out) * tint)


def charcoal(im: Image, noise: NoiseFields) -> Image:
    """Broad dark smears with grain, on grey or cream paper."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.8), (0, 0), 1.5)
    smears = streaks(noise.field(0.8, 1), np.full_like(g, -0.5), 5)
    tone = 1 / (1 + np.exp(-(g - 0.42) * 9)) + 0.10 * smears * (1 - g) + 0.09 * noise.field(0.7)
    edge = cv2.GaussianBlur(cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)), (0, 0), 1)
    out = np.clip(tone, 0, 1) * np.clip(1 - 1.4 * edge, 0.05, 1)
    paper = np.array([0.92, 0.90, 0.86])
    return to_u8(grey_rgb(0.06 + 0.94 * out) * paper)


def woodcut(im: Image, noise: NoiseFields) -> Image:
    """Black ink on paper: solid darks, cut highlights, carved lines between."""
    g = cv2.bilateralFilter(equalised(luma(im), 0.9), 7, 0.15, 4)
    g = cv2.GaussianBlur(g, (0, 0), 1.0)
    tone = np.clip((g - 0.15) / 0.7, 0, 1)
    bend = 8 * cv2.GaussianBlur(g, (0, 0), 5)
    cut = np.clip(tone * 1.35 - 0.18, 0, 1)
    ink, other = (hatching(cut, waves, 0.12, bend) for waves in ((3, 1), (1, -3)))
    ink = np.where(cv2.GaussianBlur(tone, (0, 0), 8) > 0.5, ink, other)
    edge = cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=3))
    ink *= 1 - np.clip((edge - 0.35) * 2.5, 0, 1) * 0.9
    wear = np.clip(1 - 0.10 * np.clip(noise.field(0.8), 0, 3), 0, 1)
    paper = np.array([0.96, 0.95, 0.91])
    black = np.array([0.07, 0.065, 0.06])
    return to_u8(black + (paper - black) * (ink[..., None] * wear[..., None] + 0.06 * (1 - wear[..., None])))


def engraving(im: Image, noise: NoiseFields) -> Image:
    """Fine lines along the forms, closer and crossed in the darks."""
    g = cv2.GaussianBlur(equalised(luma(im), 0.5), (0, 0), 0.7)
    flow = edge_flow(g, 0.35, bias=0.03)
    along = streaks(noise.field(0.5, 0), flow, 4)
    across = streaks(noise.field(0.5, 1), flow + np.float32(1.0), 3)
    tone = 0.25 + 0.55 * g + 0.09 * along * (1.1 - g) + 0.06 * across * (1 - g)
    line = np.clip(g / (cv2.GaussianBlur(g, (0, 0), 2) + 0.02), 0, 1)
    return to_u8(grey_rgb(tone * line + 0.02 * noise.field(0.3, 2)))


def ink(im: Image, noise: NoiseFields) -> Image:
    """Pen and brush: flat blacks and sharp outlines on white."""
    g = cv2.bilateralFilter(equalised(luma(im), 0.8), 9, 0.2, 5)
    dog = cv2.GaussianBlur(g, (0, 0), 0.8) - 0.97 * cv2.GaussianBlur(g, (0, 0), 2.2)
    line = 1 / (1 + np.exp(-(dog - 0.005) * 160))
    black = 1 / (1 + np.exp(-(cv2.GaussianBlur(g, (0, 0), 1.5) - 0.3) * 40))
    return to_u8(grey_rgb(0.04 + 0.93 * line * black))


def pointillism(im: Image, noise: NoiseFields) -> Image:
    """Dots of pure colour whose average is the picture."""
    lattice = np.random.default_rng(3)
    src = adjusted(cv2.GaussianBlur(im, (0, 0), 1.0), 1.6, 1.0, 10).astype(np.float32)
    out = cv2.GaussianBlur(im, (0, 0), 3)
    for _ in range(2):
        for places in lattice_points(im.shape[:2], 4, lattice):
            radius = lattice.uniform(1.8, 2.5)
            tint = 34 * np.stack([noise.at(places, 1.2, k) for k in range(3)], 1)
            y, x = (np.clip(places[:, a].astype(int), 0, im.shape[a] - 1) for a in (0, 1))
            colours = np.clip(src[y, x] + tint - tint.mean(1, keepdims=True) / 2, 0, 255)
            for (py, px), colour in zip(places, colours, strict=True):
                cv2.circle(out, (int(px * 8), int(py * 8)), int(radius * 8), colour.tolist(), -1, cv2.LINE_AA, 3)
    return out


def cartoon(im: Image, noise: NoiseFields) -> Image:
    """Flat colours in few steps of light, dark outlines."""
    flat = im
    for _ in range(5):
        flat = cv2.bilateralFilter(flat, 9, 45, 7)
    lab = cv2.cvtColor(adjusted(flat, 1.45, 1.08), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] = cv2.GaussianBlur((np.floor(lab[..., 0] / 256 * 6) + 0.5) / 6 * 255, (0, 0), 0.6)
    rgb = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32) / 255
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.0)
    dog = cv2.GaussianBlur(g, (0, 0), 0.9) - 0.98 * cv2.GaussianBlur(g, (0, 0), 2.4)
    line = 1 / (1 + np.exp(-(dog + 0.012) * 220))
    return to_u8(rgb * (0.06 + 0.94 * line[..., None]))


def mosaic(im: Image, noise: NoiseFields) -> Image:
    """Square-ish tiles of `TILE` pixels with dark grout, each of one colour."""
    h, w = im.shape[:2]
    ys, xs = np.mgrid[TILE / 2 : h : TILE, TILE / 2 : w : TILE]
    sites = np.stack([ys.ravel(), xs.ravel()], 1)
    sites = sites + TILE * 0.08 * np.stack([noise.at(sites, 1.5, k) for k in (1, 2)], 1)
    label, gap = voronoi(im, sites)
    colour = cell_means(adjusted(im, 1.4), label, len(sites)) + 0.05 * noise.at(sites, 1.5)[:, None]
    tile = np.clip(gap / 1.6 - 0.1, 0, 1)[..., None]
    grout = np.array([0.25, 0.23, 0.20])
    return to_u8(colour[label] * tile + grout * (1 - tile))


def stained_glass(im: Image, noise: NoiseFields) -> Image:
    """Bright cells that follow the shapes, with black leading."""
    sites = cell_maxima(-edge_strength(im), PERIOD)
    sites += 2.5 * np.stack([np.clip(noise.at(sites, 1.5, k), -2, 2) for k in (1, 2)], 1)
    label, _ = voronoi(im, sites, colour_weight=60)
    colour = cell_means(adjusted(im, 2.0, 1.1, 12), label, len(sites))
    lead = cell_borders(label, 1.6)
    glow = 1 + 0.08 * noise.field(3)[..., None]
    return to_u8(colour[label] * glow * lead + 0.04 * (1 - lead))


def low_poly(im: Image, noise: NoiseFields) -> Image:
    """Flat triangles over points drawn to the edges.

    The mesh is always the same: two triangles in each square of `PERIOD` pixels, or of half as many where edges are
    strong. Only its points move: towards the edges, and a little at random.
    """
    size = np.array(im.shape[:2])
    cell = PERIOD // 2
    edge = edge_strength(im)
    src = cv2.GaussianBlur(adjusted(im, 1.35), (0, 0), 2).astype(np.float32)
    rows, columns = size // cell
    points = np.mgrid[0 : size[0] + 1 : cell, 0 : size[1] + 1 : cell].transpose(1, 2, 0).astype(float)
    corner = points.reshape(-1, 2).copy()
    light = 0.06 * noise.field(3)
    # to the centroid of a square's edges: its strongest one could jump from one side to the other
    weight = (edge**2 + 1e-3).reshape(rows, cell, columns, cell)
    at = np.arange(cell) - (cell - 1) / 2
    for axis, moments in enumerate((np.einsum("rycx,y->rc", weight, at), np.einsum("rycx,x->rc", weight, at))):
        points[1:-1, 1:-1, axis] += 1.2 * (moments / weight.sum((1, 3)))[1:, 1:]
        jitter = np.clip(1.5 * noise.at(corner, 1.5, 1 + axis), -2, 2).reshape(points.shape[:2])
        points[1:-1, 1:-1, axis] += jitter[1:-1, 1:-1]
    detailed = edge.reshape(rows // 2, PERIOD, columns // 2, PERIOD).max((1, 3)) > 0.35
    out = src.copy()
    for r, c in np.ndindex(rows, columns):
        step = 1 if detailed[r // 2, c // 2] else 2
        if r % step or c % step:
            continue
        a, b, d, e = (points[p] for p in ((r, c), (r, c + step), (r + step, c + step), (r + step, c)))
        shades = [src[tuple(np.clip(p, 0, size - 1).astype(int))] for p in (a, b, d, e)]
        falling = np.abs(shades[0] - shades[2]).sum() < np.abs(shades[1] - shades[3]).sum()
        for k, corners in enumerate(((a, b, d), (a, d, e)) if falling else ((a, b, e), (b, d, e))):
            middle = np.clip(np.mean(corners, axis=0), 0, size - 1).astype(int)
            shade = (1.06 if k else 0.94) + light[tuple(middle)]
            colour = np.clip(src[tuple(middle)] * shade, 0, 255)
            outline = np.round(8 * np.array(corners)[:, ::-1]).astype(np.int32)
            cv2.fillConvexPoly(out, outline, colour.tolist(), cv2.LINE_AA, 3)
    return to_u8(out / 255)


def pixel_art(im: Image, noise: NoiseFields) -> Image:
    """Square pixels of half a `TILE`, in the steps of light and colour of an old console."""
    h, w = im.shape[:2]
    cell = TILE // 2
    small = cv2.resize(adjusted(im, 1.5), (w // cell, h // cell), interpolation=cv2.INTER_AREA)
    steps = np.array([12, 14, 14], np.float32)
    out = to_u8(rgb_of(np.round(lab_of(small) / steps) * steps))
    return cv2.resize(out, (w, h), interpolation=cv2.INTER_NEAREST)


def halftone(im: Image, noise: NoiseFields) -> Image:
    """Printed dots, `TILE` pixels apart along the rows, on flat pop colours."""
    h, w = im.shape[:2]
    flat = cv2.bilateralFilter(adjusted(im, 1.8, 1.1), 9, 60, 7).astype(np.float32) / 255
    flat = np.round(flat * 3) / 3
    yy, xx = np.mgrid[:h, :w].astype(np.float32) + 0.5
    dots = 0.5 + 0.25 * (np.cos(2 * np.pi * (xx + yy) / TILE) + np.cos(2 * np.pi * (xx - yy) / TILE))
    g = equalised(luma(im), 0.8)
    ink_ = 1 / (1 + np.exp(-(g * 1.25 - dots * 0.9) * 12))
    return to_u8(np.clip(flat * 0.75 + 0.25, 0, 1) * (0.12 + 0.88 * ink_[..., None]))


def pastel(im: Image, noise: NoiseFields) -> Image:
    """Soft chalk: powdery strokes on toned paper."""
    soft = adjusted(im, 1.15, 0.8, 50)
    out = brushed(soft, noise, edge_flow(luma(soft), -0.7, bias=0.04), 1.6, 5, 2.5, tint=2.5, hue=3.0, relief=0.0)
    keep = 1 - 0.22 * np.clip(noise.field(0.9), 0, 2.5)[..., None]
    paper = np.array([0.88, 0.85, 0.79])
    return to_u8(out * keep + paper * (1 - keep))


FILTERS: dict[str, Callable[[Image, NoiseFields], Image]] = {
    "drawing": pencil,
    "charcoal": charcoal,
    "woodcut": woodcut,
    "engraving-etching": engraving,
    "ink-illustration": ink,
    "pointillism": pointillism,
    "cartoon": cartoon,
    "mosaic": mosaic,
    "stained-glass": stained_glass,
    "low-poly": low_poly,
    "pixel-art": pixel_art,
    "halftone": halftone,
    "pastel": pastel,
}
"""By `Style.key`; `painters.PAINTERS` has the other styles."""

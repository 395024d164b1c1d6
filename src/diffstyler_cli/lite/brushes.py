"""What the painted training pictures are made with: strokes, lines, cells, noise and colour on numpy arrays.

Pictures (`Image`) are RGB uint8 H×W×3, fields are float32 H×W. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .styles import PHASE

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Rng = np.random.Generator


def luma(im: Image) -> Field:
    return cv2.cvtColor(im, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def to_u8(x: NDArray[np.floating]) -> Image:
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def grey_rgb(gray: Field) -> Field:
    return np.repeat(gray[..., None], 3, axis=2)


def smooth_noise(shape: tuple[int, int], sigma: float, rng: Rng) -> Field:
    """Smooth noise of unit deviation and correlation length `sigma` pixels."""
    n = rng.standard_normal(shape).astype(np.float32)
    if sigma > 0:
        n = cv2.GaussianBlur(n, (0, 0), sigma)
    return n / (n.std() + 1e-6)


def equalised(gray: Field, strength: float = 0.6) -> Field:
    clahe = cv2.createCLAHE(2.0, (4, 4)).apply(to_u8(gray)).astype(np.float32) / 255
    return (1 - strength) * gray + strength * clahe


def edge_flow(gray: Field, sigma: float = 3.0) -> Field:
    """Angle of the edge tangent at every pixel, from the smoothed structure tensor; radians."""
    gx, gy = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (gx * gx, gy * gy, gx * gy))
    return (0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2).astype(np.float32)


def streaks(noise: Field, angle: Field, length: int) -> Field:
    """Line integral convolution: smears `noise` along the field `angle`."""
    h, w = noise.shape
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    total = noise.copy()
    for sign in (1, -1):
        px, py = xx.copy(), yy.copy()
        heading = angle.copy()
        for _ in range(length):
            px += sign * np.cos(heading)
            py += sign * np.sin(heading)
            total += cv2.remap(noise, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            step = cv2.remap(angle, px, py, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
            heading = np.where(np.cos(step - heading) < 0, step + np.pi, step).astype(np.float32)
    total -= total.mean()
    return total / (total.std() + 1e-6)


def lattice_points(shape: tuple[int, int], step: int, rng: Rng) -> list[NDArray[np.float64]]:
    """Places about `step` pixels apart, in groups that lie `PHASE` pixels apart each, in random order."""
    cells = PHASE // step
    offsets = rng.uniform(-0.5, 1.5, (cells * cells, 2)) * step
    places = []
    for k in rng.permutation(cells * cells):
        ys, xs = np.mgrid[0 : shape[0] + PHASE : PHASE, 0 : shape[1] + PHASE : PHASE] - PHASE // 2
        corner = np.array([k // cells, k % cells]) * step + offsets[k]
        places.append(np.stack([ys.ravel(), xs.ravel()], 1) + corner)
    return places


def strokes(
    im: Image, rng: Rng, layers: list[tuple[int, float]], jitter: float, length: float, swirl: float = 0.0,
    relief: float = 0.15, angle: Field | None = None,
) -> Field:  # fmt: skip
    """Painterly rendering: strokes along the edges, coarse to fine; `layers`: (brush radius, share of places).

    The brush is set down on a lattice that repeats every `PHASE` pixels; only its colour is random (`jitter`, of 255).
    `swirl` turns strokes by the light, in radians.
    """
    lattice = np.random.default_rng(7)
    h, w = im.shape[:2]
    gray = luma(im)
    flow = edge_flow(gray, 4) if angle is None else angle
    flow = flow + swirl * np.sin(9 * cv2.GaussianBlur(gray, (0, 0), 6))
    out = cv2.GaussianBlur(im, (0, 0), 6)
    bump = np.zeros((h, w), np.float32)
    for radius, share in layers:
        ref = cv2.GaussianBlur(im, (0, 0), max(radius * 0.6, 0.5)).astype(np.float32)
        for points in lattice_points((h, w), 2 if radius <= 2 else 4 if radius <= 5 else 8, lattice):
            lean, scale, height = lattice.normal(0, 0.15), lattice.uniform(0.6, 1.3), float(lattice.uniform(-1, 1))
            if lattice.random() > share:
                continue
            for y, x in points:
                yi, xi = int(np.clip(y, 0, h - 1)), int(np.clip(x, 0, w - 1))
                if radius <= 2 and np.abs(out[yi, xi] - ref[yi, xi]).mean() < 4:
                    continue
                a, half = float(flow[yi, xi]) + lean, radius * length * scale
                dx, dy = np.cos(a) * half, np.sin(a) * half
                p, q = (round(float(x - dx)), round(float(y - dy))), (round(float(x + dx)), round(float(y + dy)))
                tint = rng.normal(0, jitter) * 0.6 + rng.normal(0, jitter * 0.6, 3)
                colour = tuple(float(c) for c in np.clip(ref[yi, xi] + tint, 0, 255))
                cv2.line(out, p, q, colour, max(1, radius), cv2.LINE_AA)
                cv2.line(bump, p, q, height, max(1, radius), cv2.LINE_AA)
    light = cv2.Sobel(cv2.GaussianBlur(bump, (0, 0), 0.7), cv2.CV_32F, 1, 1, ksize=3)
    return out.astype(np.float32) / 255 + relief * light[..., None] * 0.5


def regraded(im: Image, saturation: float = 1.0, value: float = 1.0, lift: float = 0.0) -> Image:
    hsv = cv2.cvtColor(im, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= saturation
    hsv[..., 2] = hsv[..., 2] * value + lift
    return cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def hatching(tone: Field, waves: tuple[int, int], soft: float, bend: Field) -> Field:
    """1 on paper, 0 on ink: lines, `waves` in `PHASE` pixels down and across, displaced by `bend` pixels, whose width
    grows as `tone` falls."""
    h, w = tone.shape
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    down, across = waves
    phase = (down * yy + across * xx + np.hypot(down, across) * bend) * (2 * np.pi / PHASE)
    return 1 / (1 + np.exp(-(np.cos(phase) * 0.5 + tone * 2.0 - 1.0) / soft))


def edge_strength(im: Image) -> Field:
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.5)
    return cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1))


def highest(field: Field, cell: int, least: float = -np.inf) -> NDArray[np.float64]:
    """The place (y, x) of the highest value of every square of `cell` pixels, of those where it is at least `least`;
    where there is little between them, near its middle."""
    h, w = (n // cell * cell for n in field.shape)
    middle = np.abs(np.arange(cell) - (cell - 1) / 2) / cell
    leaning = field[:h, :w] - 0.03 * np.tile(middle[:, None] + middle, (h // cell, w // cell))
    squares = leaning.reshape(h // cell, cell, w // cell, cell).swapaxes(1, 2).reshape(-1, cell * cell)
    row, column = np.divmod(np.arange(len(squares)), w // cell)
    best = squares.argmax(1)
    places = np.stack([row * cell + best // cell, column * cell + best % cell], 1).astype(np.float64)
    return places[squares.max(1) >= least]


def voronoi(im: Image, sites: NDArray[np.floating], alike: float = 0.0) -> tuple[NDArray[np.int32], Field]:
    """Label of the nearest site and relative gap to the second nearest, for every pixel.

    `alike`: pixels of distance that a full step of lightness or colour counts as; above 0, cells follow the edges.
    """
    h, w = im.shape[:2]
    lab = cv2.cvtColor(cv2.GaussianBlur(im, (0, 0), 2), cv2.COLOR_RGB2LAB).astype(np.float32) / 255
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    best = np.full((h, w), 1e9, np.float32)
    second = best.copy()
    label = np.zeros((h, w), np.int32)
    reach = int(4 * np.sqrt(h * w / len(sites))) + 2
    for k, (y, x) in enumerate(sites):
        y0, y1 = max(0, int(y) - reach), min(h, int(y) + reach + 1)
        x0, x1 = max(0, int(x) - reach), min(w, int(x) + reach + 1)
        win = np.s_[y0:y1, x0:x1]
        d = np.hypot(yy[win] - y, xx[win] - x)
        if alike:
            own = lab[min(max(int(y), 0), h - 1), min(max(int(x), 0), w - 1)]
            d = d + alike * np.sqrt(np.square(lab[win] - own).sum(-1))
        closer = d < best[win]
        second[win] = np.where(closer, best[win], np.minimum(second[win], d))
        label[win] = np.where(closer, k, label[win])
        best[win] = np.minimum(best[win], d)
    return label, second - best


def cell_borders(label: NDArray[np.int32], width: float) -> Field:
    """H×W×1: 0 within `width` / 2 pixels of where labels change, 1 away from there."""
    smooth = cv2.medianBlur(label.astype(np.uint16), 5).astype(np.int32)
    inside = np.ones(label.shape, np.uint8)
    inside[:, 1:] &= smooth[:, 1:] == smooth[:, :-1]
    inside[1:] &= smooth[1:] == smooth[:-1]
    away = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return np.clip(cv2.GaussianBlur(away, (0, 0), 0.6) - width / 2 + 0.3, 0, 1)[..., None]


def cell_means(im: Image, label: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    sums = np.stack([np.bincount(label.ravel(), im[..., c].ravel().astype(float), count) for c in range(3)], 1)
    return sums / np.maximum(np.bincount(label.ravel(), minlength=count), 1)[:, None] / 255

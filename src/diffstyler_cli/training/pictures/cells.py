"""Cells of a picture: lattices, Voronoi cells and their borders, the strongest edge of every square.

Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Field, Image, luma
from .grid import PERIOD


def lattice_points(shape: tuple[int, int], step: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Places (y, x) about `step` pixels apart, in groups in random order; the places of a group lie `PERIOD` apart."""
    cells = PERIOD // step
    offsets = rng.uniform(-0.5, 1.5, (cells * cells, 2)) * step
    places = []
    for k in rng.permutation(cells * cells):
        ys, xs = np.mgrid[0 : shape[0] + PERIOD : PERIOD, 0 : shape[1] + PERIOD : PERIOD] - PERIOD // 2
        corner = np.array([k // cells, k % cells]) * step + offsets[k]
        places.append(np.stack([ys.ravel(), xs.ravel()], 1) + corner)
    return places


def edge_strength(im: Image) -> Field:
    """Magnitude of the Sobel gradient of the blurred luma."""
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.5)
    return cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1))


def cell_maxima(field: Field, cell: int) -> NDArray[np.float64]:
    """The place (y, x) of the largest value in every square of `cell` pixels; near its middle where values are almost
    the same."""
    h, w = (n // cell * cell for n in field.shape)
    from_middle = np.abs(np.arange(cell) - (cell - 1) / 2) / cell
    penalised = field[:h, :w] - 0.03 * np.tile(from_middle[:, None] + from_middle, (h // cell, w // cell))
    squares = penalised.reshape(h // cell, cell, w // cell, cell).swapaxes(1, 2).reshape(-1, cell * cell)
    row, column = np.divmod(np.arange(len(squares)), w // cell)
    best = squares.argmax(1)
    return np.stack([row * cell + best // cell, column * cell + best % cell], 1).astype(np.float64)


def voronoi(im: Image, sites: NDArray[np.floating], colour_weight: float = 0.0) -> tuple[NDArray[np.int32], Field]:
    """Label of the nearest site and relative gap to the second nearest, for every pixel.

    Args:
        colour_weight: pixels of distance that a full step of lightness or colour counts as; above 0, cells follow the
            picture's edges.
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
        if colour_weight:
            own = lab[min(max(int(y), 0), h - 1), min(max(int(x), 0), w - 1)]
            d = d + colour_weight * np.sqrt(np.square(lab[win] - own).sum(-1))
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
    """Mean colour of each of `count` cells, count×3 in [0, 1]."""
    sums = np.stack([np.bincount(label.ravel(), im[..., c].ravel().astype(float), count) for c in range(3)], 1)
    return sums / np.maximum(np.bincount(label.ravel(), minlength=count), 1)[:, None] / 255

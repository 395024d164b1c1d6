"""Style transfer by patches of an artwork: training pictures with the very texture and colours of real artworks.

After Elad & Milanfar 2017 ("Style transfer via texture synthesis"), reduced: coarse to fine, every patch of the
photograph, graded to the artwork's colours, is replaced by its nearest among random patches of the artwork; overlapping
patches are blended, some of the photograph is mixed back in at every scale, and the energy of the fine bands and the
colours are matched to the artwork's at the end. No network takes part. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .styles import PHASE

Image = NDArray[np.uint8]
Field = NDArray[np.float32]

PATCH = 8
FULL = 256
SCALES = ((64, 0.8), (128, 0.7), (256, 0.5))
"""Side of the picture in pixels and share of the photograph kept, coarse to fine."""
COMPONENTS = 16
POOL = 12000
"""Patches of the artwork and its mirror image that take part at a scale, picked at random."""
CANDIDATES = 4000
STRIDE = 4
"""Pixels between patches. They are matched in groups that lie `PHASE` pixels apart, each against its own candidates:
neighbours do not repeat, yet the picture follows from the photograph and the artwork and can be learned."""
CHOICES = 2
"""Sets of candidates that each group has, drawn at random: with one, flat areas would show a grid."""
GRADE = 0.6
"""How far the photograph goes towards the artwork's colours, from 0 to 1."""
DETAIL = 0.9
"""Share of the photograph's own edges (luminance between blurs of 1 and 5 pixels) added at the end."""


def _lab(image: Image) -> Field:
    lab: Field = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab


def _rgb(lab: Field) -> Image:
    rgb: Image = (np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255 + 0.5).astype(np.uint8)
    return rgb


def _root(m: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(m)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 1e-3))) @ vectors.T
    return root


def _regrade(lab: Field, artwork: Field, strength: float = 1.0) -> Field:
    """Lightness by matching histograms; a and b by the linear map that matches means and covariances (Pitié 2007)."""
    light, levels = lab[..., 0].ravel(), np.sort(artwork[..., 0].ravel())
    place = np.linspace(0, len(levels) - 1, light.size)[np.argsort(np.argsort(light))]
    matched = np.interp(place, np.arange(len(levels)), levels).reshape(lab.shape[:2])
    own, target = lab[..., 1:].reshape(-1, 2), artwork[..., 1:].reshape(-1, 2)
    root = _root(np.cov(own.T) + 4 * np.eye(2))
    back = np.linalg.inv(root)
    linear = back @ _root(root @ (np.cov(target.T) + np.eye(2)) @ root) @ back
    chroma = ((own - own.mean(0)) @ linear.T + target.mean(0)).reshape(*lab.shape[:2], 2)
    graded = np.concatenate([matched[..., None], chroma], axis=2).astype(np.float32)
    mixed: Field = lab + strength * (graded - lab)
    return mixed


def _match_bands(lab: Field, artwork: Field) -> Field:
    """Scales the three finest octaves of every channel to the artwork's deviation, by a factor within 0.7 and 1.6."""
    out = np.zeros_like(lab)
    for octave in range(3):
        low, art_low = (cv2.GaussianBlur(x, (0, 0), 2.0**octave) for x in (lab, artwork))
        band, goal = lab - low, artwork - art_low
        out += band * np.clip((goal.std((0, 1)) + 1e-3) / (band.std((0, 1)) + 1e-3), 0.7, 1.6)
        lab, artwork = low, art_low
    return out + lab


def palette(picture: Image) -> Field:
    """Means and deviations of L, a and b, those of L halved: how two pictures differ in colour."""
    lab = _lab(cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)).reshape(-1, 3)
    weights = np.array([0.5, 1, 1], np.float32)
    return np.concatenate([lab.mean(0) * weights, lab.std(0) * weights])


def _patches(x: Field, stride: int) -> Tensor:
    return F.unfold(torch.from_numpy(np.ascontiguousarray(x)).permute(2, 0, 1)[None], PATCH, stride=stride)[0].T


def _blend(patches: Tensor, shape: tuple[int, int], stride: int) -> Field:
    edge = torch.sin((torch.arange(PATCH) + 0.5) * torch.pi / PATCH)
    window = (edge[:, None] * edge).flatten().repeat(3).expand_as(patches)
    total, weight = (F.fold(p.T[None], shape, PATCH, stride=stride) for p in (patches * window, window))
    blended: Field = (total / weight)[0].permute(1, 2, 0).numpy()
    return blended


def _replace(x: Field, artwork: Field, shift: int, rng: np.random.Generator, choice: np.random.Generator) -> Field:
    """`x` made of patches of `artwork`, on a grid that begins `shift` pixels before the corner."""
    size = x.shape[0]
    grids = [_patches(a, 2 if size > 64 else 1) for a in (artwork, artwork[:, ::-1])]
    pool = torch.cat([g[torch.from_numpy(rng.permutation(len(g))[: POOL // 2])] for g in grids])
    mean = pool.mean(0)
    centred = pool - mean
    basis = torch.linalg.eigh(centred.T @ centred / len(pool))[1][:, -COMPONENTS:]
    keys = centred @ basis
    squares = keys.square().sum(1)
    padded = np.pad(x, ((shift, PATCH), (shift, PATCH), (0, 0)), mode="reflect")
    height, width = ((n - PATCH) // STRIDE * STRIDE + PATCH for n in padded.shape[:2])
    padded = padded[:height, :width]
    queries = (_patches(padded, STRIDE) - mean) @ basis
    nearest = torch.empty(len(queries), dtype=torch.long)
    row, column = np.divmod(np.arange(len(queries)), (width - PATCH) // STRIDE + 1)
    period = PHASE * size // (FULL * STRIDE)
    place = row % period * period + column % period
    group = torch.from_numpy(place * CHOICES + choice.integers(0, CHOICES, len(place)))
    for k in range(CHOICES * period**2):
        mine = torch.nonzero(group == k)[:, 0]
        some = torch.from_numpy(rng.permutation(len(keys))[:CANDIDATES])
        nearest[mine] = some[torch.addmm(squares[some], queries[mine], keys[some].T, alpha=-2).argmin(1)]
    return _blend(pool[nearest], (height, width), STRIDE)[shift : shift + size, shift : shift + size]


def transfer(photo: Image, artwork: Image, choice: np.random.Generator, grade: float = GRADE) -> Image:
    """The photograph in the artwork's texture and colours; all are 256×256×3 RGB. About half a second of one core."""
    rng = np.random.default_rng(0)
    art = _lab(artwork)
    graded = _regrade(_lab(photo), art, grade)
    x = graded
    for size, keep in SCALES:
        small, reference = (cv2.resize(i, (size, size), interpolation=cv2.INTER_AREA) for i in (graded, art))
        x = cv2.resize(x, (size, size), interpolation=cv2.INTER_CUBIC) if x is not graded else small
        x = (1 - keep) * x + keep * small
        x = _replace(x, reference, 0, rng, choice)
        x = (1 - keep / 2) * x + keep / 2 * small
        x = _replace(x, reference, STRIDE // 2, rng, choice)
    edges = cv2.GaussianBlur(graded, (0, 0), 1) - cv2.GaussianBlur(graded, (0, 0), 5)
    x[..., 0] += DETAIL * edges[..., 0]
    return _rgb(_regrade(_match_bands(x, art), art, grade / 2))

"""Strokes along the forms of a photograph: edge flow, line integral convolution, brush strokes, hatching.

Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Field, Image, lab_of, rgb_of
from .grid import PERIOD
from .noise_fields import NoiseFields

Pixel = TypeVar("Pixel", np.uint8, np.float32)


def edge_flow(grey: Field, default_angle: float, sigma: float = 3.0, bias: float = 0.02) -> Field:
    """Angle of the edge tangent at every pixel, in radians, from the smoothed structure tensor.

    A constant gradient of `bias` a pixel is added to the tensor, so that the angle tends to `default_angle` where edges
    are much weaker than that: the direction of almost nothing can be neither seen nor learnt.

    Args:
        sigma: of the smoothing, in pixels.
    """
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 4, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 4
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (gx * gx, gy * gy, gx * gy))
    x, y = -bias * np.sin(default_angle), bias * np.cos(default_angle)
    return (0.5 * np.arctan2(2 * (xy + x * y), xx + x * x - yy - y * y) + np.pi / 2).astype(np.float32)


def smear(x: Field, angle: Field, length: int) -> Field:
    """Line integral convolution (Cabral & Leedom 1993): the mean of `x`, H×W or H×W×3, `length` pixels both ways along
    the lines of `angle`, which is known up to half a turn."""
    rows, columns = np.mgrid[: x.shape[0], : x.shape[1]].astype(np.float32)
    cos, sin = np.cos(angle), np.sin(angle)
    total = x.astype(np.float32).copy()
    for sign in (1, -1):
        px, py, right, down = columns.copy(), rows.copy(), cos, sin
        for _ in range(length):
            px += sign * right
            py += sign * down
            total += cv2.remap(x, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            c, s = (cv2.remap(f, px, py, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT) for f in (cos, sin))
            onward = np.where(c * right + s * down < 0, np.float32(-1), np.float32(1))  # never back along the line
            right, down = c * onward, s * onward
    return total / np.float32(2 * length + 1)


def streaks(noise: Field, angle: Field, length: int) -> Field:
    """`noise` smeared along `angle`, scaled to unit deviation."""
    smeared = smear(noise, angle, length)
    return smeared / (smeared.std() + 1e-6)


def hard_streaks(noise: NoiseFields, flow: Field, width: float, length: int, k: int, hardness: float) -> Field:
    """Streaks driven towards -1 and 1 by tanh, more so the larger `hardness`, which gives each stroke a sharp edge."""
    return np.tanh(hardness * streaks(noise.field(width, k), flow, length)) / np.float32(np.tanh(hardness))


def warped(im: NDArray[Pixel], dx: Field, dy: Field) -> NDArray[Pixel]:
    """The picture with every pixel taken from (`dx`, `dy`) pixels away."""
    rows, columns = np.mgrid[: im.shape[0], : im.shape[1]].astype(np.float32)
    return cv2.remap(im, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def brushed(
    im: Image, noise: NoiseFields, flow: Field, width: float, length: int, displacement: float, *, tint: float = 2.0,
    hue: float = 1.5, relief: float = 2.0, detail: float = 0.0, hardness: float = 1.5,
) -> Field:  # fmt: skip
    """The picture in strokes along `flow`, RGB in [0, 1].

    Args:
        width, length: of a stroke, in pixels; the length to either side.
        displacement: pixels from where a stroke lies to where it takes its colour.
        tint, hue: how much lighter or darker a stroke is (L), and how far off in a and b.
        relief: light on the edges of strokes (L), as if from the upper left.
        detail: share of the photograph's own fine tone that is added again.
        hardness: see `hard_streaks`.
    """
    light, *colour = (hard_streaks(noise, flow, width, length, k, hardness) for k in range(3))
    base = cv2.GaussianBlur(im, (0, 0), max(0.3, 0.4 * width)).astype(np.float32) / 255
    lab = lab_of(smear(warped(base, displacement * light, displacement * colour[0]), flow, max(1, length // 2)))
    edge = cv2.GaussianBlur(light, (0, 0), 0.6)
    edge = (cv2.Sobel(edge, cv2.CV_32F, 1, 0) + cv2.Sobel(edge, cv2.CV_32F, 0, 1)) / 8
    tone = lab_of(im)[..., 0]
    lab[..., 0] += tint * light + relief * edge + detail * (tone - cv2.GaussianBlur(tone, (0, 0), 4))
    for k in (0, 1):
        lab[..., 1 + k] += hue * colour[k]
    return rgb_of(lab)


def textured(
    x: Field, noise: NoiseFields, flow: Field, length: int, amounts: tuple[float, float, float], hue: float
) -> Field:
    """`x` (RGB in [0, 1]) with streaks along `flow` in its lightness, of deviation `amounts` (L; streaks of 0.5, 1 and
    2 pixels), and in a and b, of deviation `hue`."""
    lab = lab_of(x)
    for k, (amount, width) in enumerate(zip(amounts, (0.5, 1.0, 2.0), strict=True)):
        if amount:
            lab[..., 0] += amount * streaks(noise.field(width, k), flow, round(length * (0.6 + 0.4 * k)))
    for k in (1, 2):
        lab[..., k] += hue * streaks(noise.field(2.0, k), flow, length)
    return rgb_of(lab)


def hatching(tone: Field, waves: tuple[int, int], soft: float, bend: Field) -> Field:
    """1 on paper, 0 on ink: parallel lines that grow wider as `tone` falls.

    Args:
        waves: how many lines in `PERIOD` pixels, down and across.
        soft: width of the transition between paper and ink.
        bend: displacement of the lines in pixels.
    """
    h, w = tone.shape
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    down, across = waves
    phase = (down * yy + across * xx + np.hypot(down, across) * bend) * (2 * np.pi / PERIOD)
    return 1 / (1 + np.exp(-(np.cos(phase) * 0.5 + tone * 2.0 - 1.0) / soft))

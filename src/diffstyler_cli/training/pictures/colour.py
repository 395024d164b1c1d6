"""Pictures as arrays, and their colours: conversion to and from CIE Lab, contrast, saturation, attraction to a palette.

Pictures (`Image`) are RGB uint8 H×W×3, fields are float32 H×W. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]


def luma(im: Image) -> Field:
    """Rec. 601 luma in [0, 1]."""
    return cv2.cvtColor(im, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def to_u8(x: NDArray[np.floating]) -> Image:
    """[0, 1], clipped, to 0…255, rounded."""
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def grey_rgb(grey: Field) -> Field:
    """H×W to three equal channels, H×W×3."""
    return np.repeat(grey[..., None], 3, axis=2)


def equalised(grey: Field, strength: float = 0.6) -> Field:
    """Contrast-limited adaptive histogram equalisation (CLAHE), by `strength` of the way."""
    clahe = cv2.createCLAHE(2.0, (4, 4)).apply(to_u8(grey)).astype(np.float32) / 255
    return (1 - strength) * grey + strength * clahe


def lab_of(im: Image | Field) -> Field:
    """CIE Lab, L in [0, 100], of an RGB picture, uint8 or in [0, 1]."""
    x = im.astype(np.float32)
    return cv2.cvtColor(x / 255 if im.dtype == np.uint8 else x, cv2.COLOR_RGB2LAB)


def rgb_of(lab: NDArray[np.floating]) -> Field:
    """RGB in [0, 1], clipped, of CIE Lab."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)


def adjusted(im: Image, saturation: float = 1.0, value: float = 1.0, lift: float = 0.0) -> Image:
    """In HSV: saturation and value multiplied, `lift` (of 255) added to the value."""
    hsv = cv2.cvtColor(im, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= saturation
    hsv[..., 2] = hsv[..., 2] * value + lift
    return cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def towards_palette(
    x: Field, palette: NDArray[np.floating], share: float, chroma: float, softness: float = 6.0
) -> Field:
    """RGB in [0, 1] moved, by `share` of the way, to the nearest colours of a palette.

    Args:
        palette: Lab, K×3.
        chroma: how many times as far from their mean the palette's own a and b are taken.
        softness: standard deviation, in Lab units, of the Gaussian that weighs the colours by their distance.
    """
    lab = lab_of(x)
    mean = palette[:, 1:].mean(0)
    targets = np.concatenate([palette[:, :1], mean + chroma * (palette[:, 1:] - mean)], axis=1)
    distance = np.square(lab[..., None, :] - targets) @ np.array([0.5, 1, 1])
    weight = np.exp((distance.min(-1, keepdims=True) - distance) / (2 * softness**2))
    return rgb_of((1 - share) * lab + share * (weight / weight.sum(-1, keepdims=True)) @ targets)

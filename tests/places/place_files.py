"""Masks for tests, and what tells two pictures apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

SIZE = (72, 56)
"""Of the photo."""


def grey(path: str, paint: Callable[[ImageDraw.ImageDraw], None]) -> None:
    """Saves a mask, black but for what is painted."""
    mask = Image.new("L", SIZE)
    paint(ImageDraw.Draw(mask))
    mask.save(path)


def pixels(path: str | Image.Image) -> np.ndarray:
    picture = Image.open(path) if isinstance(path, str) else path
    return np.asarray(picture.convert("RGB"), int)


def at(mask: str, size: tuple[int, int]) -> np.ndarray:
    """A mask as it is at the size of a picture."""
    return np.asarray(Image.open(mask).convert("L").resize(size, Image.Resampling.BILINEAR))

"""Style images as they were read: a path, a weight and the picture itself. Importing this loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..images.read import MAX_PIXELS, LoadedImage, read_image
from ..prompts import StyleImage, parse_style_image


@dataclass(frozen=True)
class StylePicture:
    """A style image that was read; a weight of None stands for the run's `prompt_weight`."""

    path: Path
    weight: float | None
    loaded: LoadedImage


def read_style(style: str | Path | StyleImage, max_pixels: int = MAX_PIXELS) -> StylePicture:
    """Reads a style image: one with its weight, or "painting.jpg:2" as on a command line.

    Raises:
        UsageError: an empty path, or a weight out of range.
        InputImageError: the picture cannot be read, or has more than `max_pixels`.
    """
    parsed = style if isinstance(style, StyleImage) else parse_style_image(str(style))
    return StylePicture(parsed.path, parsed.weight, read_image(parsed.path, max_pixels))

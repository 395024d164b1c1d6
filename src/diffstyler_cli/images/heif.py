"""HEIC and HEIF through pillow-heif, where it is installed (the extra "heif")."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from PIL import Image

from ..errors import InputImageError
from . import boxes

EXTRA = 'pip install "diffstyler-cli[heif]"'


def is_heic(head: bytes) -> bool:
    """Whether a file says that it is HEIC, or HEIF that is not AVIF."""
    known = boxes.brands(head)
    return not known.isdisjoint(boxes.HEIC_BRANDS) and known.isdisjoint(boxes.AVIF_BRANDS)


def open_heif(stream: IO[bytes], name: str, frame: int, check_size: Callable[[tuple[int, int]], None]) -> Image.Image:
    """The picture number `frame`, from 1, upright; 0 is the main one. Pillow's table of formats is left as it is.

    Raises `InputImageError` without pillow-heif, and what it raises for damaged files.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InputImageError(
            f"{name} is a HEIC image, which needs pillow-heif.", f"Run: {EXTRA}. Or convert it to PNG or JPEG first."
        ) from error

    file = pillow_heif.open_heif(stream, convert_hdr_to_8bit=True)
    count = len(file)
    if frame > count:
        raise InputImageError(f"{name} has no frame {frame}.", f"Give --frame 1 to {count}, or leave it out.")
    part: Any = file[frame - 1 if frame else file.primary_index]
    check_size(part.size)
    image: Image.Image = part.to_pillow()
    image.format = "HEIF"
    image.n_frames = count  # type: ignore[attr-defined]  # as Pillow's own formats have them
    image.is_animated = count > 1  # type: ignore[attr-defined]  # likewise
    return image

"""The bytes of a picture in each format that can be written.

Colours are sRGB and say so: by a chunk of PNG, by an ICC profile of half a kilobyte in JPEG, WebP and TIFF, by
numbers in AVIF. Of the input's metadata nothing is written but what `Saving` has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image, features

from ..errors import OutputError, UsageError
from .exif import Kept
from .metadata import embed
from .profiles import srgb_profile

Recipe = Mapping[str, Any]


@dataclass(frozen=True)
class Format:
    """A format that can be written.

    Args:
        suffixes: those that name it, the usual one first.
        longest: pixels that a side may have.
        options: of Pillow.
        lossy: whether --quality means something; `options` has the default.
        profile: whether an ICC profile says that it is sRGB.
        dpi: whether it can say how many pixels an inch has.
        alpha: whether it holds transparency.
    """

    suffixes: tuple[str, ...]
    longest: int
    options: Mapping[str, Any] = field(default_factory=dict)
    lossy: bool = False
    profile: bool = True
    dpi: bool = True
    alpha: bool = True


FORMATS: Mapping[str, Format] = {
    "PNG": Format((".png",), 2**31 - 1, profile=False),
    "JPEG": Format(
        (".jpg", ".jpeg"), 65_500, {"quality": 92, "subsampling": "4:4:4", "optimize": True}, lossy=True, alpha=False
    ),
    "WEBP": Format((".webp",), 16_383, {"quality": 90, "method": 4}, lossy=True, dpi=False),
    "AVIF": Format(
        (".avif",), 32_768, {"quality": 85, "subsampling": "4:4:4", "speed": 6}, lossy=True, profile=False, dpi=False
    ),
    # uncompressed, for libtiff, which would compress it, writes no EXIF tables
    "TIFF": Format((".tiff", ".tif"), 2**31 - 1, {"compression": "raw"}),
}
"""By Pillow's name."""

SUFFIXES = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}
CHOICES = tuple(format.suffixes[0][1:] for format in FORMATS.values())
"""What --format takes."""


@dataclass(frozen=True)
class Saving:
    """What a file has beside its picture and its recipe.

    Args:
        quality: of a lossy format, 1 to 100; None for the format's default.
        kept: what is kept of the photo's EXIF data.
        dpi: pixels per inch across and down.
    """

    quality: int | None = None
    kept: Kept = field(default_factory=dict)
    dpi: tuple[float, float] | None = None


PLAIN = Saving()


def encode(image: Image.Image, format: str, recipe: Recipe | None, saving: Saving = PLAIN) -> tuple[bytes, list[str]]:
    """The bytes of a file, and notes on what it could not keep; equal input gives equal bytes.

    Raises `OutputError` where the format cannot hold the picture, `UsageError` where this Pillow cannot write it.
    """
    check_format(format)
    check_side(image.size, format)
    kind = FORMATS[format]
    embedded = embed(recipe, format, saving.kept)
    notes = list(embedded.notes)
    pixels = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels.info = {}
    if not kind.alpha and pixels.mode == "RGBA":
        white = Image.new("RGB", pixels.size, "white")
        white.paste(pixels, mask=pixels.getchannel("A"))
        pixels = white
        notes.append("JPEG has no transparency: the picture is on white; PNG, WebP, AVIF or TIFF keep it")
    options = {**kind.options, **embedded.save_options}
    if kind.lossy and saving.quality is not None:
        options["quality"] = saving.quality
    if kind.profile:
        options["icc_profile"] = srgb_profile()
    if kind.dpi and saving.dpi is not None:
        options["dpi"] = saving.dpi
    buffer = BytesIO()
    pixels.save(buffer, format, **options)
    return buffer.getvalue(), notes


def check_format(format: str) -> None:
    """Raises `UsageError` where this Pillow lacks the format."""
    if format == "AVIF" and not features.check("avif"):
        raise UsageError(
            "This Pillow cannot write AVIF.", "Install Pillow 11.3 or newer from its wheels, or write WebP."
        )


def check_side(size: tuple[int, int], format: str) -> None:
    """Raises `OutputError` where the format holds no picture of `size`."""
    longest = FORMATS[format].longest
    if max(size) > longest:
        raise OutputError(
            f"{format} holds at most {longest} pixels a side; this is {size[0]} x {size[1]}.", "Use .png."
        )

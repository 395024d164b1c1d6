"""Pictures in and out: reading, the way to tensors and back, writing, embedded recipes. Importing it loads no torch."""

from __future__ import annotations

from .encode import Saving
from .enlarge import enlarged
from .exif import kept
from .metadata import embed, read_recipe
from .read import MAX_PIXELS, LoadedImage, read_image
from .source import Source
from .tensors import resized, restore_alpha, spread, squeezed, to_image, to_tensor
from .write import (
    automatic_name,
    check_output,
    encode_image,
    output_format,
    write_image,
    write_numbered,
)

__all__ = [
    "MAX_PIXELS",
    "LoadedImage",
    "Saving",
    "Source",
    "automatic_name",
    "check_output",
    "embed",
    "encode_image",
    "enlarged",
    "kept",
    "output_format",
    "read_image",
    "read_recipe",
    "resized",
    "restore_alpha",
    "spread",
    "squeezed",
    "to_image",
    "to_tensor",
    "write_image",
    "write_numbered",
]

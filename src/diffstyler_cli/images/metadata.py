"""Where a picture file holds its recipe: PNG text (iTXt "diffstyler"), EXIF UserComment in every other format.

What is in a recipe is `diffstyler_cli.recipe`'s.
"""

from __future__ import annotations

import json
import math
import numbers
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from ..recipe.schema import FAMILY, PER_STEP, SCHEMA
from ..remote import Url
from .exif import Kept, built
from .opening import MAX_PIXELS, opened

_KEYWORD = "diffstyler"
_PLAIN = b"ASCII\0\0\0"
_PACKED = b"\0\0\0\0\0\0\0\0" + b"zlib:"  # EXIF: eight zeros say "character code undefined"
_JPEG_ROOM = 65_533  # bytes of one JPEG marker segment
_SRGB = 1
_NOTHING: Kept = {}
_MAX_RECIPE = 16 * 2**20
_DEEPEST = 32  # lists and tables inside each other; deeper ones could exhaust the stack of whoever shows them


@dataclass(frozen=True)
class Embedded:
    """Arguments for `PIL.Image.Image.save`, and what could not be kept."""

    save_options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def embed(recipe: Mapping[str, Any] | None, format: str, kept: Kept = _NOTHING) -> Embedded:
    """How to save `recipe` in a file of a format by Pillow's name, beside a mark that the colours are sRGB.

    The recipe is stored as JSON with `SCHEMA` under "schema"; NaN and infinity become null, unknown
    objects their text. A JPEG has 64 kB: a longer recipe is compressed, then loses its `PER_STEP` part, then is left
    out, and `notes` says so. `kept` is what the file keeps of the photo's EXIF data.
    """
    plain = None if recipe is None else stored(recipe)
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add(b"sRGB", b"\0")
        if plain is not None:
            text = _json(plain)
            info.add_itxt(_KEYWORD, text, zip=4096 < len(text.encode()) < PngImagePlugin.MAX_TEXT_CHUNK)
        return Embedded({"pnginfo": info} | ({"exif": built(kept, {})} if kept else {}))
    choices = _choices(plain, kept) if format == "JPEG" else [(_exif(plain, kept), [])]
    for block, notes in choices:
        if format != "JPEG" or len(block) <= _JPEG_ROOM:
            return Embedded({"exif": block} if block else {}, notes)
    return Embedded({}, ["the EXIF data are too long for a JPEG file and were left out: PNG or WebP hold them"])


def stored(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as it is read back from a file that it was written to."""
    plain: dict[str, Any] = plain_json({"schema": SCHEMA, **recipe})
    return plain


def read_recipe(source: Path | Url | str | bytes, max_pixels: int = MAX_PIXELS) -> dict[str, Any] | None:
    """The recipe embedded in an image file; None if the image has none, or one that is damaged or of another program.

    Raises `InputImageError` if `source` is no image.
    """
    with opened(source, max_pixels) as file:
        return recipe_in(file.image)


def recipe_in(image: Image.Image) -> dict[str, Any] | None:
    """As `read_recipe`, of a picture that Pillow has opened. It is plain JSON: NaN and infinity became null."""
    text = _png_text(image) if image.format == "PNG" else _user_comment(image)
    return None if text is None else _parse(text)


def _choices(recipe: dict[str, Any] | None, kept: Kept) -> list[tuple[bytes, list[str]]]:
    """EXIF data from what should be in them down to what must be, with notes on what is missing."""
    if recipe is None:
        return [(_exif(None, kept), [])]
    shorter = {key: value for key, value in recipe.items() if key != PER_STEP}
    note = "a JPEG file has no room for the step-by-step part of the recipe: PNG or WebP hold it"
    without = "the recipe is too long for a JPEG file and was left out: PNG or WebP hold it"
    return [
        (_exif(recipe, kept), []),
        (_exif(recipe, kept, pack=True), []),
        (_exif(shorter, kept, pack=True), [note]),
        (_exif(None, kept), [without]),
    ]


def _exif(recipe: dict[str, Any] | None, kept: Kept, pack: bool = False) -> bytes:
    if recipe is None:
        return built(kept, {ExifTags.Base.ExifVersion: b"0232", ExifTags.Base.ColorSpace: _SRGB}) if kept else b""
    text = _json(recipe, ascii_only=True).encode()
    comment = _PACKED + zlib.compress(text, 9) if pack else _PLAIN + text
    camera: dict[int, Any] = {
        ExifTags.Base.ExifVersion: b"0232",
        ExifTags.Base.UserComment: comment,
        ExifTags.Base.ColorSpace: _SRGB,
    }
    return built(kept, camera)


def _png_text(image: Image.Image) -> str | None:
    if _KEYWORD not in image.info:
        image.load()  # text may follow the pixels
    text = image.info.get(_KEYWORD)
    return text if isinstance(text, str) else None


def _user_comment(image: Image.Image) -> str | None:
    try:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    except Exception:  # a hostile EXIF block raises nearly every type
        return None
    if not isinstance(comment, bytes):
        return None
    if comment.startswith(_PACKED):
        unpacker = zlib.decompressobj()
        try:
            comment = _PLAIN + unpacker.decompress(comment[len(_PACKED) :], _MAX_RECIPE)
        except zlib.error:
            return None
    return comment[len(_PLAIN) :].decode(errors="replace") if comment.startswith(_PLAIN) else None


def _parse(text: str) -> dict[str, Any] | None:
    if len(text) > _MAX_RECIPE:
        return None
    try:
        recipe = plain_json(json.loads(text))
    except (ValueError, RecursionError):
        return None
    if isinstance(recipe, dict) and str(recipe.get("schema")).startswith(FAMILY):
        return recipe
    return None


def _json(recipe: dict[str, Any], ascii_only: bool = False) -> str:
    text = json.dumps(recipe, ensure_ascii=ascii_only, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # file names may hold lone surrogates
        return _json(recipe, ascii_only=True)
    return text


def plain_json(value: Any, depth: int = 0) -> Any:
    """`value` with nothing in it that JSON lacks. Raises ValueError if it is nested more than `_DEEPEST` deep."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item, depth + 1) for item in value]
    return str(value)

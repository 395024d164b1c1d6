"""Reading images of any kind Pillow knows, and some that it does not.

Every failure is an `InputImageError` with a reason and advice. torch and numpy are imported only by the functions that
need them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO

from PIL import Image

from ..errors import InputImageError
from . import jpeg, png
from . import source as sources
from .opening import MAX_PIXELS, Opened, opened
from .source import COPY, Source

__all__ = ["MAX_PIXELS", "LoadedImage", "read_image"]


@dataclass(frozen=True)
class LoadedImage:
    """An input picture, upright, in 8-bit sRGB."""

    rgb: Image.Image
    """Mode RGB; white where the alpha channel is 0."""
    alpha: Image.Image | None
    """Mode L, the size of `rgb`; None if everything is opaque."""
    original_size: tuple[int, int]
    """(width, height) after EXIF orientation."""
    notes: list[str] = field(default_factory=list)
    """What a person should know: first frame of several, colour profile ignored, …; without the name."""
    name: str = "image"
    """The text of the file's name (`naming.text_of`), "stdin" or "image"; to be escaped where it is shown."""
    frame: int | None = None
    """The number of the frame or page, from 1, where one was asked for."""
    exif: bytes = b""
    """The EXIF data as they are in the file; b"" for none."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch across and down, where the file says."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what a run sees of the picture: its size and pixels, not how the file holds them."""
        digest = hashlib.sha256(f"{self.rgb.width}x{self.rgb.height}".encode())
        for part in (self.rgb, self.alpha):
            digest.update(b"" if part is None else part.tobytes())
        return digest.hexdigest()


def read_image(source: Source, max_pixels: int = MAX_PIXELS, frame: int | None = None) -> LoadedImage:
    """Read a file, standard input ("-"), what an address leads to, encoded bytes or a Pillow image.

    EXIF orientation is applied, ICC colours become sRGB, alpha is split off. Pillow's safety switches are set for the
    time of the call, so calls in several threads wait for each other.

    Args:
        frame: which of several frames or pages, from 1; by default the first (of HEIC the main one), with a note.

    Raises `InputImageError` if there is no usable image of at most `max_pixels` pixels, or no such frame; `UsageError`
    for "-" at a terminal, and for a `frame` where there is but one picture.
    """
    from .colour import to_srgb

    with opened(source, max_pixels, frame) as file:
        image, notes = file.image, file.notes
        if frame is None and getattr(image, "is_animated", False) and image.format != "MPO":
            # cameras hide previews in MPO
            notes.append("of several frames the " + ("main one" if image.format == "HEIF" else "first") + " is used")
        with _silent_libtiff(image):
            image.load()
        if file.cut:
            _count_rows(file)
        turn = _turn(image, notes)
        exif, dpi = _exif(image), _dpi(image)
        notes += _darkness(file)
        rgb, alpha = to_srgb(_keyed(file), notes, file.samples)
        if turn is not None:
            rgb = rgb.transpose(turn)
            alpha = alpha.transpose(turn) if alpha else None
            dpi = (dpi[1], dpi[0]) if dpi and turn in _SIDEWAYS else dpi
        rgb.info = {}
        return LoadedImage(rgb, alpha, rgb.size, notes, sources.name_of(source), frame, exif, dpi)


def _count_rows(file: Opened) -> None:
    """Notes what is missing of a JPEG that is cut short. Raises `InputImageError` where it is more than half."""
    assert isinstance(file.stream, BytesIO)
    height = file.image.size[1]
    missing = jpeg.missing_rows(file.stream.getvalue()[: -len(jpeg.END)], file.image)
    if missing is None:
        file.notes.append("the file is cut short: fine detail is missing")
    elif missing > height // 2:
        there = f"{height - missing:,} of {height:,} rows are there"
        raise InputImageError(f"{file.name} is cut short: {there}, fewer than half.", COPY)
    elif missing:
        file.notes.append(f"the file is cut short: the last {missing:,} of {height:,} rows are missing, and grey")
    else:
        file.notes.append("the file is cut short: its end marker is missing, all rows are there")


def _darkness(file: Opened) -> list[str]:
    """A note on RGB of 16 bits that uses 12 or fewer: Pillow takes the high bytes, which are all small."""
    if file.bits != 16 or file.image.mode not in ("RGB", "RGBA"):
        return []
    highest = max(int(high) for _, high in file.image.getextrema()[:3])  # type: ignore[misc]  # pairs
    if not 0 < highest < 16:
        return []
    return [f"its brightest value is below {(highest + 1) * 256:,} of 65,535: it is read as dark as that is"]


def _keyed(file: Opened) -> Image.Image:
    """The picture; where a PNG of 16-bit RGB names one colour as transparent, with alpha."""
    image, key = file.image, file.image.info.get("transparency")
    if image.format != "PNG" or file.bits != 16 or image.mode != "RGB" or not isinstance(key, tuple):
        return image
    assert file.stream is not None
    low = png.low_bytes(file.stream, image.size) if not getattr(image, "is_animated", False) else None
    return image if low is None else png.without_colour(image, low, key)


@contextmanager
def _silent_libtiff(image: Image.Image) -> Iterator[None]:
    """Send stderr nowhere while a TIFF is decoded: libtiff prints there what Pillow raises anyway."""
    if image.format != "TIFF":
        yield
        return
    sys.stderr.flush()
    try:
        before = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


def _turn(image: Image.Image, notes: list[str]) -> Image.Transpose | None:
    """What sets the picture upright (EXIF tag 0x0112). To be asked after loading: Pillow turns TIFF itself."""
    try:
        orientation = image.getexif().get(0x0112)
    except Exception:  # a hostile EXIF block raises nearly every type
        notes.append("the EXIF data are damaged: the picture is taken as upright")
        return None
    return _TURNS.get(orientation if isinstance(orientation, int) else 1)


def _exif(image: Image.Image) -> bytes:
    """The EXIF data, b"" for none that can be used."""
    if isinstance(data := image.info.get("exif"), bytes):
        return data
    try:
        exif = image.getexif()
        return exif.tobytes() if exif else b""
    except Exception:  # as above
        return b""


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    # 1 is what a file says that knows nothing
    return (across, down) if 1 < across < 100_000 and 1 < down < 100_000 else None

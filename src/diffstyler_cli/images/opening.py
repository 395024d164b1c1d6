"""Opening pictures by what their bytes say, and what went wrong in words."""

from __future__ import annotations

import errno
import logging
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from PIL import Image, UnidentifiedImageError

from ..errors import DiffStylerError, InputImageError, UsageError
from . import boxes, heif, jpeg, png, tiff
from . import source as sources
from .profiles import coded
from .source import CONVERT, COPY, Source, printable
from .tiff import Samples

MAX_PIXELS = 100_000_000
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_BYTES = re.compile(r"""[ (]*\b(?:in |chunk )?b['"]""")
"""Where a bytes literal begins in a message, with the words that lead to it."""
_SLIPS = (TypeError, AttributeError, LookupError, UnicodeError, ArithmeticError, AssertionError, struct.error)
"""What a decoder stumbles with over values that it did not expect: their text is about its code, not about the file."""

# Pillow logs odd TIFF tags; without a handler Python would print them on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_pillow_limits = threading.RLock()


@dataclass
class Opened:
    """A picture that is open, its pixels not yet decoded (those of a TIFF that Pillow does not read excepted).

    Args:
        name: for messages.
        notes: what was found out so far that a person should know.
        stream: the file; None for a picture of Pillow's own.
        bits: of a sample, of a PNG or TIFF.
        cut: whether it is a JPEG without its end, which `stream` has.
        samples: what its numbers mean, where Pillow does not follow that.
    """

    image: Image.Image
    name: str
    notes: list[str] = field(default_factory=list)
    stream: IO[bytes] | None = None
    bits: int = 8
    cut: bool = False
    samples: Samples = field(default_factory=Samples)


@contextmanager
def opened(source: Source, max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Iterator[Opened]:
    """Open `source`, its pixels not yet decoded.

    Whatever goes wrong inside the `with` is raised as `InputImageError`; Pillow's warnings never reach stderr.
    """
    name = printable(sources.name_of(source))
    source = sources.fetched(source)  # which takes its time: others may read meanwhile
    try:
        with _pillow_limits, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
            try:
                if isinstance(source, Image.Image):
                    _check_size(source.size, name, max_pixels)
                    _select(source, frame, name)
                    yield Opened(source, name)
                    return
                with sources.open_stream(source, name) as stream:
                    head = sources.check_head(stream, name)
                    try:
                        file = _open(stream, head, name, max_pixels, frame)
                        with file.image:
                            yield file
                    except DiffStylerError:
                        raise
                    except Exception as error:
                        if _is_cut(head, stream):
                            raise _cut(name) from error
                        raise
            finally:
                Image.MAX_IMAGE_PIXELS = before
    except DiffStylerError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile bytes
        raise _explain(error, name, max_pixels) from error


def _open(stream: IO[bytes], head: bytes, name: str, max_pixels: int, frame: int | None) -> Opened:
    """Opens by what the bytes say, whatever the file is called."""
    if head.startswith(_TIFF):
        return _open_tiff(stream, head, name, max_pixels, frame)
    notes: list[str] = []
    bits, cut, profile = 8, False, None
    if heif.is_heic(head):
        image = heif.open_heif(stream, name, frame or 0, lambda size: _check_size(size, name, max_pixels))
    else:
        if head.startswith(png.MAGIC):
            stream, facts = png.tidied(stream)
            notes, bits, profile = facts.notes, facts.bits, facts.profile
        elif head.startswith(b"\xff\xd8\xff"):
            data = stream.read()
            if cut := jpeg.lacks_end(data):
                data += jpeg.END
            stream = BytesIO(data)
        try:
            image = Image.open(stream)
        except UnidentifiedImageError as error:
            raise sources.unidentified(name, head, stream) from error
    _check_size(image.size, name, max_pixels)
    _select(image, frame, name)
    if head.startswith(png.MAGIC):
        image.info["icc_profile"] = profile
        png.scale_key(image, bits)
    elif (code := _nclx(stream, head)) and not image.info.get("icc_profile"):
        image.info["icc_profile"], note = coded(code[0], code[1])  # the range is the decoder's
        notes += [note] if note else []
    return Opened(image, name, notes, stream, bits, cut)


def _open_tiff(stream: IO[bytes], head: bytes, name: str, max_pixels: int, frame: int | None) -> Opened:
    """By Pillow where it reads this kind of TIFF right, else with numpy."""
    image: Image.Image | None = None
    page = (frame or 1) - 1
    try:
        image = Image.open(stream)
        _check_size(image.size, name, max_pixels)
        _select(image, frame, name)
    except (DiffStylerError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except Exception:  # a kind that Pillow does not know, or a damaged file
        image = None
    try:
        tags = tiff.read_tags(stream, page) if image is None else getattr(image, "tag_v2", {})
    except Exception as error:  # a hostile directory raises nearly every type
        if page and isinstance(error, EOFError):
            raise _no_frame(name, page + 1) from error
        if isinstance(error, tiff.UnsupportedTiff):
            raise tiff.unsupported(name, str(error)) from error
        raise sources.unidentified(name, head, stream) from error
    tiff.refuse_raw(tags, stream, head, name)
    if image is not None and not tiff.better_by_numpy(tags):
        tiff.check_subsampling(tags, name)
        tiff.check_data(tags, stream, name)
        return Opened(image, name, [], stream, tiff.one(tags.get(tiff.BITS), 8), samples=tiff.samples_of(tags))
    from .colour import image_of
    from .tiff_samples import decode

    notes: list[str] = []
    try:
        _check_size(tiff.size_of(tags), name, max_pixels)
        tiff.check_data(tags, stream, name)
        made = image_of(*decode(tags, stream), notes)
    except tiff.UnsupportedTiff as error:
        raise tiff.unsupported(name, printable(str(error))) from error
    except (ValueError, TypeError, KeyError) as error:
        raise sources.unidentified(name, head, stream) from error
    made.format = "TIFF"
    made.is_animated = tiff.has_more(tags) or page > 0  # type: ignore[attr-defined]  # as Pillow's own formats have it
    if frame is not None and not made.is_animated:  # type: ignore[attr-defined]  # likewise
        raise _one_picture(name, frame)
    made.info["icc_profile"] = tags.get(tiff.PROFILE)
    if isinstance(tags.get(tiff.ORIENTATION), int):
        made.getexif()[tiff.ORIENTATION] = tags[tiff.ORIENTATION]
    return Opened(made, name, notes, stream)


def _select(image: Image.Image, frame: int | None, name: str) -> None:
    """Goes to a frame. Raises `InputImageError` where it is not there, `UsageError` where there is but one picture."""
    if frame is None:
        return
    if frame < 1:
        raise UsageError(f"--frame {frame}: frames are counted from 1.", "Try --frame 1.")
    if not getattr(image, "is_animated", False):
        raise _one_picture(name, frame)
    if image.format == "HEIF":  # it was opened with this one
        return
    try:
        image.seek(frame - 1)
    except EOFError as error:
        raise _no_frame(name, frame) from error


def _one_picture(name: str, frame: int) -> DiffStylerError:
    if frame == 1:
        return UsageError(f"--frame 1 has no effect: {name} holds one picture.", "Leave --frame out.")
    return InputImageError(f"{name} has no frame {frame}: it holds one picture.", "Leave --frame out.")


def _no_frame(name: str, frame: int) -> InputImageError:
    return InputImageError(f"{name} has no frame {frame}.", "diffstyler inspect FILE says how many it has.")


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputImageError(f"{name} is damaged: it says it has {width} x {height} pixels.", COPY)
    if width * height > max_pixels:
        raise Image.DecompressionBombError


def _nclx(stream: IO[bytes], head: bytes) -> tuple[int, int, bool] | None:
    return boxes.colour_code(stream) if boxes.brand(head) else None


def _is_cut(head: bytes, stream: IO[bytes]) -> bool:
    try:
        return sources.is_cut(head, stream)
    except (OSError, ValueError):
        return False


def _cut(name: str) -> InputImageError:
    return InputImageError(f"{name} is cut short: less of it is there than it says.", COPY)


def _reason(error: Exception) -> str:
    """What a decoder says, on one line and without Python's spelling of the file's bytes."""
    if isinstance(error, _SLIPS):
        return "its header makes no sense"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if lines[0].startswith(("invalid literal for int()", "could not convert string to float")):
        return "a number in its header is none"
    line = lines[0]
    if line.startswith(("b'", 'b"')):
        line = line[2:].partition(":")[0]
    line = _BYTES.split(line)[0]
    return printable(line[:200] + ")" * (line.count("(") > line.count(")"))).rstrip(".")


def _explain(error: Exception, name: str, max_pixels: int) -> InputImageError:
    reason = _reason(error)
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return InputImageError(
            f"{name} has more than {max_pixels:,} pixels, the limit for a file that may be a trap.",
            "If you trust it, make it smaller first or raise --max-pixels.",
        )
    if isinstance(error, MemoryError):
        return InputImageError(f"{name} does not fit into memory.", "Make it smaller first.")
    if isinstance(error, OSError) and error.errno is not None:
        advice = "Use a shorter path." if error.errno == errno.ENAMETOOLONG else "Check the path and the disk."
        return InputImageError(f"{name} cannot be read: {error.strerror or reason}.", advice)
    if "MAX_TEXT" in reason:
        return InputImageError(f"{name} holds an oversized text.", "Save the picture again without its metadata.")
    if "truncated" in reason.lower() or isinstance(error, EOFError):
        return InputImageError(f"{name} is cut short: {reason}.", COPY)
    return InputImageError(f"{name} is damaged or of an unsupported kind: {reason}.", CONVERT)

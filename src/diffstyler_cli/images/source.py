"""Where the bytes of a picture come from, and what can be said of them before Pillow sees them."""

from __future__ import annotations

import stat
import sys
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias

from PIL import Image, features

from .. import remote
from ..errors import InputImageError, UsageError
from ..naming import text_of
from ..remote import Url
from . import boxes

Source: TypeAlias = "Path | Url | str | bytes | Image.Image"

CONVERT = "Convert it to PNG or JPEG first."
DEVELOP = "Develop it to TIFF or JPEG first."
COPY = "Copy or download it again."
MAX_STREAM_BYTES = 2**30

# Refused before Pillow sees them: for a better message, and because Pillow would run Ghostscript on PostScript.
_NOT_PICTURES = (
    (b"%!PS", "PostScript", CONVERT),
    (b"\xc5\xd0\xd3\xc6", "PostScript", CONVERT),
    (b"%PDF", "a PDF document", CONVERT),
    (b"<!doctype html", "a web page (HTML), not an image", "Download the image itself, not the page that shows it."),
    (b"<html", "a web page (HTML), not an image", "Download the image itself, not the page that shows it."),
    (b"<svg", "a vector drawing (SVG)", CONVERT),
)
_RAW = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
"""How camera raws begin that are no TIFF files."""
_PICTURES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"BM",
    b"8BPS",
    b"\0\0\0\x0cjP",
)


def name_of(source: Source) -> str:
    """The text of the file's name, "stdin" or "image"."""
    if isinstance(source, (bytes, Image.Image)):
        return "image"
    if isinstance(source, str):
        source = remote.place_of(source)
    if isinstance(source, Url):
        return text_of(source.name) or "image"
    return "stdin" if str(source) == "-" else text_of(Path(source).name or str(source))


def printable(text: str) -> str:
    """`text` as any terminal can show it."""
    return "".join(c if c.isprintable() else "?" for c in text)


def fetched(source: Source) -> Path | str | bytes | Image.Image:
    """The source; of an address, what is there. Raises `InputImageError`."""
    if isinstance(source, str) and remote.is_url(source):
        source = Url(source)
    return remote.read(source, MAX_STREAM_BYTES) if isinstance(source, Url) else source


def open_stream(source: Path | str | bytes, name: str) -> IO[bytes]:
    """The bytes, seekable. Raises `InputImageError`, `UsageError` for "-" at a terminal, and `OSError`."""
    if isinstance(source, bytes):
        return BytesIO(source)
    if str(source) == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise InputImageError("Standard input is closed.", "Pipe a picture in, or name a file.")
        if sys.stdin.isatty():
            raise UsageError(
                "An image is expected on standard input, which is a terminal.", "Pipe one in or name a file."
            )
        return _whole(sys.stdin.buffer, name)
    try:
        mode = Path(source).stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputImageError(f"{name} is a folder, not an image.", "Name an image file.")
        stream = open(source, "rb")  # noqa: SIM115 (closed by the caller)
    except (FileNotFoundError, ValueError) as error:  # ValueError: a null byte in the name
        raise InputImageError(f"{name} does not exist.", "Check the path; a name with spaces needs quotes.") from error
    except PermissionError as error:
        raise InputImageError(f"{name} may not be read: permission denied.", "Check who may read the file.") from error
    if stat.S_ISREG(mode):
        return stream
    with stream:  # a pipe or device cannot seek
        return _whole(stream, name)


def _whole(stream: IO[bytes], name: str) -> BytesIO:
    data = stream.read(MAX_STREAM_BYTES + 1)
    if len(data) > MAX_STREAM_BYTES:
        raise InputImageError(f"{name} is longer than {MAX_STREAM_BYTES >> 30} GiB.", "Give the image as a file.")
    return BytesIO(data)


def check_head(stream: IO[bytes], name: str) -> bytes:
    """The first bytes. Raises `InputImageError` for what is known to be no picture."""
    head = stream.read(512)
    stream.seek(0)
    if not head:
        raise InputImageError(f"{name} is empty (zero bytes).", COPY)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for prefix, what, advice in _NOT_PICTURES:
        if head.startswith(prefix) or text[: len(prefix)].lower() == prefix:
            raise InputImageError(f"{name} is {what}.", advice)
    if text.startswith(b"<?xml") and b"<svg" in text.lower():
        raise InputImageError(f"{name} is a vector drawing (SVG).", CONVERT)
    if head.startswith(_RAW) or boxes.brand(head) == b"crx ":
        raise InputImageError(
            f"{name} is a camera raw, which cannot be read here.", "Develop it to TIFF or JPEG first."
        )
    return head


def unidentified(name: str, head: bytes, stream: IO[bytes]) -> InputImageError:
    """The error for bytes that Pillow takes for no picture."""
    if boxes.brand(head):
        return _boxed(name, head, stream)
    if head.startswith(_PICTURES):
        return InputImageError(f"{name} is damaged or cut short: its header cannot be read.", COPY)
    return InputImageError(f"{name} is not an image in any format that can be read.", "Give a PNG, JPEG, WebP, TIFF, …")


def is_cut(head: bytes, stream: IO[bytes]) -> bool:
    """Whether a file whose format says how long it is has fewer bytes."""
    if head.startswith(b"RIFF"):
        return int.from_bytes(head[4:8], "little") + 8 > stream.seek(0, 2)
    return bool(boxes.brand(head)) and boxes.is_cut(stream)


def _boxed(name: str, head: bytes, stream: IO[bytes]) -> InputImageError:
    known = boxes.brands(head)
    if known.isdisjoint((*boxes.AVIF_BRANDS, *boxes.HEIC_BRANDS)):
        return InputImageError(f"{name} is a video or another kind of file, not an image.", CONVERT)
    if boxes.is_cut(stream):
        return InputImageError(f"{name} is cut short: less of it is there than it says.", COPY)
    if not known.isdisjoint(boxes.AVIF_BRANDS) and not features.check("avif"):
        return InputImageError(
            f"{name} is an AVIF image, which this Pillow cannot read.",
            "Install Pillow 11.3 or newer from its wheels, or convert the picture to PNG or JPEG.",
        )
    return InputImageError(f"{name} is damaged: its header cannot be read.", COPY)

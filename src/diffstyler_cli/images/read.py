"""Reading images of any kind Pillow knows, and the way between pictures and tensors.

Every failure is an `InputImageError` with a reason and advice. torch and numpy are imported only by the functions that
need them.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import math
import os
import re
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from PIL import Image, UnidentifiedImageError

from ..errors import DiffStylerError, InputImageError, UsageError
from ..naming import text_of

if TYPE_CHECKING:
    from torch import Tensor

MAX_PIXELS = 100_000_000
MAX_ASPECT = 16
MIN_SIDE = 16
_MAX_STREAM_BYTES = 2**30
_CONVERT = "Convert it to PNG or JPEG first."

# Refused before Pillow sees them: for a better message, and because Pillow would run Ghostscript on PostScript.
_NOT_PICTURES = (
    (b"%!PS", "PostScript", _CONVERT),
    (b"\xc5\xd0\xd3\xc6", "PostScript", _CONVERT),
    (b"%PDF", "a PDF document", _CONVERT),
    (b"<!doctype html", "a web page (HTML), not an image", "Download the image itself, not the page that shows it."),
    (b"<html", "a web page (HTML), not an image", "Download the image itself, not the page that shows it."),
    (b"<svg", "a vector drawing (SVG)", _CONVERT),
)
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"8BPS", b"\0\0\0\x0cjP")

_BYTES = re.compile(r"""[ (]*\b(?:in |chunk )?b['"]""")
"""Where a bytes literal begins in a message, with the words that lead to it."""

# Pillow logs odd TIFF tags; without a handler Python would print them on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_pillow_limits = threading.RLock()

Source: TypeAlias = "Path | str | bytes | Image.Image"


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

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what a run sees of the picture: its size and pixels, not how the file holds them."""
        digest = hashlib.sha256(f"{self.rgb.width}x{self.rgb.height}".encode())
        for part in (self.rgb, self.alpha):
            digest.update(b"" if part is None else part.tobytes())
        return digest.hexdigest()


def read_image(source: Source, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Read a file, standard input ("-"), encoded bytes or a Pillow image.

    EXIF orientation is applied, ICC colours become sRGB, alpha is split off, of several frames the first is taken.
    Pillow's safety switches are set for the time of the call, so calls in several threads wait for each other.

    Raises `InputImageError` if there is no usable image of at most `max_pixels` pixels, `UsageError` for "-" at a
    terminal.
    """
    from .colour import to_srgb

    with opened(source, max_pixels) as (image, name):
        notes: list[str] = []
        if getattr(image, "is_animated", False) and image.format != "MPO":  # cameras hide previews in MPO
            notes.append("of several frames the first is used")
        _check_strips(image, name)
        with _silent_libtiff(image):
            image.load()
        turn = _turn(image, notes)
        rgb, alpha = to_srgb(image, notes)
        if turn is not None:
            rgb = rgb.transpose(turn)
            alpha = alpha.transpose(turn) if alpha else None
        rgb.info = {}
        return LoadedImage(rgb, alpha, rgb.size, notes, _name(source))


@contextmanager
def opened(source: Source, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[Image.Image, str]]:
    """Open `source` with Pillow, its pixels not yet decoded; yields the image and its name for messages.

    Whatever goes wrong inside the `with` is raised as `InputImageError`; Pillow's warnings never reach stderr.
    """
    name = _printable(_name(source))
    try:
        with _pillow_limits, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
            try:
                if isinstance(source, Image.Image):
                    _check_size(source, name, max_pixels)
                    yield source, name
                    return
                with _stream(source, name) as stream:
                    head = _check_head(stream, name)
                    try:
                        image = Image.open(stream)
                    except UnidentifiedImageError as error:
                        raise _unidentified(name, head) from error
                    with image:
                        _check_size(image, name, max_pixels)
                        yield image, name
            finally:
                Image.MAX_IMAGE_PIXELS = before
    except DiffStylerError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile bytes
        raise _explain(error, name, max_pixels) from error


def working_size(original_size: tuple[int, int], size: int) -> tuple[int, int]:
    """(width, height) of about size·size pixels in the picture's shape, for a picture of any size.

    Each side is at least 16. A shape longer than 16:1 is worked on, squeezed, as 16:1; resizing the result to
    `original_size` undoes that.
    """
    width, height = original_size
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    return (max(MIN_SIDE, round(size * math.sqrt(aspect))), max(MIN_SIDE, round(size / math.sqrt(aspect))))


def to_tensor(rgb: Image.Image, size: tuple[int, int], multiple: int = 1) -> tuple[Tensor, tuple[int, int]]:
    """Resize to `size` (width, height) by Lanczos and pad right and below by reflection up to a multiple of `multiple`.

    Returns a float32 tensor 1×3×H×W in [-1, 1], and `size`, which `to_image` needs to cut the padding off.
    """
    import numpy as np
    import torch

    resized = rgb if rgb.size == size else rgb.resize(size, Image.Resampling.LANCZOS)
    width, height = size
    padding = ((0, -height % multiple), (0, -width % multiple), (0, 0))
    pixels = np.pad(np.asarray(resized), padding, mode="reflect")
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(torch.float32).div(127.5).sub(1).contiguous(), size


def to_image(tensor: Tensor, size: tuple[int, int] | None = None) -> Image.Image:
    """A picture (mode RGB) from a tensor 3×H×W or 1×3×H×W in about [-1, 1], cut to `size` (width, height) if given."""
    import torch

    pixels = tensor.detach().reshape(tensor.shape[-3:])
    if size is not None:
        pixels = pixels[:, : size[1], : size[0]]
    pixels = pixels.to(device="cpu", dtype=torch.float32).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def restore_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """`image` (RGB) under `alpha`, resized to fit, as RGBA; `image` itself if `alpha` is None."""
    if alpha is None:
        return image
    fitted = alpha if alpha.size == image.size else alpha.resize(image.size, Image.Resampling.LANCZOS)
    result = image.convert("RGBA")
    result.putalpha(fitted)
    return result


def _name(source: Source) -> str:
    if isinstance(source, (bytes, Image.Image)):
        return "image"
    return "stdin" if str(source) == "-" else text_of(Path(source).name or str(source))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _stream(source: Path | str | bytes, name: str) -> IO[bytes]:
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
    data = stream.read(_MAX_STREAM_BYTES + 1)
    if len(data) > _MAX_STREAM_BYTES:
        raise InputImageError(f"{name} is longer than {_MAX_STREAM_BYTES >> 30} GiB.", "Give the image as a file.")
    return BytesIO(data)


def _check_head(stream: IO[bytes], name: str) -> bytes:
    head = stream.read(512)
    stream.seek(0)
    if not head:
        raise InputImageError(f"{name} is empty (zero bytes).", "Copy or download it again.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for prefix, what, advice in _NOT_PICTURES:
        if head.startswith(prefix) or text[: len(prefix)].lower() == prefix:
            raise InputImageError(f"{name} is {what}.", advice)
    if text.startswith(b"<?xml") and b"<svg" in text.lower():
        raise InputImageError(f"{name} is a vector drawing (SVG).", _CONVERT)
    return head


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise InputImageError(
            f"{name} is damaged: it says it has {width} x {height} pixels.", "Copy or download it again."
        )
    if width * height > max_pixels:
        raise Image.DecompressionBombError


def _check_strips(image: Image.Image, name: str) -> None:
    """Raises `InputImageError` for a TIFF that lacks strips: libtiff fills the rest, however much, with nothing."""
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None or 273 not in tags:  # 273 StripOffsets
        return
    height = image.size[1]
    rows = tags.get(278)  # RowsPerStrip
    rows = min(rows, height) if isinstance(rows, int) and rows > 0 else height
    needed, there = -(-height // rows), len(tags[273])
    if there < needed:
        raise InputImageError(
            f"{name} is damaged: {there:,} of {needed:,} strips are there.", "Copy or download it again."
        )


def _unidentified(name: str, head: bytes) -> InputImageError:
    if head.startswith(_PICTURES):
        return InputImageError(
            f"{name} is damaged or cut short: its header cannot be read.", "Copy or download it again."
        )
    if head[4:8] == b"ftyp":
        return InputImageError(f"{name} is a HEIC image or a video, which cannot be read here.", _CONVERT)
    return InputImageError(f"{name} is not an image in any format that can be read.", "Give a PNG, JPEG, WebP, TIFF, …")


def _reason(error: Exception) -> str:
    """What a decoder says, on one line and without Python's spelling of the file's bytes."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if lines[0].startswith("invalid literal for int()"):
        return "a number in its header is none"
    line = lines[0]
    if line.startswith(("b'", 'b"')):
        line = line[2:].partition(":")[0]
    line = _BYTES.split(line)[0]
    return _printable(line[:200] + ")" * (line.count("(") > line.count(")"))).rstrip(".")


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
        return InputImageError(f"{name} is cut short: {reason}.", "Copy or download it again.")
    return InputImageError(f"{name} is damaged or of an unsupported kind: {reason}.", _CONVERT)


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


def _turn(image: Image.Image, notes: list[str]) -> Image.Transpose | None:
    """What sets the picture upright (EXIF tag 0x0112). To be asked after loading: Pillow turns TIFF itself."""
    try:
        orientation = image.getexif().get(0x0112)
    except Exception:  # a hostile EXIF block raises nearly every type
        notes.append("the EXIF data are damaged: the picture is taken as upright")
        return None
    return {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation if isinstance(orientation, int) else 1)

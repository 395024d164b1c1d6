"""Reading images of any kind Pillow knows, and some that it does not.

Every failure is an `InputImageError` with a reason and advice. torch and numpy are imported only by the functions that
need them.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
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

# Pillow logs odd TIFF tags; without a handler Python would print them on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_pillow_limits = threading.RLock()


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
    """The file's name as it is (bytes that are no UTF-8 as lone surrogates), "stdin" or "image"; to be escaped where
    it is shown."""
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


@dataclass
class Opened:
    """A picture that is open, its pixels not yet decoded (those of a TIFF that Pillow does not read excepted).

    Args:
        name: for messages.
        notes: what was found out so far that a person should know.
        stream: the file; None for a picture of Pillow's own.
        bits: of a sample, of a PNG.
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


def read_image(source: Source, max_pixels: int = MAX_PIXELS, frame: int | None = None) -> LoadedImage:
    """Read a file, standard input ("-"), encoded bytes or a Pillow image.

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
        rgb, alpha = to_srgb(_keyed(file), notes, file.samples)
        if turn is not None:
            rgb = rgb.transpose(turn)
            alpha = alpha.transpose(turn) if alpha else None
            dpi = (dpi[1], dpi[0]) if dpi and turn in _SIDEWAYS else dpi
        rgb.info = {}
        return LoadedImage(rgb, alpha, rgb.size, notes, sources.name_of(source), frame, exif, dpi)


@contextmanager
def opened(source: Source, max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Iterator[Opened]:
    """Open `source`, its pixels not yet decoded.

    Whatever goes wrong inside the `with` is raised as `InputImageError`; Pillow's warnings never reach stderr.
    """
    name = printable(sources.name_of(source))
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
        return Opened(image, name, [], stream, samples=tiff.samples_of(tags))
    from .colour import image_of

    notes: list[str] = []
    try:
        _check_size(tiff.size_of(tags), name, max_pixels)
        tiff.check_data(tags, stream, name)
        made = image_of(*tiff.decode(tags, stream), notes)
    except tiff.UnsupportedTiff as error:
        raise tiff.unsupported(name, printable(str(error))) from error
    made.format = "TIFF"
    made.is_animated = tiff.has_more(tags) or page > 0  # type: ignore[attr-defined]  # as Pillow's own formats have it
    if frame is not None and not made.is_animated:  # type: ignore[attr-defined]
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


def _keyed(file: Opened) -> Image.Image:
    """The picture; where a PNG of 16-bit RGB names one colour as transparent, with alpha."""
    image, key = file.image, file.image.info.get("transparency")
    if image.format != "PNG" or file.bits != 16 or image.mode != "RGB" or not isinstance(key, tuple):
        return image
    assert file.stream is not None
    low = png.low_bytes(file.stream, image.size) if not getattr(image, "is_animated", False) else None
    return image if low is None else png.without_colour(image, low, key)


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


def _explain(error: Exception, name: str, max_pixels: int) -> InputImageError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = printable(lines[0][:200]).rstrip(".")
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

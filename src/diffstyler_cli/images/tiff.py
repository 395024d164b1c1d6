"""TIFF files: whether all their data are there, and what their numbers mean.

What Pillow does not read is in `tiff_samples`; what neither reads is refused as a kind that is not supported.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from PIL import TiffImagePlugin

from ..errors import InputImageError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Tags = Mapping[int, Any]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, PREDICTOR = 256, 257, 258, 259, 262, 277, 284, 317
STRIPS, ROWS_PER_STRIP, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 273, 278, 279, 322, 323, 324, 325
MAXIMUM, ORIENTATION, SUBIFDS, EXTRA, FORMAT, SUBSAMPLING, PROFILE, DNG = 281, 274, 330, 338, 339, 530, 34675, 50706
_RAW_COLOURS = {32803, 34892}  # a colour filter array, and the linear data made of one
_MOST_SUBIFDS = 16
_MOST_PAGES = 1000
_LARGEST_MARGIN = 4096  # of a tile beyond the picture
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_COMPRESSIONS = {1: "uncompressed", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate",
                 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 34712: "JPEG 2000"}  # fmt: skip
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "ICC Lab",
            10: "ITU Lab", 32844: "LogL", 32845: "LogLuv"}  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """What the numbers of a greyscale picture mean beyond Pillow's mode.

    Args:
        bits: of a sample, where they are fewer than Pillow's mode has; 0 where they are not.
        maximum: the number that is white; 0 where the file does not say.
        white_is_zero: whether small numbers are bright.
        unsigned: whether numbers of 32 bits that Pillow takes as signed are none.
    """

    bits: int = 0
    maximum: int = 0
    white_is_zero: bool = False
    unsigned: bool = False


class UnsupportedTiff(Exception):
    """A sound file of a kind that is not read here; says which."""


def samples_of(tags: Tags) -> Samples:
    """What a file says of its samples that Pillow does not follow."""
    bits, kind = one(tags.get(BITS), 1), one(tags.get(FORMAT), _UNSIGNED)
    wide = bits > 8
    return Samples(
        bits if bits in range(9, 16) else 0,
        maximum(tags, bits) if wide and kind == _UNSIGNED else 0,
        wide and tags.get(PHOTOMETRIC) == 0,
        bits == 32 and kind == _UNSIGNED,
    )


def refuse_raw(tags: Tags, stream: IO[bytes], head: bytes, name: str) -> None:
    """Raises `InputImageError` for a camera raw: what Pillow reads of it is a thumbnail."""
    raw = DNG in tags or tags.get(PHOTOMETRIC) in _RAW_COLOURS or head[8:10] == b"CR"
    if not raw and SUBIFDS in tags:
        places = tags[SUBIFDS]
        for place in (places if isinstance(places, tuple) else (places,))[:_MOST_SUBIFDS]:
            raw = raw or _tags_at(stream, head, place).get(PHOTOMETRIC) in _RAW_COLOURS
    if raw:
        raise InputImageError(
            f"{name} is a camera raw, of which only the preview could be read.", "Develop it to TIFF or JPEG first."
        )


def check_data(tags: Tags, stream: IO[bytes], name: str) -> None:
    """Raises `InputImageError` where strips, tiles or planes are missing or lie beyond the end of the file.

    libtiff fills what is not there, however much, with nothing. The time is that of reading the tags.
    """
    import numpy as np

    if TILES in tags:
        what, offsets, counts = "tiles", tags[TILES], tags.get(TILE_BYTES)
    elif STRIPS in tags:
        what, offsets, counts = "strips", tags[STRIPS], tags.get(STRIP_BYTES)
    else:
        return
    try:
        layout = Layout(tags)
        starts = np.asarray(offsets, np.float64).reshape(-1)
        lengths = None if counts is None else np.asarray(counts, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        return  # Pillow says what is wrong
    compression = tags.get(COMPRESSION, 1)
    if compression == 6 and not len(starts):  # an old JPEG, which has a place of its own
        return
    needed = layout.across * layout.down * layout.planes
    there = len(starts) if lengths is None or compression == 1 else min(len(starts), len(lengths))
    if there < needed:
        raise _damaged(f"{name} is damaged: {there:,} of {needed:,} {what} are there.")
    starts = starts[:needed]
    if compression == 1:
        lengths = layout.lengths()
    elif lengths is None:
        lengths = np.ones(needed)
    lengths = lengths[:needed]
    size = stream.seek(0, 2)
    missing = int(((starts <= 0) | (lengths <= 0) | (starts + lengths > size)).sum())
    if missing:
        raise _damaged(f"{name} is cut short: {missing:,} of {needed:,} {what} are not in the file.")


def better_by_numpy(tags: Tags) -> bool:
    """Whether Pillow reads this file, but wrongly: RGB of more than 8 bits that says what is white, or in planes."""
    try:
        layout = Layout(tags)
    except (TypeError, ValueError):
        return False
    wide = layout.bits > 8
    planes = layout.planes > 1 and tags.get(COMPRESSION, 1) == 1
    return wide and (planes or (tags.get(PHOTOMETRIC) == 2 and maximum(tags, layout.bits) > 255))


def has_more(tags: Tags) -> bool:
    """Whether another page follows."""
    return bool(getattr(tags, "next", 0))


def read_tags(stream: IO[bytes], page: int = 0) -> Tags:
    """The tags of a page, from 0. Raises what Pillow raises for damaged ones, EOFError where there is no such page."""
    stream.seek(0)
    head = stream.read(16)
    if head.startswith(b"MM\0+"):
        raise UnsupportedTiff("BigTIFF, high bytes first")  # which Pillow does not know either
    tags = TiffImagePlugin.ImageFileDirectory_v2(head if head[2:3] == b"+" or head[3:4] == b"+" else head[:8])
    seen: set[int] = set()
    for _ in range(min(page, _MOST_PAGES) + 1):
        if not tags.next or tags.next in seen:
            raise EOFError("no such page")
        seen.add(tags.next)
        stream.seek(tags.next)
        tags.load(stream)
    return tags


def size_of(tags: Tags) -> tuple[int, int]:
    """(width, height) as stored. Raises ValueError where the file has no such thing."""
    width, height = tags.get(WIDTH), tags.get(HEIGHT)
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise ValueError("no width and height")
    return width, height


class Layout:
    """How the data of a picture are cut up: blocks of `height` x `width` pixels, by `per_block` samples.

    Raises ValueError or TypeError for tags that make no sense.
    """

    def __init__(self, tags: Tags) -> None:
        self.size = size_of(tags)
        self.tiled = TILES in tags
        columns, rows = self.size
        bits = every(tags.get(BITS), 1)
        photometric, extra = tags.get(PHOTOMETRIC, 0), extra_of(tags)
        self.samples = int(tags.get(SAMPLES, {2: 3, 6: 3, 8: 3, 5: 4}.get(photometric, 1) + len(extra)))
        self.bits = int(bits[0])
        self.planes = self.samples if tags.get(PLANAR, 1) == 2 else 1
        self.per_block = 1 if self.planes > 1 else self.samples
        if not 0 < self.samples <= 100 or not 0 < self.bits <= 64:
            raise ValueError("no samples")
        if self.tiled:
            self.width, self.height = int(tags[TILE_WIDTH]), int(tags[TILE_HEIGHT])
        else:
            given = tags.get(ROWS_PER_STRIP)
            self.width = columns
            self.height = min(given, rows) if isinstance(given, int) and given > 0 else rows
        if not (0 < self.width <= columns + _LARGEST_MARGIN and 0 < self.height <= rows + _LARGEST_MARGIN):
            raise ValueError("no blocks")
        self.across, self.down = -(-columns // self.width), -(-rows // self.height)

    def rows(self, index: int) -> int:
        """Rows of a row of blocks: the last strip may have fewer, a tile never has."""
        return self.height if self.tiled else min(self.height, self.size[1] - index * self.height)

    def row_bytes(self) -> int:
        """Of one row of a block without compression."""
        return -(-self.width * self.bits * self.per_block // 8)

    def lengths(self) -> Array:
        """Of every block without compression, in their order in the tags."""
        import numpy as np

        rows = np.full(self.down, self.height, np.float64)
        rows[-1] = self.rows(self.down - 1)
        return np.tile(np.repeat(rows * self.row_bytes(), self.across), self.planes)


def described(tags: Tags, count: int) -> str:
    """Such as "RGB, 3 samples of 32 bits, LZW"."""
    colours = _COLOURS.get(tags.get(PHOTOMETRIC, 0), "unknown colours")
    bits = ", ".join(dict.fromkeys(f"{each}" for each in every(tags.get(BITS), count)[:8]))
    packed = _COMPRESSIONS.get(tags.get(COMPRESSION, 1), f"compression {one(tags.get(COMPRESSION), 0)}")
    kind = " floating-point" if one(tags.get(FORMAT), _UNSIGNED) == _FLOAT else ""
    return f"{colours}, {count} sample{'s' * (count != 1)} of {bits}{kind} bits, {packed}"


def unsupported(name: str, what: str) -> InputImageError:
    """The error for a sound file of a kind that is not read here."""
    return InputImageError(
        f"{name} is a TIFF of a kind that is not supported: {what}.", "Convert it to 8-bit RGB first."
    )


def check_subsampling(tags: Tags, name: str) -> None:
    """Raises `InputImageError` for uncompressed YCbCr with fewer colours than pixels, which Pillow reads as garbage."""
    if tags.get(PHOTOMETRIC) == 6 and tags.get(COMPRESSION, 1) == 1 and tags.get(SUBSAMPLING, (2, 2)) != (1, 1):
        raise unsupported(name, "YCbCr, subsampled, uncompressed")


def _tags_at(stream: IO[bytes], head: bytes, place: Any) -> Tags:
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(head[:16] if head[2:3] == b"+" or head[3:4] == b"+" else head[:8])
        stream.seek(place)
        tags.load(stream)
    except (OSError, ValueError, TypeError, SyntaxError, OverflowError, struct.error):
        return {}
    return tags


def _damaged(message: str) -> InputImageError:
    return InputImageError(message, "Copy or download it again.")


def maximum(tags: Tags, bits: int) -> int:
    """The number that is white, where the file says one that is less than all bits."""
    stated = one(tags.get(MAXIMUM), 0)
    return stated if 0 < stated < (1 << bits) - 1 else 0


def extra_of(tags: Tags) -> tuple[int, ...]:
    """What the samples beyond the colours are."""
    value = tags.get(EXTRA, ())
    return tuple(v for v in value if isinstance(v, int)) if isinstance(value, tuple) else ()


def one(value: Any, otherwise: int) -> int:
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else otherwise


def every(value: Any, count: int) -> tuple[Any, ...]:
    """A tag's values; one that stands for all samples is repeated."""
    values = value if isinstance(value, tuple) else (1,) if value is None else (value,)
    return values * count if len(values) == 1 and count > 1 else values

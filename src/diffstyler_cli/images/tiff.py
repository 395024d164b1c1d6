"""TIFF files: whether all their data are there, what their numbers mean, and the kinds that Pillow does not read.

Read here, with numpy: grey and RGB of 8 to 64 bits, whole numbers or floats, with alpha or not, in strips or tiles,
uncompressed or deflated. Everything else is Pillow's; what neither reads is refused as a kind that is not supported.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL import TiffImagePlugin

from ..errors import InputImageError

Array = np.ndarray[Any, np.dtype[Any]]
Tags = Mapping[int, Any]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, PREDICTOR = 256, 257, 258, 259, 262, 277, 284, 317
STRIPS, ROWS_PER_STRIP, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 273, 278, 279, 322, 323, 324, 325
MAXIMUM, ORIENTATION, SUBIFDS, EXTRA, FORMAT, SUBSAMPLING, PROFILE, DNG = 281, 274, 330, 338, 339, 530, 34675, 50706
_RAW_COLOURS = {32803, 34892}  # a colour filter array, and the linear data made of one
_MOST_SUBIFDS = 16
_MOST_PAGES = 1000
_MOST_SAMPLES = 8
_LARGEST_MARGIN = 4096  # of a tile beyond the picture
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED = 1  # alpha by which the colours are multiplied already
_TURNED = {5, 6, 7, 8}
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
    bits, kind = _one(tags.get(BITS), 1), _one(tags.get(FORMAT), _UNSIGNED)
    wide = bits > 8
    return Samples(
        bits if bits in range(9, 16) else 0,
        _maximum(tags, bits) if wide and kind == _UNSIGNED else 0,
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
    if TILES in tags:
        what, offsets, counts = "tiles", tags[TILES], tags.get(TILE_BYTES)
    elif STRIPS in tags:
        what, offsets, counts = "strips", tags[STRIPS], tags.get(STRIP_BYTES)
    else:
        return
    try:
        layout = _Layout(tags)
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
        layout = _Layout(tags)
    except (UnsupportedTiff, TypeError, ValueError):
        return False
    wide = layout.bits > 8
    planes = layout.planes > 1 and tags.get(COMPRESSION, 1) == 1
    return wide and (planes or (tags.get(PHOTOMETRIC) == 2 and _maximum(tags, layout.bits) > 255))


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
    """(width, height) as stored. Raises `UnsupportedTiff` where the file has no such thing."""
    width, height = tags.get(WIDTH), tags.get(HEIGHT)
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise UnsupportedTiff("it says no width and height")
    return width, height


def decode(tags: Tags, stream: IO[bytes]) -> tuple[Array, Array | None, Samples, bool]:
    """The samples of a kind that Pillow does not read: colours H×W or H×W×3, alpha, what they mean, premultiplied.

    Raises `UnsupportedTiff` for other kinds, `OSError` or `zlib.error` for damaged data.
    """
    photometric, compression = tags.get(PHOTOMETRIC, 0), tags.get(COMPRESSION, 1)
    layout = _Layout(tags)
    bits, kind, count = layout.bits, _one(tags.get(FORMAT), _UNSIGNED), layout.samples
    colours = {0: 1, 1: 1, 2: 3}.get(photometric, 0)
    extra = _extra(tags)
    known = (8, 12, 16, 32) if kind == _UNSIGNED else (8, 16, 32) if kind == _SIGNED else (16, 32, 64)
    readable = (
        colours
        and count >= colours
        and count == colours + len(extra) <= _MOST_SAMPLES
        and kind in (_UNSIGNED, _SIGNED, _FLOAT)
        and bits in known
        and compression in (1, 8, 32946)
        and tags.get(266, 1) == 1  # the order of bits within a byte
        and (bits != 12 or layout.per_block == 1)
    )
    if not readable or len(set(_all(tags.get(BITS), count))) != 1 or len(set(_all(tags.get(FORMAT), count))) > 1:
        raise UnsupportedTiff(_described(tags, count))
    order = tags.prefix if hasattr(tags, "prefix") else b"II"
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}[kind]
    dtype = np.dtype(f"{'<' if order == b'II' else '>'}{letter}{bits // 8 if bits != 12 else 2}")
    values = _blocks(tags, stream, layout, dtype)
    alphas = [index for index, meaning in enumerate(extra) if meaning in (_ASSOCIATED, 2)]
    alpha = values[..., colours + alphas[0]] if alphas else None
    picture = values[..., 0] if colours == 1 else values[..., :3]
    meaning = Samples(12 if bits == 12 else 0, _maximum(tags, bits) if kind == _UNSIGNED else 0, photometric == 0)
    return picture, alpha, meaning, bool(alphas) and extra[alphas[0]] == _ASSOCIATED


class _Layout:
    """How the data of a picture are cut up: blocks of `height` x `width` pixels, by `per_block` samples.

    Raises ValueError or TypeError for tags that make no sense.
    """

    def __init__(self, tags: Tags) -> None:
        self.size = size_of(tags)
        self.tiled = TILES in tags
        columns, rows = self.size
        bits = _all(tags.get(BITS), 1)
        photometric, extra = tags.get(PHOTOMETRIC, 0), _extra(tags)
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
        rows = np.full(self.down, self.height, np.float64)
        rows[-1] = self.rows(self.down - 1)
        return np.tile(np.repeat(rows * self.row_bytes(), self.across), self.planes)


def _blocks(tags: Tags, stream: IO[bytes], layout: _Layout, dtype: np.dtype[Any]) -> Array:
    """H×W×samples."""
    offsets = _all(tags[TILES if layout.tiled else STRIPS], 1)
    counts = _all(tags.get(TILE_BYTES if layout.tiled else STRIP_BYTES), 0)
    compression, predictor = tags.get(COMPRESSION, 1), tags.get(PREDICTOR, 1)
    if predictor not in (1, 2, 3) or (predictor == 3) != (predictor == 3 and dtype.kind == "f"):
        raise UnsupportedTiff(f"predictor {predictor}")
    columns, rows = layout.size
    whole = np.empty(
        (layout.down * layout.height, layout.across * layout.width, layout.samples), dtype.newbyteorder("=")
    )
    each = layout.across * layout.down
    for index in range(each * layout.planes):
        plane, down, across = index // each, index % each // layout.across, index % layout.across
        height = layout.rows(down)
        length = height * layout.row_bytes()
        stream.seek(offsets[index])
        if compression == 1:
            data = stream.read(length)
        else:
            data = zlib.decompressobj().decompress(stream.read(counts[index]), length)
        if len(data) < length:
            raise OSError("image file is truncated")
        block = _block(data, height, layout, dtype, predictor)
        top, left = down * layout.height, across * layout.width
        place = whole[top : top + height, left : left + layout.width]
        if layout.planes > 1:
            place[..., plane] = block[..., 0]
        else:
            place[...] = block
    return whole[:rows, :columns]


def _block(data: bytes, height: int, layout: _Layout, dtype: np.dtype[Any], predictor: int) -> Array:
    """height × width × samples of a block, as numbers of this machine."""
    width, samples = layout.width, layout.per_block
    if layout.bits == 12:  # two samples in three bytes, each row by itself
        packed: Array = np.frombuffer(data, np.uint8).reshape(height, -1)
        packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 3))).reshape(height, -1, 3).astype(np.uint16)
        pairs = np.stack([packed[..., 0] << 4 | packed[..., 1] >> 4, (packed[..., 1] & 15) << 8 | packed[..., 2]], -1)
        return pairs.reshape(height, -1)[:, :width, None]
    if predictor == 3:  # differences of bytes, the highest bytes of a row first
        planes = np.frombuffer(data, np.uint8).reshape(height, dtype.itemsize, width * samples)
        flat = planes.reshape(height, -1, samples) if samples > 1 else planes.reshape(height, -1, 1)
        summed = np.add.accumulate(flat, 1, dtype=np.uint8).reshape(height, dtype.itemsize, width * samples)
        values = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
        return values.reshape(height, width, samples).astype(dtype.newbyteorder("="))
    values = np.frombuffer(data, dtype).reshape(height, width, samples).astype(dtype.newbyteorder("="))
    if predictor == 2:  # differences from the pixel on the left
        bits = values.view(f"u{dtype.itemsize}")
        return np.add.accumulate(bits, 1, dtype=bits.dtype).view(values.dtype)
    return values


def _described(tags: Tags, count: int) -> str:
    """Such as "RGB, 3 samples of 32 bits, LZW"."""
    colours = _COLOURS.get(tags.get(PHOTOMETRIC, 0), "unknown colours")
    bits = ", ".join(dict.fromkeys(f"{each}" for each in _all(tags.get(BITS), count)[:8]))
    packed = _COMPRESSIONS.get(tags.get(COMPRESSION, 1), f"compression {tags.get(COMPRESSION)}")
    kind = " floating-point" if _one(tags.get(FORMAT), _UNSIGNED) == _FLOAT else ""
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


def _maximum(tags: Tags, bits: int) -> int:
    """The number that is white, where the file says one that is less than all bits."""
    stated = _one(tags.get(MAXIMUM), 0)
    return stated if 0 < stated < (1 << bits) - 1 else 0


def _extra(tags: Tags) -> tuple[int, ...]:
    """What the samples beyond the colours are."""
    value = tags.get(EXTRA, ())
    return tuple(v for v in value if isinstance(v, int)) if isinstance(value, tuple) else ()


def _one(value: Any, otherwise: int) -> int:
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else otherwise


def _all(value: Any, count: int) -> tuple[Any, ...]:
    """A tag's values; one that stands for all samples is repeated."""
    values = value if isinstance(value, tuple) else (1,) if value is None else (value,)
    return values * count if len(values) == 1 and count > 1 else values

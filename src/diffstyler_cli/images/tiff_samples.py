"""The kinds of TIFF that Pillow does not read, with numpy.

Grey and RGB of 8 to 64 bits, whole numbers or floats, with alpha or not, in strips, tiles or planes, uncompressed or
deflated.
"""

from __future__ import annotations

import zlib
from typing import IO, Any

import numpy as np

from .tiff import (
    BITS,
    COMPRESSION,
    FORMAT,
    PHOTOMETRIC,
    PREDICTOR,
    STRIP_BYTES,
    STRIPS,
    TILE_BYTES,
    TILES,
    Layout,
    Samples,
    Tags,
    UnsupportedTiff,
    described,
    every,
    extra_of,
    maximum,
    one,
)

Array = np.ndarray[Any, np.dtype[Any]]

_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED = 1  # alpha by which the colours are multiplied already
_MOST_SAMPLES = 8


def decode(tags: Tags, stream: IO[bytes]) -> tuple[Array, Array | None, Samples, bool]:
    """The samples of a kind that Pillow does not read: colours H×W or H×W×3, alpha, what they mean, premultiplied.

    Raises `UnsupportedTiff` for other kinds, ValueError, TypeError or KeyError for tags that make no sense, `OSError`
    or `zlib.error` for damaged data.
    """
    photometric, compression = tags.get(PHOTOMETRIC, 0), tags.get(COMPRESSION, 1)
    layout = Layout(tags)
    bits, kind, count = layout.bits, one(tags.get(FORMAT), _UNSIGNED), layout.samples
    colours = {0: 1, 1: 1, 2: 3}.get(photometric, 0)
    extra = extra_of(tags)
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
    if not readable or len(set(every(tags.get(BITS), count))) != 1 or len(set(every(tags.get(FORMAT), count))) > 1:
        raise UnsupportedTiff(described(tags, count))
    order = tags.prefix if hasattr(tags, "prefix") else b"II"
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}[kind]
    dtype = np.dtype(f"{'<' if order == b'II' else '>'}{letter}{bits // 8 if bits != 12 else 2}")
    values = _blocks(tags, stream, layout, dtype)
    alphas = [index for index, meaning in enumerate(extra) if meaning in (_ASSOCIATED, 2)]
    alpha = values[..., colours + alphas[0]] if alphas else None
    picture = values[..., 0] if colours == 1 else values[..., :3]
    meaning = Samples(12 if bits == 12 else 0, maximum(tags, bits) if kind == _UNSIGNED else 0, photometric == 0)
    return picture, alpha, meaning, bool(alphas) and extra[alphas[0]] == _ASSOCIATED


def _blocks(tags: Tags, stream: IO[bytes], layout: Layout, dtype: np.dtype[Any]) -> Array:
    """H×W×samples."""
    offsets = every(tags[TILES if layout.tiled else STRIPS], 1)
    counts = every(tags.get(TILE_BYTES if layout.tiled else STRIP_BYTES), 0)
    compression, predictor = tags.get(COMPRESSION, 1), one(tags.get(PREDICTOR, 1), 0)  # 0: what is no number
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


def _block(data: bytes, height: int, layout: Layout, dtype: np.dtype[Any], predictor: int) -> Array:
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

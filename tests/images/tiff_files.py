"""TIFF files of kinds that Pillow does not write, tag by tag."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
SHORT, LONG, LONG8 = 3, 4, 16
_FORMATS = {SHORT: "H", LONG: "I", LONG8: "Q"}


def tiff_file(
    blocks: Sequence[bytes], tags: Mapping[int, Any], *, order: str = "<", tiled: bool = False, big: bool = False
) -> bytes:
    """A file with one page; `tags` are numbers or lists of numbers, offsets and lengths of the blocks are added."""
    offsets, lengths = (324, 325) if tiled else (273, 279)
    rows = {**tags, offsets: [0] * len(blocks), lengths: [len(block) for block in blocks]}
    for name, value in tags.items():
        if value is None:
            del rows[name]
    head, count, entry, wide = (16, 8, 20, "Q") if big else (8, 2, 12, "I")
    place = head + count + entry * len(rows) + (8 if big else 4)
    directory, extra = b"", b""
    bodies = {tag: _packed(value, order, LONG if tag == offsets else 0) for tag, value in rows.items()}
    start = place + sum(len(b) for _, _, b in bodies.values() if len(b) > (8 if big else 4))
    ends = np.cumsum([0, *(len(block) for block in blocks)])[:-1] + start
    bodies[offsets] = _packed([int(end) for end in ends], order, LONG)
    for tag, (kind, number, body) in sorted(bodies.items()):
        small = 8 if big else 4
        value = body.ljust(small, b"\0") if len(body) <= small else struct.pack(order + wide, place + len(extra))
        extra += body if len(body) > small else b""
        directory += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, number) + value
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    first = struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    number = struct.pack(order + ("Q" if big else "H"), len(rows))
    return mark + first + number + directory + bytes(8 if big else 4) + extra + b"".join(blocks)


def _packed(value: Any, order: str, kind: int = 0) -> tuple[int, int, bytes]:
    values = value if isinstance(value, list) else [value]
    kind = kind or (SHORT if max(values) < 65536 else LONG)
    return kind, len(values), struct.pack(f"{order}{len(values)}{_FORMATS[kind]}", *values)


def pixels_file(
    values: Array,
    photometric: int,
    *,
    order: str = "<",
    extra: Sequence[int] = (),
    rows: int = 0,
    tile: tuple[int, int] | None = None,
    planes: bool = False,
    deflate: bool = False,
    predictor: int = 1,
    big: bool = False,
    more: Mapping[int, Any] | None = None,
) -> bytes:
    """A file of numbers H×W or H×W×samples in their own type."""
    values = values if values.ndim == 3 else values[..., None]
    height, width, samples = values.shape
    dtype = values.dtype.newbyteorder(order)
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: dict[int, Any] = {
        256: width,
        257: height,
        258: [8 * dtype.itemsize] * samples,
        259: 8 if deflate else 1,
        262: photometric,
        277: samples,
        284: 2 if planes else 1,
        339: [kind] * samples,
    }
    tags |= {338: list(extra)} if extra else {}
    tags |= {317: predictor} if predictor > 1 else {}
    across, down = tile or (width, rows or height)
    tags |= {322: across, 323: down} if tile else {278: down}
    blocks = []
    for plane in np.split(values, samples, -1) if planes else [values]:
        for top in range(0, height, down):
            for left in range(0, width, across):
                block = plane[top : top + down, left : left + across]
                if tile:
                    missing = down - block.shape[0], across - block.shape[1]
                    block = np.pad(block, ((0, missing[0]), (0, missing[1]), (0, 0)))
                data = _differences(block, dtype, predictor)
                blocks.append(zlib.compress(data) if deflate else data)
    return tiff_file(blocks, {**tags, **(more or {})}, order=order, tiled=tile is not None, big=big)


def _differences(block: Array, dtype: np.dtype[Any], predictor: int) -> bytes:
    if predictor == 2:
        numbers = block.view(f"u{dtype.itemsize}")
        numbers = np.concatenate([numbers[:, :1], np.diff(numbers, axis=1)], 1)
        return numbers.astype(dtype.str.replace("f", "u").replace("i", "u")).tobytes()
    if predictor == 3:
        height, width, samples = block.shape
        raw = np.ascontiguousarray(block.astype(dtype.newbyteorder(">"))).view(np.uint8)
        planes = raw.reshape(height, width * samples, dtype.itemsize).transpose(0, 2, 1).reshape(height, -1, samples)
        return np.concatenate([planes[:, :1], np.diff(planes, axis=1)], 1).tobytes()
    return block.astype(dtype).tobytes()


def twelve_bits(values: Array) -> bytes:
    """Rows of numbers below 4096, two in three bytes."""
    width = values.shape[1]
    values = np.pad(values, ((0, 0), (0, width % 2)))
    a, b = values[:, 0::2].astype(int), values[:, 1::2].astype(int)
    rows = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], -1).astype(np.uint8).reshape(len(values), -1)
    return rows[:, : -(-width * 12 // 8)].tobytes()

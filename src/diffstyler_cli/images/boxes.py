"""Files made of boxes (ISO 14496-12: AVIF, HEIC, video): whether they are whole, and how their colours are coded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2")
_MOST = 1000
_LONGEST_META = 2**24


def brand(head: bytes) -> bytes:
    """The main brand, such as b"heic"; b"" of a file that is not made of boxes."""
    return head[8:12] if head[4:8] == b"ftyp" else b""


def brands(head: bytes) -> set[bytes]:
    """All brands of a file, by its first bytes."""
    if not brand(head):
        return set()
    length = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[place : place + 4] for place in range(16, length - 3, 4))}


def is_cut(stream: IO[bytes]) -> bool:
    """Whether a box ends behind the end of the file."""
    length = stream.seek(0, 2)
    return any(end > length for _, _, end in _outer(stream, length))


def colour_code(stream: IO[bytes]) -> tuple[int, int, bool] | None:
    """Primaries and transfer as numbers of H.273, and whether they use the full range; None where no nclx says."""
    length = stream.seek(0, 2)
    for kind, start, end in _outer(stream, length):
        if kind == b"meta" and end - start <= _LONGEST_META:
            stream.seek(start)
            data = stream.read(end - start)[4:]  # version and flags
            for outer in ("iprp", "ipco"):
                data = next((inner for name, inner in _inner(data) if name == outer.encode()), b"")
            for name, inner in _inner(data):
                if name == b"colr" and inner[:4] == b"nclx" and len(inner) >= 11:
                    primaries, transfer = struct.unpack(">HH", inner[4:8])
                    return primaries, transfer, bool(inner[10] & 0x80)
    return None


def _outer(stream: IO[bytes], length: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of the content, end) of the boxes of a file; the end may lie behind that of the file."""
    place = 0
    for _ in range(_MOST):
        stream.seek(place)
        head = stream.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        start = place + 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), place + 16
        if size == 0:  # to the end of the file
            size = length - place
        if size < start - place:
            return
        yield kind, start, place + size
        place += size
        if place >= length:
            return


def _inner(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    for _ in range(_MOST):
        if place + 8 > len(data):
            return
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size

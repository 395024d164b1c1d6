"""Hand-made image files and colour profiles that Pillow itself cannot write."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from diffstyler_cli.errors import DiffStylerError

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
GREY, RGB, GREY_ALPHA = 0, 2, 4


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def check_message(error: DiffStylerError) -> None:
    """A message is one line that any terminal can show, in words: no bytes, objects or types as Python spells them."""
    assert error.message.isprintable()
    assert error.advice.isprintable()
    spelt = r"""\bb['"]|\\x|<\w+[ .:]|literal for|' object|, got '|codec can't|unpack_from|: index out"""
    assert not re.search(spelt, error.message), error.message


def gradient(width: int = 24, height: int = 16) -> Image.Image:
    """A picture without symmetry, smooth enough for JPEG."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return Image.fromarray((np.stack([x, y, (1 - x) * y], -1) * 200 + 20).astype(np.uint8))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(rows: bytes, width: int, height: int, colour: int, bits: int = 16, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        PNG_MAGIC
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def rgb_profile(gamma: float = 1.0, order: tuple[int, int, int] = (0, 1, 2)) -> bytes:
    """An ICC profile of sRGB's primaries, in another order if asked, and a pure gamma curve."""
    primaries = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]
    tags = {name: _xyz(primaries[order[i]]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey_profile(gamma: float = 1.0) -> bytes:
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _curve(gamma)})


def cmyk_profile(lightness_of_paper: int = 255) -> bytes:
    """CMYK to Lab by a 2^4 table: every ink takes its share of the lightness, no ink has a colour."""
    table = b"".join(
        bytes([max(0, lightness_of_paper - 64 * bin(corner).count("1")), 128, 128]) for corner in range(16)
    )
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": lut})


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78,
        b"cprt": b"text\0\0\0\0" + text,
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += _xyz((0.9642, 1.0, 0.8249))[8:] + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + body


Image.init()
SEEDS = [
    saved(gradient().convert(mode), format)
    for format, mode in [
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("JPEG", "CMYK"),
        ("JPEG", "RGB"),
        ("GIF", "P"),
        ("WEBP", "RGB"),
        ("TIFF", "RGB"),
        ("BMP", "RGB"),
        ("TGA", "RGB"),
        ("PCX", "P"),
        ("ICO", "RGBA"),
        ("DDS", "RGBA"),
        ("SGI", "RGB"),
        ("ICNS", "RGBA"),
        ("JPEG2000", "RGB"),
        ("MPO", "RGB"),
        ("PPM", "RGB"),
        ("QOI", "RGB"),
        ("AVIF", "RGBA"),
        ("TIFF", "CMYK"),
        ("TIFF", "I"),
    ]
    if format in Image.SAVE
]
SEEDS += [
    saved(
        gradient(),
        format,
        icc_profile=rgb_profile(),
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0",
    )
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")
]
"""Sound files of every format that Pillow writes, to be damaged."""

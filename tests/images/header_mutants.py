"""Damaged files of the formats that are not in `mutants`, their frame sound: chunks of WebP and blocks of GIF with
right lengths, words of PBM to PFM, fields in the headers of BMP, TGA, PCX, ICO, DDS, SGI, QOI, PSD and others.
"""

from __future__ import annotations

import random
import struct
import warnings
from collections.abc import Callable

import numpy as np
from image_files import SEEDS, gradient, saved
from PIL import Image
from values import NUMBERS, body_of, changed

_RGB = np.asarray(gradient())
_HEIGHT, _WIDTH = _RGB.shape[:2]
_FRAMES = [gradient().rotate(180), gradient().convert("L").convert("RGB")]
_CUT_OUT = Image.merge("RGBA", (*gradient().split(), Image.linear_gradient("L").resize(gradient().size)))
_WEBP_CHUNKS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"abcd")

WEBPS = [
    *(data for data in SEEDS if data[8:12] == b"WEBP"),
    saved(_CUT_OUT, "WEBP"),
    saved(_CUT_OUT, "WEBP", lossless=True, exact=True),
    saved(gradient(), "WEBP", save_all=True, append_images=_FRAMES, duration=40),
]
GIFS = [
    *(data for data in SEEDS if data.startswith(b"GIF8")),
    saved(gradient().convert("P"), "GIF", transparency=3, interlace=1),
    saved(gradient().convert("P"), "GIF", save_all=True, append_images=_FRAMES, disposal=2, comment=b"text"),
]
NETPBMS = [
    *(saved(gradient().convert(mode), "PPM") for mode in ("1", "L", "RGB", "I;16", "F", "RGBA")),
    b"P1\n# text\n%d %d\n" % (_WIDTH, _HEIGHT) + b"0 1 " * (_WIDTH * _HEIGHT // 2),
    b"P2 %d %d 255\n" % (_WIDTH, _HEIGHT) + b" ".join(b"%d" % value for value in _RGB[..., 0].ravel()),
    b"P3 %d %d 1023 " % (_WIDTH, _HEIGHT) + b" ".join(b"%d" % value for value in _RGB.ravel()),
]


def _written(format: str, *modes: str, **options: object) -> list[bytes]:
    """Files of a format in several modes, where this Pillow writes it."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # a later Pillow will not write IM
        return [saved(gradient().convert(mode), format, **options) for mode in modes if format in Image.SAVE]


HEADED = [
    *_written("BMP", "1", "L", "P", "RGB", "RGBA"),
    *_written("DIB", "RGB"),
    *_written("TGA", "1", "L", "P", "RGBA"),
    *_written("TGA", "RGB", compression="tga_rle"),
    *_written("PCX", "1", "L", "P", "RGB"),
    *_written("ICO", "RGB", "RGBA", sizes=[(16, 16), (8, 8)]),
    *_written("ICO", "RGBA", sizes=[(16, 16)], bitmap_format="bmp"),
    *_written("DDS", "L", "RGB", "RGBA"),
    *_written("DDS", "RGBA", pixel_format="DXT5"),
    *_written("SGI", "L", "RGB"),
    *_written("QOI", "RGB", "RGBA"),
    *_written("ICNS", "RGBA"),
    *_written("JPEG2000", "RGBA", "L"),
    *_written("IM", "L", "RGB"),
    *_written("MSP", "1"),
    *_written("XBM", "1"),
    *_written("BLP", "P"),
    *_written("SPIDER", "F"),
    # those that Pillow reads and does not write: Photoshop, Sun raster, FITS
    struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, _HEIGHT, _WIDTH, 8, 3)
    + bytes(14) + _RGB.transpose(2, 0, 1).tobytes(),
    struct.pack(">8I", 0x59A66A95, _WIDTH, _HEIGHT, 24, _RGB.nbytes, 1, 0, 0) + _RGB.tobytes(),
    b"".join(b"%-80s" % line for line in (
        b"SIMPLE  =                    T", b"BITPIX  =                    8", b"NAXIS   =                    2",
        b"NAXIS1  = %20d" % _WIDTH, b"NAXIS2  = %20d" % _HEIGHT, b"END",
    )).ljust(2880) + _RGB[..., 0].tobytes().ljust(2880, b"\0"),
]  # fmt: skip
_ICONS = [data for data in HEADED if data.startswith(b"\0\0\1\0")]
HEADED.append(b"\0\0\2\0" + _ICONS[-1][4:])  # a cursor, whose picture is no PNG


def webp(rng: random.Random, data: bytes) -> bytes:
    """Chunks changed, left out, doubled, moved or put in, with right lengths; those in a frame of an animation, too."""
    chunks = []
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[place : place + 8])
        chunks.append((kind, data[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    for _ in range(rng.randint(1, 3)):
        index, what = rng.randrange(len(chunks)), rng.randrange(7)
        kind, body = chunks[index]
        if what == 0:
            chunks[index] = kind, changed(rng, body)
        elif what == 1 and len(chunks) > 1:
            del chunks[index]
        elif what == 2:
            chunks.insert(rng.randrange(len(chunks) + 1), (kind, changed(rng, body)))
        elif what == 3:
            chunks.insert(rng.randrange(len(chunks) + 1), (rng.choice(_WEBP_CHUNKS), body_of(rng)))
        elif what == 4:
            rng.shuffle(chunks)
        elif what == 5:
            chunks[index] = rng.choice(_WEBP_CHUNKS), body
        else:  # the canvas, the flags and, of a frame, its place are in the first bytes
            chunks[index] = kind, _with_fields(rng, body, 16, "<")
    parts = b"".join(k + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for k, b in chunks)
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


def gif(rng: random.Random, data: bytes) -> bytes:
    """The screen's fields, and blocks changed, left out, doubled or moved: extensions, frames and their palettes."""
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    head, blocks = bytearray(data[:place]), []
    while data[place : place + 1] in (b"!", b","):
        first = place
        local = data[place] == 0x2C and data[place + 9] & 0x80
        place += (11 + (3 << (data[place + 9] & 7) + 1 if local else 0)) if data[place] == 0x2C else 2
        while data[place]:
            place += 1 + data[place]
        place += 1
        blocks.append(data[first:place])
    for _ in range(rng.randint(1, 3)):
        index, what = rng.randrange(len(blocks)), rng.randrange(7)
        if what == 0:
            blocks[index] = changed(rng, blocks[index])
        elif what == 1 and len(blocks) > 1:
            del blocks[index]
        elif what == 2:
            blocks.insert(rng.randrange(len(blocks) + 1), changed(rng, blocks[index]))
        elif what == 3:
            rng.shuffle(blocks)
        elif what == 4:
            head[6:13] = _with_fields(rng, bytes(head[6:13]), 7, "<")
        elif what == 5:
            blocks[index] = _with_fields(rng, blocks[index], 12, "<")
        else:
            body = rng.randbytes(rng.randrange(20))
            blocks.insert(
                index, b"!" + rng.choice((b"\xf9", b"\xff", b"\xfe", b"\1")) + bytes([len(body)]) + body + b"\0"
            )
    return bytes(head) + b"".join(blocks) + b";" * (rng.random() < 0.9)


def netpbm(rng: random.Random, data: bytes) -> bytes:
    """Words of the header with others, one more or fewer; numbers among the pixels with others."""
    text = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        words = _words(bytes(text), 5)
        first, last = rng.choice(words if rng.random() < 0.8 or len(data) < 60 else _words(bytes(text), 10**6))
        new = rng.choice((
            b"%d" % rng.choice(NUMBERS), b"P%d" % rng.randrange(10), b"-1", b"nan", b"1e9", b"0.5", b"", b"x" * 5000,
            b"# text\n1", b"TUPLTYPE", b"\0", b"9" * 30, b"PF", b"Pf",
        ))  # fmt: skip
        text[first:last] = new
    if rng.random() < 0.2:
        del text[rng.randrange(2, len(text)) if len(text) > 3 else 1 :]
    return bytes(text)


def _words(data: bytes, most: int) -> list[tuple[int, int]]:
    found, start = [], None
    for place, value in enumerate(data):
        if value in b" \t\n\r":
            if start is not None:
                found.append((start, place))
            start = None
        elif start is None:
            start = place
        if len(found) == most:
            break
    return found or [(0, min(2, len(data)))]


def headed(rng: random.Random, data: bytes) -> bytes:
    """Fields of the header with other numbers, in either order of bytes."""
    found = _with_fields(rng, data, rng.choice((16, 32, 64, 128)), rng.choice("<>"))
    return found[: rng.randrange(len(found) + 1)] if rng.random() < 0.15 else found


def _with_fields(rng: random.Random, data: bytes, reach: int, order: str) -> bytes:
    edited = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice("BBHHI")
        size = struct.calcsize(kind)
        room = min(reach, len(edited)) - size
        if room >= 0:
            number = rng.choice((*NUMBERS, rng.randrange(64), rng.randrange(2**32)))
            place = rng.randint(0, room)
            edited[place : place + size] = struct.pack(order + kind, number & (256**size - 1))
    return bytes(edited)


Way = tuple[Callable[[random.Random, bytes], bytes], list[bytes]]
WAYS: tuple[Way, ...] = ((webp, WEBPS), (gif, GIFS), (netpbm, NETPBMS), (headed, HEADED))

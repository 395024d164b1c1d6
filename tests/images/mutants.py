"""Damaged files whose frame is sound: PNG parts with right checksums, TIFF tags, JPEG segments, boxes of AVIF, HEIC and
JPEG 2000; those of other formats are in `header_mutants`.

Random bytes seldom get past the first check of a decoder; these do.
"""

from __future__ import annotations

import random
import struct
from importlib.util import find_spec
from io import BytesIO

import numpy as np
from header_mutants import WAYS
from image_files import PNG_MAGIC, SEEDS, gradient, png_chunk, saved
from tiff_files import pixels_file, tiff_file, twelve_bits
from values import NUMBERS, body_of, changed

_RGB = np.asarray(gradient())
_PARTS = (b"tRNS", b"gAMA", b"cHRM", b"cICP", b"sRGB", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"PLTE",
          b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IHDR", b"IEND", b"tIME", b"sBIT", b"vpAg")  # fmt: skip
_TAGS = (254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 281, 282, 284, 296, 317, 320, 322, 323, 324,
         325, 330, 338, 339, 347, 530, 532, 700, 33723, 34665, 34675, 34853, 50706)  # fmt: skip

TIFFS = [
    *(data for data in SEEDS if data[:2] in (b"II", b"MM")),
    pixels_file((_RGB / 255).astype("f4"), 2, rows=5),
    pixels_file((_RGB / 255).astype("f4"), 2, deflate=True, predictor=3, tile=(16, 16)),
    pixels_file(_RGB.astype("u2") * 257, 2, planes=True, deflate=True, predictor=2, rows=4),
    pixels_file(_RGB[..., :2].astype("u2") * 257, 1, extra=[2], order=">"),
    pixels_file(_RGB[..., 0].astype("u4") * 16843009, 0, big=True),
    tiff_file([twelve_bits(_RGB[..., 0].astype(int) * 16)], {256: 24, 257: 16, 258: 12, 262: 0, 277: 1, 278: 16}),
    saved(gradient(), "TIFF", compression="tiff_lzw"),
    saved(gradient(), "TIFF", compression="jpeg"),
]
PNGS = [data for data in SEEDS if data.startswith(PNG_MAGIC)]
PNGS += [saved(gradient(), "PNG", save_all=True, append_images=[gradient().rotate(180)])]
JPEGS = [data for data in SEEDS if data.startswith(b"\xff\xd8")]
JPEGS += [saved(gradient(), "JPEG", progressive=True), saved(gradient().convert("L"), "JPEG")]
BOXED = [data for data in SEEDS if data[4:8] in (b"ftyp", b"jP  ")]
if find_spec("pillow_heif"):
    import pillow_heif

    for _mode in ("RGB", "RGBA", "L"):
        _file = BytesIO()
        pillow_heif.from_pillow(gradient(64, 64).convert(_mode)).save(_file)
        BOXED.append(_file.getvalue())


def mutated(rng: random.Random) -> bytes:
    """One more damaged file."""
    way, seeds = rng.choice(((png, PNGS), (tiff, TIFFS), (jpeg, JPEGS), (boxed, BOXED), *WAYS))
    return way(rng, rng.choice(seeds))


def png(rng: random.Random, data: bytes) -> bytes:
    """Parts changed, left out, doubled, moved or put in, their checksums right but for a few."""
    parts = []
    place = len(PNG_MAGIC)
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        parts.append((kind, data[place + 8 : place + 8 + length]))
        place += 12 + length
    for _ in range(rng.randint(1, 4)):
        index, what = rng.randrange(len(parts)), rng.randrange(6)
        kind, body = parts[index]
        if what == 0:
            parts[index] = kind, changed(rng, body)
        elif what == 1 and len(parts) > 1:
            del parts[index]
        elif what == 2:
            parts.insert(rng.randrange(len(parts) + 1), (kind, changed(rng, body)))
        elif what == 3:
            parts.insert(rng.randrange(len(parts) + 1), (rng.choice(_PARTS), body_of(rng)))
        elif what == 4:
            rng.shuffle(parts)
        else:
            parts[index] = rng.choice(_PARTS), body
    chunks = [png_chunk(kind, body) for kind, body in parts]
    if rng.random() < 0.2:
        spoilt = rng.randrange(len(chunks))
        chunks[spoilt] = chunks[spoilt][:-1] + bytes([chunks[spoilt][-1] ^ 1])
    return PNG_MAGIC + b"".join(chunks)


def tiff(rng: random.Random, data: bytes) -> bytes:
    """Entries of the first directory with other tags, types, counts and values."""
    changed_data = bytearray(data)
    order, big = "<" if data[:2] == b"II" else ">", data[2] == 43 or data[3] == 43
    start = struct.unpack(order + ("Q" if big else "I"), data[8:16] if big else data[4:8])[0]
    first, size, wide = (start + 8, 20, "Q") if big else (start + 2, 12, "I")
    count = struct.unpack(order + ("Q" if big else "H"), data[start:first])[0]
    for _ in range(rng.randint(1, 4)):
        entry = first + size * rng.randrange(count)
        what, number = rng.randrange(5), rng.choice((*NUMBERS, rng.randrange(len(data)), rng.randrange(2**32)))
        if what == 0:
            changed_data[entry : entry + 2] = struct.pack(order + "H", rng.choice(_TAGS))
        elif what == 1:
            changed_data[entry + 2 : entry + 4] = struct.pack(order + "H", rng.randrange(20))
        elif what == 2:
            changed_data[entry + 4 : entry + size // 2 + 2] = struct.pack(order + wide, number)
        elif what == 3:
            changed_data[entry + size // 2 + 2 : entry + size] = struct.pack(order + wide, number)
        else:
            changed_data[entry + size // 2 + 2 : entry + size // 2 + 4] = struct.pack(order + "H", number & 0xFFFF)
    if rng.random() < 0.2:
        del changed_data[rng.randrange(8, len(changed_data)) :]
    return bytes(changed_data)


def jpeg(rng: random.Random, data: bytes) -> bytes:
    """Segments changed, left out, doubled, moved or put in, with right lengths; or the scan cut."""
    segments, place = [], 2
    while data[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        segments.append((data[place + 1], data[place + 4 : end]))
        place = end
    scan = data[place:]
    for _ in range(rng.randint(1, 3)):
        index, what = rng.randrange(len(segments)), rng.randrange(6)
        marker, body = segments[index]
        if what == 0:
            segments[index] = marker, changed(rng, body)
        elif what == 1 and len(segments) > 1:
            del segments[index]
        elif what == 2:
            segments.insert(rng.randrange(len(segments) + 1), (marker, changed(rng, body)))
        elif what == 3:
            segments.insert(rng.randrange(len(segments) + 1), (rng.randrange(0xC0, 0xFF), body_of(rng)))
        elif what == 4:
            rng.shuffle(segments)
        else:
            scan = scan[: rng.randrange(len(scan) + 1)] if rng.random() < 0.5 else changed(rng, scan)
    head = b"".join(bytes((0xFF, m)) + struct.pack(">H", (len(b) + 2) & 0xFFFF) + b for m, b in segments)
    return b"\xff\xd8" + head + scan


def boxed(rng: random.Random, data: bytes) -> bytes:
    """A box, at any depth, with another length, kind or content."""
    changed_data = bytearray(data)
    places = [place for place in range(len(data) - 8) if data[place + 4 : place + 8].isalpha()]
    for _ in range(rng.randint(1, 3)):
        place, what = rng.choice(places), rng.randrange(3)
        if what == 0:
            changed_data[place : place + 4] = struct.pack(">I", rng.choice((*NUMBERS, rng.randrange(len(data)))))
        elif what == 1:
            other = rng.choice(places)
            changed_data[place + 4 : place + 8] = data[other + 4 : other + 8]
        else:
            index = min(place + 8 + rng.randrange(40), len(changed_data) - 1)
            changed_data[index] = rng.randrange(256)
    return bytes(changed_data)

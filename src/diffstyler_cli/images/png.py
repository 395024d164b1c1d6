"""PNG files before Pillow sees them: parts that it would stumble over are left out, colours become a profile.

A wrong checksum in a comment costs the picture nothing, and every viewer shows it; Pillow refuses the file.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from PIL import Image

from .profiles import SRGB, SRGB_CURVE, Primaries, coded, rgb_profile

MAGIC = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 100_000
"""A file with more goes to Pillow as it is."""
LONGEST_PROFILE = 16 * 2**20
_SEEN = {b"tRNS": "transparency", b"iCCP": "colours", b"cICP": "colours", b"gAMA": "colours", b"cHRM": "colours",
         b"sRGB": "colours", b"eXIf": "EXIF data", b"acTL": "animation", b"fcTL": "animation"}  # fmt: skip
"""Parts without which a picture looks different, and what they hold."""
_SHORTEST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
_LONGEST_FACT = 64 * 2**20
_SRGB_GAMMA = 1 / 2.2
_DEVIATION = 0.05  # of a gamma from 1/2.2 that is still sRGB, as in libpng


@dataclass
class PngFacts:
    """What a PNG file says before its pixels.

    Args:
        bits: of a sample as it is stored.
        profile: of the colours; None for sRGB.
        notes: what a person should know.
    """

    bits: int = 8
    profile: bytes | None = None
    notes: list[str] = field(default_factory=list)


def tidied(stream: IO[bytes]) -> tuple[IO[bytes], PngFacts]:
    """The file without ancillary parts that are damaged, at its beginning; and what it says."""
    found: dict[str, bytes] = {}
    kept: list[tuple[int, int]] = []
    notes: list[str] = []
    bits, pixels, dropped, start = 8, False, False, len(MAGIC)
    stream.seek(start)
    for _ in range(MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8 or not head[4:].isalpha():
            break
        length, kind = struct.unpack(">I4s", head)
        end = start + 12 + length
        if kind == b"IHDR":
            bits = (stream.read(9) + bytes(9))[8]
        elif kind[0] & 0x20 and kind != b"fdAT":  # the fifth bit of the first letter: not needed for the pixels
            data = stream.read(length) if length <= _LONGEST_FACT else b""
            checksum = stream.read(4)
            whole = len(data) == length and len(checksum) == 4
            if whole and length < _SHORTEST.get(kind, 0):  # it says nothing, and Pillow would refuse the file
                dropped = True
                if not pixels:
                    found.setdefault(kind.decode(), data)
                start = end
                stream.seek(start)
                continue
            if whole and checksum != struct.pack(">I", zlib.crc32(kind + data)):
                dropped = True
                if kind in _SEEN and not pixels:
                    notes.append(f"a part of the file is damaged and left out: its {_SEEN[kind]}")
                start = end
                stream.seek(start)
                continue
            if whole and not pixels:
                found.setdefault(kind.decode(), data)
            if kind == b"iCCP":  # Pillow takes no more than a text of it; it is used below
                dropped = True
                start = end
                stream.seek(start)
                continue
        pixels = pixels or kind == b"IDAT"
        kept.append((start, end))
        start = end
        stream.seek(start)
        if kind == b"IEND":
            break
    else:
        dropped = False
    if dropped:
        stream = _without(stream, kept, start)
    stream.seek(0)
    facts = PngFacts(bits, None, notes)
    _colours(found, facts)
    return stream, facts


def scale_key(image: Image.Image, bits: int) -> None:
    """Brings the transparent grey of a PNG of 2 or 4 bits to the 8 bits that Pillow gives its pixels."""
    key = image.info.get("transparency")
    if image.mode == "L" and bits in (2, 4) and isinstance(key, int):
        image.info["transparency"] = (key & ((1 << bits) - 1)) * (255 // ((1 << bits) - 1))


def low_bytes(stream: IO[bytes], size: tuple[int, int]) -> Image.Image | None:
    """The low bytes of the samples of a PNG of 16-bit RGB, whose high bytes are what Pillow reads."""
    stream.seek(0)
    with Image.open(stream) as image:
        if [tile[3] for tile in image.tile] != ["RGB;16B"] or image.size != size:
            return None
        image.tile = [image.tile[0]._replace(args="RGB;16L")]
        image.load()
        return image.copy()


def without_colour(image: Image.Image, low: Image.Image, key: tuple[int, ...]) -> Image.Image:
    """`image`, the high bytes, with the colour `key` of 16 bits made transparent."""
    import numpy as np

    values = np.asarray(image).astype(np.uint16) << 8 | np.asarray(low)
    keyed = (values == np.array(key, np.uint16)).all(-1)
    result = image.convert("RGB")
    result.info.pop("transparency", None)
    result.putalpha(Image.fromarray(np.where(keyed, 0, 255).astype(np.uint8)))
    return result


def _without(stream: IO[bytes], kept: list[tuple[int, int]], rest: int) -> IO[bytes]:
    whole = BytesIO()
    whole.write(MAGIC)
    for start, end in [*kept, (rest, -1)]:
        stream.seek(start)
        whole.write(stream.read() if end < 0 else stream.read(end - start))
    return whole


def _colours(found: dict[str, bytes], facts: PngFacts) -> None:
    """Sets the profile by the part that counts: cICP over iCCP over sRGB over gAMA and cHRM (PNG, third edition)."""
    embedded = _embedded(found["iCCP"]) if "iCCP" in found else None
    code = found.get("cICP", b"")
    if len(code) == 4:
        facts.profile, note = coded(code[0], code[1], full_range=code[2] == 0 and code[3] == 1)
        if note and embedded is not None:
            facts.profile, note = embedded, ""
        facts.notes += [note] if note else []
        return
    if embedded is not None or "iCCP" in found:
        facts.profile = embedded
        if not embedded:
            facts.notes.append("the colour profile cannot be used (it is damaged): colours are taken as sRGB")
            facts.profile = None
        return
    if "sRGB" in found:
        return
    stated = [name for name in ("gAMA", "cHRM") if name in found]
    if not stated:
        return
    try:
        facts.profile = _stated(found.get("gAMA"), found.get("cHRM"))
    except (ValueError, struct.error):
        facts.notes.append(f"its {' and '.join(stated)} make no sense: colours are taken as sRGB")


def _embedded(data: bytes) -> bytes | None:
    """The ICC profile of an iCCP part; None where it cannot be unpacked or is longer than any profile."""
    _, _, rest = data.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(rest[1:], LONGEST_PROFILE) if rest[:1] == b"\0" else b""
    except zlib.error:
        return None
    return profile if profile and not unpacker.unconsumed_tail else None


def _stated(gamma: bytes | None, chromaticities: bytes | None) -> bytes | None:
    """The profile of gAMA and cHRM; None where they say sRGB. Raises ValueError where they say nothing possible."""
    primaries, curve, name = SRGB, SRGB_CURVE, []
    if gamma is not None:
        value = struct.unpack(">I", gamma[:4])[0] / 100_000
        if not 0.05 <= value <= 5:
            raise ValueError("no gamma")
        if abs(value / _SRGB_GAMMA - 1) > _DEVIATION:
            curve = (1 / value,)
            name.append(f"gamma {value:g}")
    if chromaticities is not None:
        numbers = [value / 100_000 for value in struct.unpack(">8I", chromaticities[:32])]
        stated = Primaries(*zip(numbers[::2], numbers[1::2], strict=True))
        if not stated.near(SRGB):
            primaries = stated
            name.append("primaries of its own")
    return rgb_profile(primaries, curve, ", ".join(name)) if name else None

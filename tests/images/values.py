"""What damaged files have in the places of what was there."""

from __future__ import annotations

import random

from image_files import cmyk_profile, grey_profile, rgb_profile

PROFILES = [rgb_profile(), grey_profile(), cmyk_profile()]
NUMBERS = (0, 1, 2, 3, 7, 8, 12, 16, 32, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def changed(rng: random.Random, body: bytes) -> bytes:
    """Some bytes with other values; or some more, or fewer."""
    edited = bytearray(body or b"\0")
    for _ in range(rng.randint(1, 3)):
        edited[rng.randrange(len(edited))] = rng.choice((0, 1, 2, 16, 127, 128, 255, rng.randrange(256)))
    return bytes(edited[: rng.randrange(len(edited) + 1)] if rng.random() < 0.15 else edited)


def body_of(rng: random.Random) -> bytes:
    """Anything that may stand in a part."""
    return rng.choice((b"", b"\0" * 32, rng.randbytes(rng.randrange(64)), b"x\0\0" + rng.choice(PROFILES)))

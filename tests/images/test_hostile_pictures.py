"""Damaged and made-up files: each is read or refused, never anything else; what became of them is counted.

1,600 with a sound frame in the fast suite; marked slow, 60,000 damaged anyhow and 60,000 with a sound frame where they
are counted, elsewhere a twentieth of it, others each time.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from image_files import SEEDS, check_message, gradient, saved
from mutants import mutated
from values import PROFILES

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image, read_recipe

FILES, FRAMED, FEW = 60_000, 60_000, 800
PARTS, SHARE = 10, 20


def edited(rng: random.Random, data: bytes) -> bytes:
    """Some bytes changed, most often near the beginning, where the headers are."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        reach = rng.choice((16, 64, 256, len(data)))
        changed[rng.randrange(min(reach, len(data)))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def repeated(rng: random.Random, data: bytes) -> bytes:
    """A piece of it twice."""
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:b] + data[a:]


def spliced(rng: random.Random, data: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    other = rng.choice(SEEDS)
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def profiled(rng: random.Random, data: bytes) -> bytes:
    """A sound picture with a damaged colour profile."""
    return saved(gradient(), rng.choice(("PNG", "JPEG", "TIFF")), icc_profile=edited(rng, rng.choice(PROFILES)))


def noise(rng: random.Random, data: bytes) -> bytes:
    """Anything, behind the first bytes of a format or not."""
    return data[: rng.choice((0, 2, 4, 8, 12, 16))] + rng.randbytes(rng.randrange(300))


WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (edited, edited, cut, repeated, spliced, profiled, noise)


def outcome(data: bytes) -> str:
    """ "read", or what it is refused for, without what is particular to this file."""
    try:
        loaded = read_image(data, max_pixels=2**20)
    except InputImageError as error:
        check_message(error)
        return "refused: " + re.sub(r"[\d,]*\d|\([^)]*\)", "…", error.message.removeprefix("image "))[:100]
    assert loaded.rgb.mode == "RGB"
    assert all(note.isprintable() for note in loaded.notes)
    return "read, with a notice" if loaded.notes else "read"


def judge(
    rng: random.Random, count: int, make: Callable[[random.Random], bytes], tried: Callable[[str, Counter[str]], None]
) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(count):
        data = make(rng)
        try:
            outcomes[outcome(data)] += 1
            read_recipe(data)
        except InputImageError as error:
            check_message(error)
        except BaseException as error:
            raise AssertionError(f"file {number} of these: {data!r}") from error
    assert outcomes["read"] > 0
    assert len(outcomes) > 1
    tried("pictures", outcomes)


def any_damage(rng: random.Random) -> bytes:
    return rng.choice(WAYS)(rng, rng.choice(SEEDS))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("make", "count"), [(any_damage, FILES // PARTS), (mutated, FRAMED // PARTS)])
def test_every_file_is_read_or_refused(
    make: Callable[[random.Random], bytes], count: int, part: int, counting: bool, tried: Callable[..., None]
) -> None:
    judge(random.Random(part) if counting else random.Random(), count if counting else count // SHARE, make, tried)


@pytest.mark.parametrize("part", range(2))
def test_a_few_files_with_a_sound_frame(part: int, tried: Callable[[str, Counter[str]], None]) -> None:
    judge(random.Random(2000 + part), FEW, mutated, tried)

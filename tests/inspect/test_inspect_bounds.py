"""`inspect` takes bounded time, and no recipe raises a limit."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from cli_harness import QUICK, Outcome
from PIL import Image

from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.images.write import write_image

Cli = Callable[..., Outcome]


def _pages(count: int) -> bytes:
    """A TIFF of `count` pages of one pixel that share it."""
    rows = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (278, 1), (279, 1))
    length, data = 2 + 12 * len(rows) + 4, struct.pack("<2sHI", b"II", 42, 12) + bytes(4)
    for page in range(count):
        following = 12 + (page + 1) * length if page + 1 < count else 0
        data += struct.pack("<H", len(rows)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in rows)
        data += struct.pack("<I", following)
    return data


def _frames(count: int) -> bytes:
    """A GIF of `count` frames of one pixel."""
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * count + b";"


def test_pages_and_frames_are_counted_up_to_a_thousand(cli: Cli, photo: Path) -> None:
    for name, make in (("pages.tif", _pages), ("frames.gif", _frames)):
        for count, shown in ((3, "3"), (1000, "1000"), (1001, "more than 1,000"), (5000, "more than 1,000")):
            Path(name).write_bytes(make(count))
            out = cli("inspect", name).out.decode()
            assert any(line.split()[:1] == ["frames"] and shown in line for line in out.splitlines()), (
                name,
                count,
                out,
            )


def test_a_tiff_that_lacks_strips_is_damaged(cli: Cli, photo: Path) -> None:
    rows = ((256, 40), (257, 1835008), (258, 8), (259, 1), (262, 1), (273, 8), (278, 1), (279, 1))
    data = struct.pack("<2sHI", b"II", 42, 12) + bytes(4) + struct.pack("<H", len(rows))
    data += b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in rows) + bytes(4)
    Path("tall.tif").write_bytes(data)
    outcome = cli("stylize", "tall.tif", "oil")
    assert outcome.code == 3
    assert "1 of 1,835,008 strips are there" in outcome.err


def test_a_recipe_raises_no_limit_of_pixels(cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "oil", "-o", "out.png", *QUICK).code == 0
    recipe = read_recipe(Path("out.png"))
    assert recipe is not None
    recipe["input"]["size"] = [2**31 - 1, 2**31 - 1]
    write_image(Image.new("RGB", (8, 8)), Path("hostile.png"), recipe)
    assert "--max-pixels" not in cli("inspect", "hostile.png", "--command").out.decode()
    given = cli("inspect", "hostile.png", "--command", "--max-pixels", "200000000").out.decode()
    assert "--max-pixels 200000000" in given


def test_compare_says_sizes_and_style_images_and_writes_no_infinity(cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "oil", "--style-image", photo, "-o", "out.png", *QUICK).code == 0
    recipe = read_recipe(Path("out.png"))
    assert recipe is not None
    for step in recipe["steps"]:
        step.update(dict.fromkeys(step, 1e308))
    for loss in recipe["losses"].values():
        loss["final"]["weight"] = 1e308
    write_image(Image.new("RGB", (8, 8)), Path("other.png"), recipe)
    photo.unlink()
    outcome = cli("inspect", "--compare", "out.png", "other.png", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["scores"]["weighted sum, last step"][1] is None
    assert "differ in size (32 x 24 and 8 x 8)" in outcome.err
    assert "The CLIP score of out.png leaves photo.png out." in outcome.err

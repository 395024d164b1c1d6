"""--palette FILE through the whole method: the Python API, the command line, recipes, replay and sweeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli import Stylizer
from diffstyler_cli.images import read_image, read_recipe
from diffstyler_cli.images.recolour import oklab

PHOTO = Path(__file__).parents[2] / "docs" / "pictures" / "macaws.jpg"
SMALL = {"size": 64, "steps": 2, "cutouts": 2, "seed": 7, "guidance_scale": 0.0}
TINY = ("--size", "64", "--steps", "2", "--guidance-scale", "0", "--seed", "7")
QUICK = ("--steps", "2", "-o", "out.png")
Lite = Callable[..., tuple[int, str, str]]
Cli = Callable[..., Any]


@pytest.fixture
def dusk(photo: Path) -> Path:
    """dusk.png, blue to orange, beside the photo."""
    path = photo.with_name("dusk.png")
    colours = np.linspace((20, 30, 110), (250, 150, 70), 60)[:, None].repeat(40, 1)
    Image.fromarray(colours.astype(np.uint8)).save(path)
    Image.open(PHOTO).crop((60, 40, 150, 110)).save(photo)
    return path


def mean(picture: Image.Image) -> Any:
    return oklab(np.asarray(picture.convert("RGB"))).reshape(-1, 3).mean(0)


def test_the_result_has_the_palettes_colours_and_the_photos_where_those_are_kept(
    stylizer: Stylizer, dusk: Path
) -> None:
    plain, kept = (stylizer.stylize(PHOTO, "oil painting", **SMALL, keep_color=share).image for share in (0.0, 1.0))
    moved = stylizer.stylize(PHOTO, "oil painting", palette=dusk, **SMALL)
    half = stylizer.stylize(PHOTO, "oil painting", palette=read_image(dusk), **SMALL, keep_color=0.5).image
    wanted = mean(Image.open(dusk))
    assert np.abs(mean(moved.image) - wanted).max() < 0.03 < np.abs(mean(plain) - wanted).max()
    assert moved.recipe["palette"] == {"name": "dusk.png", "pixels_sha256": read_image(dusk).fingerprint}
    assert np.abs(mean(half) - (mean(moved.image) + mean(kept)) / 2)[1:].max() < 0.02
    assert "palette" not in stylizer.stylize(PHOTO, "oil painting", **SMALL).recipe


def test_transparency_counts_for_nothing_and_is_restored(stylizer: Stylizer, dusk: Path) -> None:
    photo = Image.open(PHOTO).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    image = stylizer.stylize(photo, "mosaic", palette=dusk, **SMALL).image
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema()[0] < 10


def test_a_replay_finds_the_palette_and_is_the_same_file(dusk: Path, lite_cli: Lite) -> None:
    line = ("stylize", "photo.png", "woodcut", *TINY, "--palette", "dusk.png", "--keep-color", "0.25", "-o", "out.png")
    assert lite_cli(*line)[0] == 0
    assert "palette dusk.png" in " ".join(lite_cli("inspect", "out.png")[1].split())
    code, out, err = lite_cli("inspect", "out.png", "--replay", "--json")
    assert code == 0, err
    assert json.loads(out)["replay"]["identical"]
    assert Path("out-replay.png").read_bytes() == Path("out.png").read_bytes()


def test_another_or_no_palette_of_that_name_is_noticed(dusk: Path, cli: Cli) -> None:
    assert cli("stylize", "photo.png", "oil", "--palette", "dusk.png", *QUICK).code == 0
    Image.new("RGB", (9, 9)).save("dusk.png")
    said = cli("inspect", "out.png", "--command")
    assert "--palette dusk.png" in said.out.decode()
    assert "dusk.png is not the palette that the picture was made of: its pixels differ." in said.err
    Path("dusk.png").unlink()
    said = cli("inspect", "out.png", "--command")
    assert "--palette dusk.png" in said.out.decode()
    assert "The palette dusk.png is neither beside the picture nor in this folder: put it there." in said.err


def test_a_sweep_has_the_pictures_of_stylize_and_is_another_one_with_another_palette(
    dusk: Path, lite_cli: Lite
) -> None:
    line = ("sweep", "photo.png", "woodcut", *TINY, "--lambda", "0.5,1", "--batch", "1", "-o", "sweep")
    assert lite_cli(*line, "--palette", "dusk.png")[0] == 0
    cells = sorted(Path("sweep/cells").iterdir())
    words = ("stylize", "photo.png", "woodcut", *TINY, "--palette", "dusk.png")
    for share, cell in zip(("0.5", "1"), cells, strict=True):
        assert lite_cli(*words, "--lambda", share, "-o", f"{share}.png")[0] == 0
        with Image.open(cell) as one, Image.open(f"{share}.png") as other:
            assert one.tobytes() == other.tobytes()
        assert (read_recipe(cell) or {})["palette"]["name"] == "dusk.png"
    code, _, err = lite_cli(*line)
    assert code == 2
    assert "palette name dusk.png there, none now" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--palette", "gone.png"), 3, "gone.png does not exist"),
        (("--palette", "words.txt"), 3, "words.txt is not an image"),
        (("--palette", "-"), 2, "--palette takes a file"),
        (("--palette", "https://example.org/a.jpg"), 2, "is an address"),
        (("--palette", "dusk.png", "--keep-color"), 2, "--palette has no colours to give"),
        (("--palette", "dusk.png", "-o", "dusk.png", "--force"), 2, "is an input file"),
    ],
)
def test_what_is_no_palette_or_has_no_effect_is_refused(
    dusk: Path, cli: Cli, words: tuple[str, ...], code: int, message: str
) -> None:
    Path("words.txt").write_text("no picture")
    done = cli("stylize", "photo.png", "oil", *words)
    assert done.code == code
    assert message in done.err


def test_the_printed_command_names_the_palette(dusk: Path, cli: Cli) -> None:
    dusk.rename("-d.png")
    done = cli("stylize", "photo.png", "oil", "--palette=-d.png", *QUICK)
    assert done.code == 0, done.err
    assert "--palette ./-d.png" in done.err

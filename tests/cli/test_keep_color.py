"""--keep-color through the whole method: the Python API, the command line, recipes, replay, sweeps and presets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli import Stylizer
from diffstyler_cli.images import read_recipe
from diffstyler_cli.images.recolour import oklab

PHOTO = Path(__file__).parents[2] / "docs" / "pictures" / "macaws.jpg"
SMALL = {"size": 64, "steps": 2, "cutouts": 2, "seed": 7, "guidance_scale": 0.0}
TINY = ("--size", "64", "--steps", "2", "--guidance-scale", "0", "--seed", "7")
Lite = Callable[..., tuple[int, str, str]]


def lab(image: Image.Image) -> np.ndarray[Any, np.dtype[Any]]:
    return oklab(np.asarray(image.convert("RGB")))


def test_the_result_has_its_own_lightness_and_the_photos_colours(stylizer: Stylizer) -> None:
    plain, half, kept = (
        stylizer.stylize(PHOTO, "woodcut", **SMALL, keep_color=share).image for share in (0.0, 0.5, 1.0)
    )
    assert plain.tobytes() == stylizer.stylize(PHOTO, "woodcut", **SMALL).image.tobytes()
    assert np.abs(lab(kept) - lab(plain))[..., 0].mean() < 0.002
    photo = lab(Image.open(PHOTO).resize(plain.size, Image.Resampling.LANCZOS))
    middle = (lab(plain)[..., 0] > 0.4) & (lab(plain)[..., 0] < 0.8)  # elsewhere a screen has no room for chroma
    far = {name: np.abs(lab(image) - photo)[middle][:, 1:].mean() for name, image in
           {"plain": plain, "half": half, "kept": kept}.items()}  # fmt: skip
    assert far["kept"] < 0.6 * far["half"] < 0.6 * far["plain"]


def test_colours_are_the_photos_at_its_own_size_and_alpha_is_restored_on_top(stylizer: Stylizer) -> None:
    photo = Image.new("RGB", (150, 100), (200, 60, 60))
    photo.paste((0, 0, 255), (75, 0, 150, 100))
    hidden = Image.new("L", photo.size, 255)
    hidden.paste(0, (75, 0, 150, 100))
    photo.putalpha(hidden)
    image = stylizer.stylize(photo, "woodcut", **{**SMALL, "size": "original"}, keep_color=1.0).image
    assert (image.size, image.mode) == ((150, 100), "RGBA")
    assert image.getchannel("A").tobytes() == hidden.tobytes()
    seen = lab(image)[:, :75]
    assert seen[..., 1].min() >= -0.004, "red everywhere, as much as its lightness lets it be"
    assert seen[..., 2].min() >= -0.004, "nothing of the blue that is hidden"


def test_a_grey_photo_gives_a_grey_picture(stylizer: Stylizer) -> None:
    image = stylizer.stylize(Image.open(PHOTO).convert("L"), "van gogh", **SMALL, keep_color=1.0).image
    assert np.ptp(np.asarray(image).astype(int), axis=-1).max() <= 1


@pytest.mark.parametrize(
    ("words", "share"),
    [
        (("--keep-color", "photo.png", "woodcut"), 1.0),
        (("photo.png", "woodcut", "--keep-color"), 1.0),
        (("--keep-color", "--", "photo.png", "woodcut"), 1.0),
        (("photo.png", "--keep-color", "0.25", "woodcut"), 0.25),
        (("photo.png", "--keep-color", ".5", "woodcut"), 0.5),
        (("photo.png", "--keep-color=0.5", "woodcut"), 0.5),
    ],
)
def test_alone_it_means_all_and_a_number_behind_it_is_its_share(
    photo: Path, cli: Callable[..., Any], words: tuple[str, ...], share: float
) -> None:
    done = cli("stylize", "-o", "out.png", "--steps", "2", *words)
    assert done.code == 0, done.err
    recipe = read_recipe(Path("out.png")) or {}
    assert recipe["settings"]["keep_color"] == share
    assert [row["text"] for row in recipe["prompts"]] == ["woodcut"]
    assert f"--keep-color {share:g} " in cli("inspect", "out.png", "--command").out.decode()


@pytest.mark.parametrize("value", ["1.5", "-0.5", "=half", "0.5:1"])
def test_what_is_no_share_is_refused(photo: Path, cli: Callable[..., Any], value: str) -> None:
    words = [f"--keep-color{value}"] if value.startswith("=") else ["--keep-color", value]
    done = cli("stylize", "photo.png", "woodcut", *words)
    assert done.code == 2
    assert "--keep-color" in done.err


def test_a_replay_is_the_same_file(photo: Path, lite_cli: Lite) -> None:
    Image.open(PHOTO).crop((60, 40, 150, 110)).save("photo.png")
    assert lite_cli("stylize", "photo.png", "woodcut", *TINY, "--keep-color", "0.7", "-o", "out.png")[0] == 0
    code, out, err = lite_cli("inspect", "out.png", "--replay", "--json")
    assert code == 0, err
    assert json.loads(out)["replay"]["identical"]
    assert Path("out-replay.png").read_bytes() == Path("out.png").read_bytes()


def test_it_is_an_axis_of_sweeps_whose_cells_are_the_pictures_of_stylize(photo: Path, lite_cli: Lite) -> None:
    Image.open(PHOTO).crop((60, 40, 150, 110)).save("photo.png")
    line = ("sweep", "photo.png", "woodcut", *TINY, "--keep-color", "0:1:0.5", "-o", "sweep")
    code, _, err = lite_cli(*line)
    assert code == 0, err
    cells = sorted(Path("sweep/cells").iterdir())
    assert [cell.stem.partition("keep-color-")[2] for cell in cells] == ["0", "0.5", "1"]
    for share, cell in zip(("0", "0.5", "1"), cells, strict=True):
        assert lite_cli("stylize", "photo.png", "woodcut", *TINY, "--keep-color", share, "-o", f"{share}.png")[0] == 0
        with Image.open(cell) as one, Image.open(f"{share}.png") as other:
            assert one.tobytes() == other.tobytes()


def test_a_preset_may_hold_it(photo: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.toml").write_text("[preset.mine]\nkeep-color = 0.5\n")
    monkeypatch.setenv("DIFFSTYLER_CONFIG", "config.toml")
    assert cli("stylize", "photo.png", "woodcut", "--preset", "mine", "-o", "a.png", "--steps", "2").code == 0
    assert (read_recipe(Path("a.png")) or {})["settings"]["keep_color"] == 0.5

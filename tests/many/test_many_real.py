"""Many photos with the real lite models, at the smallest settings."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import environment
from PIL import Image, ImageChops

from diffstyler_cli.images.metadata import read_recipe

TINY = ("--size", "64", "--steps", "2", "--models", "lite", "--device", "cpu", "--dtype", "fp32", "--seed", "3")
Cli = Callable[..., tuple[int, str, str]]


def made_photos(count: int) -> None:
    Path("photos").mkdir()
    for number in range(count):
        picture = Image.linear_gradient("L").rotate(7 * number).resize((40 + number, 30)).convert("RGB")
        picture.save(f"photos/{number:02d}.png", dpi=(100, 100))


def test_a_picture_of_many_is_that_of_one(lite_cli: Cli) -> None:
    made_photos(3)
    more = ("--quality", "80", "--keep-exif", "--frame", "1")
    code, _, err = lite_cli("stylize", "photos", "oil painting:2", "-o", "out", "--format", "webp", *TINY, *more[:3])
    assert code == 0, err
    for number in (0, 2):
        words = (f"photos/{number:02d}.png", "oil painting:2", "-o", f"{number}.webp", *TINY, *more[:3])
        assert lite_cli("stylize", *words)[0] == 0
        many, one = Path(f"out/{number:02d}-oil-painting.webp"), Path(f"{number}.webp")
        with Image.open(many) as first, Image.open(one) as second:
            assert first.tobytes() == second.tobytes()
            assert first.info.get("dpi") == second.info.get("dpi")
        recipes = [read_recipe(path) or {} for path in (many, one)]
        for recipe in recipes:
            del recipe["timings"]
        assert recipes[0] == recipes[1]
    code, _, err = lite_cli("inspect", "out/02-oil-painting.webp", "--replay", "--photo", "photos/02.png")
    assert code == 0, err


def test_masks_regions_palette_and_sizes_are_those_of_one_photo_and_tell_pictures_apart(lite_cli: Cli) -> None:
    made_photos(2)
    Image.new("RGB", (40, 30), "red").save("palette.png")
    for name, box in (("left.png", (0, 0, 20, 30)), ("right.png", (20, 0, 40, 30))):
        mask = Image.new("L", (40, 30))
        mask.paste(255, box)
        mask.save(name)
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save("photos/01.png")
    shared = ("--palette", "palette.png", "--region", "left.png", "woodcut:2", "--feather", "2", *TINY)
    words = ("oil painting", *shared, "--keep-color", "0.5")
    code, _, err = lite_cli("stylize", "photos", *words, "-o", "out")
    assert code == 0, err
    assert lite_cli("stylize", "photos/01.png", *words, "-o", "one.png")[0] == 0
    with Image.open("out/01-oil-painting-woodcut.png") as first, Image.open("one.png") as second:
        assert first.tobytes() == second.tobytes()
    Path("out/manifest.jsonl").unlink()
    code, out, err = lite_cli("stylize", "photos", *words, "-o", "out")
    assert (code, out) == (0, ""), err
    other = [word if word != "left.png" else "right.png" for word in words]
    code, _, err = lite_cli("stylize", "photos", *other, "-o", "out")
    assert code == 2
    assert "places" in err
    Image.new("RGB", (40, 30), "blue").save("palette.png")
    code, _, err = lite_cli("stylize", "photos", *words, "-o", "out")
    assert code == 2
    assert "palette" in err
    code, _, err = lite_cli("stylize", "photos", "oil", "--mask", "-", "-o", "out", *TINY)
    assert (code, "A mask from standard input is for one photo." in err) == (2, True)


def test_a_prompt_of_only_unknown_words_leaves_nothing(lite_cli: Cli) -> None:
    made_photos(2)
    code, out, err = lite_cli("stylize", "photos", "xqzzy vwkrp", "-o", "out", *TINY)
    assert (code, out) == (2, "")
    assert "xqzzy vwkrp" in err
    assert not Path("out").exists()


@pytest.mark.slow
def test_jobs_of_other_settings_style_images_and_unknown_words(lite_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    made_photos(2)
    jobs = [
        {"image": "photos/00.png", "prompts": ["woodcut"], "strength": 0.8, "t1": "1.5x", "seed": 4, "id": 1},
        {"image": "photos/01.png", "style_images": ["photos/00.png:2"], "output": "styled.png"},
        {"image": "photos/01.png", "prompts": ["xqzzy vwkrp"]},
        {"image": "photos/01.png", "prompts": ["oil painting xqzzy"], "id": "known and unknown"},
    ]
    main = "from diffstyler_cli.cli.app import main; main()"
    command = [sys.executable, "-c", main, "stylize", "--from-file", "-", "ink wash", "-o", "out", "--json", *TINY]
    lines = "\n".join(map(json.dumps, jobs)).encode()
    done = subprocess.run(command, input=lines, capture_output=True, env=environment(), timeout=300)
    first, second, third, fourth, end = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, end["done"], end["failed"]) == (6, 3, 1)
    recipe = read_recipe(Path(first["output"])) or {}
    assert {name: recipe["settings"][name] for name in ("strength", "t1", "seed")} == {
        "strength": 0.8, "t1": "1.5x", "seed": 4,
    }  # fmt: skip
    assert (read_recipe(Path("styled.png")) or {})["style_images"][0]["weight"] == 2
    assert "xqzzy vwkrp" in third["error"]
    assert "xqzzy" in fourth["notes"][0]
    assert second["notes"] == []


@pytest.mark.slow
def test_killed_twenty_times_the_set_is_that_of_a_run_that_nobody_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_photos(24)
    (tmp_path / "photos/zz.png").write_bytes(b"no picture")
    draw = random.Random(22)
    quick = [*TINY, "--guide", "none", "--t1", "1x"]
    quick[3] = "1"
    command = [sys.executable, "-m", "diffstyler_cli", "stylize", "photos", "oil painting", *quick]
    whole = subprocess.run([*command, "-o", "whole"], capture_output=True, env=environment())
    assert whole.returncode == 6, whole.stderr
    kills = 0
    for _ in range(20):
        before = len(list(Path("out").glob("*.png")))
        running = subprocess.Popen(
            [*command, "-o", "out"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
        )
        # from the moment at which the first picture of this run comes, at any within about two pictures
        while running.poll() is None and len(list(Path("out").glob("*.png"))) == before:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.1))
        running.kill()
        kills += running.wait() == -9
    done = subprocess.run([*command, "-o", "out"], capture_output=True, env=environment())
    assert done.returncode == 6, done.stderr
    assert kills >= 10
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(path.name for path in Path("whole").iterdir())
    for path in Path("whole").glob("*.png"):
        recipes = [read_recipe(place / path.name) or {} for place in (Path("whole"), Path("out"))]
        assert [recipe.pop("timings") is not None for recipe in recipes] == [True, True]
        assert recipes[0] == recipes[1]
        with Image.open(path) as one, Image.open(Path("out") / path.name) as other:
            assert one.tobytes() == other.tobytes()
    shutil.rmtree("out")


def test_pictures_made_together_are_those_made_alone_but_for_rounding(lite_cli: Cli) -> None:
    made_photos(4)
    for number in (1, 3):  # two of one size, two of another, one of them transparent in part
        picture = Image.linear_gradient("L").rotate(40 * number).resize((30, 40)).convert("RGBA")
        picture.putalpha(Image.linear_gradient("L").resize((30, 40)))
        picture.save(f"photos/{number:02d}.png")
        Image.radial_gradient("L").resize((40, 30)).rotate(90 * number).save(f"photos/{number - 1:02d}.png")
    Image.new("RGB", (40, 30), "orange").save("palette.png")
    words = ("photos", "oil painting", "--palette", "palette.png", "--guidance-scale", "0", *TINY)
    assert lite_cli("stylize", *words, "-o", "alone")[0] == 0
    code, _, err = lite_cli("stylize", *words, "-o", "together", "--batch", "4")
    assert code == 0, err
    for number in range(4):
        name = f"{number:02d}-oil-painting.png"
        with Image.open(f"alone/{name}") as first, Image.open(f"together/{name}") as second:
            assert (first.mode, first.size) == (second.mode, second.size)
            difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
            assert max(high for _, high in difference.getextrema()) <= 2
        recipes = [read_recipe(Path(folder, name)) or {} for folder in ("alone", "together")]
        for recipe in recipes:
            del recipe["timings"]
        assert recipes[0] == recipes[1]
    # what is there is known by its recipe, however many were made at once
    assert lite_cli("stylize", *words, "-o", "together")[:2] == (0, "")

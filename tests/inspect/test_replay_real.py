"""Recipes and replays with the real lite models, at the smallest settings; the replay is a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import environment
from PIL import Image

from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.images import read_recipe
from diffstyler_cli.recipe import FIELDS, Recipe

DOCUMENT = Path(__file__).parents[2] / "docs/metadata.md"
MAIN = "from diffstyler_cli.cli.app import main; main()"


def run(*arguments: str) -> tuple[bytes, str]:
    done = subprocess.run([sys.executable, "-c", MAIN, *arguments], capture_output=True, env=environment(), timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout, done.stderr.decode()


def test_every_field_is_documented() -> None:
    rows = DOCUMENT.read_text(encoding="utf-8").split("## Fields")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == sorted(FIELDS)


@pytest.mark.slow
def test_a_replay_of_a_real_picture_is_the_same_file(
    photo: Path, lite_cli: Callable[..., tuple[int, str, str]]
) -> None:
    line = ("photo.png", "oil painting", "watercolor:2", "--size", "64", "--steps", "2", "-o", "out.png")
    assert lite_cli("stylize", *line)[0] == 0
    recipe = read_recipe(Path("out.png")) or {}
    assert set(recipe) == set(FIELDS) - {"sweep", "quality", "palette", "places"}
    read = Recipe(recipe)
    assert (read.odd, read.unknown, read.model_set) == ([], {}, "lite")
    assert [(p.text, p.weight) for p in read.prompts] == [
        ("oil painting", StylizeConfig.prompt_weight),
        ("watercolor", 2.0),
    ]
    assert read.settings["dtype"] != "auto"
    assert {loss.name for loss in read.losses} == {"instruction", "content", "nce", "aesthetic", "tv"}
    assert all(len(curve) == 2 for curve in read.curves.values())

    out, err = run("inspect", "out.png", "--replay", "--json")
    replay = json.loads(out)["replay"]
    assert (replay["identical"], replay["largest"]) == (True, 0), err
    assert Path("out-replay.png").read_bytes() == Path("out.png").read_bytes()

    code, text, err = lite_cli("inspect", "--compare", "out.png", "out-replay.png", "--json")
    assert code == 0, err
    document = json.loads(text)
    assert document["differences"] == {}
    assert {"CLIP score", "content score", "seconds"} <= set(document["scores"])
    assert all(one == other for one, other in document["scores"].values())


def test_each_picture_is_compared_with_its_own_photo_at_its_own_size(
    photo: Path, lite_cli: Callable[..., tuple[int, str, str]]
) -> None:
    def scores(*files: str) -> tuple[dict[str, list[float | None]], str]:
        code, text, err = lite_cli("inspect", "--compare", *files, "--json")
        assert code == 0, err
        named = {name: pair for name, pair in json.loads(text)["scores"].items() if "score" in name or "SSIM" in name}
        return named, " ".join(err.split())

    Image.effect_noise((64, 48), 90).convert("RGB").save("other.png")
    Image.radial_gradient("L").resize((50, 50)).convert("RGB").save("style.png")
    quick = ("--steps", "2", "--seed", "1", "--guidance-scale", "0")
    small = ("stylize", "photo.png", "oil painting", *quick, "--size", "64")
    assert lite_cli(*small, "-o", "small.png")[0] == 0
    assert lite_cli("stylize", "other.png", "pencil sketch", *quick, "--size", "96", "-o", "large.png")[0] == 0
    assert lite_cli(*small, "--style-image", "style.png:2", "-o", "styled.png")[0] == 0

    both, said = scores("small.png", "large.png")
    assert "different photos" in said
    assert "at the size that it was made at: 64 and 96" in said
    for name, pair in scores("small.png", "small.png")[0].items():
        assert both[name][0] == pair[0]
    for name, pair in scores("large.png", "large.png")[0].items():
        assert both[name][1] == pair[0], "as if it were compared alone"

    styled, said = scores("small.png", "styled.png")
    assert "style" not in said
    style = Path("style.png").read_bytes()
    Image.new("RGB", (50, 50)).save("style.png")
    without, said = scores("small.png", "styled.png")
    assert "style.png is not the style image that the picture was made of: its pixels differ." in said
    assert "The CLIP score of styled.png leaves style.png out." in said
    assert styled["CLIP score"][1] != without["CLIP score"][1]
    assert styled["content score"] == without["content score"]
    Path("style.png").write_bytes(style)

    Path("other.png").unlink()
    alone, said = scores("small.png", "large.png")
    assert "Without its photo large.png has the scores of its recipe alone." in said
    assert alone == {name: [pair[0], None] for name, pair in both.items()}

"""Recipes and replays with the real lite models, at the smallest settings; the replay is a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli_harness import environment

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


def test_a_replay_of_a_real_picture_is_the_same_file(
    photo: Path, lite_cli: Callable[..., tuple[int, str, str]]
) -> None:
    line = ("photo.png", "oil painting", "watercolor:2", "--size", "64", "--steps", "2", "-o", "out.png")
    assert lite_cli("stylize", *line)[0] == 0
    recipe = read_recipe(Path("out.png")) or {}
    assert set(recipe) == set(FIELDS) - {"sweep", "quality"}
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

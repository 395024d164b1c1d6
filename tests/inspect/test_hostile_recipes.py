"""Recipes and manifests that were made to do harm: nothing crashes, and nothing raw reaches a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import Outcome
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from recipe_data import ESCAPES, RECIPES, VALUES

from diffstyler_cli.cli.terminal.shell import joined, unsafe
from diffstyler_cli.images import encode_image
from diffstyler_cli.recipe import SCHEMA, Recipe, differences

Cli = Callable[..., Outcome]

NASTY: dict[str, Any] = {
    "version": ESCAPES,
    "prompts": [{"text": ESCAPES, "weight": 1e308}, {"text": "a"}, 3],
    "settings": {"lam": "much", "steps": True, "models": "lite", "seed": -3, ESCAPES: ESCAPES},
    "input": {"name": ESCAPES, "size": [0, "x"]},
    "losses": {ESCAPES: {"start": {"value": 5e-324}, "final": {"value": 1e308, "weight": -1e308}}, "b": []},
    "steps": [{ESCAPES: 1e308, "b": None}, 7, {ESCAPES: -1e308}],
    "timings": {ESCAPES: 1e308, "total": -1},
    "models": {ESCAPES: {"name": ESCAPES, "sha256": ESCAPES}},
    ESCAPES: [[[ESCAPES]]],
}

FUZZ = settings(
    max_examples=15,  # tests/inspect/test_recipe.py runs many more, without the command line
    phases=(Phase.explicit, Phase.generate),  # each example runs the command line: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def harmless(outcome: Outcome) -> None:
    shown = outcome.out.decode() + outcome.err
    assert not [c for c in shown if unsafe(c) and c != "\n"], shown
    assert "Traceback" not in shown
    assert "Unexpected" not in shown


@FUZZ
@given(RECIPES)
@example(NASTY)
@example({"settings": {"models": "lite", "steps": 10**30}, "prompts": [{"text": "oil"}]})
@example({"prompts": [{"text": "oil"}], "style_images": [{"name": "x" * 300}], "input": {"name": "y" * 5000}})
def test_any_recipe_is_shown_or_refused(cli: Cli, photo: Path, content: dict[str, Any]) -> None:
    Path("evil.png").write_bytes(encode_image(Image.new("RGB", (4, 4)), "PNG", {**content, "schema": SCHEMA}))
    for more in ([], ["--command"], ["--plot", "plot.png", "--force"]):
        outcome = cli("inspect", "evil.png", *more)
        assert outcome.code in (0, 3), outcome.err
        harmless(outcome)
    outcome = cli("inspect", "evil.png", "--json")
    assert (outcome.code, outcome.out.isascii()) == (0, True)
    assert json.loads(outcome.out)["files"][0]["recipe"]["schema"] == SCHEMA


def test_what_is_damaged_is_named_and_refused(cli: Cli, photo: Path) -> None:
    Path("evil.png").write_bytes(encode_image(Image.new("RGB", (4, 4)), "PNG", {**NASTY, "schema": SCHEMA}))
    outcome = cli("inspect", "evil.png")
    harmless(outcome)
    named = "input.size, prompts.0.weight, prompts.2, settings.lam, settings.steps, settings.seed"
    assert f"Damaged, and left out above: {named}" in " ".join(outcome.out.decode().split())
    outcome = cli("inspect", "evil.png", "--replay")
    assert outcome.code == 3
    named = "prompts.0.weight, prompts.2, settings.lam, settings.steps, settings.seed"
    assert f"The recipe of evil.png is damaged: {named} cannot be used" in outcome.err


@pytest.mark.parametrize(
    "content",
    [
        {"prompts": [{"text": "oil"}] * 50_000},
        {"prompts": [{"text": "oil " * 300_000}]},
        {f"field {i}": i for i in range(50_000)},
        {"losses": {str(i): {} for i in range(5000)}, "steps": [{str(i): i for i in range(50)}] * 500},
    ],
)
def test_huge_recipes_are_cut(cli: Cli, photo: Path, content: dict[str, Any]) -> None:
    Path("huge.png").write_bytes(encode_image(Image.new("RGB", (4, 4)), "PNG", {**content, "schema": SCHEMA}))
    outcome = cli("inspect", "huge.png")
    assert outcome.code == 0
    assert len(outcome.out) < 20_000


@given(RECIPES, RECIPES)
def test_two_recipes_differ_where_they_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    found = differences(one, other)
    assert all(left != right for left, right in found.values())
    assert not differences(one, one) or any(value != value for pair in found.values() for value in pair)
    Recipe(one).curves, Recipe(other).changed()


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), max_size=60))
@example([ESCAPES.replace("\ud800", ""), "", "-", "'", "\\", "\udcff", "$'x'"])
def test_a_quoted_command_line_means_the_same_words(words: list[str]) -> None:
    line = joined(words)
    assert not any(map(unsafe, line))
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' x {line}"], capture_output=True, check=True)
    assert [w.decode(errors="surrogateescape") for w in done.stdout.split(b"\0")[1:-1]] == words


# --- sweeps ----------------------------------------------------------------------------------------------------------


def sweep(**changes: Any) -> dict[str, Any]:
    def cell(number: int, lam: float, clip: float, content: float, pareto: bool) -> dict[str, Any]:
        scores = {"clip": clip, "content": content}
        return {
            "cell": number, "file": f"cells/{number}.png", "status": "done", "values": {"lam": lam}, "scores": scores,
            "pareto": pareto,
        }  # fmt: skip

    failed = {
        "cell": 4,
        "file": "cells/4.png",
        "status": "failed",
        "values": {"lam": 1.0},
        "scores": {},
        "error": "NaN",
    }
    return {
        "schema": "diffstyler.sweep/1",
        "version": "0.1.0",
        "axes": [{"name": "lam", "flag": "--lambda", "title": "λ", "values": [0.0, 0.5, 0.75, 1.0]}],
        "scores": {"clip": "...", "content": "..."},
        "sweep": {"prompts": ["oil painting"], "settings": {"t1": "1.2x", "seed": 3}},
        "cells": [
            cell(1, 0.0, 31.0, 0.2, True),
            cell(2, 0.5, 25.0, 0.1, False),
            cell(3, 0.75, 20.0, 0.9, True),
            failed,
        ],
    } | changes


def test_a_sweep_shows_best_cells_and_front(cli: Cli, photo: Path) -> None:
    folder = photo.parent / "s"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(sweep()))
    (folder / "cells").mkdir()
    (folder / "cells/1.png").touch()
    report = cli("inspect", "s").out.decode()
    assert "sweep of 4 pictures: 3 done, 1 failed" in report
    lines = [line.split() for line in report.splitlines()]
    assert ["clip", "1", "0", "31", "0.2"] in lines
    assert ["content", "3", "0.75", "20", "0.9"] in lines
    assert lines.index(["1", "0", "31", "0.2"]) + 1 == lines.index(["3", "0.75", "20", "0.9"])
    assert ["cell", "4", "NaN"] in lines
    assert "--t1 1.2x, --seed 3" in report
    assert cli("inspect", "s", "-q").out == b"s/cells/1.png\n", "only those that are there"
    assert json.loads(cli("inspect", "s", "--json").out)["files"][0]["sweep"] == sweep()


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"schema": "other/1"}', "[" * 5000, '{"schema":1e999}'])
def test_a_folder_that_is_no_sweep_is_exit_3(cli: Cli, photo: Path, content: str | None) -> None:
    folder = photo.parent / "s"
    folder.mkdir()
    if content is not None:
        (folder / "manifest.json").write_text(content)
    outcome = cli("inspect", "s")
    assert outcome.code == 3
    harmless(outcome)


@FUZZ
@given(
    st.dictionaries(st.sampled_from(["cells", "axes", "scores", "sweep", "version"]), VALUES),
    st.lists(VALUES, max_size=3),
)
@example({"axes": [{"name": ESCAPES, "title": ESCAPES, "values": [ESCAPES]}], "version": ESCAPES}, [])
@example({}, [{"cell": ESCAPES, "status": "failed", "error": ESCAPES, "file": "../../" + ESCAPES, "pareto": True}])
def test_any_manifest_is_shown(cli: Cli, photo: Path, changes: dict[str, Any], cells: list[Any]) -> None:
    folder = photo.parent / "s"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(sweep(**changes) | ({"cells": cells} if cells else {})))
    for more in ([], ["-q"], ["--json"]):
        outcome = cli("inspect", "s", *more)
        assert outcome.code == 0
        if "-q" not in more:
            harmless(outcome)
        else:
            assert b"/../" not in outcome.out

"""The schema of a recipe: what it allows comes back as it was, and whatever else a file holds is left out by name."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_harness import environment
from hypothesis import HealthCheck, example, given, settings
from msgspec import UNSET, convert
from PIL import Image
from recipe_data import ANY, ESCAPES, GENUINE, RECORDS, WHOLE, extended
from rich.console import Console

from diffstyler_cli.cli.inspect.replay import request_of
from diffstyler_cli.cli.inspect.tables import picture
from diffstyler_cli.cli.terminal.shell import unsafe
from diffstyler_cli.config import StylizeConfig, options
from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import encode_image, read_recipe
from diffstyler_cli.images.describe import Description
from diffstyler_cli.images.metadata import plain_json
from diffstyler_cli.recipe import FIELDS, Recipe, Record, differences
from diffstyler_cli.recipe.lenient import MOST_NAMED
from diffstyler_cli.recipe.schema import MOST_LOSSES, Settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
FAST = settings(max_examples=500, deadline=None, suppress_health_check=QUIET)
LONG, PARTS = 5000, 10
"""Hypothesis remembers all recipes of a run, and each worker takes some."""
SHARE = 20
"""What part of them a run makes that does not count them."""


def many(counting: bool) -> settings:
    """New recipes at each run."""
    return settings(FAST, max_examples=LONG if counting else LONG // SHARE, derandomize=False, database=None)


# --- what the schema allows ------------------------------------------------------------------------------------------
def comes_back(record: Record) -> None:
    data = json.loads(json.dumps(record.to_json()))
    recipe = Recipe(data)
    assert recipe.record == record
    assert (recipe.odd, recipe.odd_count, recipe.unknown) == ([], 0, {})
    assert recipe.to_json() == data
    assert list(data) == [name for name in FIELDS if name in data], "in the order of the schema"


def agrees(record: Record) -> None:
    assert record == convert(record.to_json(), Record), "by msgspec's own reader"
    comes_back(record)


def survives(data: dict[str, Any]) -> None:
    data = plain_json(data)
    recipe = Recipe(data)
    assert not recipe.odd
    assert recipe.to_json() == data
    assert Recipe(recipe.to_json()).unknown == recipe.unknown


@FAST
@given(RECORDS)
def test_what_the_schema_allows_is_read_as_it_was_written(record: Record) -> None:
    comes_back(record)


@settings(FAST, max_examples=100)
@given(WHOLE)
def test_a_whole_recipe_is_one_to_msgspec_too(record: Record) -> None:
    agrees(record)


@FAST
@given(extended())
def test_fields_of_another_version_survive_a_rewrite(data: dict[str, Any]) -> None:
    survives(data)


@pytest.mark.slow
def test_thousands_of_recipes_come_back(counting: bool) -> None:
    many(counting)(given(RECORDS)(comes_back))()
    many(counting)(given(extended())(survives))()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_files_hold_what_was_written(format: str) -> None:
    data = {**convert(GENUINE, type=dict), "mask": {"name": "m.png"}}
    found = read_recipe(encode_image(Image.new("RGB", (4, 4)), format, data))
    assert found == data
    assert Recipe(data).to_json() == data


def test_settings_are_those_of_the_options() -> None:
    assert list(Settings.__struct_fields__) == list(options())
    for name, option in options().items():
        bad = ["other"] if option.choices else [v for v in (option.low, option.high) if v is not None]
        for value in bad:
            outside = value if isinstance(value, str) else value - 1 if value == option.low else value * 2 + 1
            assert Recipe({"settings": {name: outside}}).odd == [f"settings.{name}"]
            if not isinstance(value, str):
                kind = type(getattr(StylizeConfig(), name) or 0)
                assert Recipe({"settings": {name: kind(value)}}).settings == {name: value}


def test_what_is_not_in_the_schema_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        Record(**dict.fromkeys(FIELDS, UNSET), mask="m.png")
    with pytest.raises(TypeError):
        Record(schema="diffstyler/1")


def test_numbers_of_another_library_are_written_as_numbers() -> None:
    given = dict.fromkeys(options(), UNSET) | {"lam": np.float32(0.5), "seed": np.int64(3), "t1": np.str_("1x")}
    assert Settings(**given).to_json() == {"lam": 0.5, "seed": 3, "t1": "1x"}


# --- what it does not ------------------------------------------------------------------------------------------------
def outcome(data: dict[str, Any]) -> str:
    """Reads, shows and rewrites a recipe; says in a word what became of it."""
    recipe = Recipe(data)
    assert len(recipe.odd) <= MOST_NAMED
    assert len(recipe.odd) == min(MOST_NAMED, recipe.odd_count)
    assert len(recipe.curves) <= MOST_LOSSES + 1
    again = Recipe(recipe.to_json())
    assert (again.odd, again.record) == ([], recipe.record)
    assert again.unknown.keys() == recipe.unknown.keys() or recipe.odd
    assert not differences(data, data) or "nan" in repr(data)

    out = io.StringIO()
    about = Description(Path("evil.png"), 1, "PNG", "RGB", (4, 4), 1, None, "", dict(data))
    Console(file=out, width=100, color_system=None).print(picture(about, recipe, {}, 100, True))
    shown = out.getvalue()
    assert len(shown) < 20_000
    assert not [c for c in shown if unsafe(c) and c != "\n"], shown
    assert ("Damaged, and left out above" in " ".join(shown.split())) == bool(recipe.odd)
    try:
        line, made = request_of(recipe, Path("evil.png"), check_pixels=False)[0].command_line(), "with command"
    except InputImageError as error:
        line, made = error.message, "command refused"
        assert len(line) < 1000
    assert not any(map(unsafe, line)), "one line"
    return f"shown, values left out, {made}" if recipe.odd else f"shown whole, {made}"


@FAST
@given(ANY)
@example(GENUINE)
@example({"style_images": [{"name": " ", "weight": 0}]})
def test_any_recipe_is_shown_without_what_does_not_fit(data: dict[str, Any]) -> None:
    outcome(data)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_thousands_of_recipes_are_shown(part: int, counting: bool, tried: Callable[[str, Counter[str]], None]) -> None:
    counts: Counter[str] = Counter()

    def counted(data: dict[str, Any]) -> None:
        counts[outcome(data)] += 1

    many(counting)(given(ANY)(counted))()
    assert sum(counts.values()) >= many(counting).max_examples
    assert len(counts) == 4, "each outcome was seen"
    tried("recipes", counts)


def file_of(data: dict[str, Any], format: str = "JPEG") -> bytes:
    return encode_image(Image.new("RGB", (4, 4)), format, {"schema": "diffstyler/1", **data})


def test_names_times_steps_are_bounded() -> None:
    data = {"steps": [{f"{step}-{i}": 1 for i in range(60)} for step in range(900)]}
    recipe = Recipe(data)
    assert (recipe.odd, recipe.curves) == (["steps"], {})
    file = file_of({"steps": [{str(i): 1 for i in range(3000)}, *[{}] * 20_000]})
    assert len(file) < 15_000
    recipe = Recipe(read_recipe(file) or {})
    assert (recipe.odd, recipe.curves) == (["steps"], {})
    widest = Recipe({"steps": [{str(i): 1 for i in range(MOST_LOSSES)}] * 1000})
    assert sum(map(len, widest.curves.values())) == MOST_LOSSES * 1000


def test_thousands_of_strange_names_make_a_short_report() -> None:
    file = file_of({"settings": {f"s{i}": 0 for i in range(20_000)}, "prompts": [{"text": "oil"}]}, "PNG")
    recipe = Recipe(read_recipe(file) or {})
    assert len(recipe.unknown) == 20_000
    _, notes = request_of(recipe, Path("evil.png"), check_pixels=False)
    assert sum(map(len, notes)) < 1000
    assert outcome(dict(recipe.data)) == "shown whole, with command"


def test_thousands_of_odd_values_are_counted_not_listed() -> None:
    recipe = Recipe({"steps": [{ESCAPES + "x" * 500: "much", "b": []}] * 1000, "prompts": [3] * 900})
    assert recipe.odd_count == 2900
    assert len(recipe.odd) == MOST_NAMED
    assert all(path.startswith("prompts") for path in recipe.odd), "what was asked for comes first"
    assert sum(map(len, recipe.odd)) < 20_000


def test_a_row_that_cannot_be_read_leaves_the_others_at_their_step() -> None:
    recipe = Recipe({"steps": [{"a": 1}, 7, {"a": 3}]})
    assert recipe.odd == ["steps.1"]
    first, second, third = recipe.curves["a"]
    assert (first, third) == (1, 3)
    assert second != second


def test_a_prompt_without_its_text_is_damage_but_null_says_nothing() -> None:
    recipe = Recipe({"prompts": [{"weight": 2}, {"text": "oil", "weight": None}], "settings": {"lam": None}})
    assert recipe.odd == ["prompts.0.text"]
    assert [(p.text, p.weight) for p in recipe.prompts] == [("oil", None)]
    assert recipe.settings == {}


def test_the_recipe_is_light_to_import() -> None:
    code = "import sys, diffstyler_cli.recipe; sys.exit(str({'torch', 'PIL', 'numpy'} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.stderr.strip() == ""

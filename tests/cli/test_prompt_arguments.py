"""What prompts and style images mean as they are typed, and which are refused before models load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.prompts import Prompt, parse_prompt, render_prompt

Cli = Callable[..., Outcome]


@pytest.mark.parametrize("text", ["see http://localhost:8080", "http://[::1]:80", "ftp://a.example:21"])
def test_the_port_of_an_address_is_text(cli: Cli, photo: Path, text: str) -> None:
    assert cli("stylize", photo, text, "-o", "out.png", *QUICK).code == 0
    recipe = read_recipe(Path("out.png"))
    assert recipe is not None
    assert recipe["prompts"] == [{"text": text, "weight": 1.4}]


@pytest.mark.parametrize("text", ["see http://localhost", "http://localhost:8080", "http://localhost/a"])
@pytest.mark.parametrize("weight", [None, 3.0, 0.5])
def test_an_address_and_its_weight_come_back(text: str, weight: float | None) -> None:
    assert parse_prompt(render_prompt(Prompt(text, weight))) == Prompt(text, weight)


def test_a_weight_out_of_range_says_how_the_number_is_written_as_text(cli: Cli, photo: Path) -> None:
    assert "a colon at the very end makes it text" in cli("stylize", photo, "the year:1889").err


@pytest.mark.parametrize("name", ["shot_10:30.png", "shot_10:30"])
def test_a_style_image_that_is_a_file_as_a_whole_is_that_file(cli: Cli, photo: Path, name: str) -> None:
    shutil.copy(photo, name)
    assert cli("stylize", photo, "--style-image", name, "-o", "out.png", *QUICK).code == 0
    recipe = read_recipe(Path("out.png"))
    assert recipe is not None
    assert recipe["style_images"][0]["name"] == name


@pytest.mark.parametrize("command", ["stylize", "sweep"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["\U0001f3a8"], "has no word in it"),
        (["!!!"], "has no word in it"),
        (["oil", "--prompt-weight", "0"], "Every prompt has the weight 0"),
        (["oil:0"], "Every prompt has the weight 0"),
    ],
)
def test_prompts_that_say_nothing_are_refused_before_models_load(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(photo.parent / "loaded"))
    outcome = cli(command, photo, *arguments, "--lambda", "0.5")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (photo.parent / "loaded").exists()

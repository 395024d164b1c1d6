"""What prompts are taken for: asked at a terminal, said in a script, an error with --strict; as printed."""

from __future__ import annotations

import json
import random
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome
from PIL import Image

from diffstyler_cli.images.metadata import read_recipe

Cli = Callable[..., Outcome]
ENTER = "\r"


def recorded(path: str = "out.png") -> list[str]:
    recipe = read_recipe(Path(path))
    assert recipe is not None
    return [prompt["text"] for prompt in recipe["prompts"]]


def same_again(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith("Same again: "))
    return shlex.split(line.removeprefix("Same again: "))[1:]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["oil paintng"], ["oil painting"]),
        (["oil paintng:2"], ["oil painting"]),
        (["Oil_Painting", "Ölgemälde:2"], ["oil painting", "oil painting"]),
        (["oil", "painting"], ["oil painting"]),
        (["peinture", "à", "l'huile:2"], ["oil painting"]),
        (["watercolor", "mist"], ["watercolor", "mist"]),
        (["-p", "oil", "-p", "painting"], ["oil", "painting"]),
        (["--as-typed", "oil paintng", "b"], ["oil paintng", "b"]),
        (["--style", "mosaico"], ["mosaic"]),
    ],
)
def test_the_line_that_is_printed_makes_the_same_picture(
    cli: Cli, photo: Path, typed: list[str], meant: list[str]
) -> None:
    first = cli("stylize", photo.name, *typed, *QUICK, "-o", "out.png")
    assert first.code == 0, first.err
    assert recorded() == meant
    again = same_again(first.err)
    second = cli(*again, "--force", "--strict")  # nothing is taken for anything any more
    assert second.code == 0, second.err
    assert recorded() == meant
    line = cli("inspect", "out.png", "--command").out.decode()
    assert cli(*shlex.split(line)[1:], "-o", "third.png", "--strict").code == 0
    assert recorded("third.png") == meant


def test_a_notice_is_in_the_document(cli: Cli, photo: Path) -> None:
    document = json.loads(cli("stylize", photo, "acuarela", *QUICK, "--json").out)
    assert '"acuarela" is taken for "watercolor".' in document["notices"]
    assert document["results"][0]["path"].endswith("photo-watercolor.png")


def test_for_the_full_models_another_language_stays_and_it_is_said(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "Ölgemälde", "--models", "full", *QUICK, "-o", "out.png")
    assert 'CLIP has read mostly English: "oil painting" may do more than "Ölgemälde".' in outcome.err.splitlines()
    assert recorded() == ["Ölgemälde"]


def test_a_sweep_reads_its_prompts_alike(lite_cli: Callable[..., tuple[int, str, str]], photo: Path) -> None:
    code, _, err = lite_cli("sweep", photo, "-p", "acuarela", "-p", "oil paintng", "--dry-run")
    assert code == 0, err
    assert '"acuarela" is taken for "watercolor".' in err
    assert '"oil paintng" is taken for "oil painting".' in err
    assert "photo-watercolor-oil-painting-sweep" in err


# --- at a terminal ---------------------------------------------------------------------------------------------------
def test_a_slip_is_asked_about(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil paintng", *QUICK, "-o", "out.png")
    window.see("Did you mean oil painting? (Y/n)")
    window.press(ENTER)
    assert window.end() == 0
    assert recorded() == ["oil painting"]
    assert "is taken for" not in window.text()


def test_who_means_it_gets_it(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil paintng", *QUICK, "-o", "out.png", columns=200)
    window.see("Did you mean oil painting? (Y/n)")
    window.press("n")
    assert window.end() == 0
    assert recorded() == ["oil paintng"]
    assert "--as-typed" in same_again(window.text())


def test_a_word_that_is_somewhat_like_a_name_is_only_asked_about(terminal: Any, cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "manet", *QUICK, "-o", "out.png").code == 0
    assert recorded() == ["manet"]
    window = terminal("stylize", "photo.png", "manet", *QUICK, "-o", "out.png", "--force")
    window.see("Did you mean monet? (Y/n)")
    window.press(ENTER)
    assert window.end() == 0
    assert recorded() == ["monet"]


@pytest.mark.parametrize("option", ["--no-input", "-q"])
def test_who_is_not_to_be_asked_is_not(terminal: Any, photo: Path, option: str) -> None:
    window = terminal("stylize", "photo.png", "oil paintng", *QUICK, "-o", "out.png", option)
    assert window.end() == 0
    assert recorded() == ["oil painting"]


def test_a_style_alone_asks_for_the_photo(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "oil paintings", *QUICK, "-o", "out.png")
    window.see("Which photo?")
    window.press("photo.png" + ENTER)
    window.see("What next?")
    window.press("\x03")
    assert window.end() == 130
    assert recorded() == ["oil painting"]


def test_a_prompt_that_is_typed_into_the_question_is_read_too(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, "-o", "out.png", PROMPT_TOOLKIT_NO_CPR="1")
    window.see("something else")
    window.press("\x1b[A" + ENTER)  # the last row
    window.see("In your words")
    window.press("oil paintng" + ENTER)
    window.see("Did you mean oil painting? (Y/n)")
    window.press(ENTER)
    window.see("What next?")
    window.press("\x03")
    assert window.end() == 130
    assert recorded() == ["oil painting"]


# --- --strict --------------------------------------------------------------------------------------------------------
STRICT = "--strict makes this notice an error: mend it, or leave --strict out."


@pytest.mark.parametrize(
    ("arguments", "code", "notice"),
    [
        (["oil paintng"], 2, '"oil paintng" is taken for "oil painting".'),
        (["oil", "painting"], 2, 'oil and painting are taken for one prompt, "oil painting".'),
        (["watercolor", "mist"], 2, 'Blending 2 prompts; for one, quote it: "watercolor mist".'),
        (["unknown thing"], 2, "Unknown word: unknown thing"),
        (["oil", "--t1", "3x"], 2, "--t1 3x keeps so much of the photo that little is painted; up to 2x is usual."),
    ],
)
def test_strict_makes_a_notice_an_error_before_anything_is_written(
    cli: Cli, photo: Path, arguments: list[str], code: int, notice: str
) -> None:
    before = sorted(photo.parent.iterdir())
    outcome = cli("stylize", photo, *arguments, *QUICK, "--strict", "-q")
    assert outcome.code == code
    assert outcome.err.splitlines() == [f"error: {notice}", STRICT]
    assert sorted(photo.parent.iterdir()) == before
    assert cli("stylize", photo, *arguments, *QUICK).code == 0


def test_strict_makes_a_notice_of_how_a_picture_is_read_exit_3(cli: Cli, photo: Path) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    frames[0].save("two.gif", save_all=True, append_images=frames[1:])
    for arguments in (["stylize", "two.gif", "oil"], ["stylize", "photo.png", "--style-image", "two.gif"]):
        outcome = cli(*arguments, *QUICK, "--strict", "-q")
        assert outcome.code == 3
        assert outcome.err.splitlines()[1] == STRICT
    assert not list(photo.parent.glob("*-*.png"))


def test_strict_knows_what_a_format_cannot_keep_before_it_is_written(cli: Cli, photo: Path) -> None:
    draws = random.Random(0)
    long = " ".join(["watercolor", *(f"{draws.getrandbits(64):x}" for _ in range(9000))])
    assert cli("stylize", photo, long, *QUICK, "-o", "kept.jpg").code == 0
    outcome = cli("stylize", photo, long, *QUICK, "--strict", "-o", "out.jpg", "-q")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (2, STRICT)
    assert not Path("out.jpg").exists()


def test_strict_lets_a_hint_be_a_hint(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil", *QUICK, "--strict")
    assert outcome.code == 0
    assert "Using the built-in lite models." in outcome.err


def test_strict_goes_for_sweep(lite_cli: Callable[..., tuple[int, str, str]], photo: Path) -> None:
    code, _, err = lite_cli("sweep", photo, "oil", "--dry-run", "--strict")
    assert (code, err.splitlines()[1]) == (2, STRICT)


def test_strict_goes_for_inspect(cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "oil", *QUICK, "-o", "out.png").code == 0
    shutil.move(photo, "elsewhere.png")
    assert cli("inspect", "out.png", "--command").code == 0
    assert cli("inspect", "out.png", "--command", "--strict").code == 2

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome
from PIL import Image

from diffstyler_cli.config import StylizeConfig

Cli = Callable[..., Outcome]


def paths(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome.err
    return outcome.out.decode().splitlines()


def test_automatic_names_are_beside_the_photo_and_numbered(cli: Cli, photo: Path) -> None:
    assert paths(cli("stylize", "photo.png", "oil", *QUICK)) == ["photo-oil.png"]
    assert paths(cli("stylize", "photo.png", "oil", *QUICK)) == ["photo-oil-2.png"]
    assert paths(cli("stylize", "photo.png", "oil", *QUICK, "-n", "2")) == ["photo-oil-3.png", "photo-oil-4.png"]
    (photo.parent / "out").mkdir()
    assert paths(cli("stylize", "photo.png", "a/b ../c", *QUICK, "-o", "out/")) == ["out/photo-a-b-c.png"]
    for path in photo.parent.glob("photo-*.png"):
        with Image.open(path) as picture:
            picture.verify()


def test_numbered_variations_have_consecutive_seeds(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil", *QUICK, "-o", "a.webp", "-n", "3", "--seed", "7", "--json")
    results = json.loads(outcome.out)["results"]
    assert [(r["path"], r["seed"]) for r in results] == [("a-1.webp", 7), ("a-2.webp", 8), ("a-3.webp", 9)]
    assert cli("stylize", photo, "oil", *QUICK, "-o", "a.webp", "-n", "2").code == 2, "exists"
    assert cli("stylize", photo, "oil", *QUICK, "-o", "a.webp", "-n", "2", "--force").code == 0


def test_some_failed_is_exit_6_and_the_others_are_written(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "nan", *QUICK, "-o", "a.png", "-n", "3", "--seed", "2", "--json")
    document = json.loads(outcome.out)
    assert outcome.code == 6
    assert [r["path"] for r in document["results"]] == ["a-1.png", "a-3.png"]
    assert [(f["seed"], f["code"]) for f in document["failures"]] == [(3, 1)]
    assert document["ok"] is False
    assert document["error"]["code"] == 6
    assert "1 of 3 pictures failed" in outcome.err


def test_memory_that_ran_out_is_not_tried_again(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oom", *QUICK, "-n", "3", "--json")
    assert (outcome.code, len(json.loads(outcome.out)["failures"])) == (5, 1)


def test_the_json_document(cli: Cli, photo: Path) -> None:
    document = json.loads(cli("stylize", photo, "oil:2", "unknown", *QUICK, "--seed", "5", "-o", "é.jpg", "--json").out)
    assert document["schema"] == "diffstyler.stylize/1"
    assert (document["ok"], document["error"], document["models"], document["device"]) == (True, None, "lite", "cpu")
    assert any("Unknown word" in notice for notice in document["notices"])
    (result,) = document["results"]
    assert result["path"] == "é.jpg"
    assert result["prompts"] == ["oil:2", "unknown"]
    assert result["settings"]["steps"] == 2
    assert result["settings"]["seed"] == result["seed"] == 5
    assert result["losses"]["content"]["start"] == {"value": 2.0, "weight": 2.0, "grad_norm": 0.5}
    assert result["losses"]["content"]["final"]["value"] == 1.5
    assert set(result["timings"]) == {"prepare", "free", "sample", "total", "write"}
    assert result["size"] == [32, 24]
    assert "--seed 5" in result["command"]


def test_the_json_document_of_an_error(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", "none.png", "oil", "--json")
    document = json.loads(outcome.out)
    assert (document["ok"], document["results"], document["error"]["code"]) == (False, [], 3)
    assert outcome.err.startswith("error: ")


def test_recipe_is_embedded_unless_told_otherwise(cli: Cli, photo: Path) -> None:
    from diffstyler_cli.images.metadata import read_recipe

    cli("stylize", photo, "oil", *QUICK, "--seed", "5", "-o", "with.png")
    cli("stylize", photo, "oil", *QUICK, "-o", "without.png", "--no-metadata")
    recipe = read_recipe(Path("with.png"))
    assert recipe is not None
    assert recipe["settings"]["seed"] == 5
    assert read_recipe(Path("without.png")) is None


def test_a_style_image_stands_in_for_a_prompt(cli: Cli, photo: Path) -> None:
    Image.new("RGB", (20, 20), "red").save("red.png")
    assert paths(cli("stylize", photo, "--style-image", "red.png:2", *QUICK)) == [str(photo.parent / "photo-red.png")]


def test_preview_file_is_a_picture_and_needs_force_where_one_exists(cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "oil", *QUICK, "-o", "a.png", "--preview-path", "p.jpg").code == 0
    with Image.open("p.jpg") as preview:
        assert preview.size == (32, 24)
    assert cli("stylize", photo, "oil", *QUICK, "-o", "b.png", "--preview-path", "p.jpg").code == 2
    assert cli("stylize", photo, "oil", *QUICK, "-o", "b.png", "--preview-path", "p.jpg", "--force").code == 0


def test_stdin_to_stdout_in_a_pipe(process: Cli, photo: Path) -> None:
    outcome = process("stylize", "-", "oil", *QUICK, "-o", "-", stdin=photo.read_bytes())
    assert outcome.code == 0, outcome.err
    assert Image.open(io.BytesIO(outcome.out)).format == "PNG"
    named = process("stylize", "-", "oil", *QUICK, stdin=photo.read_bytes())
    assert named.out == b"picture-oil.png\n"


def test_paths_are_printed_as_their_bytes_in_a_pipe(process: Cli, photo: Path) -> None:
    name = b"a\x1b[31m\xff.png"
    outcome = process("stylize", "photo.png", "oil", *QUICK, "-o", name.decode(errors="surrogateescape"))
    assert outcome.out == name + b"\n"
    assert "\x1b" not in outcome.err
    assert r"$'a\x1b[31m\xff.png'" in outcome.err, "the command that makes it again"


def test_markup_and_escape_codes_in_a_prompt_are_shown_not_interpreted(cli: Cli, photo: Path) -> None:
    err = cli("stylize", photo, "[red]unknown[/] \x1b[31m\u202e", *QUICK, "-o", "a.png").err
    assert "Unknown word: [red]unknown[/] \\x1b[31m\\u202e" in err


def test_the_printed_command_makes_the_same_picture(cli: Cli, photo: Path) -> None:
    import shlex

    err = cli("stylize", "photo.png", "it's oil", *QUICK, "--lambda", "0.25", "-o", "a.png", "--force").err
    line = next(line for line in err.splitlines() if line.startswith("Same again: "))
    again = cli(*shlex.split(line.removeprefix("Same again: "))[1:], "--json")
    settings = json.loads(again.out)["results"][0]["settings"]
    assert settings["lam"] == 0.25
    assert str(settings["seed"]) in line


MODES: dict[str, dict[str, Any]] = {
    "pipe": {},
    "quiet": {"arguments": ["-q"]},
    "json": {"arguments": ["--json"]},
    "quiet json": {"arguments": ["-q", "--json"]},
    "dumb": {"TERM": "dumb"},
    "no color": {"NO_COLOR": "1"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("mode", MODES)
def test_what_every_mode_prints_where(process: Cli, photo: Path, mode: str) -> None:
    options = dict(MODES[mode])
    arguments = options.pop("arguments", [])
    outcome = process("stylize", "photo.png", "λ unknown", *QUICK, "-o", "out.png", *arguments, **options)
    assert outcome.code == 0, outcome.err
    assert "\x1b" not in outcome.err
    assert b"\x1b" not in outcome.out
    if "--json" in arguments:
        assert json.loads(outcome.out)["results"][0]["path"] == "out.png"
    else:
        assert outcome.out == b"out.png\n"
    if "-q" in arguments:
        assert outcome.err == ""
    else:
        assert outcome.err.count("built-in lite models") == 1
        assert "Sampling 2/2" in outcome.err
        assert ("λ" if outcome.err.count("λ") else "lambda") + " unknown" in outcome.err
    assert [path.name for path in photo.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("columns", "changes"),
    [(40, {}), (120, {}), (40, {"NO_COLOR": "1"}), (40, {"TERM": "dumb"}), (80, {"PYTHONIOENCODING": "ascii"})],
)
def test_a_run_at_a_terminal(terminal: Any, photo: Path, columns: int, changes: dict[str, str]) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "out.png", columns=columns, **changes)
    assert window.end() == 0
    screen = window.text()
    assert "out.png" in screen
    assert "Same again: diffstyler stylize" in screen
    if "TERM" in changes:
        assert "Sampling 2/2" in screen
        return
    assert "2/2" in screen
    assert all(word in screen for word in ("loss", "value", "change", "instruction", "-0.5000"))
    assert ("gradient" in screen and "weight" in screen) == (columns > 60)
    if "NO_COLOR" in changes:
        assert b"\x1b[3" not in window.raw.replace(b"\x1b[39m", b"")
    if "PYTHONIOENCODING" in changes:
        assert window.raw.isascii()


@pytest.mark.slow
def test_preview_at_a_terminal(terminal: Any, photo: Path) -> None:
    def screen(**changes: str) -> str:
        window = terminal("stylize", "photo.png", "oil", *QUICK, "--preview", **changes)
        assert window.end() == 0
        return str(window.text())

    assert "▀▀▀▀" in screen(COLORTERM="truecolor")
    assert "▀▀▀▀" in screen(TERM="xterm-256color")
    assert "No preview: the terminal shows no colours" in screen(NO_COLOR="1")
    assert "No preview: the terminal is too simple" in screen(TERM="dumb")
    assert "No preview: the terminal's encoding" in screen(PYTHONIOENCODING="ascii")


def test_picture_bytes_are_never_sent_to_a_terminal(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", "-o", "-")
    assert window.end() == 2
    assert "would print a picture's bytes on the terminal" in window.text()
    window = terminal("stylize", "-", "oil")
    assert window.end() == 2
    assert "standard input, which is a terminal" in window.text()


def test_a_t1_that_paints_little_is_said_and_one_beyond_all_bounds_refused(cli: Cli, photo: Path) -> None:
    assert "little is painted" in cli("stylize", "photo.png", "oil", *QUICK, "--t1", "5x").err
    assert "little is painted" not in cli("stylize", "photo.png", "oil", *QUICK, "--t1", "2x").err
    outcome = cli("stylize", "photo.png", "oil", *QUICK, "--t1", "10000000000")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 2)


def test_strength_moves_what_is_not_given_and_is_recorded(cli: Cli, photo: Path) -> None:
    settings = json.loads(
        cli("stylize", photo, "oil", *QUICK, "--strength", "0.7", "--fresh-noise", "0", "-o", "a.png", "--json").out
    )["results"][0]["settings"]
    moved = StylizeConfig.defaults("lite", 0.7)
    assert (settings["strength"], settings["t1"], settings["prompt_weight"]) == (0.7, moved.t1, moved.prompt_weight)
    assert settings["fresh_noise"] == 0
    command = cli("inspect", "a.png", "--command").out.decode()
    assert "--strength 0.7" in command
    assert "--fresh-noise 0" in command
    assert "--t1" not in command, "the strength says it"


def test_a_strength_that_can_move_nothing_is_refused(cli: Cli, photo: Path) -> None:
    given = ("--t1", "1.2x", "--fresh-noise", "0", "--prompt-weight", "2", "--guidance-scale", "2")
    outcome = cli("stylize", photo, "oil", "--strength", "0.7", *given)
    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        "error: --strength has no effect: --t1, --fresh-noise, --prompt-weight, --guidance-scale are all given.",
        "Leave --strength out, or one of them.",
    ]

"""A photo is found again by the name that its recipe holds, whatever characters or bytes that name has."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_harness import environment

from diffstyler_cli.cli.stylize.request import Request
from diffstyler_cli.cli.sweep.request import SweepRequest

NAMES = {
    "narrow no-break space": "Screenshot 9.41\u202fAM",
    "ideographic space": "a\u3000b",
    "no-break space": "a\xa0b",
    "joiner": "a\u200db",
    "line feed": "a\nb",
    "no UTF-8": os.fsdecode(b"caf\xe9"),
}

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
JAPANESE = "\u65e5\u672c\u306e\u5c71"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("stem", NAMES.values(), ids=NAMES)
def test_a_photo_is_found_by_its_name(cli: Any, photo: Path, stem: str, suffix: str) -> None:
    try:
        photo = photo.rename(photo.with_name(f"{stem}.png"))
    except OSError:
        pytest.skip("the file system takes no such name")
    assert cli("stylize", photo.name, "oil", "--seed", "1", "-o", f"out.{suffix}").code == 0
    shown = cli("inspect", f"out.{suffix}", "--command")
    assert shown.code == 0, shown.err
    assert "neither beside" not in shown.err
    replayed = cli("inspect", f"out.{suffix}", "--replay", "-o", "again.png")
    assert replayed.code == 0, replayed.err


@pytest.mark.parametrize("stem", ["Screenshot 9.41\u202fAM", "a\u3000b", "a\xa0b", "a\u200db"])
def test_the_command_that_is_shown_finds_the_photo(cli: Any, photo: Path, stem: str) -> None:
    photo = photo.rename(photo.with_name(f"{stem}.png"))
    assert cli("stylize", photo.name, "oil", "--seed", "1", "-o", "out.png").code == 0
    line = cli("inspect", "out.png", "--command", "-o", "again.png").out.decode()
    words = shlex.split(line)
    assert words[2] == photo.name
    assert cli(*words[1:]).code == 0


def test_a_prompt_in_an_ascii_locale(process: Any, photo: Path) -> None:
    outcome = process("stylize", photo, "\u6d77\u306e\u6ce2", "--seed", "1", **ASCII)
    assert outcome.code == 0, outcome.err
    assert os.fsencode("photo-\u6d77\u306e\u6ce2.png") in os.listdir(os.fsencode(photo.parent))


@pytest.mark.parametrize(
    ("made_in", "read_in"), [(ASCII, ASCII), (ASCII, {}), ({}, ASCII)], ids=["C-C", "C-UTF8", "UTF8-C"]
)
@pytest.mark.parametrize("name", [f"{JAPANESE}.png".encode(), b"caf\xe9.png"], ids=["UTF-8", "Latin-1"])
def test_names_are_found_again_in_another_locale(
    process: Any, photo: Path, name: bytes, made_in: dict[str, str], read_in: dict[str, str]
) -> None:
    photo = photo.rename(os.fsdecode(name))
    style = photo.with_name(f"style-{photo.name}")
    style.write_bytes(photo.read_bytes())
    outcome = process("stylize", photo, "oil", "--style-image", style, "-o", "out.png", "--seed", "1", **made_in)
    assert outcome.code == 0, outcome.err
    shown = process("inspect", "out.png", "--command", **read_in)
    assert (shown.code, shown.err) == (0, "")
    replayed = process("inspect", "out.png", "--replay", "-o", "again.png", **read_in)
    assert replayed.code == 0, replayed.err
    assert "Identical" in replayed.err


@pytest.mark.slow
def test_a_sweep_goes_on_in_another_locale(photo: Path) -> None:
    photo = photo.rename(f"{JAPANESE}.png")
    line = ["sweep", photo, "--prompt", "oil \u6d77\u306e\u6ce2", "--prompt", "oil", "--seed", "3", "--models", "lite"]
    line += ["--size", "64", "--steps", "1", "--guidance-scale", "0", "--device", "cpu", "--dtype", "fp32"]

    def run(*arguments: Any, **locale: str) -> tuple[bytes, str]:
        done = subprocess.run(
            [sys.executable, "-m", "diffstyler_cli", *map(str, arguments)], stdin=subprocess.DEVNULL,
            capture_output=True, env=environment(**locale), timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr.decode()

    run(*line, **ASCII)
    (folder,) = [path for path in photo.parent.iterdir() if path.is_dir()]
    assert folder.name.startswith(JAPANESE)
    cells = {path.name for path in (folder / "cells").iterdir()}
    assert cells == {"1-prompt-oil-\u6d77\u306e\u6ce2.png", "2-prompt-oil.png"}
    there = (*line, "-o", folder)  # an automatic name would be that of a new sweep: this one is finished
    assert "2 of 2 cells are there already." in run(*there)[1]
    assert "2 of 2 cells are there already." in run(*there, **ASCII)[1]
    for locale in (ASCII, {}):
        for shown in run("inspect", "-q", folder, **locale)[0].splitlines():
            assert os.path.isfile(shown)


def test_a_long_name_that_is_no_utf8_keeps_its_beginning(cli: Any, photo: Path) -> None:
    name = b"caf\xe9" * 40
    try:
        os.rename(photo, name + b".png")
    except OSError:
        pytest.skip("the file system takes no such name")
    assert cli("stylize", os.fsdecode(name + b".png"), "oil", "--steps", "2").code == 0
    (made,) = [found for found in os.listdir(b".") if found.endswith(b"-oil.png")]
    assert made == name[:120] + b"-oil.png"
    request = SweepRequest(Request(os.fsdecode(name + b".png"), ("oil",)))
    assert os.fsencode(request.folder()) == name[:120] + b"-oil-sweep"

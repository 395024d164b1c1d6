"""A command line that is shown can be pasted into a shell, whatever the terminal's encoding cannot show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, QUICK, environment

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TERMINALS = {"ASCII": ASCII, "cp1252": {"PYTHONIOENCODING": "cp1252"}, "UTF-8": {}}
PROMPT = "\u6d77 caf\xe9's \\ \u2019"
NAME = "\u65e5\u672c caf\xe9.png"


def argv(line: bytes) -> list[bytes]:
    """The words that a command gets where the line is pasted into bash."""
    done = subprocess.run(["bash"], input=b"diffstyler() { printf '%s\\0' \"$@\"; }\n" + line, capture_output=True)
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


def run(*arguments: object, app: Sequence[str] = (str(FAKE_APP),), **changes: str) -> tuple[bytes, bytes]:
    """Standard output and error of a command that succeeds."""
    done = subprocess.run(
        [sys.executable, *app, *(a if isinstance(a, bytes) else str(a).encode() for a in arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment(**changes), timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def same_again(shown: bytes) -> bytes:
    (line,) = [line for line in shown.splitlines() if line.startswith(b"Same again: ")]
    return line.removeprefix(b"Same again: ")


@pytest.fixture
def japanese(photo: Path) -> bytes:
    os.rename(photo, NAME.encode())
    return NAME.encode()


@pytest.mark.parametrize("terminal", TERMINALS.values(), ids=TERMINALS)
def test_the_line_after_a_picture_means_the_same(japanese: bytes, terminal: dict[str, str]) -> None:
    _, err = run("stylize", japanese, PROMPT, *QUICK, "--seed", "5", "-o", "a.png", **terminal)
    line = same_again(err)
    words = argv(line)
    assert words[:3] == [b"stylize", japanese, PROMPT.encode()]
    assert set(words[3:]) == {b"--steps", b"2", b"--seed", b"5", b"-o", b"a.png"}
    assert ("\u65e5".encode() in line) == (not terminal)


@pytest.mark.parametrize("terminal", TERMINALS.values(), ids=TERMINALS)
def test_the_lines_of_inspect_mean_the_same(japanese: bytes, terminal: dict[str, str]) -> None:
    run("stylize", japanese, PROMPT, *QUICK, "--seed", "5", "-o", "a.png")
    command, _ = run("inspect", "a.png", "--command", **terminal)
    report, _ = run("inspect", "a.png", **terminal)
    for shown in (command, same_again(report)):
        assert argv(shown)[:3] == [b"stylize", japanese, PROMPT.encode()], shown


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [ASCII, {"PYTHONIOENCODING": "cp1252"}], ids=["ASCII", "cp1252"])
def test_the_line_after_a_sweep_means_the_same(japanese: bytes, terminal: dict[str, str]) -> None:
    small = ("--size", "64", "--steps", "1", "--models", "lite", "--guidance-scale", "0")
    _, err = run(
        "sweep", japanese, PROMPT, "--lambda", "0,1", "--seed", "5", "-o", "\u65e5".encode(), *small,
        app=("-m", "diffstyler_cli"), **terminal,
    )  # fmt: skip
    words = argv(same_again(err))
    assert words[:3] == [b"sweep", japanese, PROMPT.encode()]
    assert words[words.index(b"-o") + 1] == "\u65e5".encode()


def test_a_guess_at_what_was_meant_can_be_pasted(japanese: bytes) -> None:
    done = subprocess.run(
        [sys.executable, str(FAKE_APP), japanese, b"oil"], capture_output=True, env=environment(**ASCII), timeout=60
    )
    assert done.returncode == 2
    _, _, line = done.stderr.splitlines()[-1].partition(b"Did you mean: ")
    assert argv(line) == [b"stylize", japanese, b"oil"]


def test_the_line_that_a_menu_runs_can_be_pasted(terminal: Callable[..., Any], photo: Path) -> None:
    japanese = photo.rename(photo.with_name("\u65e5.png"))
    window = terminal("stylize", "\u65e5.png", "oil", *QUICK, "--interactive", PYTHONIOENCODING="cp1252")
    window.see("What next?")
    window.press("7")
    window.see("Start? (Y/n)")
    window.press("\r")
    window.see("$ diffstyler sweep $'\\xe6\\x97\\xa5.png' oil")
    assert japanese.exists()

"""Opening results in the desktop's programs: with an opener of our own first in PATH."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the opener is called xdg-open")
Opener = Callable[..., dict[str, str]]


@pytest.fixture
def opener(photo: Path) -> Opener:
    """opener(script) -> an environment in which xdg-open is that shell script; by default it notes what it is given."""

    def make(script: str = 'printf "%s\\n" "$@" >> "$OPENED"') -> dict[str, str]:
        folder = photo.parent / "bin"
        folder.mkdir()
        (folder / "xdg-open").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "xdg-open").chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "OPENED": str(photo.parent / "opened")}

    return make


def opened(photo: Path) -> list[str]:
    path = photo.parent / "opened"
    return path.read_text().splitlines() if path.exists() else []


def test_open_shows_the_picture_when_it_is_done(process: Callable[..., Outcome], photo: Path, opener: Opener) -> None:
    done = process("stylize", "photo.png", "oil", *QUICK, "-n", "2", "-o", "-a b.png", "--open", **opener())
    assert done.code == 0, done.err
    assert opened(photo) == [str(photo.parent / "-a b-1.png")], "the first, by a path that is no option"


@pytest.mark.parametrize(
    ("script", "reason"), [("exit 3", "xdg-open ended with exit code 3"), (None, "there is no xdg-open")]
)
def test_what_cannot_be_opened_is_a_notice_with_the_path(
    process: Callable[..., Outcome], photo: Path, opener: Opener, script: str | None, reason: str
) -> None:
    changes = opener(script) if script else {"PATH": str(photo.parent)}
    done = process("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--open", "--json", **changes)
    assert done.code == 0
    assert f"'a.png' cannot be opened here: {reason}." in done.err
    assert f"'a.png' cannot be opened here: {reason}." in json.loads(done.out)["notices"]


@pytest.mark.slow
def test_an_opener_that_stays_is_not_waited_for_nor_heard(
    process: Callable[..., Outcome], photo: Path, opener: Opener
) -> None:
    changes = opener('echo noise; echo noise >&2; echo $$ > "$OPENED"; exec sleep 60')
    done = process("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--open", **changes)
    assert done.code == 0
    assert b"noise" not in done.out + done.err.encode()
    os.kill(int(opened(photo)[0]), 15)  # it lives


def test_open_has_nothing_to_open_in_a_pipe_and_in_a_dry_run(process: Callable[..., Outcome], photo: Path) -> None:
    done = process("stylize", "photo.png", "oil", "-o", "-", "--open")
    assert (done.code, done.out) == (2, b"")
    assert "--open and -o - exclude each other" in done.err
    done = process("sweep", "photo.png", "oil", "--dry-run", "--open")
    assert (done.code, done.out) == (2, b"")
    assert "--open has no effect with --dry-run" in done.err


def test_the_menu_opens_the_picture_and_says_each_time_that_it_cannot(
    terminal: Any, photo: Path, opener: Opener
) -> None:
    changes = opener('printf "%s\\n" "$@" >> "$OPENED"; test $(wc -l < "$OPENED") = 1 || exit 4')
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--interactive", rows=60, **changes)
    window.see("q or Esc: done)")
    window.press("8")
    window.see("q or Esc: done)", after="open picture  (--open)\n? What next?")
    assert opened(photo) == [str(photo.parent / "a.png")]
    assert "cannot be opened" not in window.text()
    said = "'a.png' cannot be opened here: xdg-open ended with exit code 4."
    window.press("open" + "\r")
    window.see("q or Esc: done)", after=said)
    window.press("open" + "\r")
    window.see("q or Esc: done)", after=f"{said}\n? What next?  open picture  (--open)\n{said}")
    assert len(opened(photo)) == 3
    window.press("q")
    assert window.end() == 0

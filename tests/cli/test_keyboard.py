"""Keys, Ctrl-C, Ctrl-Z and signals while bars move, at a pseudo-terminal."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from cli_harness import FAKE_APP, QUICK, environment

CTRL_C, CTRL_Z, ENTER = "\x03", "\x1a", "\r"
STEPS = ("--steps", "40")
SLOW = {"FAKE_STEP": "0.05"}


def wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.mark.slow
def test_what_is_typed_while_bars_move_does_not_show_and_answers_no_question(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *STEPS, "-o", "a.png", "--interactive", rows=60, **SLOW)
    window.see("Free diffusion")
    assert not window.child.getecho()
    window.press("xyzzy" + ENTER + "1")
    window.see("q or Esc: done)")
    assert "xyzzy" not in window.text()
    assert b"xyzzy" not in window.raw
    window.press("q")
    assert window.end() == 0
    assert not (photo.parent / "a-2.png").exists(), "no row was taken"


@pytest.mark.parametrize(
    ("words", "act", "code"),
    [
        ("oil", lambda child: child.send(CTRL_C), 130),
        ("oil", lambda child: os.kill(child.pid, signal.SIGTERM), 143),
        ("crash", lambda child: None, 1),
        ("nan", lambda child: None, 1),
        ("oil", lambda child: None, 0),
    ],
)
def test_the_echo_comes_back_however_a_run_ends(
    terminal: Any, photo: Path, words: str, act: Callable[[Any], None], code: int
) -> None:
    window = terminal("stylize", "photo.png", words, "--steps", "20", "--seed", "1", "-o", "a.png", **SLOW)
    window.see("Free diffusion")
    assert not window.child.getecho()
    act(window.child)
    while window._read():
        pass
    assert window.child.getecho()
    assert window.end() == code
    assert ("Free diffusion" in window.text()) == (code == 0), "bars that did not finish are gone"


def test_ctrl_z_gives_the_shell_its_echo_and_cursor_and_fg_goes_on(photo: Path) -> None:
    shell = pexpect.spawn("sh", ["-im"], env=environment(PS1="ready> ", **SLOW), dimensions=(40, 100), timeout=20)
    shell.expect("ready> ")
    shell.sendline(shlex.join([sys.executable, str(FAKE_APP), "stylize", "photo.png", "oil", "-o", "a.png", *STEPS]))
    shell.expect("Free diffusion")
    wait(lambda: not shell.getecho(), "the echo is off")
    shell.send(CTRL_Z)
    shell.expect("Stopped")
    assert shell.before.rfind(b"\x1b[?25h") > shell.before.rfind(b"\x1b[?25l"), "the cursor is shown"
    assert shell.getecho()
    shell.sendline("fg")
    shell.expect("Free diffusion")
    wait(lambda: not shell.getecho(), "the echo is off again")
    shell.send(CTRL_C)
    shell.expect("nothing was written")
    shell.expect("ready> ")
    assert shell.getecho()
    shell.close(force=True)


@pytest.mark.slow
def test_in_the_background_the_terminal_is_left_alone(photo: Path) -> None:
    shell = pexpect.spawn("sh", ["-im"], env=environment(PS1="ready> ", **SLOW), dimensions=(40, 100), timeout=20)
    shell.expect("ready> ")
    run = shlex.join([sys.executable, str(FAKE_APP), "stylize", "photo.png", "oil", "-o", "a.png", *STEPS])
    shell.sendline(f"{run} & sleep 0.1; wait; echo ended with $?")
    shell.expect("Free diffusion")
    assert shell.getecho()
    shell.expect("ended with 0")
    assert (photo.parent / "a.png").exists(), "it was not stopped for touching the terminal"
    shell.close(force=True)


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (None, 143)])
def test_a_question_that_is_left_leaves_the_terminal_in_order(
    terminal: Any, photo: Path, key: str | None, code: int
) -> None:
    window = terminal("stylize", "photo.png")
    window.see("type to filter")
    if key:
        window.press(key)
    else:
        window.child.kill(signal.SIGTERM)
    while window._read():
        pass
    assert window.child.getecho()
    assert window.end() == code
    assert "Traceback" not in window.text()


# --- a run that was started from a menu ------------------------------------------------------------------------------
@pytest.mark.slow
def test_ctrl_c_in_a_run_from_the_menu_comes_back_to_it_and_names_what_is_finished(terminal: Any, photo: Path) -> None:
    arguments = ("-o", "a.png", "-n", "2", "--interactive", "--steps", "10", "--seed", "1")
    window = terminal("stylize", "photo.png", "oil", *arguments, rows=60, **SLOW)
    window.see("q or Esc: done)")
    window.press("1")
    window.see("a-2-1.png")
    window.press(CTRL_C)
    screen = window.see("q or Esc: done)", after="Interrupted. Kept: a-2-1.png")
    assert "Free diffusion" not in screen.rpartition("a-2-1.png")[0].rpartition("a-2-1.png")[2], "no stray bar"
    window.press("1")
    window.see("Free diffusion", after="Interrupted. Kept: a-2-1.png")
    window.press(CTRL_C)
    window.see("q or Esc: done)", after="Interrupted; nothing was written.")
    window.press("q")
    assert window.end() == 0
    assert {path.name for path in photo.parent.glob("*.png")} == {"photo.png", "a-1.png", "a-2.png", "a-2-1.png"}


def test_sigterm_in_a_run_from_the_menu_ends_it_all(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--interactive", rows=60, FAKE_STEP="0.3")
    window.see("q or Esc: done)")
    window.press("1")
    window.see("Free diffusion", after="What next?")
    window.child.kill(signal.SIGTERM)
    assert window.end() == 143
    assert "Terminated. Kept: a.png" in window.text()


def test_ctrl_c_in_the_run_of_a_command_from_the_first_menu_comes_back_to_that(terminal: Any, photo: Path) -> None:
    window = terminal(rows=60, **SLOW)
    window.see("0  Leave")
    window.press("1")
    window.see("Which photo?")
    window.press("photo.png" + ENTER)
    window.see("something else")
    window.press(ENTER)
    window.see("Free diffusion")
    window.press(CTRL_C)
    window.see("0  Leave", after="nothing was written")
    window.press("0")
    assert window.end() == 0

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK

from diffstyler_cli.cli.app import COMMANDS

ENTER, DOWN, UP, TAB, CTRL_C, CTRL_D, CTRL_U, ESC = "\r", "\x1b[B", "\x1b[A", "\t", "\x03", "\x04", "\x15", "\x1b"
WIDTHS = pytest.mark.parametrize("columns", [40, 100])


@WIDTHS
def test_from_nothing_to_a_picture_and_on(terminal: Any, photo: Path, columns: int) -> None:
    log = photo.parent / "log"
    window = terminal(columns=columns, rows=60, FAKE_LOG=str(log), PROMPT_TOOLKIT_NO_CPR="1")
    window.see("What would you like to do?")
    window.press(ENTER)
    window.see("Which photo?")
    window.press("nothing.png" + ENTER)
    window.see("does not exist")
    window.press(CTRL_U + "pho" + TAB)
    window.see("photo.png")
    window.press(ENTER)
    window.see("Which style?")
    window.press(DOWN + ENTER)
    menu = window.see("0  done")
    assert "▀▀▀" in menu, "the picture is shown as it forms"
    window.press("6")
    window.see("Which style, too?")
    assert "impressionism" not in window.text().partition("Which style, too?")[2].replace("post-impressionism", "")
    window.press("misty")
    window.see("something else")
    window.press(ENTER)
    window.see("In your words")
    window.press(":2" + ENTER)
    window.see("photo-impressionism-misty.png"[: columns - 1])
    window.see("0  done", after="photo-impressionism-misty.png"[: columns - 1])
    window.press("1")
    window.see("photo-impressionism-misty-2.png"[: columns - 1])
    window.see("0  done", after="photo-impressionism-misty-2.png"[: columns - 1])
    window.press(CTRL_C)
    assert window.end() == 130
    assert "Kept:" in window.text()
    assert (photo.parent / "photo-impressionism-misty-2.png").exists()
    assert log.read_text() == "loaded\n", "models are loaded once"


def test_only_what_is_missing_is_asked_and_the_menu_ends_with_done(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, "-o", "a.png", "--seed", "5")
    window.see("Which style?")
    assert "Which photo?" not in window.text()
    window.press(ENTER)
    menu = window.see("0  done")
    assert "Same again: diffstyler stylize photo.png 'oil painting' --steps 2 --seed 5 -o a.png" in menu
    assert "stronger  (--strength 0.7)" in menu
    assert "more content  (--t1 1.3x --w-content 200)" in menu
    assert "keep as ...  (-o NAME)" in menu
    window.press(UP + ENTER)
    assert window.end() == 0
    assert (photo.parent / "a.png").exists()


def test_keep_as_and_another_run_beside_an_output_that_was_named(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--interactive")
    window.see("0  done")
    window.press("keep" + ENTER)
    window.see("Keep it as")
    window.press(CTRL_U + "photo.png" + ENTER)
    window.see("0  done", after="exists")
    window.press("9")
    window.see("Keep it as  (Tab completes; Esc: back) a-2.png")
    window.press(CTRL_U + "kept.jpg" + ENTER)
    window.see("0  done", after="\nkept.jpg")
    window.press(ENTER)
    window.see("0  done", after="\na-2.png")
    window.press(CTRL_C)
    assert window.end() == 130
    assert {"a.png", "a-2.png", "kept.jpg"} <= {path.name for path in photo.parent.iterdir()}


@pytest.mark.parametrize("arguments", [(), ("stylize",), ("stylize", "photo.png")])
def test_ctrl_c_at_the_first_question_leaves_cleanly(terminal: Any, photo: Path, arguments: tuple[str, ...]) -> None:
    window = terminal(*arguments)
    window.see("?")
    window.see("(")
    window.press(CTRL_C)
    assert window.end() == 130
    assert "Traceback" not in window.text()
    assert "error" not in window.text()


def test_a_photo_that_is_not_there_is_said_before_the_style_is_asked(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "gone")
    assert window.end() == 3
    assert "Which style?" not in window.text()


def test_a_complete_command_line_ends_without_a_menu(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK)
    assert window.end() == 0
    assert "What next?" not in window.text()


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--no-input"], {}),
        (["--yes"], {}),
        (["-q"], {}),
        (["--json"], {}),
        (["-o", "a.png"], {"CI": "true"}),
        (["-o", "a.png"], {"TERM": "dumb"}),
    ],
)
def test_where_nothing_may_be_asked_what_is_missing_is_exit_2(
    terminal: Any, photo: Path, arguments: list[str], changes: dict[str, str]
) -> None:
    window = terminal("stylize", "photo.png", *arguments, **changes)
    assert window.end() == 2
    assert "No prompt is given" in window.text()
    assert "--style-image PATH" in window.text()


def test_leaving_the_first_menu_is_no_error(terminal: Any, photo: Path) -> None:
    window = terminal()
    window.see("Leave")
    window.press(DOWN * (len(COMMANDS) + 1) + ENTER)
    assert window.end() == 0


def test_the_first_menu_shows_help(terminal: Any, photo: Path) -> None:
    window = terminal(rows=150)
    window.see("Leave")
    window.press(DOWN * len(COMMANDS) + ENTER)
    assert window.end() == 0
    assert "--lambda" in window.text()


def test_questions_where_unicode_cannot_be_shown(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, PYTHONIOENCODING="ascii", NO_COLOR="1", PROMPT_TOOLKIT_NO_CPR="1")
    window.see(">  1  oil painting")
    window.press(ENTER)
    window.see("0  done")
    window.press("7")
    window.see("lambda 0.7, 0.9, 1")
    window.press("n")
    window.see(">  1  again")
    window.press(CTRL_C)
    assert window.end() == 130
    assert window.raw.isascii()


def test_several_pictures_under_a_name_are_made_again_beside_it(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "-n", "2", "--interactive")
    window.see("0  done")
    window.press(ENTER)
    window.see("0  done", after="a-2-2.png")
    window.press(CTRL_C)
    assert window.end() == 130
    assert {p.name for p in photo.parent.glob("a-*")} == {"a-1.png", "a-2.png", "a-2-1.png", "a-2-2.png"}


def test_a_change_that_could_not_be_run_is_not_offered(terminal: Any, photo: Path) -> None:
    options = ("--round-trip", "--steps", "10")
    window = terminal("stylize", "photo.png", "oil", *options, "-o", "a.png", "--interactive")
    menu = window.see("done")
    assert "weaker  (--strength 0.3)" in menu
    assert "stronger" not in menu, "a round trip needs a way to go"
    window.press(CTRL_C)
    assert window.end() == 130


def test_a_picture_is_not_kept_under_no_name(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--interactive")
    window.see("0  done")
    window.press("9")
    window.see("Keep it as")
    window.press(CTRL_U + ENTER)
    window.see("Give it a name")
    window.press("b.gif" + ENTER)
    window.see("no format that can be written")
    window.press(CTRL_U + "b" + ENTER)
    window.see("0  done", after="\nb.png")
    window.press(CTRL_C)
    assert window.end() == 130

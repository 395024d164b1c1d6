"""Every row and key of the menus and questions, at a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK

from diffstyler_cli.cli.terminal.choose import Choices
from diffstyler_cli.models.lite.styles import STYLES

ENTER, DOWN, UP, CTRL_C, CTRL_D, CTRL_U, ESC = "\r", "\x1b[B", "\x1b[A", "\x03", "\x04", "\x15", "\x1b"
HOME, END, PAGE_DOWN, PAGE_UP, BACKSPACE = "\x1b[H", "\x1b[F", "\x1b[6~", "\x1b[5~", "\x7f"
BACKS = pytest.mark.parametrize("key", [ESC, CTRL_D], ids=["Esc", "Ctrl-D"])


# --- the list itself -------------------------------------------------------------------------------------------------
def test_typing_filters_by_label_and_by_further_words_the_best_first() -> None:
    choices = Choices(["ukiyo-e", "woodcut", "oil painting"], {"ukiyo-e": ["woodblock print", "hokusai"]})
    choices.type("wood")
    assert choices.found() == ["woodcut", "ukiyo-e"]
    assert (choices.why("woodcut"), choices.why("ukiyo-e")) == ("", "woodblock print")
    choices.type("x")
    assert (choices.found(), choices.pointed()) == ([], "")


def test_digits_are_a_row_or_where_there_is_none_a_filter() -> None:
    choices = Choices([f"row {n}" for n in range(1, 13)], {"row 7": ["8-bit"]}, leave="back")
    choices.type("1")
    choices.type("2")
    assert choices.pointed() == "row 12"
    assert choices.found() == choices.all(), "a number hides nothing"
    choices.typed = ""
    choices.type("0")
    assert choices.pointed() == "back"
    choices.typed = ""
    choices.type("8")
    choices.type("-")
    assert choices.found() == ["row 7"]


@pytest.mark.parametrize(
    ("choices", "quits"),
    [
        (Choices(["again", "open picture"], leave="done"), True),
        (Choices(["again", "quick"], leave="done"), False),
        (Choices(["again", "go quickly"], leave="done"), False),
        (Choices(["again"], leave="done", typed="x"), False),
        (Choices(["again"], other="type it"), False),
    ],
)
def test_q_goes_back_only_where_it_cannot_begin_an_answer(choices: Choices, quits: bool) -> None:
    assert choices.quits is quits


# --- the style question ----------------------------------------------------------------------------------------------
def test_the_style_question_has_every_style_and_is_filtered_by_typing(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, "-o", "a.png", rows=60)
    rows = window.see("type to filter")
    for style in STYLES:
        assert f"  {style.names[0]}\n" in rows
    assert "something else: type it" in rows
    assert "q or Esc" not in rows, "q begins a word"
    window.press("hokus")
    window.see("ukiyo-e  (hokusai)")
    assert "oil painting" not in window.text()
    window.press("zz")
    window.see("hokuszz")
    assert "ukiyo-e" not in window.text()
    window.press(BACKSPACE * 2)
    window.see("ukiyo-e  (hokusai)")
    window.press(ENTER)
    window.see("0  done")
    assert "photo.png ukiyo-e --steps" in window.text()


def test_a_number_goes_to_its_style_and_a_small_screen_scrolls(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, "-o", "a.png", rows=16)
    window.see("more below")
    window.press("20")
    window.see("» 20")
    window.see("more above")
    window.press(ESC)
    window.see("»  1")
    window.press(END)
    window.see("» 29  something else")
    window.press(DOWN)
    window.see("»  1")
    window.press(PAGE_DOWN * 2)
    window.see("more above")
    window.press(PAGE_UP + HOME + UP)
    window.see("» 29")
    window.press("\x10" + "\x0e" + "\x0e")  # Ctrl-P, Ctrl-N
    window.see("»  1")
    window.press("12" + ENTER)
    window.see("photo.png mosaic --steps")


def test_other_words_are_typed_and_going_back_from_them_keeps_the_list(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", *QUICK, "-o", "a.png")
    window.see("something else")
    window.press("misty" + ENTER)
    window.see("In your words:  (oil painting:4 gives it a weight; Esc: back) misty")
    window.press(ESC)
    window.see("»  1  oil painting")
    window.press("\x1b[200~quiet morning\x1b[201~")  # pasted
    window.see("» 29  something else")
    window.press(ENTER)
    window.see("quiet morning", after="In your words")
    window.press(":0" + CTRL_D)
    window.see("»  1  oil painting", after="quiet morning:0")


@BACKS
def test_back_from_the_style_to_the_photo_to_the_first_menu_and_out(terminal: Any, photo: Path, key: str) -> None:
    window = terminal(rows=60)
    window.see("Leave")
    window.press("1")
    window.see("Which photo?")
    window.press("photo.png" + ENTER)
    window.see("something else")
    window.press(key)
    window.see("Esc: back)", after="Which photo?")
    window.press(key)
    window.see("0  Leave", after="What would you like to do?")
    window.press(key)
    assert window.end() == 0


@BACKS
@pytest.mark.parametrize("arguments", [["stylize"], ["stylize", "photo.png"], ["sweep"]])
def test_back_from_the_first_question_of_a_command_leaves_cleanly(
    terminal: Any, photo: Path, arguments: list[str], key: str
) -> None:
    window = terminal(*arguments)
    window.see("Esc: back)")
    window.press(key)
    assert window.end() == 0
    assert "error" not in window.text()


def test_ctrl_d_in_the_middle_of_a_text_deletes_and_alt_keys_are_no_esc(terminal: Any, photo: Path) -> None:
    window = terminal("stylize")
    window.see("Which photo?")
    window.press("photoxx.png" + "\x1bb" * 3 + "\x1b[C" * 5 + CTRL_D * 2)
    window.see("photo.png")
    window.press(ENTER)
    window.see("Which style?")


# --- the first menu --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("keys", "sees", "code"),
    [
        ("1", "Which photo?", None),
        ("2", "Enter: the built-in sample", None),
        ("3", "CPU", 0),
        ("see all" + ENTER, "Usage: diffstyler stylize", 0),
        ("5", "Usage: diffstyler stylize", 0),
        ("q", "What would you like to do?", 0),
        ("0", "What would you like to do?", 0),
        (CTRL_C, "What would you like to do?", 130),
    ],
)
def test_every_row_of_the_first_menu(terminal: Any, photo: Path, keys: str, sees: str, code: int | None) -> None:
    window = terminal(rows=200, DIFFSTYLER_CACHE_DIR=str(photo.parent / "cache"))
    window.see("q or Esc: leave)")
    window.press(keys)
    window.see(sees)
    if code is None:
        window.press(CTRL_C)
    assert window.end() == (130 if code is None else code)


def test_download_from_the_first_menu_asks_and_esc_moves_nothing(terminal: Any, photo: Path) -> None:
    window = terminal(rows=100, DIFFSTYLER_CACHE_DIR=str(photo.parent / "cache"))
    window.see("q or Esc: leave)")
    window.press("4")
    window.see("(Y/n)")
    window.press(ESC)
    window.end()
    assert "Traceback" not in window.text()
    assert not list((photo.parent).rglob("*.safetensors"))


# --- the menu of stylize ---------------------------------------------------------------------------------------------
@pytest.fixture
def at_the_menu(terminal: Any, photo: Path) -> Any:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--seed", "3", "--interactive", rows=60)
    window.see("q or Esc: done)")
    return window


@pytest.mark.parametrize("keys", ["q", ESC, CTRL_D, "0", "done" + ENTER, UP + ENTER])
def test_every_way_out_of_the_menu(at_the_menu: Any, keys: str) -> None:
    at_the_menu.press(keys)
    assert at_the_menu.end() == 0


def test_esc_takes_a_filter_away_before_it_goes_back(at_the_menu: Any) -> None:
    at_the_menu.press("seed")
    at_the_menu.see("Esc clears")
    assert "keep as" not in at_the_menu.text()
    at_the_menu.press("!")
    at_the_menu.see("Nothing here has 'seed!' in it.")
    at_the_menu.press(ENTER)  # takes nothing
    at_the_menu.press(ESC)
    at_the_menu.see("keep as")
    at_the_menu.press(ESC)
    assert at_the_menu.end() == 0


@pytest.mark.parametrize(
    ("digit", "says"),
    [
        ("1", "a-2.png"),
        ("2", "--strength 0.7"),
        ("3", "--strength 0.3"),
        ("4", "--w-content 200"),
    ],
)
def test_rows_that_make_another_picture(at_the_menu: Any, photo: Path, digit: str, says: str) -> None:
    at_the_menu.press(digit)
    at_the_menu.see("0  done", after="\na-2.png")
    assert says in at_the_menu.text()
    assert (photo.parent / "a-2.png").exists()


@pytest.mark.parametrize(("digit", "asks"), [("6", "Which style, too?"), ("7", "Start? (Y/n)"), ("9", "Keep it as")])
@BACKS
def test_rows_that_ask_can_be_left_for_the_menu(at_the_menu: Any, digit: str, asks: str, key: str) -> None:
    at_the_menu.press(digit)
    at_the_menu.see(asks)
    at_the_menu.press(key)
    at_the_menu.see("q or Esc: done)", after=asks)
    at_the_menu.press("q")
    assert at_the_menu.end() == 0


def test_ctrl_c_at_a_question_of_the_menu_leaves(at_the_menu: Any) -> None:
    at_the_menu.press("6")
    at_the_menu.see("Which style, too?")
    at_the_menu.press(CTRL_C)
    assert at_the_menu.end() == 130
    assert "Interrupted. Kept: a.png" in at_the_menu.text()


def test_one_of_several_pictures_is_chosen_and_going_back_comes_to_the_menu(terminal: Any, photo: Path) -> None:
    window = terminal("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "-n", "2", "--interactive", rows=60)
    window.see("0  done")
    window.press("9")
    window.see("2  a-2.png", after="Which one?")
    window.press("q")
    window.see("0  done", after="Which one?")
    window.press("9")
    window.see("2  a-2.png", after="Which one?")
    window.press("2")
    window.see("a.png", after="Keep it as")
    window.press(ENTER)
    window.see("0  done", after="\na.png")
    assert (photo.parent / "a.png").read_bytes() == (photo.parent / "a-2.png").read_bytes()


def test_the_sweep_around_a_picture_says_what_it_is_and_takes_and_waits_for_a_yes(
    at_the_menu: Any, photo: Path
) -> None:
    at_the_menu.press("7")
    at_the_menu.see("9 pictures, λ 0.7, 0.9, 1; T1 2, 3, 4 steps; about 18 s. Start? (Y/n)")
    at_the_menu.press("n")
    at_the_menu.see("q or Esc: done)", after="Start?")
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a.png", "photo.png"]

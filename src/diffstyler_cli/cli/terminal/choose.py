"""A list to choose from: arrow keys or a number point at a row, typing filters, Esc goes back.

questionary's own list has either numbers or a filter, and takes the first of all rows where the filter finds none.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

ESCAPE_SECONDS = 0.1
"""Esc alone is told from the start of an arrow key by nothing coming after it."""

MOST_AT_ONCE = 9
"""Rows up to which a digit takes its row at once; with more it may be the first of two."""


class Back(Exception):
    """The person goes back a level."""


@dataclass
class Choices:
    """The rows of a question, what is typed, and the row that is pointed at.

    Args:
        words: further words by which a row is found.
        leave: the last row, numbered 0, which goes back; "" for none.
        other: the row for what is not in the list; it is there whatever is typed. "" for none.
    """

    rows: Sequence[str]
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    leave: str = ""
    other: str = ""
    typed: str = ""
    at: int = 0
    """Of `found()`."""

    def all(self) -> list[str]:
        """Every row, in order."""
        return [*self.rows, *filter(None, (self.other, self.leave))]

    def number(self, row: str) -> int:
        """What is typed for a row."""
        return 0 if row == self.leave else self.all().index(row) + 1

    @property
    def at_once(self) -> bool:
        """Whether a digit takes its row."""
        return len(self.all()) - bool(self.leave) <= MOST_AT_ONCE

    @property
    def quits(self) -> bool:
        """Whether q goes back: not where it may begin a row, or a word of one's own."""
        return not (self.typed or self.other or any(_best(row, (), "q") < 2 for row in self.rows))

    def found(self) -> list[str]:
        """The rows that fit what is typed, the best first; all where it is nothing, or a row's number."""
        text = self.typed.strip().lower()
        if not text or self._numbered():
            return self.all()
        ranks = {row: _best(row, self.words.get(row, ()), text) for row in self.all() if row != self.other}
        fitting = sorted((row for row in ranks if ranks[row] < _NONE), key=ranks.__getitem__)
        return [*fitting, *filter(None, [self.other])]

    def why(self, row: str) -> str:
        """The word by which a row was found where its label does not have it; "" otherwise."""
        text = self.typed.strip().lower()
        if not text or self._numbered() or text in row.lower():
            return ""
        return next((word for word in self.words.get(row, ()) if text in word.lower()), "")

    def type(self, text: str) -> None:
        """Adds to what is typed; the pointer goes to the row of that number, or to the first that fits."""
        self.typed = (self.typed + text).lstrip()
        row = self._numbered()
        self.at = self.all().index(row) if row else 0

    def move(self, by: int) -> None:
        """Moves the pointer, from one end to the other."""
        self.at = (self.at + by) % max(1, len(self.found()))

    def pointed(self) -> str:
        """The row that Enter takes; "" where none fits."""
        found = self.found()
        return found[self.at] if found else ""

    def _numbered(self) -> str:
        """The row whose number is typed; "" for none."""
        typed = self.typed.strip()
        if not (typed.isascii() and typed.isdigit()):
            return ""
        return next((row for row in self.all() if self.number(row) == int(typed)), "")


_NONE = 9


def _best(row: str, words: Sequence[str], text: str) -> int:
    """How well a text fits a row: 0 its beginning, 1 the beginning of a word in it, ... `_NONE` not at all."""
    row = row.lower()
    if row.startswith(text):
        return 0
    if any(part.strip("\"'(-").startswith(text) for part in row.split()):
        return 1
    if any(word.lower().startswith(text) for word in words):
        return 2
    return 3 if any(text in word.lower() for word in (row, *words)) else _NONE


def list_application(
    question: str, choices: Choices, *, shown: Callable[[str], str], pointer: str, back: str, **look: Any
) -> Application[str]:
    """The question as an application, whose result is the row; Esc and its like end it by `Back`.

    Args:
        shown: a text as the terminal can show it.
        back: what going back does, for the line of hints: "back", "leave", ...
        look: output and style.
    """
    from prompt_toolkit.application import Application
    from prompt_toolkit.filters import is_done
    from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
    from prompt_toolkit.layout.controls import FormattedTextControl

    screen = _Screen(question, choices, shown, pointer, back)

    def window(text: Callable[[], StyleAndTextTuples]) -> Window:
        return Window(FormattedTextControl(text, show_cursor=False), wrap_lines=True, dont_extend_height=True)

    below = HSplit([window(screen.rows), window(screen.hints)])
    application: Application[str] = Application(
        Layout(HSplit([window(screen.head), ConditionalContainer(below, ~is_done)])),
        key_bindings=_keys(choices, screen),
        **look,
    )
    application.ttimeoutlen = application.timeoutlen = ESCAPE_SECONDS
    return application


class _Screen:
    """What is drawn of the choices."""

    def __init__(self, question: str, choices: Choices, shown: Callable[[str], str], pointer: str, back: str) -> None:
        self.pointer = pointer
        self.question = question
        self.choices = choices
        self.shown = shown
        self.back = back
        self.answer = ""

    def head(self) -> StyleAndTextTuples:
        parts: StyleAndTextTuples = [("class:qmark", "?"), ("class:question", f" {self.question} ")]
        if self.answer:
            parts.append(("class:answer", f" {self.shown(self.answer)}"))
        elif self.choices.typed:
            parts.append(("class:answer", f" {self.shown(self.choices.typed)}"))
        return parts

    def rows(self) -> StyleAndTextTuples:
        """As many rows about the pointer as fit on the screen; a line says how many there are beyond."""
        found, at = self.choices.found(), self.choices.at
        if not found:
            return [("class:instruction", f"   Nothing here has {self.shown(repr(self.choices.typed.strip()))} in it.")]
        texts = [self._text(row) for row in found]
        first, last = self._visible([text.count("\n") + 1 for text in texts], at)
        parts: StyleAndTextTuples = [("class:instruction", f"      {first} more above\n")] if first else []
        for index in range(first, last):
            pointed = index == at
            parts.append(("class:pointer", f" {self.pointer} ") if pointed else ("", "   "))
            parts.append(("class:highlighted" if pointed else "", texts[index]))
            parts.append(("", "\n"))
        if last < len(found):
            return [*parts, ("class:instruction", f"      {len(found) - last} more below")]
        return parts[:-1]

    def hints(self) -> StyleAndTextTuples:
        choices = self.choices
        numbers = f"1-{len(choices.all()) - bool(choices.leave)}"
        ways = ["arrows, or a number" if not choices.at_once else f"arrows, or {numbers}", "Enter", "type to filter"]
        back = "Esc clears" if choices.typed else f"{'q or Esc' if choices.quits else 'Esc'}: {self.back}"
        return [("class:instruction", f"   ({'; '.join([*ways, back])})")]

    def _text(self, row: str) -> str:
        from prompt_toolkit.application import get_app

        why = self.choices.why(row)
        digits = len(str(len(self.choices.all())))
        room = max(20, get_app().output.get_size().columns - digits - 7)
        lines = textwrap.wrap(self.shown(f"{row}  ({why})" if why else row), room) or [""]
        return ("\n" + " " * (digits + 5)).join([f"{self.choices.number(row):{digits}}  {lines[0]}", *lines[1:]])

    def _visible(self, heights: Sequence[int], at: int) -> tuple[int, int]:
        """First and last (exclusive) of the rows to draw."""
        from prompt_toolkit.application import get_app

        room = max(3, get_app().output.get_size().rows - 6)  # question, hints, the lines that say how many more
        first, last = at, at + 1
        grown = True
        while grown:
            grown = False
            for before, after in ((first, last + 1), (first - 1, last)):
                if before >= 0 and after <= len(heights) and sum(heights[before:after]) <= room:
                    first, last, grown = before, after, True
        return first, last

    def visible_count(self) -> int:
        return max(1, self._visible([1] * len(self.choices.found()), 0)[1] - 1)


def _keys(choices: Choices, screen: _Screen) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    keys = KeyBindings()

    def take(event: KeyPressEvent) -> None:
        row = choices.pointed()
        if row and row == choices.leave:
            event.app.exit(exception=Back())
        elif row:
            screen.answer = row
            event.app.exit(result=row)

    def back(event: KeyPressEvent) -> None:
        event.app.exit(exception=Back())

    def move(by: Callable[[], int]) -> Callable[[KeyPressEvent], None]:
        return lambda event: choices.move(by())

    def clear(event: KeyPressEvent) -> None:
        choices.typed, choices.at = "", 0

    for key, by in {Keys.Up: -1, Keys.ControlP: -1, Keys.Down: 1, Keys.ControlN: 1}.items():
        keys.add(key)(move(lambda by=by: by))  # type: ignore[misc]  # the default holds on to this loop's value
    keys.add(Keys.Home)(move(lambda: -choices.at))
    keys.add(Keys.End)(move(lambda: len(choices.found()) - 1 - choices.at))
    keys.add(Keys.PageUp)(move(lambda: -min(choices.at, screen.visible_count())))
    keys.add(Keys.PageDown)(move(lambda: min(len(choices.found()) - 1 - choices.at, screen.visible_count())))
    keys.add(Keys.Enter)(take)
    keys.add(Keys.ControlU)(clear)
    keys.add(Keys.ControlD)(back)

    @keys.add(Keys.Escape)
    def _(event: KeyPressEvent) -> None:
        (clear if choices.typed else back)(event)

    @keys.add(Keys.ControlC)
    @keys.add("<sigint>")
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt())

    @keys.add(Keys.Backspace)
    def _(event: KeyPressEvent) -> None:
        choices.typed = choices.typed[:-1]
        choices.type("")

    @keys.add(Keys.Any)
    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        text = "".join(_printable(event.data))
        if text == "q" and choices.quits:
            back(event)
            return
        first = not choices.typed
        choices.type(text)
        if first and len(text) == 1 and text.isdigit() and choices.at_once and choices.typed == text:
            row = next((row for row in choices.all() if choices.number(row) == int(text)), "")
            if row:
                take(event)

    return keys


def _printable(text: str) -> Iterator[str]:
    """The first line of what was typed or pasted."""
    yield from (character for character in (text.splitlines() or [""])[0] if character.isprintable())

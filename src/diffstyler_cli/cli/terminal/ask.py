"""Questions at a terminal, shown on stderr. Esc and Ctrl-D go back a level, as `Back`; Ctrl-C leaves, as `Left`."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .choose import ESCAPE_SECONDS, Back, Choices, list_application
from .console import Console, escaped
from .errors import Left, Terminated

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from questionary import Question

Dispatch = Callable[[list[str]], int]
"""Runs another command line in this process; returns its exit code. Raises `Back` where the person goes back from its
first question, `typer.Exit` where they leave at one, or the process is told to end."""

IMAGE_SUFFIXES = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".ppm",
        ".pgm",
        ".tga",
    )
)
"""What the path question completes; any other picture can still be typed."""


def pick_command(console: Console, commands: Sequence[tuple[str, str]]) -> list[str]:
    """Offers (name, summary) pairs and help; returns the arguments to go on with. Raises `Back` to leave."""
    rows = {f"{summary.rstrip('.')}  (diffstyler {name})": [name] for name, summary in commands}
    rows["See all options  (diffstyler stylize --help-all)"] = ["stylize", "--help-all"]
    return rows[pick(console, "What would you like to do?", list(rows), leave="Leave", back="leave")]


def confirm(console: Console, question: str) -> bool:
    """Whether the person agrees; Enter alone does, and going back does not."""
    import questionary

    asked = questionary.confirm(console.shown(question), **look(console))
    try:
        return bool(ask(console, asked, quits=True))
    except Back:
        return False


def pick(
    console: Console,
    question: str,
    rows: Sequence[str],
    *,
    words: Mapping[str, Sequence[str]] | None = None,
    leave: str = "",
    back: str = "back",
) -> str:
    """One of the rows. Raises `Back` for the last, `leave`, as for Esc.

    Args:
        words: by row, further words that find it.
        back: what going back does, in a word.
    """
    return _choose(console, question, Choices(rows, words or {}, leave), back)


def pick_or_type(
    console: Console, question: str, rows: Sequence[str], words: Mapping[str, Sequence[str]], other: str, back: str
) -> tuple[str, str]:
    """One of the rows, or `other`, and what was typed: the beginning of an answer in the person's own words."""
    choices = Choices(rows, words, other=other)
    return _choose(console, question, choices, back), choices.typed.strip()


def _choose(console: Console, question: str, choices: Choices, back: str) -> str:
    pointer = "»" if console.unicode else ">"
    application = list_application(question, choices, shown=console.shown, pointer=pointer, back=back, **look(console))
    return str(_run(console, application))


def path_question(console: Console, question: str, hint: str = "", **options: Any) -> Question:
    """A path, completed by Tab as in a shell. (`questionary.path` swallows the Enter that follows a completion.)"""
    import questionary
    from questionary.prompts.path import GreatUXPathCompleter

    def offered(name: str) -> bool:
        return os.path.isdir(name) or Path(name).suffix.lower() in IMAGE_SUFFIXES

    completer = GreatUXPathCompleter(file_filter=offered, expanduser=True)
    return questionary.text(
        question,
        instruction=f"({hint}Tab completes; Esc: back)",
        completer=completer,
        complete_while_typing=False,
        validate_while_typing=False,
        **options,
        **look(console),
    )


def ask_name(console: Console, default: Path) -> Path:
    """A name for a picture, of a format that can be written; PNG where none is said."""
    from ...errors import DiffStylerError
    from ...images.write import output_format

    def named(text: str) -> Path:
        path = Path(unquoted(text))
        return path if path.suffix or not path.name else path.with_suffix(".png")

    def validate(text: str) -> bool | str:
        path = named(text)
        if not path.name:
            return "Give it a name, such as picture.png."
        try:
            output_format(path)
        except DiffStylerError as error:
            return escaped(error.message)
        return True

    return named(str(ask(console, path_question(console, "Keep it as", default=str(default), validate=validate))))


def look(console: Console) -> dict[str, Any]:
    """Where and how questions are shown: on stderr, for stdout carries results only."""
    import sys

    import questionary
    from prompt_toolkit.output import create_output

    plain = console.colors == 0
    style = [("qmark", "bold"), ("question", "bold"), ("answer", "bold" if plain else "fg:ansicyan bold")]
    pointed = "bold" if plain else "fg:ansicyan bold"
    style += [("pointer", pointed), ("highlighted", pointed), ("instruction", "" if plain else "fg:ansibrightblack")]
    return {"output": create_output(stdout=sys.stderr), "style": questionary.Style(style)}


def ask(console: Console, question: Question, *, quits: bool = False) -> Any:
    """The answer. Esc and Ctrl-D raise `Back`, with `quits` q too; Ctrl-C raises `Left`."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings

    application, keys = question.application, KeyBindings()

    @Condition
    def completing() -> bool:
        return get_app().current_buffer.complete_state is not None

    @Condition
    def at_end() -> bool:
        return get_app().current_buffer.document.is_cursor_at_the_end

    @keys.add("escape", filter=~completing)
    @keys.add("c-d", filter=at_end)
    @keys.add("q", filter=Condition(lambda: quits))
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=Back())

    @keys.add("escape", filter=completing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    application.key_bindings = merge_key_bindings([*filter(None, [application.key_bindings]), keys])
    application.ttimeoutlen = application.timeoutlen = ESCAPE_SECONDS
    return _run(console, application)


def _run(console: Console, application: Application[Any]) -> Any:
    console.forget_keys()

    def terminate(number: int, frame: FrameType | None) -> None:
        if application.loop is None:
            raise Terminated
        # raised just here it would be an error of the drawing, which waits for Enter
        application.loop.call_soon_threadsafe(lambda: application.exit(exception=Terminated()))

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        return application.run()
    except KeyboardInterrupt:
        raise Left from None
    except EOFError:  # the terminal is gone
        raise Back from None
    finally:
        signal.signal(signal.SIGTERM, before)


def unquoted(text: str) -> str:
    """The path in `text`, which a file manager may have dropped in with quotes, escaped spaces or a ~."""
    text = text.strip()
    if not os.path.exists(text):
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if len(words) == 1:
            text = words[0]
    return os.path.expanduser(text)


def run_other(console: Console, words: list[str], dispatch: Dispatch) -> None:
    """Shows another command line and runs it; interrupted or done, the menu that it was chosen from comes again."""
    console.say_command(["diffstyler", *words])
    try:
        dispatch(words)
    except Back:
        pass
    finally:
        console.keys_wait = True

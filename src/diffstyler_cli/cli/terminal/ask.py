"""Questions at a terminal. Each is shown on stderr, and can be left by Ctrl-C or Ctrl-D as `KeyboardInterrupt`."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .console import Console, escaped
from .errors import INTERRUPTED
from .shell import joined

if TYPE_CHECKING:
    from questionary import Question

Dispatch = Callable[[list[str]], int]
"""Runs another command line in this process; returns its exit code."""

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
    """Offers (name, summary) pairs and help; returns the arguments to go on with, [] to leave."""
    rows = {f"{summary.rstrip('.')}  (diffstyler {name})": [name] for name, summary in commands}
    rows["See all options  (diffstyler stylize --help)"] = ["stylize", "--help"]
    rows["Leave"] = []
    return rows[pick(console, "What would you like to do?", list(rows))]


def confirm(console: Console, question: str) -> bool:
    """Whether the person agrees; Enter alone does."""
    import questionary

    return bool(ask(questionary.confirm(question, **look(console))))


def pick(console: Console, question: str, rows: list[str]) -> str:
    """One of the rows."""
    import questionary

    room = max(20, console.rich.width - 4)
    choices = [questionary.Choice(textwrap.fill(row, room, subsequent_indent="     "), value=row) for row in rows]
    pointer = "»" if console.unicode else ">"
    hint = "(arrow keys, Enter)"
    return str(ask(questionary.select(question, choices, pointer=pointer, instruction=hint, **look(console))))


def path_question(console: Console, question: str, **options: Any) -> Question:
    """A path, completed by Tab as in a shell. (`questionary.path` swallows the Enter that follows a completion.)"""
    import questionary
    from questionary.prompts.path import GreatUXPathCompleter

    def offered(name: str) -> bool:
        return os.path.isdir(name) or Path(name).suffix.lower() in IMAGE_SUFFIXES

    completer = GreatUXPathCompleter(file_filter=offered, expanduser=True)
    return questionary.text(
        question,
        instruction="(Tab completes)",
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

    return named(str(ask(path_question(console, "Keep it as", default=str(default), validate=validate))))


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


def ask(question: Question) -> Any:
    """The answer. Ctrl-C and Ctrl-D both leave, as `KeyboardInterrupt`."""
    try:
        return question.unsafe_ask()
    except EOFError:
        raise KeyboardInterrupt from None


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
    """Shows another command line and runs it. An interruption of it ends the menu that it was chosen from as well."""
    console.say(f"$ {joined(['diffstyler', *words])}", "dim", verbatim=True)
    code = dispatch(words)
    if code in INTERRUPTED:
        raise typer.Exit(code)

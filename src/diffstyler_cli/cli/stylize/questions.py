"""Asks for what a command line leaves out: the photo and the style. For every question there is an argument."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ...errors import DiffStylerError, UsageError
from ...models.lite.styles import FEATURED, STYLES
from ...prompts import parse_prompt
from ...remote import Place, place_of
from ..terminal.ask import ask, look, path_question, pick_or_type, unquoted
from ..terminal.choose import Back
from ..terminal.console import Console, escaped
from .request import Request

TYPE_IT = "something else: type it"


def ask_missing(console: Console, request: Request, *, default: str = "") -> Request:
    """Asks for the photo and the style if they are not given; `default` is the photo that Enter alone takes.

    Raises `Back` if the person goes back from the first question.
    """
    photo, styled = request.image, request.asks()
    if photo is not None:
        _check_photo(place_of(photo))
    while True:
        if request.image is None:
            photo = ask_photo(console, default=default)
        if styled:
            return dataclasses.replace(request, image=photo)
        try:
            style = ask_style(console, "Which style?")
        except Back:
            if request.image is not None:
                raise
            continue
        return dataclasses.replace(request, image=photo, prompts=(style,))


def ask_photo(console: Console, *, default: str = "") -> str:
    """The path of a photo that can be read; Tab completes. Enter alone is `default`, where there is one."""

    def validate(text: str) -> bool | str:
        if default and not text.strip():
            return True
        try:
            _check_photo(Path(unquoted(text)) if unquoted(text) else None)
        except DiffStylerError as error:
            return escaped(error.message)
        return True

    hint = "Enter: the built-in sample; " if default else ""
    return unquoted(ask(console, path_question(console, "Which photo?", hint, validate=validate))) or default


def ask_style(console: Console, question: str, but: Sequence[str] = ()) -> str:
    """A style picked from all that there are, but some, or typed. Raises `Back`."""
    words = {style.names[0]: [*style.names[1:], *style.artists] for style in STYLES if style.names[0] not in but}
    rows = [*(name for name in FEATURED if name in words), *(name for name in words if name not in FEATURED)]
    typed = ""
    while True:
        answer, typed = pick_or_type(console, question, rows, words, TYPE_IT, "back")
        if answer != TYPE_IT:
            return answer
        try:
            return _ask_prompt(console, typed)
        except Back:
            continue


def _ask_prompt(console: Console, typed: str) -> str:
    import questionary

    def validate(text: str) -> bool | str:
        try:
            parse_prompt(text)
        except UsageError as error:
            return escaped(error.message)
        return True

    hint = "(oil painting:4 gives it a weight; Esc: back)"
    question = questionary.text(
        "In your words:", typed, instruction=hint, validate=validate, validate_while_typing=False, **look(console)
    )
    return str(ask(console, question)).strip()


def _check_photo(photo: Place | None) -> None:
    from ...errors import InputImageError
    from ...images.read import read_image

    if photo is None:
        raise InputImageError("Name a picture file.")
    read_image(photo)

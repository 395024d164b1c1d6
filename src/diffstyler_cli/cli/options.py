"""Command-line options made from the settings table in `config.py`: flag, range, default, sentence, symbol and panel.

Their text is parsed here, not by Typer, so that every bad value gets the same two lines, whatever Typer's version.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import Option, default_of, kind_of, options, shown
from ..errors import UsageError
from ..models.lite.styles import STYLES
from ..naming import cut, exact
from ..roles import ROLES
from ..size import Size

LONGEST_CHOICES = 24
"""Choices longer than this stand in an option's sentence: in their own column they would leave it no room."""

MOST_DIGITS = 1000
"""Of a whole number; Python itself refuses those of more than 4,300."""

FILES, TERMINAL, WEIGHTS = "Files", "Terminal and scripts", "Full-size weights"
"""Panels of help beside those of the settings."""

_NUMBERS = re.compile(r"[+-]?\.?\d[\d.:,+e-]*", re.ASCII)
"""What stands behind a setting is its value: 0.5, -1, 1e-3, 0:1:0.25, 0,1."""

MOST_PIXELS = 10**12
"""The largest --max-pixels; no picture that fits into a memory has more."""
PIXELS = "Refuse input pictures with more pixels. (default 100000000)"
FRAME = "Which frame of an animation, or page of a file with several. (default 1)"
LAST_FRAME = 1000
"""The largest --frame: all frames of an animation before it are painted."""
KEEP_EXIF_FLAG = "--keep-exif"
REGION_FLAG = "--region"
CAMERA = "camera"
"""What --keep-exif keeps where it stands alone."""
AS_TYPED = "Take prompts exactly as typed: no slip mended, no other language translated, no words joined to one prompt."
PALETTE = "A picture whose colours the result gets."
STYLE_IMAGE = "A picture whose style is wanted, with its weight; repeatable, beside prompts or in their place."


def option(
    panel: str, help: str, *names: str, takes: str = "", complete: Callable[[str], list[Any]] | None = None
) -> Any:
    """A Typer option; `takes` names its value, "" for a flag; `complete` makes the values that a shell offers."""
    return typer.Option(
        *names, metavar=takes, help=markup(help), show_default=False, rich_help_panel=panel, autocompletion=complete
    )


def prompt_argument(help: str) -> Any:
    """The argument PROMPT."""
    return typer.Argument(metavar="PROMPT", show_default=False, help=help, autocompletion=complete_style)


def prompt_option(panel: str, help: str) -> Any:
    """The option --prompt."""
    return option(panel, help, "-p", "--prompt", takes="TEXT[:w]", complete=complete_style)


def complete_style(incomplete: str) -> list[tuple[str, str]]:
    """The style names that a shell offers, with a word on each: the usual one of each style, or all that fit."""
    if not incomplete:
        return [(style.names[0], ", ".join(style.names[1:3])) for style in STYLES]
    names = [(name, style) for style in STYLES for name in (*style.names, *style.artists)]
    return [
        (name, "" if name == style.names[0] else style.names[0]) for name, style in names if name.startswith(incomplete)
    ]


def settings_parameters(defaults: Mapping[str, str]) -> list[inspect.Parameter]:
    """One parameter a setting, in the table's order; `defaults` are words for those that a command has of its own."""
    return [_parameter(name, option, defaults.get(name, "")) for name, option in options().items()]


def weights_parameters() -> list[inspect.Parameter]:
    """One parameter a role, `KEY_weights`: a local file with that component of the model set."""
    return [
        inspect.Parameter(
            f"{role.key}_weights",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[Path | None, option(WEIGHTS, _weights_help(role.key), role.option, takes="PATH")],
        )
        for role in ROLES
    ]


def _weights_help(key: str) -> str:
    return f"Local file with the {key} weights: full-size ones, or what the lite training wrote."


def max_pixels(text: str | None) -> int | None:
    """The value of --max-pixels. Raises `UsageError`."""
    return None if text is None else whole("--max-pixels", text, low=1, high=MOST_PIXELS, example=200_000_000)


def frame_number(text: str | None) -> int | None:
    """The value of --frame. Raises `UsageError`."""
    return None if text is None else whole("--frame", text, low=1, high=LAST_FRAME, example=2)


def spelt_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with one value for each option, as Typer wants it.

    --keep-exif and --keep-color, where they stand alone, get the value that they then have: they would take the photo
    for it. Behind a setting, numbers and ranges are its value. A --region gets its two, with a null byte between.
    --original-size is --size original.
    """
    alone = {option.flag: option.alone for option in options().values() if option.alone}
    end = _end(arguments)
    words: list[str] = []
    place = 0
    while place < end:
        word = arguments[place]
        following = arguments[place + 1] if place + 1 < end else ""
        flag, equals, value = word.partition("=")
        taken = 1
        if word == KEEP_EXIF_FLAG:
            word = f"{word}={CAMERA}"
        elif word == "--original-size":
            word = "--size=original"
        elif word in alone and not _NUMBERS.fullmatch(following):
            word = f"{word}={alone[word]}"
        elif flag == REGION_FLAG:
            values = ([value] if equals else []) + list(arguments[place + 1 : place + 3 - bool(equals)])
            taken += len(values) - bool(equals)
            word = f"{REGION_FLAG}=" + "\0".join(values)
        words.append(word)
        place += taken
    return words + list(arguments[place:])


def _end(arguments: Sequence[str]) -> int:
    """Where the options end: at a "--" that is no value of a --region."""
    for place, word in enumerate(arguments):
        if word == "--" and REGION_FLAG not in arguments[max(0, place - 2) : place]:
            return place
    return len(arguments)


def readable(text: str) -> str:
    """An argument as text that can be shown and stored: bytes that are no UTF-8 become the replacement character."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # lone surrogates that stand for no byte
        return text.encode("utf-8", "replace").decode()


def parse(name: str, value: str | bool) -> Any:
    """A setting's value from its text. Raises `UsageError` if it is no number; ranges are checked by the settings."""
    kind, flag, default = kind_of(name), options()[name].flag, default_of(name)
    if kind == "int":
        return whole(flag, str(value), example=42 if default is None else default)
    if kind == "int | str":
        return Size.parse(str(value)).value
    if kind != "float":
        return value
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{flag} {cut(str(value))} is not a number.", f"Try {flag} {default:g}.") from None


def whole(flag: str, text: str, *, low: int | None = None, high: int | None = None, example: int = 1) -> int:
    """A whole number from an option's text. Raises `UsageError` if it is none, or outside [low, high]."""
    try:
        value = int(text[:MOST_DIGITS])
    except ValueError:
        raise UsageError(f"{flag} {cut(text)} is not a whole number.", f"Try {flag} {example}.") from None
    if len(text) > MOST_DIGITS:
        raise UsageError(
            f"{flag} has a value of {len(text):,} characters, too long for a number.", f"Try {flag} {example}."
        )
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"outside [{low}, {high}]" if high is not None else f"below {low}"
        raise UsageError(f"{flag} {shown(value)} is {bounds}.", f"Try {flag} {example}.")
    return value


def auto_or_whole(flag: str, text: str | None, *, high: int, example: int) -> int | None:
    """The number of an option that takes "auto" or a whole number from 1; None for "auto". Raises as `whole`."""
    return None if text in (None, "auto") else whole(flag, str(text), low=1, high=high, example=example)


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """The command-line arguments that give these settings, in the table's order."""
    words: list[str] = []
    for name, option in options().items():
        value = settings.get(name)
        if value is True:
            words.append(option.flag)
        elif value is not None and value is not False:
            words += [option.flag, exact(value) if isinstance(value, float) else str(value)]
    return words


def values(name: str) -> str:
    """The values that an option takes, as help shows them: "0..1", "[0..1]" where none is needed; "art|both|none"; ""
    for a flag."""
    option, kind = options()[name], kind_of(name)
    if option.choices:
        choices = option.takes or "|".join(option.choices)
        return choices if len(choices) <= LONGEST_CHOICES else "NAME"
    if kind in ("int", "float") and option.low is not None:
        endless = option.high is None or option.high >= 2**53
        values = f"{option.low:g}.." + ("" if endless else f"{_short(option.high)}")
        return f"[{values}]" if option.alone else values
    text = {"t1": "STEPS|Nx", "size": "N|WxH|original"}.get(name, option.takes or "TEXT")
    return {"bool": "", "str": text, "int | str": text}.get(kind, kind.upper())


def sentence(name: str, own_default: str = "") -> str:
    """An option's help: its sentence, default (both, where the model sets differ), the paper's symbol in brackets."""
    option, default = options()[name], default_of(name)
    text = option.help
    if values(name) == "NAME":
        text += f" One of {', '.join(option.choices)}."
    if own_default:
        text += f" (default {own_default})"
    elif default is not None and default is not False:
        full = "" if option.full is None else f"; {_short(option.full)} with the full-size models"
        text += f" (default {_short(default)}{full})"
    return text + (f" [{option.symbol}]" if option.symbol else "")


def _parameter(name: str, option: Option, own_default: str) -> inspect.Parameter:
    flag = kind_of(name) == "bool"
    choices = option.choices or option.common

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    default = typer.Option(
        option.flag,
        help=markup(sentence(name, own_default)),
        metavar=values(name),
        show_default=False,
        rich_help_panel=option.panel,
        autocompletion=complete if choices else None,
    )
    annotation = bool | None if flag else str | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, default]
    )


def markup(text: str) -> str:
    """Help text with its brackets kept from being read as rich markup."""
    return text.replace("[", r"\[")


def _short(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)

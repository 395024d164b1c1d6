"""Command-line options made from the settings table in `config.py`: flag, range, default, sentence, symbol and panel.

Their text is parsed here, not by Typer, so that every bad value gets the same two lines, whatever Typer's version.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from ..config import Option, StylizeConfig, options
from ..errors import UsageError

LONGEST_CHOICES = 24
"""Choices longer than this stand in an option's sentence: in their own column they would leave it no room."""


def takes_settings(
    command: Callable[..., int], read: Callable[[str, str | bool], Any] | None = None
) -> Callable[..., int]:
    """Gives a command one option a setting, where its parameter `settings` stands in its signature.

    The command receives as `settings` those that were given, as name -> value, read from their text by `read`
    (`parse` if not given). It must be callable by keywords alone.
    """
    convert = read or parse
    signature = inspect.signature(command, eval_str=True)
    generated = [_parameter(name, option) for name, option in options().items()]
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += generated if parameter.name == "settings" else [parameter]

    @functools.wraps(command)
    def with_settings(**arguments: Any) -> int:
        given = {p.name: arguments.pop(p.name) for p in generated}
        settings = {name: convert(name, value) for name, value in given.items() if value is not None}
        return command(**arguments, settings=settings)

    with_settings.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by inspect
    with_settings.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
    return with_settings


def parse(name: str, value: str | bool) -> Any:
    """A setting's value from its text. Raises `UsageError` if it is no number; ranges are checked by the settings."""
    kind, flag, default = _kind(name), options()[name].flag, default_of(name)
    if kind == "int":
        return whole(flag, str(value), example=42 if default is None else default)
    if kind != "float":
        return value
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{flag} {value!r} is not a number.", f"Try {flag} {default:g}.") from None


def whole(flag: str, text: str, *, low: int | None = None, high: int | None = None, example: int = 1) -> int:
    """A whole number from an option's text. Raises `UsageError` if it is none, or outside [low, high]."""
    try:
        value = int(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a whole number.", f"Try {flag} {example}.") from None
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"outside [{low}, {high}]" if high is not None else f"below {low}"
        raise UsageError(f"{flag} {value} is {bounds}.", f"Try {flag} {example}.")
    return value


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


def exact(value: float) -> str:
    """The shortest text that is read back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def default_of(name: str) -> Any:
    """A setting's default with the lite models."""
    return getattr(StylizeConfig(), name)


def values(name: str) -> str:
    """The values that an option takes, as help shows them: "0..1", "art|both|none"; "" for a flag."""
    option, kind = options()[name], _kind(name)
    if option.choices:
        choices = "|".join(option.choices)
        return choices if len(choices) <= LONGEST_CHOICES else "NAME"
    if kind in ("int", "float") and option.low is not None:
        endless = option.high is None or option.high >= 2**53
        return f"{option.low:g}.." + ("" if endless else f"{_short(option.high)}")
    return {"bool": "", "str": "STEPS|Nx" if name == "t1" else "TEXT"}.get(kind, kind.upper())


def sentence(name: str) -> str:
    """An option's help: its sentence, default (both, where the model sets differ), the paper's symbol in brackets."""
    option, default = options()[name], default_of(name)
    text = option.help
    if values(name) == "NAME":
        text += f" One of {', '.join(option.choices)}."
    if default is not None and default is not False:
        full = "" if option.full is None else f"; {_short(option.full)} with the full-size models"
        text += f" (default {_short(default)}{full})"
    return text + (f" [{option.symbol}]" if option.symbol else "")


def _parameter(name: str, option: Option) -> inspect.Parameter:
    flag = _kind(name) == "bool"
    choices = option.choices

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    default = typer.Option(
        option.flag,
        help=markup(sentence(name)),
        metavar=values(name),
        show_default=False,
        rich_help_panel=option.panel,
        autocompletion=complete if choices else None,
    )
    annotation = bool | None if flag else str | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotated(annotation, default)
    )


def _annotated(annotation: Any, option: Any) -> Any:
    return Annotated[annotation, option]


def markup(text: str) -> str:
    """Help text with its brackets kept from being read as rich markup."""
    return text.replace("[", r"\[")


def _kind(name: str) -> str:
    return str(StylizeConfig.__dataclass_fields__[name].type).removesuffix(" | None")


def _short(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)

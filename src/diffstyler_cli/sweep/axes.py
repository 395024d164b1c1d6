"""Ranges of settings as typed: `0:1:0.25` (both ends included), `50,60,70`, or one value; and the axes they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..config import PANEL_RUN, StylizeConfig, default_of, kind_of, options
from ..errors import UsageError
from ..naming import cut, exact
from ..prompts import parse_prompt
from ..t1 import T1

PROMPT = "prompt"
"""Name of the axis whose values are prompts."""
NOT_SWEPT = ("round_trip", "size", "working_size", "tile")
"""Settings that all cells of a sweep share, beside those of the machine and the models."""
MOST_VALUES = 1000
"""Of a setting."""
MOST_CELLS = 10_000
"""Pictures of a sweep."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_EXAMPLES = {"lam": "0:1:0.25", "t1": "1.0x,1.2x,1.4x", "seed": "1:4", "steps": "20,30,50"}


@dataclass(frozen=True)
class Axis:
    """A setting (or `PROMPT`) and the values that it takes."""

    name: str
    values: tuple[Any, ...]

    @property
    def flag(self) -> str:
        """The option that sets it."""
        return "--prompt" if self.name == PROMPT else options()[self.name].flag

    @property
    def title(self) -> str:
        """What a person reads beside the values: the paper's symbol, or the option's name."""
        if self.name == PROMPT:
            return "prompt"
        option = options()[self.name]
        return option.symbol or option.flag.lstrip("-")

    def label(self, value: Any) -> str:
        """A value as text, as short as it can be typed."""
        return f"{value:.10g}" if isinstance(value, float) else str(value)


def swept() -> tuple[str, ...]:
    """Names of the settings that can be an axis, in the order in which axes are laid out; prompts come last."""
    return tuple(name for name, o in options().items() if o.panel != PANEL_RUN and name not in NOT_SWEPT)


def parse_values(name: str, text: str) -> tuple[Any, ...]:
    """The values of a setting from its text, e.g. `0:1:0.25`, `1.0x:1.6x:0.2x`, `iplms,ddim`, `50`.

    Steps are decimal, so that 0:1:0.1 holds 0.3 and not 0.30000000000000004. A range runs down where its second end
    is the smaller. Between whole numbers the step may be left out: `1:4`.

    Raises `UsageError` with an example for text that is none, a value out of the setting's range, one given twice.
    """
    kind = kind_of(name)
    parts = [part.strip() for part in text.split(",")]
    values: list[Any] = []
    for part in parts:
        if kind == "str" and name != "t1":
            values.append(part)
        elif name == "t1" and "x" in part.lower():
            values += [str(T1(float(value), multiple=True)) for value in _span(name, part, "x")]
        elif name == "t1":
            values += [str(_whole(name, part, value)) for value in _span(name, part)]
        elif kind == "int":
            values += [_whole(name, part, value) for value in _span(name, part)]
        else:
            values += [float(value) for value in _span(name, part)]
    for index, value in enumerate(values):
        if value in values[:index]:
            raise UsageError(f"{options()[name].flag} {cut(text)} has {value} twice.", "Give each value once.")
        if name == "t1":  # whether it goes with --steps, the plan finds out cell by cell
            T1.parse(value)
        else:
            StylizeConfig().with_overrides({name: value}).validate()
    return tuple(values)


def parse_prompts(texts: Sequence[str]) -> tuple[str, ...]:
    """The values of the prompt axis. Raises `UsageError` for an empty prompt and for one given twice."""
    for index, text in enumerate(texts):
        parse_prompt(text)
        if text in texts[:index]:
            raise UsageError(f"--prompt {cut(text)} is given twice.", "Give each prompt once.")
    return tuple(texts)


def axes(ranges: Mapping[str, Sequence[Any]]) -> tuple[Axis, ...]:
    """The axes among settings with their values: those with more than one, in the order of `swept`, prompts last."""
    order = (*swept(), PROMPT)
    return tuple(Axis(name, tuple(ranges[name])) for name in order if len(ranges.get(name, ())) > 1)


def render_values(values: Iterable[Any]) -> str:
    """The text that `parse_values` reads as `values`."""
    return ",".join(exact(v) if isinstance(v, float) else str(v) for v in values)


def _span(name: str, part: str, unit: str = "") -> list[Decimal]:
    """One part between commas: a number, or start:stop[:step]; each may carry the unit."""
    numbers = [_number(name, part, piece.strip(), unit) for piece in part.split(":")]
    if len(numbers) == 1:
        return numbers
    if len(numbers) > 3:
        raise _bad(name, part, "is no range")
    whole = kind_of(name) == "int" or (name == "t1" and not unit)
    if len(numbers) == 2 and not whole:
        raise _bad(name, part, "is a range without a step")
    start, stop, step = (*numbers, Decimal(1))[:3]
    if step == 0:
        raise _bad(name, part, "has a step of 0")
    steps = abs((stop - start) / step)
    if steps >= MOST_VALUES:
        raise _bad(name, part, f"has more than {MOST_VALUES} values")
    return [start + index * abs(step) * (1 if stop >= start else -1) for index in range(int(steps) + 1)]


def _number(name: str, part: str, piece: str, unit: str) -> Decimal:
    digits = piece[:-1] if unit and piece.lower().endswith(unit) else piece
    if not _NUMBER.fullmatch(digits):
        raise _bad(name, part, "is no number or range")
    return Decimal(digits)


def _whole(name: str, part: str, value: Decimal) -> int:
    if value != int(value):
        raise _bad(name, part, "is not in whole numbers")
    return int(value)


def _bad(name: str, text: str, what: str) -> UsageError:
    flag = options()[name].flag
    default = default_of(name)
    top = default or 1
    example = _EXAMPLES.get(name) or (
        f"{default},{2 * default or 8}" if kind_of(name) == "int" else f"0:{top:g}:{top / 4:g}"
    )
    return UsageError(f"{flag} {cut(text)} {what}.", f"Try {flag} {example}.")

"""Values near those of a picture: the ranges of a sweep that looks closer around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..config import StylizeConfig, options
from ..t1 import T1
from .axes import PROMPT


def around(ranges: Mapping[str, Sequence[Any]], config: StylizeConfig) -> dict[str, tuple[Any, ...]]:
    """Finer values around those of `config`: each axis of `ranges` that is a number, at half its distances.

    Without such an axis, λ and T1. Other axes keep the value of `config`.
    """
    axes = {name: values for name, values in ranges.items() if len(values) > 1 and name != PROMPT}
    numeric = {name: values for name, values in axes.items() if not options()[name].choices and name != "seed"}
    fixed = {name: (getattr(config, name),) for name in axes if name not in numeric}
    wide = numeric or {"lam": (0.0, 0.4, 0.8), "t1": ("1.0x", "1.4x")}
    return {**fixed, **{name: _near(name, values, config) for name, values in wide.items()}}


def _near(name: str, values: Sequence[Any], config: StylizeConfig) -> tuple[Any, ...]:
    """Five values about that of `config`, a quarter of the way to its nearest neighbour apart, inside the range."""
    value, option = getattr(config, name), options()[name]
    if name == "t1":
        length = T1.parse(value)
        others = [T1.parse(text) for text in values]
        low = 1.0 if length.multiple else float(config.steps)
        numbers = _five(length.value, [t.value for t in others if t.multiple == length.multiple], low, None)
        made = [T1(n if length.multiple else float(round(n)), length.multiple) for n in numbers]
        return tuple(dict.fromkeys(map(str, made)))
    numbers = _five(value, values, option.low, option.high)
    return tuple(dict.fromkeys(round(n) if isinstance(value, int) else n for n in numbers))


def _five(here: float, others: Sequence[float], low: float | None, high: float | None) -> list[float]:
    step = min((abs(other - here) for other in others if other != here), default=0.4) / 4
    near = [round(here + offset * step, 6) for offset in (-2, -1, 0, 1, 2)]
    return [n for n in near if (low is None or n >= low) and (high is None or n <= high)]

"""Values near those of a picture: the ranges of a sweep that looks closer around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..config import StylizeConfig, options
from ..t1 import MOST_MULTIPLES, MOST_STEPS, T1
from .axes import PROMPT, axes

DEFAULT_STEP = 0.2
"""Of λ, and of T1 in multiples of T."""
_CLOSEST = {"float": 1e-6, "t1": 1e-3}


def around(
    ranges: Mapping[str, Sequence[Any]], config: StylizeConfig, but: Collection[str] = ()
) -> dict[str, tuple[Any, ...]]:
    """Finer values around those of `config`: each axis of `ranges` that is a number, at half its distances.

    Without such an axis, λ and T1, where they are not among `but`. Other axes keep the value of `config`.
    """
    axes = {name: values for name, values in ranges.items() if len(values) > 1 and name != PROMPT}
    numeric = {name: values for name, values in axes.items() if not options()[name].choices and name != "seed"}
    fixed = {name: (getattr(config, name),) for name in axes if name not in numeric}
    wide: Mapping[str, Sequence[Any]] = numeric or {name: () for name in ("lam", "t1") if name not in but}
    return {**fixed, **{name: _near(name, values, config) for name, values in wide.items()}}


def described(ranges: Mapping[str, Sequence[Any]], config: StylizeConfig) -> str:
    """The values that are varied, T1 in steps: "λ 0.7, 0.9, 1; T1 13, 18, 31 steps"."""
    parts = []
    for axis in axes(ranges):
        labels = [axis.label(value) for value in axis.values]
        if axis.name == "t1":
            steps = dict.fromkeys(T1.parse(value).steps(config.steps) for value in axis.values)
            labels = [*map(str, steps)]
        parts.append(f"{axis.title} {', '.join(labels)}" + (" steps" if axis.name == "t1" else ""))
    return "; ".join(parts)


def _near(name: str, values: Sequence[Any], config: StylizeConfig) -> tuple[Any, ...]:
    """Three values about that of `config`, half the way to its nearest neighbour apart, inside the range."""
    if name == "t1":
        return _near_t1(values, config)
    here, option = getattr(config, name), options()[name]
    low = -math.inf if option.low is None else option.low
    high = math.inf if option.high is None else option.high
    step = _step(here, values)
    if isinstance(here, int):
        return tuple(map(round, _three(here, step, low, high, round)))
    return tuple(_three(here, max(step, _CLOSEST["float"]), low, high, lambda value: round(value, 6)))


def _near_t1(values: Sequence[str], config: StylizeConfig) -> tuple[str, ...]:
    """Values that are different numbers of steps at the T of `config`, in the form of its own."""
    T, length = config.steps, T1.parse(config.t1)
    step = max(_CLOSEST["t1"], _step(length.multiples(T), [T1.parse(text).multiples(T) for text in values]))
    least = T + 1 if config.round_trip else T
    if length.multiple:
        found = _three(
            length.value, step, math.ceil(1000 * least / T) / 1000, MOST_MULTIPLES, lambda value: round(value * T)
        )
    else:
        found = [float(round(v)) for v in _three(length.value, step * T, least, MOST_STEPS, round)]
    return tuple(str(T1(value, length.multiple)) for value in found)


def _step(here: float, others: Sequence[float]) -> float:
    return min((abs(other - here) / 2 for other in others if other != here), default=DEFAULT_STEP)


def _three(here: float, step: float, low: float, high: float, same: Callable[[float], float]) -> list[float]:
    """`here`, and a value on either side at least `step` away, further where `same` finds them the same.

    At an end of the range both are on the other side, at half the distance. There are fewer where there is no room.
    """

    def beyond(start: float, by: float) -> float | None:
        for count in range(1, 10_000):
            value = min(max(round(start + count * by, 6), low), high)
            if same(value) != same(start):
                return value
            if value <= low if by < 0 else value >= high:
                break
        return None

    below, above = beyond(here, -step), beyond(here, step)
    if below is not None and above is not None:
        return [below, here, above]
    way = step / 2 if below is None else -step / 2
    first = beyond(here, way)
    second = None if first is None else beyond(first, way)
    return sorted(value for value in (here, first, second) if value is not None)

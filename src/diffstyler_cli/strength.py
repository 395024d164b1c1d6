"""`--strength`: one dial from 0, where the photo is hardly touched, to 1, where style comes first; 0.5 is the defaults.

It moves four settings together along a path, chosen for the lite models by the independent judge and by eye
(docs/defaults.md); the full set's path is made by analogy, since its weights could not be had. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from .t1 import T1

MIDDLE = 0.5
"""The strength of the defaults."""

PATHS: dict[str, dict[str, dict[float, float]]] = {
    "lite": {
        "t1": {0.0: 1.7, 0.25: 1.3, 0.75: 1.0, 1.0: 1.0},
        "fresh_noise": {0.0: 0.0, 0.25: 0.15, 0.75: 0.4, 1.0: 0.5},
        "prompt_weight": {0.0: 0.9, 0.25: 1.1, 0.75: 1.9, 1.0: 3.0},
        "guidance_scale": {0.0: 1.0, 0.25: 2.0, 0.75: 4.5, 1.0: 8.0},
    },
    "full": {
        "t1": {0.0: 1.6, 0.25: 1.4, 0.75: 1.1, 1.0: 1.0},
        "fresh_noise": {0.0: 0.0, 0.25: 0.0, 0.75: 0.1, 1.0: 0.25},
        "prompt_weight": {0.0: 1.5, 0.25: 2.2, 0.75: 4.0, 1.0: 5.5},
        "guidance_scale": {0.0: 0.5, 0.25: 0.75, 0.75: 1.3, 1.0: 1.7},
    },
}
"""By model set and setting, values at strengths beside the middle, where the default stands; linear in between.

T1 is in multiples of T."""

MOVED = tuple(PATHS["lite"])
"""Names of the settings that the dial moves."""


def moved(strength: float, defaults: Mapping[str, Any], model_set: str) -> dict[str, Any]:
    """The settings of `MOVED` at a strength in [0, 1] with a model set, "lite" or "full", from its `defaults`."""
    found: dict[str, Any] = {}
    for name, knots in PATHS[model_set].items():
        middle = T1.parse(defaults[name]).value if name == "t1" else float(defaults[name])
        value = round(_between(sorted({**knots, MIDDLE: middle}.items()), strength), 3)
        found[name] = str(T1(value, multiple=True)) if name == "t1" else value
    return found


def _between(knots: Sequence[tuple[float, float]], at: float) -> float:
    """Linear interpolation in [0, 1]."""
    for (left, low), (right, high) in pairwise(knots):
        if left <= at <= right:
            return low + (high - low) * (at - left) / (right - left)
    raise ValueError(f"{at} is outside [0, 1]")

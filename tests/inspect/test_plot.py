from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.images.plot import Curves, nice_ticks, plot_curves, step_ticks, tick_label


@given(st.floats(-1e29, 1e29), st.floats(-1e29, 1e29))
def test_ticks_are_few_even_and_hold_the_values(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    slack = (ticks[1] - ticks[0]) * 1e-3
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack


def test_tick_labels_tell_ticks_apart() -> None:
    assert [tick_label(t, 0.25) for t in nice_ticks(0.3, 1.2)] == ["0.25", "0.50", "0.75", "1.00", "1.25"]
    assert [tick_label(t, 100) for t in nice_ticks(-180, 180)] == ["-200", "-100", "0", "100", "200"]


@given(st.integers(1, 10**6))
def test_step_ticks_begin_and_end(steps: int) -> None:
    ticks = step_ticks(steps)
    assert ticks == sorted(set(ticks))
    assert (ticks[0], ticks[-1]) == (1, steps)
    assert len(ticks) <= 7


@pytest.mark.parametrize("values", [[], [math.nan], [1.0], [1.0, math.nan, 2.0], [5e-324, 0.0], [1e308, -1e308, 3.0]])
def test_any_curve_can_be_drawn(values: list[float]) -> None:
    picture = plot_curves(
        [Curves("浮世絵.png", {"tv": values}), Curves("b" * 200, {"nce": [1, 2]})], {"tv": "weight 1"}
    )
    assert picture.mode == "RGB"
    assert len(picture.getcolors(10**6) or []) > 10

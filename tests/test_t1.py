from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.errors import UsageError
from diffstyler_cli.t1 import MOST_STEPS, T1


@pytest.mark.parametrize(
    ("text", "steps", "written"), [("60", 60, "60"), ("60.0", 60, "60"), ("1.2x", 60, "1.2x"), (" 1X ", 50, "1.0x")]
)
def test_both_forms_are_read(text: str, steps: int, written: str) -> None:
    length = T1.parse(text)
    assert (length.steps(50), str(length)) == (steps, written)


@given(st.floats(1, 100) | st.integers(1, MOST_STEPS))
def test_what_is_written_is_read_back(value: float) -> None:
    length = T1(float(f"{value:.6g}"), multiple=isinstance(value, float))
    assert T1.parse(str(length)) == length


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_t_never_exceeds_t1(t1: int, T: int) -> None:
    length = T1.parse(str(t1))
    if t1 >= T:
        assert length.steps(T) == t1
    else:
        with pytest.raises(UsageError, match="T must not exceed T1"):
            length.steps(T)


@pytest.mark.parametrize("text", ["10000000000", "101x", "9" * 400, "nan", "-1", "", "1e3", "1.5"])
def test_what_is_no_length_or_too_long_is_one_short_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        T1.parse(text)
    assert len(caught.value.message) < 200


def test_moved_it_keeps_its_form_and_never_falls_below_t() -> None:
    moves = (("1.2x", 0.2), ("1.2x", -1), ("60", 0.1), ("60", -1))
    assert [str(T1.parse(text).moved(by, 50)) for text, by in moves] == ["1.4x", "1.0x", "65", "50"]
    assert T1.parse("75").multiples(50) == T1.parse("1.5x").multiples(50) == 1.5

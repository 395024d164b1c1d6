from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.errors import UsageError
from diffstyler_cli.sweep.axes import PROMPT, axes, parse_prompts, parse_values, render_values, swept


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("lam", "0:1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("lam", "0:1:0.1", tuple(n / 10 for n in range(11))),
        ("lam", "0:1:0.3", (0.0, 0.3, 0.6, 0.9)),
        ("lam", "1:0:0.5", (1.0, 0.5, 0.0)),
        ("lam", "1:0:-0.5", (1.0, 0.5, 0.0)),
        ("lam", "0, 0.2,0.5:1:0.25", (0.0, 0.2, 0.5, 0.75, 1.0)),
        ("lam", "0.8", (0.8,)),
        ("t1", "1.0x,1.2x", ("1.0x", "1.2x")),
        ("t1", "1x:1.6X:0.2x", ("1.0x", "1.2x", "1.4x", "1.6x")),
        ("t1", "1:1.6:0.2x", ("1.0x", "1.2x", "1.4x", "1.6x")),
        ("t1", "50:80:10,100", ("50", "60", "70", "80", "100")),
        ("t1", "50,1.2x", ("50", "1.2x")),
        ("steps", "50,60,70", (50, 60, 70)),
        ("seed", "1:4", (1, 2, 3, 4)),
        ("solver", "iplms, ddim", ("iplms", "ddim")),
        ("guide", "art,none", ("art", "none")),
        ("w_content", "0,3,9", (0.0, 3.0, 9.0)),
        ("noise_iters", "0:8:4", (0, 4, 8)),
    ],
)
def test_ranges_and_lists_include_both_ends_and_are_decimal(name: str, text: str, values: tuple[object, ...]) -> None:
    assert parse_values(name, text) == values


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lam", "0:1"), ("lam", "0:1:0"), ("lam", "0:1:1e-9"), ("lam", "1:2:3:4"), ("lam", ""), ("lam", "0.5,"),
        ("lam", "nan"), ("lam", "0::1"), ("lam", "1e99999:2:1"), ("lam", "9" * 400), ("seed", "1.5"), ("seed", "a:b"),
        ("t1", "1.2"), ("t1", "1x:2x"), ("t1", "x"), ("steps", "1:2:0.5"), ("noise_iters", "many"), ("w_tv", "1;2"),
    ],
)  # fmt: skip
def test_a_bad_range_is_answered_with_the_option_and_an_example_that_works(name: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_values(name, text)
    flag, example = caught.value.advice.removeprefix("Try ").removesuffix(".").split()
    assert flag in caught.value.message
    assert parse_values(name, example)


@pytest.mark.parametrize(
    ("name", "text"), [("lam", "0:2:1"), ("lam", "0.5,0.5"), ("solver", "euler"), ("steps", "0"), ("t1", "1x,1.0x")]
)
def test_values_out_of_range_unknown_or_given_twice_are_refused(name: str, text: str) -> None:
    with pytest.raises(UsageError):
        parse_values(name, text)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 50))
def test_a_range_holds_every_step_from_its_start_and_never_passes_its_end(start: int, stop: int, step: int) -> None:
    values = parse_values("lam", f"{Decimal(start) / 100}:{Decimal(stop) / 100}:{Decimal(step) / 100}")
    way = 1 if stop >= start else -1
    assert values == tuple(n / 100 for n in range(start, stop + way, way * step))
    assert parse_values("lam", render_values(values)) == values


@given(st.text(max_size=12))
def test_any_text_gives_values_or_a_usage_error(text: str) -> None:
    for name in ("lam", "t1", "seed", "solver"):
        try:
            values = parse_values(name, text)
        except UsageError:
            continue
        assert len(set(values)) == len(values) > 0


def test_axes_are_what_has_several_values_prompts_last() -> None:
    found = axes({PROMPT: ("a", "b"), "seed": (1, 2), "t1": ("1x",), "lam": (0.0, 1.0)})
    assert [axis.name for axis in found] == ["lam", "seed", PROMPT]
    assert [axis.title for axis in found] == ["λ", "seed", "prompt"]
    assert {"t1", "steps", "solver", "guidance_scale", "w_nce", "seed", "noise_iters"} < set(swept())
    assert not {"size", "device", "models", "round_trip"} & set(swept())


def test_a_prompt_given_twice_or_empty_is_refused() -> None:
    assert parse_prompts(["a", "b:2"]) == ("a", "b:2")
    for texts in (["a", "a"], ["a", " "]):
        with pytest.raises(UsageError):
            parse_prompts(texts)

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.errors import UsageError
from diffstyler_cli.prompts import Prompt, StyleImage, parse_prompt, parse_style_image, render_prompt

TEXTS = st.text().map(lambda text: " ".join(text.split())).filter(bool)


@pytest.mark.parametrize(
    ("argument", "text", "weight"),
    [
        ("oil painting", "oil painting", None),
        ("oil painting:2.5", "oil painting", 2.5),
        ("  oil \n painting : 2 ", "oil painting", 2.0),
        ("oil:-1", "oil", -1.0),
        ("oil:+.5", "oil", 0.5),
        ("oil:1e1", "oil", 10.0),
        ("a portrait: oil", "a portrait: oil", None),
        ("a:b:2", "a:b", 2.0),
        ("oil:0", "oil", 0.0),
        ("aspect 4:3:", "aspect 4:3", None),
        ("aspect 4:3:1", "aspect 4:3", 1.0),
        ("oil:", "oil", None),
        ("oil:2 cats", "oil:2 cats", None),
        ("oil:٣", "oil:٣", None),
        ("油絵:2", "油絵", 2.0),
    ],
)
def test_only_a_number_after_the_last_colon_is_a_weight(argument: str, text: str, weight: float | None) -> None:
    assert parse_prompt(argument) == Prompt(text, weight)


@pytest.mark.parametrize("argument", ["", "  \t\n", ":", ":2", " :-1"])
def test_an_empty_prompt_is_refused(argument: str) -> None:
    with pytest.raises(UsageError, match="empty") as caught:
        parse_prompt(argument)
    assert "oil painting" in caught.value.advice


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "NaN", "Infinity", "1e999", "31", "-31"])
def test_a_weight_that_is_no_number_or_out_of_range_is_refused(weight: str) -> None:
    with pytest.raises(UsageError, match=r"outside \[-30, 30\]"):
        parse_prompt(f"oil:{weight}")
    with pytest.raises(UsageError):
        parse_style_image(f"a.png:{weight}")


@given(TEXTS, st.none() | st.floats(-30, 30))
def test_a_rendered_prompt_is_read_as_the_same(text: str, weight: float | None) -> None:
    prompt = Prompt(text, weight)
    assert parse_prompt(render_prompt(prompt)) == prompt


@given(st.text())
def test_any_argument_is_a_prompt_or_refused(argument: str) -> None:
    try:
        prompt = parse_prompt(argument)
    except UsageError:
        return
    assert prompt.text == " ".join(prompt.text.split()) != ""
    assert prompt.weight is None or math.isfinite(prompt.weight)
    assert parse_prompt(render_prompt(prompt)) == prompt


def test_rendered_weights_are_short() -> None:
    assert render_prompt(Prompt("oil", 2.0)) == "oil:2"
    assert render_prompt(Prompt("oil", 0.1)) == "oil:0.1"
    assert render_prompt(Prompt("oil: 3")) == "oil: 3:"
    assert render_prompt(Prompt("a portrait: oil")) == "a portrait: oil"


def test_style_images() -> None:
    assert parse_style_image("a/b.png:2") == StyleImage(Path("a/b.png"), 2.0)
    assert parse_style_image("a:b.png") == StyleImage(Path("a:b.png"), None)
    for argument in ("", " ", ":2"):
        with pytest.raises(UsageError, match="path is empty"):
            parse_style_image(argument)


def test_a_path_that_no_system_takes_is_one_of_nothing() -> None:
    assert parse_style_image("~a\0b.png:2") == StyleImage(Path("~a\0b.png"), 2)

"""--size as people write it, and the passes that it comes to."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.errors import UsageError
from diffstyler_cli.recipe.reading import Recipe
from diffstyler_cli.size import HIGH, LARGEST_DRAWN, LOW, Size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (512, 512),
        (" 512 ", 512),
        ("1024x768", "1024x768"),
        ("1024X768", "1024x768"),
        ("1024 × 768", "1024x768"),
        ("original", "original"),
        ("ORIGINAL", "original"),
    ],
)
def test_a_size_is_read_and_written(text: int | str, value: int | str) -> None:
    assert Size.parse(text).value == value
    assert Size.parse(Size.parse(text).value) == Size.parse(text)
    assert Recipe({"settings": {"size": value}}).settings["size"] == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("63", "--size 63 is outside [64, 16384]"),
        ("16385", "outside"),
        ("-5", "--size -5 is outside"),
        ("9" * 5000, "a number of more than 20 digits"),
        ("large", "'large' is no size"),
        ("512.5", "is no size"),
        ("", "is no size"),
        ("0x9", "a side is outside [16, 65535]"),
        ("60000x60000", "more than 268 million pixels"),
        ("1x2x3", "is no size"),
    ],
)
def test_what_is_no_size_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Size.parse(text)
    assert words in caught.value.message


def test_a_recipe_with_a_size_that_is_none_says_so() -> None:
    for size in (3, "large", "99999999x2", 1.5, None, [512]):
        recipe = Recipe({"settings": {"size": size}})
        assert "size" not in recipe.settings
        assert recipe.odd == ([] if size is None else ["settings.size"])


def test_a_recipe_from_when_the_original_size_was_a_setting_of_its_own() -> None:
    recipe = Recipe({"settings": {"size": 256, "original_size": True}})
    assert recipe.settings["size"] == "original"
    assert Recipe({"settings": {"size": 256, "original_size": False}}).settings == {"size": 256}
    assert not recipe.unknown


SIDES = st.integers(1, 20000)


@given(st.tuples(SIDES, SIDES), st.integers(LOW, HIGH), st.integers(64, 4096))
def test_passes_grow_to_the_size_and_no_further_than_networks_draw(
    photo: tuple[int, int], n: int, working: int
) -> None:
    size = Size.parse(n)
    passes = size.passes(photo, working)
    areas = [width * height for width, height in passes]
    assert areas == sorted(areas)
    assert all(min(each) >= 16 for each in passes)
    if n <= LARGEST_DRAWN:
        assert passes[-1] == size.result(photo)
    assert math.sqrt(areas[-1]) <= LARGEST_DRAWN * 1.01 + 16
    assert all(1.3 < math.sqrt(b / a) < 3 for a, b in itertools.pairwise(areas) if a > 16 * 16 * 16)


@pytest.mark.parametrize(
    ("photo", "size", "result", "passes"),
    [
        ((4000, 3000), "original", (4000, 3000), [(296, 222), (591, 443), (1182, 887), (2365, 1774)]),
        ((1500, 1000), "original", (1500, 1000), [(314, 209), (686, 457), (1500, 1000)]),
        ((100, 75), "original", (100, 75), [(296, 222)]),
        ((4000, 3000), "800x800", (800, 600), [(296, 222), (800, 600)]),
        ((3000, 4000), "1920x1080", (810, 1080), [(222, 296), (423, 565), (810, 1080)]),
        ((7500, 100), "original", (7500, 100), [(1024, 64), (1884, 118), (3464, 216)]),
        ((10000, 1), "original", (10000, 1), [(1024, 64)]),
    ],
)
def test_the_picture_has_the_photos_shape(
    photo: tuple[int, int], size: str, result: tuple[int, int], passes: list[tuple[int, int]]
) -> None:
    assert Size.parse(size).result(photo) == result
    assert list(Size.parse(size).passes(photo, 256)) == passes

"""The photo's colours in the result, as numbers: lightness, chroma, hue; what no screen shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffstyler_cli.images.recolour import keep_colour, oklab, srgb

Array = np.ndarray[Any, np.dtype[Any]]

STEP = 0.004
"""By which rounding to 8 bits moves L, a or b at most, in all but the darkest colours."""


def block(colours: Array) -> Image.Image:
    return Image.fromarray(np.asarray(colours, np.uint8))


def noise(seed: int, low: int = 0, high: int = 256) -> Array:
    return np.random.default_rng(seed).integers(low, high, (40, 30, 3), dtype=np.uint8)


def lab(picture: Image.Image) -> Array:
    return oklab(np.asarray(picture))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_colours_have_their_published_values(colour: tuple[int, int, int], expected: tuple[float, ...]) -> None:
    """Those of CSS Color 4, whose oklab() is the same space."""
    assert oklab(np.array(colour, np.uint8)) == pytest.approx(expected, abs=1e-4)


def test_every_colour_of_a_screen_comes_back_exactly() -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1)
    assert np.array_equal(srgb(oklab(colours)), colours)


def test_lightness_is_the_results_and_chroma_the_photos_where_a_screen_shows_both() -> None:
    result, photo = block(noise(1, 90, 170)), block(noise(2, 110, 150))
    kept = lab(keep_colour(result, photo, 1.0))
    assert np.abs(kept[..., 0] - lab(result)[..., 0]).max() < STEP
    assert np.abs(kept[..., 1:] - lab(photo)[..., 1:]).max() < STEP


def test_half_is_the_middle() -> None:
    result, photo = block(noise(1, 90, 170)), block(noise(2, 90, 170))
    kept = lab(keep_colour(result, photo, 0.5))
    assert np.abs(kept[..., 1:] - (lab(result) + lab(photo))[..., 1:] / 2).max() < STEP


def test_chroma_that_no_screen_shows_is_reduced_at_its_lightness_and_hue() -> None:
    result, photo = block(noise(1)), block(np.full((40, 30, 3), (0, 0, 255)))
    found, own = lab(keep_colour(result, photo, 1.0)), lab(result)
    coloured = found[(own[..., 0] > 0.3) & (own[..., 0] < 0.9)]  # at both ends there is too little room for a hue
    hue = np.arctan2(coloured[:, 2], coloured[:, 1])
    blue = np.arctan2(-0.31153, -0.03246)
    assert np.abs(found[..., 0] - own[..., 0]).max() < 2 * STEP
    assert np.abs(hue - blue).max() < 0.1
    assert np.hypot(coloured[:, 1], coloured[:, 2]).min() > 0.04, "as much as there is room for"


@given(st.lists(st.floats(-0.375, 0.375, width=32), min_size=2, max_size=2), st.floats(0, 1, width=32))
def test_any_chroma_at_any_lightness_is_a_colour_of_that_lightness(chroma: list[float], lightness: float) -> None:
    shown = oklab(srgb(np.array([[lightness, *chroma]], np.float32)))
    assert abs(shown[0, 0] - lightness) < max(STEP, 0.05 * (lightness < 0.2))


def test_a_grey_photo_makes_a_grey_picture() -> None:
    photo = Image.linear_gradient("L").resize((30, 40)).convert("RGB")
    kept = np.asarray(keep_colour(block(noise(3)), photo, 1.0)).astype(int)
    assert np.ptp(kept, axis=-1).max() <= 1


def test_a_picture_of_several_strips_is_that_of_its_parts() -> None:
    result, photo = np.tile(noise(4), (25, 20, 1)), np.tile(noise(5), (25, 20, 1))
    whole = np.asarray(keep_colour(block(result), block(photo), 0.7))
    part = np.asarray(keep_colour(block(result[:40, :30]), block(photo[:40, :30]), 0.7))
    assert np.array_equal(whole, np.tile(part, (25, 20, 1)))

"""The photo's colours in the result, as numbers: lightness, chroma, hue; what no screen shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffstyler_cli.images.recolour import FAINT, keep_colour, match_palette, oklab, srgb

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


def moments(picture: Image.Image) -> tuple[Array, Array]:
    colours = lab(picture).reshape(-1, 3)
    return colours.mean(0), np.cov(colours.T)


def soft(mean: float, width: float, tint: tuple[float, float, float], seed: int) -> Image.Image:
    """Colours well inside of what a screen shows."""
    light = np.random.default_rng(seed).normal(0, width, (60, 50, 3)) @ np.diag(tint) + mean
    return block(light.clip(0, 255))


def test_colours_get_the_palettes_mean_and_covariance() -> None:
    picture, palette = soft(140, 20, (1, 0.6, 0.9), 1), soft(120, 18, (0.5, 1, 1), 2)
    (mean, spread), (wanted, wanted_spread) = moments(match_palette(picture, palette)), moments(palette)
    assert np.abs(mean - wanted).max() < STEP
    assert np.abs(spread - wanted_spread).max() < FAINT**2
    assert np.abs(spread - wanted_spread).max() < 0.3 * np.abs(moments(picture)[1] - wanted_spread).max()


def test_its_own_palette_leaves_a_picture_as_it_is() -> None:
    picture = block(noise(6))
    assert np.abs(np.asarray(match_palette(picture, picture)).astype(int) - np.asarray(picture)).max() <= 1


def test_what_is_hidden_counts_for_nothing_on_either_side() -> None:
    picture, palette = soft(140, 20, (1, 0.6, 0.9), 1), soft(120, 18, (0.5, 1, 1), 2)
    mask = Image.new("L", (100, 60), 0)
    mask.paste(255, (0, 0, 50, 60))
    wide, other = (Image.new("RGB", (100, 60), colour) for colour in ((255, 0, 0), (0, 255, 0)))
    wide.paste(picture, (0, 0))
    other.paste(palette, (0, 0))
    found = match_palette(wide, other, mask, mask).crop((0, 0, 50, 60))
    difference = np.abs(np.asarray(found).astype(int) - np.asarray(match_palette(picture, palette)))
    assert difference.max() <= 1
    assert np.abs(np.asarray(match_palette(wide, other).crop((0, 0, 50, 60))).astype(int) - np.asarray(found)).max() > 9


def test_a_palette_without_colour_or_without_a_pixel_that_is_seen_is_no_error() -> None:
    picture, hidden = block(noise(7)), Image.new("L", (30, 40), 0)
    for palette in (Image.new("RGB", (1, 1), "white"), Image.new("RGB", (30, 40), (200, 30, 30))):
        one = match_palette(picture, palette)
        assert np.ptp(np.asarray(one).astype(int), axis=(0, 1)).max() > 5, "something is left to be seen"
        assert match_palette(picture, palette, hidden, None).size == picture.size


def test_the_tint_of_a_drawings_paper_is_not_blown_up_to_a_palettes_width() -> None:
    drawing = np.repeat(np.random.default_rng(8).integers(0, 256, (40, 30, 1)), 3, -1)
    drawing[..., 2] = drawing[..., 2] * 15 // 16
    palette = block(noise(9))
    before, after = moments(block(drawing))[1], moments(match_palette(block(drawing), palette))[1]
    gain, full = np.sqrt(np.array([after[2, 2], moments(palette)[1][2, 2]]) / before[2, 2])
    assert 1 < gain < full / 2

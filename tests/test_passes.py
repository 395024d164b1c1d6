"""Large pictures are drawn coarse to fine: colours and large forms by the first pass, what is small from the photo."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli import Finished, StylizeConfig, Stylizer
from diffstyler_cli.diffusion.costs import spans
from diffstyler_cli.images import enlarge as images_enlarge
from diffstyler_cli.images import enlarged, read_image
from diffstyler_cli.pipeline import Progress
from diffstyler_cli.sample import SAMPLE

pytestmark = pytest.mark.xdist_group("passes")  # whose pictures are made once

CONFIG = StylizeConfig(seed=1, steps=4, working_size=96, size=192)


@pytest.mark.parametrize(
    ("size", "working", "passes"),
    [
        (256, 256, (256,)),
        (128, 256, (128,)),
        (360, 256, (360,)),
        (512, 256, (256, 512)),
        (700, 256, (256, 700)),
        (1024, 256, (256, 512, 1024)),
        (2048, 64, (64, 128, 256, 512, 1024, 2048)),
        (4096, 256, (256, 512, 1024, 2048)),
    ],
)
def test_passes_are_about_doublings(size: int, working: int, passes: tuple[int, ...]) -> None:
    sizes = StylizeConfig(size=size, working_size=working).pass_sizes((100, 100))
    assert sizes == tuple((side, side) for side in passes)


@pytest.fixture(scope="module")
def events(stylizer: Stylizer) -> list[Progress | Finished]:
    return list(stylizer.run(SAMPLE, "oil painting", CONFIG))


def test_events_count_through_all_passes(events: list[Progress | Finished]) -> None:
    steps = [event for event in events if isinstance(event, Progress)]
    for phase in ("free", "sample"):
        own = [event for event in steps if event.phase == phase]
        assert [(event.step, event.steps) for event in own] == [(n, 6) for n in range(1, 7)]
        assert [event.size[0] for event in own] == [own[0].size[0]] * 4 + [own[-1].size[0]] * 2
        assert own[-1].size[0] == pytest.approx(2 * own[0].size[0], abs=2)
    result = events[-1]
    assert isinstance(result, Finished)
    assert result.result.image.size == steps[-1].size
    assert len(result.result.recipe["steps"]) == 6


def test_colours_are_those_of_the_first_pass_and_detail_is_that_of_the_photo(
    stylizer: Stylizer, events: list[Progress | Finished]
) -> None:
    last = events[-1]
    assert isinstance(last, Finished)
    small = stylizer.stylize(SAMPLE, "oil painting", dataclasses.replace(CONFIG, size=96)).image
    large = last.result.image
    direct = stylizer.stylize(SAMPLE, "oil painting", dataclasses.replace(CONFIG, working_size=192)).image
    photo = read_image(SAMPLE).rgb.resize(large.size, Image.Resampling.LANCZOS)
    enlarged = small.resize(large.size, Image.Resampling.BICUBIC)
    assert _distance(large, small) < 0.7 * _distance(direct, small)
    assert _likeness(large, photo) > _likeness(enlarged, photo) + 0.05


def _distance(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of large areas' colours."""
    rows = [np.asarray(picture.resize((9, 6), Image.Resampling.BOX), float) for picture in (a, b)]
    return float(np.abs(rows[0] - rows[1]).mean())


def _likeness(a: Image.Image, b: Image.Image) -> float:
    """Correlation of what is smaller than about four pixels."""
    rows = []
    for picture in (a, b):
        grey = picture.convert("L")
        coarse = grey.resize((grey.width // 4, grey.height // 4), Image.Resampling.BOX).resize(grey.size)
        rows.append((np.asarray(grey, float) - np.asarray(coarse, float)).ravel())
    return float(np.corrcoef(*rows)[0, 1])


@pytest.fixture(scope="session")
def whole_and_tiled(stylizer: Stylizer) -> list[Image.Image]:
    """The same picture drawn whole and in tiles of 128 pixels, in one pass; and one of another seed."""
    config = dataclasses.replace(CONFIG, size=256, working_size=256)
    runs = ((1, 4096), (1, 128), (2, 4096))
    return [stylizer.stylize(SAMPLE, "van gogh", config, seed=seed, tile=tile).image for seed, tile in runs]


@pytest.mark.slow
def test_a_picture_in_tiles_is_much_the_same_as_one_drawn_whole(whole_and_tiled: list[Image.Image]) -> None:
    whole, tiled, other = (np.asarray(picture, float) for picture in whole_and_tiled)
    assert 0 < np.abs(whole - tiled).mean() < 0.6 * np.abs(whole - other).mean()
    assert _distance(*whole_and_tiled[:2]) < 5


def test_tiles_leave_no_seams(whole_and_tiled: list[Image.Image]) -> None:
    """Where tiles begin and end, the picture is as steep as elsewhere, as in the picture that was drawn whole."""
    for axis, side in ((1, 320), (0, 208)):  # with the padding to 16
        parts = spans(side, 128, 16)
        edges = sorted({place for part in parts for place in part} - {0, side})
        steep = []
        for picture in whole_and_tiled[:2]:
            slopes = np.abs(np.diff(np.asarray(picture.convert("L"), float), axis=axis)).mean(1 - axis)
            at = [slopes[place - 1] for place in edges if place - 1 < len(slopes)]
            steep.append(np.mean(at) / np.median(slopes))
        assert steep[1] == pytest.approx(steep[0], rel=0.25)


def test_larger_passes_take_fewer_steps_where_strokes_grow() -> None:
    growing, fine = StylizeConfig(steps=12), StylizeConfig(steps=12, stroke_scale=0.0)
    assert [growing.pass_steps(n) for n in range(5)] == [12, 6, 3, 2, 1]
    assert [fine.pass_steps(n) for n in range(5)] == [12, 6, 6, 6, 6]


def test_a_larger_result_than_networks_draw_has_the_photos_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize((400, 300), Image.Resampling.NEAREST)
    picture = Image.eval(photo.resize((100, 75), Image.Resampling.BOX), lambda v: v // 2 + 40)
    large = enlarged(picture, photo, (400, 300))
    plain = picture.resize((400, 300), Image.Resampling.BICUBIC)
    wanted = Image.eval(photo, lambda v: v // 2 + 40)
    errors = [np.abs(np.asarray(each, float) - np.asarray(wanted, float)).mean() for each in (large, plain)]
    assert errors[0] < 0.6 * errors[1]
    grey = Image.new("RGB", (100, 75), (90, 90, 90))  # a picture that has nothing of the photo gets nothing of it
    assert np.ptp(np.asarray(enlarged(grey, photo, (400, 300)))) <= 1
    assert enlarged(photo, photo, (200, 150)).size == (200, 150)
    monkeypatch.setattr(images_enlarge, "ROWS", 7)  # in bands or at once: the same
    bands = np.asarray(enlarged(picture, photo, (400, 300)), int)
    assert np.abs(bands - np.asarray(large, int)).max() <= 1

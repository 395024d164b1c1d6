"""Large pictures are drawn coarse to fine: colours and large forms by the first pass, what is small from the photo."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli import Finished, StylizeConfig, Stylizer
from diffstyler_cli.images import read_image
from diffstyler_cli.pipeline import Progress
from diffstyler_cli.sample import SAMPLE

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
        (4096, 64, (64, 128, 256, 512, 1024, 2048, 4096)),
    ],
)
def test_passes_are_about_doublings(size: int, working: int, passes: tuple[int, ...]) -> None:
    assert StylizeConfig(size=size, working_size=working).pass_sizes() == passes


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

"""What a user relies on when turning a knob: which way each goes, on average over photos, with the lite models.

λ, the prompt's weight and the strength without loss guidance, which pulls all pictures to the same prompt whatever they
start from.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest
import torch
from PIL import Image

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.diffusion.schedule import alpha_sigma
from diffstyler_cli.images import LoadedImage, read_image
from diffstyler_cli.pipeline.conditions import make_conditions
from diffstyler_cli.pipeline.subject import make_subjects
from diffstyler_cli.sample import SAMPLE
from diffstyler_cli.sweep.scorer import Scorer

CONFIG = StylizeConfig(size=96, steps=6, seed=1)
PROMPT = "oil painting"
TIMES = (0.3, 0.5, 0.7)
Measure = Callable[..., dict[str, float]]


def art_statistic(stylizer: Stylizer, picture: Image.Image) -> float:
    """log of the photo network's over the art network's denoising error, as in benchmarks/trends.py."""
    x0 = make_subjects(stylizer.components, [read_image(picture)], CONFIG, stylizer.device)[-1].x0
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    ratios = []
    with torch.no_grad():
        for t in TIMES:
            alpha, sigma = alpha_sigma(t)
            x, v = alpha * x0 + sigma * noise, alpha * noise - sigma * x0
            errors = [
                (network(x, torch.tensor([t])) - v).square().mean()
                for network in (stylizer.components.photo, stylizer.components.art)
            ]
            ratios.append(float((errors[0] / errors[1]).log()))
    return mean(ratios)


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("directions")]  # whose pictures are made once


@pytest.fixture(scope="module")
def photos() -> list[LoadedImage]:
    """Each of the two macaws by itself."""
    both = read_image(SAMPLE).rgb
    width, height = both.size
    return [read_image(both.crop((left, 0, left + width // 2, height))) for left in (0, width // 2)]


@pytest.fixture(scope="module")
def measure(stylizer: Stylizer, photos: list[LoadedImage]) -> Measure:
    """measure(settings) -> the scores and the art statistic of pictures made so, averaged over the photos."""
    made: dict[str, dict[str, float]] = {}

    def run(**settings: Any) -> dict[str, float]:
        config = CONFIG.with_overrides(settings)
        rows = []
        for photo in photos:
            picture = stylizer.stylize(photo, PROMPT, config).image
            parts, device = stylizer.components, stylizer.device
            scores = Scorer(parts, make_subjects(parts, [photo], config, device)[-1])
            row = scores(picture, make_conditions(parts, PROMPT, (), 1.0, device))
            rows.append(row | {"art": art_statistic(stylizer, picture)})
        return {name: mean(row[name] for row in rows) for name in rows[0]}

    def once(**settings: Any) -> dict[str, float]:
        key = repr(sorted(settings.items()))
        if key not in made:
            made[key] = run(**settings)
        return made[key]

    return once


def test_longer_free_diffusion_keeps_more_of_the_photo(measure: Measure) -> None:
    contents = [measure(t1=t1)["content"] for t1 in ("1x", "1.5x", "2x")]
    assert contents == sorted(contents), contents
    assert contents[-1] > contents[0] + 0.01


def test_less_lambda_is_more_like_art(measure: Measure) -> None:
    arts = [measure(lam=lam, guidance_scale=0.0)["art"] for lam in (1.0, 0.5, 0.0)]
    assert arts == sorted(arts), arts
    assert arts[-1] > arts[0] + 0.015


def test_more_prompt_weight_is_more_like_the_prompt(measure: Measure) -> None:
    without, some, more = (measure(prompt_weight=w, guidance_scale=0.0)["clip"] for w in (0.0, 1.4, 4.0))
    assert without < some < more
    assert more > without + 5


def test_more_fresh_noise_keeps_less_of_the_photo(measure: Measure) -> None:
    contents = [measure(fresh_noise=share)["content"] for share in (0.8, 0.4, 0.0)]
    assert contents == sorted(contents), contents
    assert contents[-1] > contents[0] + 0.02


def test_strength_trades_the_photo_for_the_style(measure: Measure) -> None:
    rows = [measure(strength=strength, guidance_scale=0.0) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    contents, styles = [row["content"] for row in rows], [row["clip"] for row in rows]
    assert contents == sorted(contents, reverse=True), contents
    assert all(after > before - 1 for before, after in pairwise(styles)), styles
    assert styles[-1] > styles[0] + 10
    assert contents[0] > contents[-1] + 0.1

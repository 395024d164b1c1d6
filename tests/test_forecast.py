"""What a picture is counted to cost is what it costs: networks that count, in real runs with the lite losses."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from diffstyler_cli import Stylizer
from diffstyler_cli.config import SOLVERS, StylizeConfig
from diffstyler_cli.images import read_image
from diffstyler_cli.models.base import VelocityNetwork
from diffstyler_cli.pipeline import Finished
from diffstyler_cli.pipeline.forecast import (
    Evaluations,
    free_evaluations,
    guidance,
    sampling_evaluations,
)
from diffstyler_cli.sample import SAMPLE

SMALL = StylizeConfig(size=64, steps=4, seed=1, cutouts=1)


class Counting(VelocityNetwork):
    """In the place of a network: it counts the pictures that pass through it, forward and back."""

    def __init__(self, network: VelocityNetwork, name: str, counts: Counter[str]) -> None:
        super().__init__(network.card)
        self.name, self.counts = name, counts

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        self.counts[self.name] += len(x)
        v = 0.1 * x
        if v.requires_grad:
            v.register_hook(lambda gradient: self.counts.update({f"{self.name}_backward": len(gradient)}))
        return v


def counted(stylizer: Stylizer, config: StylizeConfig, prompts: list[str]) -> tuple[Evaluations, Evaluations]:
    """What free diffusion, and all after it, took in a run."""
    counts: Counter[str] = Counter()
    parts = stylizer.components
    networks = {role: Counting(getattr(parts, role), role, counts) for role in ("photo", "art")}
    run = Stylizer(dataclasses.replace(parts, **networks), stylizer.device, stylizer.dtype)
    free = Evaluations()
    for event in run.run(SAMPLE, prompts, config):
        if not isinstance(event, Finished) and event.phase == "free":
            free = Evaluations(**counts)
    whole = Evaluations(**counts)
    return free, Evaluations(*(a - b for a, b in zip(whole, free, strict=True)))


CASES: list[dict[str, Any]] = [
    *({"solver": solver} for solver in SOLVERS),
    *({"solver": solver, "guide": "both"} for solver in ("plms", "prk", "dpmpp_2m")),
    *({"lam": lam, "guide": guide, "solver": "pie"} for lam in (0.0, 1.0) for guide in ("art", "both")),
    {"guidance_scale": 0.0},
    {"guidance_scale": 0.0, "lam": 0.0, "solver": "prk"},
    dict.fromkeys(("w_instruction", "w_content", "w_nce", "w_aesthetic", "w_tv"), 0.0),
    {"steps": 1, "solver": "plms2"},
    {"steps": 2, "solver": "plms"},
    {"round_trip": True, "t1": "2x", "solver": "plms"},
    {"noise_iters": 2},
    {"noise_iters": 2, "guide": "none", "guidance_scale": 0.0},
    {"noise_iters": 2, "guide": "both", "lam": 1.0},
    {"prompt_weight": 1.0},
    {"size": 128, "working_size": 64, "solver": "plms2", "noise_iters": 1, "steps": 5},
    {"size": 128, "working_size": 64, "solver": "prk", "round_trip": True, "t1": "2x"},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_evaluations_are_counted_from_the_settings_alone(stylizer: Stylizer, settings: dict[str, Any]) -> None:
    config = dataclasses.replace(SMALL, **settings).validate()
    free, sampling = counted(stylizer, config, ["oil painting", "woodcut:2"])
    assert free == free_evaluations(config)
    assert sampling == sampling_evaluations(config, [None, 2.0])


def test_a_prompt_whose_weight_leaves_nothing_to_the_null_condition_saves_its_pass(stylizer: Stylizer) -> None:
    assert counted(stylizer, SMALL, ["oil painting:1"])[1] == sampling_evaluations(SMALL, [1.0])
    assert sampling_evaluations(SMALL, [1.0]).photo == 4


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "art"),
        ({"guide": "none"}, "none"),
        ({"guidance_scale": 0.0}, "off"),
        ({"guidance_scale": 0.0, "noise_iters": 3, "guide": "both"}, "both"),
    ],
)
def test_what_sets_the_pace_of_a_step(settings: dict[str, Any], kind: str) -> None:
    assert guidance(dataclasses.replace(SMALL, **settings)) == kind


@pytest.mark.parametrize(
    ("size", "result"), [(64, (86, 48)), ("original", (90, 50)), ("60x60", (60, 33)), ("400x90", (162, 90))]
)
def test_the_size_is_known_before(stylizer: Stylizer, tmp_path: Path, size: int | str, result: tuple[int, int]) -> None:
    Image.linear_gradient("L").resize((90, 50)).convert("RGB").save(tmp_path / "p.png")
    photo = read_image(tmp_path / "p.png")
    config = dataclasses.replace(SMALL, steps=1, guidance_scale=0.0, size=size, working_size=64)
    assert stylizer.stylize(photo, "oil painting", config).image.size == result
    assert config.result_size(photo.original_size) == result

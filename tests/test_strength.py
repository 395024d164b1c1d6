from __future__ import annotations

from typing import Any

import pytest

from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.errors import UsageError
from diffstyler_cli.strength import MOVED, PATHS
from diffstyler_cli.sweep.plan import Plan

DIAL = [n / 20 for n in range(21)]


@pytest.mark.parametrize("model_set", PATHS)
def test_the_middle_is_the_defaults_and_every_setting_goes_one_way(model_set: str) -> None:
    assert StylizeConfig.defaults(model_set, 0.5) == StylizeConfig.defaults(model_set)
    configs = [StylizeConfig.defaults(model_set, strength).validate() for strength in DIAL]
    assert [config.strength for config in configs] == DIAL
    lengths = [config.t1_steps() for config in configs]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1] == configs[-1].steps
    for name in MOVED[1:]:
        values = [getattr(config, name) for config in configs]
        assert values == sorted(values), name
        assert values[0] < values[-1], name


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(UsageError, match=r"--strength .* is outside \[0, 1\]"):
        StylizeConfig().with_overrides({"strength": strength})


def test_a_setting_that_is_given_stays() -> None:
    config = StylizeConfig().with_overrides({"strength": 1.0, "t1": "1.5x"})
    assert (config.t1, config.prompt_weight) == ("1.5x", StylizeConfig.defaults("lite", 1.0).prompt_weight)


def test_a_sweep_over_strength_moves_what_is_not_given() -> None:
    ranges: dict[str, Any] = {"strength": (0.0, 0.5, 1.0), "guidance_scale": (2.0,), "t1": ("1.2x", "1.4x")}
    plan = Plan(StylizeConfig(seed=1), ranges, ("oil painting",))
    rows = [(c.config.strength, c.config.t1, c.config.guidance_scale, c.config.fresh_noise) for c in plan.cells]
    assert rows == [
        *((0.0, "1.2x", 2.0, 0.0), (0.5, "1.2x", 2.0, 0.3), (1.0, "1.2x", 2.0, 0.5)),
        *((0.0, "1.4x", 2.0, 0.0), (0.5, "1.4x", 2.0, 0.3), (1.0, "1.4x", 2.0, 0.5)),
    ]
    full = Plan(StylizeConfig.defaults("full"), {"strength": (1.0,)}, ("oil painting",), model_set="full")
    assert full.cells[0].config == StylizeConfig.defaults("full", 1.0)


def test_strengths_that_come_to_the_same_picture_are_made_once() -> None:
    given: dict[str, Any] = {"t1": ("1.2x",), "fresh_noise": (0.1,), "prompt_weight": (1.0,), "guidance_scale": (1.0,)}
    plan = Plan(StylizeConfig(seed=1), {"strength": (0.2, 0.4), **given}, ("oil painting",))
    assert len(plan.same) == 1

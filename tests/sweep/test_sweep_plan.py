from __future__ import annotations

import dataclasses
import json

import pytest

from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.errors import UsageError
from diffstyler_cli.pipeline.forecast import Evaluations, free_evaluations
from diffstyler_cli.sweep.plan import Plan, digest

LAMBDAS = (0.0, 0.5, 1.0)
CONFIG = StylizeConfig(seed=1, steps=10, size=256)


def test_columns_rows_and_further_grids() -> None:
    plan = Plan(CONFIG, {"lam": LAMBDAS, "t1": ("1x", "2x"), "prompt": ("a", "b")}, ())
    assert (plan.shape, len(plan.grids), len(plan.cells)) == ((3, 2), 2, 12)
    assert [(c.row, c.column) for c in plan.grids[1]] == [(r, c) for r in range(2) for c in range(3)]
    assert {c.prompts for c in plan.grids[1]} == {("b",)}
    assert plan.cells[4].config == dataclasses.replace(CONFIG, lam=0.5, t1="2x")
    assert [list(values.values()) for values in map(plan.grid_values, (0, 1))] == [["a"], ["b"]]


def test_file_names_say_the_settings_and_cannot_leave_the_folder() -> None:
    plan = Plan(CONFIG, {"lam": LAMBDAS, "prompt": ("../../etc/passwd", "x" * 500)}, ())
    assert plan.cells[1].file == "cells/2-lambda-0.5-prompt-etc-passwd.png"
    assert all(cell.file.count("/") == 1 and len(cell.file) < 200 for cell in plan.cells)
    assert len({cell.file for cell in plan.cells}) == 6


def test_lambda_is_the_batch_and_free_diffusion_is_shared_by_all_that_may() -> None:
    ranges = {"lam": LAMBDAS, "t1": ("1x", "2x"), "prompt": ("a", "b"), "seed": (1, 2)}
    plan = Plan(CONFIG, ranges, ())
    assert len(plan.groups) == 2
    assert all(len(batch) == 3 for group in plan.groups for batch in group.batches)
    assert sorted(c.index for g in plan.groups for b in g.batches for c in b) == list(range(24))


def test_network_passes_are_counted_by_hand() -> None:
    plan = Plan(CONFIG, {"lam": LAMBDAS}, ("oil painting",))
    # 10 steps: λ = 0 calls no photo network, the others twice a step (no condition, prompt); art guides all of them
    assert [plan.cell_evaluations(c) for c in plan.cells] == [
        Evaluations(0, 10, 0, 10), Evaluations(20, 10, 0, 10), Evaluations(20, 10, 0, 10),
    ]  # fmt: skip
    assert plan.evaluations() == Evaluations(10 + 40, 30, 0, 30)
    assert plan.separate_evaluations() == Evaluations(30 + 40, 30, 0, 30)
    unguided = Plan(dataclasses.replace(CONFIG, guidance_scale=0.0), {"lam": LAMBDAS}, ("oil painting:1",))
    assert unguided.cell_evaluations(unguided.cells[2]) == Evaluations(10, 0, 0, 0)
    both = Plan(dataclasses.replace(CONFIG, guide="both", noise_iters=3), {}, ("a",))
    assert both.cell_evaluations(both.cells[0]) == Evaluations(26, 13, 26, 13)


def test_passes_at_larger_sizes_take_half_of_the_steps() -> None:
    config = dataclasses.replace(CONFIG, steps=9, size=1024, guidance_scale=0.0)
    plan = Plan(config, {}, ("oil painting:1",))
    assert free_evaluations(config) == Evaluations(photo=9 + 5 + 3)
    assert plan.cell_evaluations(plan.cells[0]) == Evaluations(photo=9 + 5 + 3, art=9 + 5 + 3)


def test_values_that_do_not_go_together_are_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="fewer than --steps 60: T must not exceed T1; "):
        Plan(CONFIG, {"steps": (60, 70), "t1": ("50",)}, ("a",))
    with pytest.raises(UsageError, match="more than"):
        Plan(CONFIG, {"seed": tuple(range(200)), "lam": tuple(n / 100 for n in range(101))}, ("a",))


def test_cells_whose_values_exclude_each_other_keep_their_place_and_cost_nothing() -> None:
    plan = Plan(CONFIG, {"steps": (20, 60), "t1": ("50", "1.2x")}, ("a",))
    assert [bool(cell.impossible) for cell in plan.cells] == [False, False, True, False]
    assert [cell.index for cell in plan.possible] == [0, 1, 3]
    assert sorted(c.index for g in plan.groups for b in g.batches for c in b) == [0, 1, 3]
    assert plan.evaluations().art == 20 + 20 + 60
    (notice,) = plan.notices()
    assert notice == ("Left out, 1 of 4 pictures: --t1 50 is 50 steps, fewer than --steps 60: T must not exceed T1.")


def test_values_that_come_to_the_same_picture_are_found_and_counted_once() -> None:
    config = dataclasses.replace(CONFIG, steps=4)
    ranges = {"lam": (0.0, 0.5), "t1": ("1.0x", "1.05x", "2x"), "prompt": ("a", "a:1.4", "b:2")}
    plan = Plan(config, ranges, ())
    assert sorted(len(cells) for cells in plan.same) == [1, 1, 2, 2, 2, 2, 4, 4]
    assert plan.evaluations().art == 8 * 4
    assert plan.separate_evaluations().art == 18 * 4
    (notice,) = plan.notices()
    assert notice == (
        "Values that come to the same picture, which is made once: "
        "--t1 1.0x = 1.05x (4 steps) with --prompt 'a' = 'a:1.4'; --prompt 'a' = 'a:1.4'; --t1 1.0x = 1.05x (4 steps)."
    )
    weights = {"prompt_weight": (1.0, 2.0), "prompt": ("a", "b:2")}
    assert [len(cells) for cells in Plan(config, weights, ()).same] == [1, 1, 2]
    assert [len(cells) for cells in Plan(config, weights, (), (None,)).same] == [1] * 4
    assert Plan(config, {"lam": (0.0, 0.5), "t1": ("1.0x", "1.5x")}, ("a",)).notices() == []


def test_a_plan_is_its_description() -> None:
    ranges = {"lam": LAMBDAS, "t1": ("1x",)}
    one, same = (Plan(CONFIG, ranges, ("a",)).description() for _ in range(2))
    other = Plan(CONFIG, {"lam": LAMBDAS, "t1": ("2x",)}, ("a",)).description()
    assert digest(one) == digest(same) == digest(json.loads(json.dumps(one))) != digest(other)

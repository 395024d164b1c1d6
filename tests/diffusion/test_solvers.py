from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.config import SOLVERS as CONFIGURED
from diffstyler_cli.diffusion.costs import COSTS, evaluations_of
from diffstyler_cli.diffusion.dual import checked
from diffstyler_cli.diffusion.free import free_diffusion
from diffstyler_cli.diffusion.schedule import alpha_sigma, t_grid
from diffstyler_cli.diffusion.solvers import SOLVERS, integrate, sample
from diffstyler_cli.errors import NumericalError, UsageError

GOLDEN = [
    (solver, t1, T)
    for solver in ("ddim", "prk", "plms", "pie", "plms2", "iplms")
    for t1, T in ((10, 10), (14, 10), (14, 14))
]


def test_the_solvers_are_those_of_the_configuration():
    assert set(SOLVERS) == set(COSTS) == set(CONFIGURED)


@pytest.mark.parametrize(("solver", "t1", "T"), GOLDEN)
def test_noise_and_sample_are_the_reference(golden, stream, toy, solver, t1, T):
    expected = golden["solvers"][f"{solver} T1={t1} T={T}"]
    *_, up = free_diffusion(toy, stream("solver/x0", 1, 3, 8, 8), t_grid(t1), T, solver)
    *_, down = sample(toy, up.x, t_grid(t1), T, solver)
    torch.testing.assert_close(up.x[0, :, 3, 2:6], torch.tensor(expected["noise"]), atol=1e-5, rtol=0)
    torch.testing.assert_close(down.x[0, :, 3, 2:6], torch.tensor(expected["out"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("start", "end"), [(0.05, 0.9), (0.9, 0.05)], ids=["up", "down"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_order_of_convergence_on_gaussian_data(gaussian, solver, start, end):
    x = torch.tensor([-1.5, 0.2, 1.1], dtype=torch.float64).reshape(1, 1, 1, 3)
    errors = []
    for n in (160, 320, 640):
        *_, last = integrate(gaussian, x, torch.linspace(start, end, n + 1, dtype=torch.float64), solver)
        errors.append((last.x - gaussian.flow(x, start, end)).abs().max().item())
    low, high = (0.97, 1.03) if solver == "ddim" else (1.85, 2.1)
    for coarse, fine in pairwise(errors):
        assert low < math.log2(coarse / fine) < high


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_grid_itself_converges_from_the_photo_and_back(gaussian, solver):
    x0 = torch.tensor([-0.4, 0.3, 0.9], dtype=torch.float64).reshape(1, 1, 1, 3)
    errors = []
    for t1 in (60, 240):
        grid = t_grid(t1)
        *_, up = free_diffusion(gaussian, x0, grid, t1, solver)
        *_, down = sample(gaussian, up.x, grid, t1, solver)
        errors.append((down.x - x0).abs().max().item())
    assert errors[1] < errors[0] / 2
    assert errors[1] < (0.05 if solver == "ddim" else 0.003)


@given(st.sampled_from(sorted(SOLVERS)), st.integers(0, 12))
def test_evaluations_are_as_announced(solver, n_steps):
    calls = []

    def model(x, t):
        calls.append(t)
        return -x

    steps = list(integrate(model, torch.ones(1, 1, 2, 2), torch.linspace(0.9, 0.1, n_steps + 1), solver))
    assert len(calls) == evaluations_of(solver, n_steps)
    assert len(steps) == n_steps
    assert not steps or steps[-1].evaluations == len(calls)


@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_report_where_they_are(toy, stream, solver):
    grid = t_grid(6)
    steps = list(sample(toy, stream("x", 2, 3, 4, 4), grid, 5, solver))
    assert [(s.index, s.count) for s in steps] == [(i, 5) for i in range(5)]
    assert [s.t for s in steps] == grid[1:6].flip(0).tolist()
    assert [s.t_next for s in steps] == grid[:5].flip(0).tolist()
    torch.testing.assert_close(steps[-1].x, steps[-1].pred)
    assert steps[0].v.shape == steps[0].pred.shape == (2, 3, 4, 4)


@pytest.mark.parametrize("solver", ["ddim", "dpmpp_2m"])
def test_first_prediction_is_x0_of_the_velocity(toy, stream, solver):
    x = stream("x", 1, 3, 4, 4)
    first = next(integrate(toy, x, [0.7, 0.5], solver))
    alpha, sigma = alpha_sigma(0.7)
    torch.testing.assert_close(first.v, toy(x, torch.tensor([0.7])))
    torch.testing.assert_close(first.pred, alpha * x - sigma * first.v)


def test_the_model_gets_one_time_a_sample_in_the_dtype_of_x():
    seen = []

    def model(x, t):
        seen.append(t)
        return x

    list(integrate(model, torch.zeros(3, 1, 2, 2, dtype=torch.float64), [0.5, 0.25], "ddim"))
    assert seen[0].shape == (3,)
    assert seen[0].dtype == torch.float64


def test_samples_of_a_batch_do_not_meet(toy, stream):
    x = stream("x", 2, 3, 4, 4)
    *_, both = sample(toy, x, t_grid(5), 5, "iplms")
    *_, alone = sample(toy, x[1:], t_grid(5), 5, "iplms")
    torch.testing.assert_close(both.x[1:], alone.x)


def test_no_graph_is_built_and_the_callers_grad_mode_is_left_alone(stream):
    scale = torch.ones((), requires_grad=True)
    for step in integrate(lambda x, t: scale * x, stream("x", 1, 1, 2, 2), [0.5, 0.4, 0.3], "plms2"):
        assert torch.is_grad_enabled()
        assert not step.x.requires_grad


def test_an_unknown_solver_is_a_usage_error(toy, stream):
    with pytest.raises(UsageError, match="euler"):
        next(integrate(toy, stream("x", 1, 1, 2, 2), [0.5, 0.4], "euler"))


def test_nan_is_reported_with_network_time_and_step():
    model = checked(lambda x, t: x if t.max() > 0.6 else x * math.nan, "photo network")
    with pytest.raises(NumericalError, match=r"Step 3 of 4: The photo network returned NaN .* t = 0\.5000"):
        list(integrate(model, torch.ones(1, 1, 2, 2), [0.9, 0.7, 0.5, 0.3, 0.1], "ddim"))

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.diffusion.costs import evaluations_of
from diffstyler_cli.diffusion.free import free_diffusion, fresh_noise, optimise_noise, predictor
from diffstyler_cli.diffusion.schedule import alpha_sigma, t_grid
from diffstyler_cli.errors import NumericalError
from diffstyler_cli.losses.objective import Objective


def test_the_pass_stops_at_T_on_the_way_up(toy, counted, stream):
    model = counted(toy)
    *_, last = free_diffusion(model, stream("x", 1, 3, 4, 4), t_grid(14), 10, "iplms")
    assert model.calls == last.evaluations == last.count == 10
    assert last.t_next == t_grid(14)[10].item()


@given(st.integers(1, 8), st.integers(0, 6), st.sampled_from(["iplms", "plms", "prk"]))
def test_the_round_trip_goes_to_T1_and_back_to_T(T, more, solver):
    t1 = T + more
    grid = t_grid(t1)
    steps = list(free_diffusion(lambda x, t: 0.1 * x, torch.ones(1, 1, 2, 2), grid, T, solver, round_trip=True))
    assert [(s.index, s.count) for s in steps] == [(i, 2 * t1 - T) for i in range(2 * t1 - T)]
    assert [s.t_next for s in steps] == [*grid[1:].tolist(), *grid[T:-1].flip(0).tolist()]
    assert steps[-1].evaluations == evaluations_of(solver, t1) + evaluations_of(solver, t1 - T)


def test_the_round_trip_ends_near_the_way_up(gaussian):
    x0 = torch.tensor([-0.4, 0.3, 0.9], dtype=torch.float64).reshape(1, 1, 1, 3)
    grid = t_grid(120)
    *_, direct = free_diffusion(gaussian, x0, grid, 100, "iplms")
    *_, there_and_back = free_diffusion(gaussian, x0, grid, 100, "iplms", round_trip=True)
    exact = gaussian.flow(x0, 0, grid[100].item())
    torch.testing.assert_close(direct.x, exact, atol=2e-3, rtol=0)
    torch.testing.assert_close(there_and_back.x, exact, atol=2e-3, rtol=0)


def test_fresh_noise_keeps_unit_variance_and_takes_its_share():
    generator = torch.Generator().manual_seed(0)
    x, eps = torch.randn(2, 200_000, generator=generator)
    mixed = fresh_noise(x, 0.6, eps)
    assert mixed.std().item() == pytest.approx(1, abs=0.01)
    assert (mixed * eps).mean().item() == pytest.approx(0.6, abs=0.01)
    assert (mixed * x).mean().item() == pytest.approx(0.8, abs=0.01)


def test_fresh_noise_of_0_is_the_paper_and_of_1_is_all_new():
    x, eps = torch.randn(2, 1, 3, 4, 4)
    assert torch.equal(fresh_noise(x, 0, eps), x)
    assert torch.equal(fresh_noise(x, 1, eps), eps)


@pytest.mark.parametrize("through", [True, False])
def test_noise_updates_lower_the_objective(toy, stream, through):
    x = stream("x", 2, 3, 4, 4)
    before = x.clone()
    predict = predictor(toy, 0.6, through=through)
    objective = Objective({"tv": (lambda pred: (pred - 0.2).square().sum((1, 2, 3)), 2.0)})
    updates = list(optimise_noise(x, predict, objective, 25, lr=0.05))
    assert [(u.index, u.count) for u in updates] == [(i, 25) for i in range(25)]
    assert updates[0].report.total == pytest.approx(objective(predict(x)).total)
    assert objective(predict(updates[-1].x)).total < 0.3 * updates[0].report.total
    assert torch.equal(x, before)
    assert not torch.equal(updates[0].x, updates[1].x)


def test_noise_updates_work_inside_no_grad(toy, stream):
    objective = Objective({"tv": (lambda pred: pred.square().sum((1, 2, 3)), 1.0)})
    with torch.no_grad():
        (update,) = optimise_noise(stream("x", 1, 3, 4, 4), predictor(toy, 0.5), objective, 1, lr=0.1)
    assert not update.x.requires_grad


def test_a_prediction_that_is_not_through_the_network_has_gradient_alpha(toy, stream):
    x = stream("x", 1, 3, 4, 4).requires_grad_()
    (grad,) = torch.autograd.grad(predictor(toy, 0.5, through=False)(x).sum(), x)
    torch.testing.assert_close(grad, torch.full_like(x, alpha_sigma(0.5)[0]))


def test_a_nan_gradient_stops_the_noise_updates(stream):
    objective = Objective({"tv": (lambda pred: pred.sum((1, 2, 3)), 1.0)})
    x = stream("x", 1, 1, 2, 2)
    with pytest.raises(NumericalError, match="gradient"):
        next(optimise_noise(x, lambda x: (x - x).abs().sqrt(), objective, 1, lr=0.1))

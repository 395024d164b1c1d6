"""Free diffusion: the content image carried to the learnable noise x'_T, and what may be done to that noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .guidance import pull_back
from .schedule import alpha_sigma
from .solvers import ModelFn, Step, integrate

if TYPE_CHECKING:
    from ..losses.report import ObjectiveReport


def free_diffusion(
    model: ModelFn, x0: Tensor, grid: Tensor, T: int, solver: str, round_trip: bool = False
) -> Iterator[Step]:
    """Carries `x0` (BxCxHxW) up the grid to grid[T], unguided; the last step's `x` is the learnable noise x'_T.

    With `round_trip`, up to the end of the grid and back to T, as Huang et al. 2022 draw it: 2·T1 - T steps, counted
    through in `index`, `count` and `evaluations`. `model` has the null condition. Raises as `integrate`.
    """
    top = len(grid) - 1 if round_trip else T
    count = 2 * top - T
    evaluations = 0
    x = x0
    for step in integrate(model, x0, grid[: top + 1], solver):
        x, evaluations = step.x, step.evaluations
        yield replace(step, count=count)
    for step in integrate(model, x, grid[T : top + 1].flip(0), solver):
        yield replace(step, index=top + step.index, count=count, evaluations=evaluations + step.evaluations)


def fresh_noise(x: Tensor, rho: float, eps: Tensor) -> Tensor:
    """√(1 - rho²) x + rho eps, rho in [0, 1], standard normal `eps`: keeps unit variance; rho = 0 is the paper."""
    return math.sqrt(1 - rho**2) * x + rho * eps


def resumed(pred: Tensor, x: Tensor, x0: Tensor, t: float, rho: float, eps: Tensor) -> Tensor:
    """The state at `t` of another picture with the noise of a photo: alpha pred + sigma eps', BxCxHxW.

    `x` is where free diffusion carried the photo `x0` at time `t`, so that eps' = (x - alpha x0) / sigma leads back to
    it; of it, as in `fresh_noise`, a share rho is the new `eps`.
    """
    alpha, sigma = alpha_sigma(t)
    return alpha * pred + sigma * fresh_noise((x - alpha * x0) / sigma, rho, eps)


def predictor(model: ModelFn, t: float, *, through: bool = True) -> Callable[[Tensor], Tensor]:
    """x -> x̂0 = alpha x - sigma v(x, t). If not `through`, v is held constant: no backward pass through a network."""
    alpha, sigma = alpha_sigma(t)

    def predict(x: Tensor) -> Tensor:
        with torch.set_grad_enabled(through and torch.is_grad_enabled()):
            v = model(x, x.new_full((x.shape[0],), t))
        return alpha * x - sigma * v

    return predict


@dataclass(frozen=True)
class NoiseUpdate:
    """One Adam update of x'_T: `x` after it, and the objective's `report` at the prediction before it."""

    index: int
    count: int
    x: Tensor
    report: ObjectiveReport


def optimise_noise(
    x: Tensor,
    pred_fn: Callable[[Tensor], Tensor],
    objective: Callable[[Tensor], ObjectiveReport],
    iterations: int,
    lr: float,
) -> Iterator[NoiseUpdate]:
    """Updates `x` (x'_T, BxCxHxW; left as it is) `iterations` times by Adam under L_total, read at `pred_fn(x)`.

    `pred_fn` maps x to x̂0, differentiably; `predictor` makes one. Yields after every update; the last one's `x` is
    the optimised noise. Raises `NumericalError` where a network, a loss or the gradient is NaN or infinite.
    """
    noise = x.detach().clone()
    adam = torch.optim.Adam([noise], lr=lr)
    for index in range(iterations):
        with torch.enable_grad():
            leaf = noise.detach().requires_grad_()
            pred = pred_fn(leaf)
            report = objective(pred.detach())
            noise.grad = pull_back(report.grad, pred, leaf)
        adam.step()
        yield NoiseUpdate(index, iterations, noise.detach().clone(), report)

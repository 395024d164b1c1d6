"""Seven solvers of the probability-flow ODE, pseudo-numerical methods for the most part (Liu et al. 2022, PNDM).

All but `dpmpp_2m` form an effective noise eps and move by the transfer x̂0 = (x - sigma_a eps) / alpha_a,
x_b = alpha_b x̂0 + sigma_b eps, which is exact where eps is constant. Times may run up (towards noise) or down.
On a smooth grid ddim converges with order 1, all others with order 2: their classical weights assume equal steps
of sigma / alpha, which the grid has to first order only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import NumericalError, UsageError
from .schedule import alpha_sigma

ModelFn = Callable[[Tensor, Tensor], Tensor]
"""(x: BxCxHxW, t: (B,) in [0, 1]) -> v of the shape of x."""


@dataclass(frozen=True)
class Step:
    """One step from `t` to `t_next`."""

    index: int
    """From 0."""
    count: int
    """Steps of the whole pass."""
    t: float
    t_next: float
    x: Tensor
    """State after the step, settled."""
    v: Tensor
    """Velocity at (state before the step, `t`)."""
    pred: Tensor
    """x̂0 that the step used; equal to `x` where `t_next` is 0."""
    evaluations: int
    """Network calls of the pass so far."""


class _Network:
    """Evaluates v and eps at a time given as a float, and counts."""

    def __init__(self, model: ModelFn) -> None:
        self.model = model
        self.calls = 0

    def __call__(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        self.calls += 1
        v = self.model(x, x.new_full((x.shape[0],), t))
        alpha, sigma = alpha_sigma(t)
        return v, sigma * x + alpha * v


class _Move(NamedTuple):
    x: Tensor
    pred: Tensor
    v: Tensor
    kept: Tensor
    """What later steps of a multistep method need of this one: eps or x̂0."""


_Past = list[tuple[float, Tensor]]  # (time, kept) of the steps before, oldest first
_StepFn = Callable[[_Network, Tensor, float, float, _Past], _Move]


def transfer(x: Tensor, eps: Tensor, a: float, b: float) -> tuple[Tensor, Tensor]:
    """Moves `x` from time `a` < 1 to `b` along constant `eps` (Liu et al. 2022). Returns (x_b, x̂0)."""
    alpha_a, sigma_a = alpha_sigma(a)
    alpha_b, sigma_b = alpha_sigma(b)
    pred = (x - sigma_a * eps) / alpha_a
    return alpha_b * pred + sigma_b * eps, pred


def _prk(network: _Network, x: Tensor, a: float, b: float, past: _Past) -> _Move:
    """Pseudo Runge-Kutta of four stages (Liu et al. 2022)."""
    middle = (a + b) / 2
    v, eps1 = network(x, a)
    _, eps2 = network(transfer(x, eps1, a, middle)[0], middle)
    _, eps3 = network(transfer(x, eps2, a, middle)[0], middle)
    _, eps4 = network(transfer(x, eps3, a, b)[0], b)
    eps = (eps1 + 2 * eps2 + 2 * eps3 + eps4) / 6
    return _Move(*transfer(x, eps, a, b), v, eps)


def _pie(network: _Network, x: Tensor, a: float, b: float, past: _Past) -> _Move:
    """Pseudo improved Euler: the mean of eps at both ends."""
    v, eps1 = network(x, a)
    _, eps2 = network(transfer(x, eps1, a, b)[0], b)
    eps = (eps1 + eps2) / 2
    return _Move(*transfer(x, eps, a, b), v, eps)


_ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)  # by order, newest eps first


def _linear_multistep(order: int, warm_up: _StepFn | None = None) -> _StepFn:
    """Adams-Bashforth of `order` on eps (Liu et al. 2022, eq. 12).

    Until there is enough history, steps are by `warm_up`, or of the highest order that the history allows.
    """

    def step(network: _Network, x: Tensor, a: float, b: float, past: _Past) -> _Move:
        if warm_up is not None and len(past) < order - 1:
            return warm_up(network, x, a, b, past)
        v, eps = network(x, a)
        history = [eps, *(kept for _, kept in reversed(past))][:order]
        weights = _ADAMS_BASHFORTH[len(history) - 1]
        combined = torch.stack([w * e for w, e in zip(weights, history, strict=True)]).sum(0)
        return _Move(*transfer(x, combined, a, b), v, eps)

    return step


def _half_log_snr(t: float) -> float:
    return -math.log(math.tan(t * math.pi / 2))


def _dpmpp_2m(network: _Network, x: Tensor, a: float, b: float, past: _Past) -> _Move:
    """DPM-Solver++(2M): x̂0 linear in the log-SNR (Lu et al. 2022, arXiv 2211.01095, algorithm 2).

    A step that touches t = 0, where the log-SNR is infinite, and the one after it are of order 1, i.e. ddim.
    """
    v, eps = network(x, a)
    alpha_a, sigma_a = alpha_sigma(a)
    alpha_b, sigma_b = alpha_sigma(b)
    pred = alpha_a * x - sigma_a * v
    used = pred
    if past and 0.0 not in (past[-1][0], a, b):
        before, pred_before = past[-1]
        ratio = (_half_log_snr(b) - _half_log_snr(a)) / (_half_log_snr(a) - _half_log_snr(before))
        used = pred + ratio / 2 * (pred - pred_before)
        eps = eps + alpha_a / sigma_a * (pred - used)
    return _Move(alpha_b * used + sigma_b * eps, used, v, pred)


SOLVERS: dict[str, _StepFn] = {
    "iplms": _linear_multistep(4),
    "plms": _linear_multistep(4, warm_up=_prk),
    "plms2": _linear_multistep(2, warm_up=_pie),
    "prk": _prk,
    "pie": _pie,
    "ddim": _linear_multistep(1),
    "dpmpp_2m": _dpmpp_2m,
}
"""Their steps, by the names of `config.SOLVERS`; what they cost is in `costs.py`."""


def find_solver(name: str) -> _StepFn:
    """The step of the solver of that name. Raises `UsageError` if there is none."""
    if name not in SOLVERS:
        raise UsageError(f"There is no solver {name!r}.", f"Choose one of {', '.join(SOLVERS)}.")
    return SOLVERS[name]


@torch.no_grad()
def integrate(
    model: ModelFn,
    x: Tensor,
    times: Sequence[float] | Tensor,
    solver: str,
    settle: Callable[[Tensor, float], Tensor] = lambda x, t: x,
) -> Iterator[Step]:
    """Carries `x` (BxCxHxW, at times[0]) along `times`, strictly up or down in [0, 1); yields a `Step` after each.

    The last step's `x` is the result. No gradient is kept. To stop early, stop iterating. After every step the state
    becomes `settle(x, t)`.

    Raises:
        UsageError: unknown solver.
        NumericalError: as raised by `model`, with the step added.
    """
    step = find_solver(solver)
    network = _Network(model)
    past: _Past = []
    grid = [float(t) for t in times]
    for index, (a, b) in enumerate(pairwise(grid)):
        try:
            x, pred, v, kept = step(network, x, a, b, past)
        except NumericalError as error:
            raise NumericalError(f"Step {index + 1} of {len(grid) - 1}: {error.message}", error.advice) from error
        past = [*past, (a, kept)][-3:]
        x = settle(x, b)
        yield Step(index, len(grid) - 1, a, b, x, v, pred, network.calls)


def sample(
    model: ModelFn,
    x: Tensor,
    grid: Tensor,
    T: int,
    solver: str,
    settle: Callable[[Tensor, float], Tensor] = lambda x, t: x,
) -> Iterator[Step]:
    """Reverse pass: `x` at grid[T] down to grid[0] = 0, in `T` steps. The last step's `x` is the sample.

    The step from t_1 to 0 is the solver's own; for ddim that is x̂0 at t_1. Raises as `integrate`.
    """
    return integrate(model, x, grid[: T + 1].flip(0), solver, settle)

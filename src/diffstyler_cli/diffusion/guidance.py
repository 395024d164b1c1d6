"""Loss guidance: a wrapper that moves the velocity of the dual model along the gradient of L_total."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import NumericalError, UsageError
from .dual import checked, mix
from .schedule import alpha_sigma, per_sample
from .solvers import ModelFn

if TYPE_CHECKING:
    from ..losses.report import ObjectiveReport

BOUND = 0.5
"""Default bound of the correction, as a share of the velocity's norm."""


def guided(
    photo: ModelFn,
    art: ModelFn,
    lam: float | Tensor,
    objective: Callable[[Tensor], ObjectiveReport],
    *,
    guide: str,
    scale: float,
    bound: float = BOUND,
    on_report: Callable[[ObjectiveReport], None] | None = None,
) -> ModelFn:
    """The lambda mix with v ← v + scale (sigma / alpha) g, g = ∇_x L_total(x̂0) (Huang et al. 2022).

    `guide` names what x̂0 is read from and differentiated through: "art" the art network (also at lam = 1: scale does
    not depend on lam), "both" the mix, "none" the mix with v held constant, so that ∂x̂0/∂x = alpha and no network is
    differentiated. Each network is called once a call, and not at all where it has no part. `lam` is one number or
    (B,), one a sample; samples of a batch do not influence each other.

    sigma / alpha grows without limit towards t = 1, so the correction of each sample is shortened, where it is longer,
    to `bound` times the norm of that sample's v; its direction stays, and shorter ones are not touched.

    At scale 0 it is the plain mix, and at t = 0, where the correction vanishes, no loss is computed; `on_report` gets
    the objective's report whenever one is. Not for use inside `torch.inference_mode`, which forbids gradients.

    Raises:
        UsageError: unknown `guide`.
        NumericalError: NaN or infinity, naming the network or the gradient. The objective names the loss term.
    """
    if guide not in ("art", "both", "none"):
        raise UsageError(f"There is no guide {guide!r}.", "Choose one of art, both, none.")
    photo, art = checked(photo, "photo network"), checked(art, "art network")
    mixed = mix(photo, art, lam)
    if scale == 0:
        return mixed

    def velocities(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """v of the mix, and the v to read x̂0 from, which alone carries a gradient to x, if any does."""
        if guide == "both":
            v = mixed(x, t)
            return v, v
        if guide == "none":
            with torch.no_grad():
                v = mixed(x, t)
            return v, v
        v_art = art(x, t)
        with torch.no_grad():
            return mix(photo, lambda *_: v_art, lam)(x, t), v_art

    def fn(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(per_sample(t, x))
        if not sigma.any():
            with torch.no_grad():
                return mixed(x, t)
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            v, v_read = velocities(leaf, t)
            pred = alpha * leaf - sigma * v_read
            report = objective(pred.detach())
            g = pull_back(report.grad, pred, leaf)
        if on_report is not None:
            on_report(report)
        v = v.detach()
        return v + bounded(scale * sigma / alpha * g, v, bound)

    return fn


def pull_back(grad: Tensor, pred: Tensor, x: Tensor) -> Tensor:
    """∇_x L from `grad` = dL/dx̂0, through the graph from `x` to `pred` (x̂0): one vector-Jacobian product.

    Raises `NumericalError` if it is NaN or infinite.
    """
    (g,) = torch.autograd.grad(pred, x, grad)
    if not torch.isfinite(g).all():
        raise NumericalError(
            "The gradient of the losses through the networks is NaN or infinite.", "Try --guide none or --dtype fp32."
        )
    return g


def bounded(correction: Tensor, v: Tensor, bound: float) -> Tensor:
    """`correction` (Bx…), each sample scaled down to the norm `bound` ‖v‖ of that sample's `v` where it is longer."""
    if math.isinf(bound):
        return correction
    limit = bound * torch.linalg.vector_norm(v.flatten(1), dim=1)
    length = torch.linalg.vector_norm(correction.flatten(1), dim=1)
    factor = (limit / length.clamp_min(torch.finfo(length.dtype).tiny)).clamp(max=1)
    return correction * per_sample(factor, correction)

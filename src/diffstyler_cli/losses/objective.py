"""L_total: the weighted sum of the terms, and each one's value and gradient norm, which are the users' table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import NumericalError
from .report import ObjectiveReport, TermReport

T = TypeVar("T")
LossFn = Callable[[Tensor], Tensor]
"""x̂0 (BxCxHxW) -> (B,): a sample's value does not depend on its batch mates."""


class Shared(Generic[T]):
    """A function of x̂0 that several terms need, computed once for each x̂0 tensor (by identity, the latest only).

    The kept value holds the autograd graph: `Objective` clears what it is told of after each call.
    """

    def __init__(self, compute: Callable[[Tensor], T]) -> None:
        self.compute = compute
        self._latest: tuple[Tensor, T] | None = None

    def __call__(self, pred: Tensor) -> T:
        if self._latest is None or self._latest[0] is not pred:
            self._latest = (pred, self.compute(pred))
        return self._latest[1]

    def clear(self) -> None:
        """Forgets the kept value."""
        self._latest = None


class Objective:
    """L_total = Σ weight · term, and its gradient by x̂0. Terms of weight 0 are not computed.

    Args:
        terms: name -> (loss, weight), in the order of the table.
        shared: what the losses share, cleared after each call.
        reduction: the losses see the mean of so many pixels a side as one.
        decode: from x̂0 to the picture that the losses see, where x̂0 is none itself; differentiable.
    """

    def __init__(
        self,
        terms: Mapping[str, tuple[LossFn, float]],
        shared: Sequence[Shared[Any]] = (),
        reduction: int = 1,
        decode: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.terms = {name: (loss, weight) for name, (loss, weight) in terms.items() if weight != 0}
        self.shared = tuple(shared)
        self.reduction = reduction
        self.decode = decode

    def __call__(self, pred: Tensor) -> ObjectiveReport:
        """Reads every term at `pred` (BxCxHxW), which needs no gradient of its own; H and W divisible by `reduction`.

        The report's gradient is by `pred`; the terms' own norms are those of their gradients by the picture.

        Raises `NumericalError` naming the first term whose value or gradient is NaN or infinite.
        """
        if self.decode is None:
            return self._read(pred)
        with torch.enable_grad():
            latents = pred.detach().requires_grad_()
            picture = self.decode(latents)
        report = self._read(picture.detach())
        (grad,) = torch.autograd.grad(picture, latents, report.grad)
        return dataclasses.replace(report, grad=grad)

    def _read(self, pred: Tensor) -> ObjectiveReport:
        reports: dict[str, TermReport] = {}
        samples: tuple[dict[str, TermReport], ...] = tuple({} for _ in pred)
        seen = functional.avg_pool2d(pred.detach(), self.reduction) if self.reduction > 1 else pred.detach()
        grad = torch.zeros_like(seen)
        try:
            with torch.enable_grad():
                leaf = seen.requires_grad_()
                for name, (loss, weight) in self.terms.items():
                    values = loss(leaf)
                    value = values.sum()
                    # The graph is kept because terms share parts of it; it goes with `value` and `clear`.
                    (part,) = torch.autograd.grad(weight * value, leaf, retain_graph=True)
                    norm = torch.linalg.vector_norm(part)
                    if not (torch.isfinite(value) and torch.isfinite(norm)):
                        raise NumericalError(
                            f"The {name} loss or its gradient is NaN or infinite.",
                            f"Lower --guidance-scale, or leave the term out with --w-{name} 0.",
                        )
                    grad = grad + part
                    reports[name] = TermReport(value.item(), weight, norm.item())
                    norms = torch.linalg.vector_norm(part.flatten(1), dim=1)
                    for sample, *of_sample in zip(samples, values.tolist(), norms.tolist(), strict=True):
                        sample[name] = TermReport(of_sample[0], weight, of_sample[1])
        finally:
            for shared in self.shared:
                shared.clear()
        if self.reduction > 1:  # back through the mean
            share = grad / self.reduction**2
            grad = share.repeat_interleave(self.reduction, -2).repeat_interleave(self.reduction, -1)
        return ObjectiveReport(math.fsum(r.weight * r.value for r in reports.values()), reports, grad, samples)

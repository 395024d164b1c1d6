"""What is read of L_total at one x̂0. Importing it loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TermReport:
    """One term of L_total at one x̂0."""

    value: float
    """Unweighted, summed over the batch."""
    weight: float
    grad_norm: float | None
    """Of weight times the gradient by x̂0, over the whole batch: how hard the term pulls. None where it was not
    measured: it takes a backward pass of its own."""


@dataclass(frozen=True)
class ObjectiveReport:
    """L_total at one x̂0."""

    total: float
    terms: dict[str, TermReport]
    grad: Tensor
    """dL_total/dx̂0, of the shape of x̂0."""
    samples: tuple[dict[str, TermReport], ...] = ()
    """The terms of each sample of the batch by itself."""

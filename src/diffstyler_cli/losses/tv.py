"""Total variation: how much neighbouring pixels differ."""

from __future__ import annotations

from torch import Tensor


def total_variation(x: Tensor) -> Tensor:
    """Squared differences to the right and below (0 at the edge), mean over channels and pixels. BxCxHxW -> (B,)."""
    right = (x[..., :, 1:] - x[..., :, :-1]).square().sum((1, 2, 3))
    below = (x[..., 1:, :] - x[..., :-1, :]).square().sum((1, 2, 3))
    return (right + below) / x[0].numel()

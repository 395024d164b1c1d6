"""Aesthetic loss: minus the rating that a regressor gives to the picture, so that descending it raises the rating."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


class AestheticLoss:
    """Minus the mean rating of the cutouts.

    Args:
        embed: a `CutoutEmbeddings`, shared with the instruction loss where both are on.
        rate: unit embeddings NxD -> ratings (N,), higher = people like it more.
    """

    def __init__(self, embed: Callable[[Tensor], Tensor], rate: Callable[[Tensor], Tensor]) -> None:
        self.embed = embed
        self.rate = rate

    def __call__(self, pred: Tensor) -> Tensor:
        """Bx3xHxW -> (B,)."""
        embeddings = self.embed(pred)
        return -self.rate(embeddings.flatten(0, 1)).reshape(embeddings.shape[:2]).mean(0)

"""A linear regressor of people's ratings on the image embedding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

T = TypeVar("T")


class LinearAesthetic(nn.Module):
    """An `AestheticModel`: rating = w·(√D·embedding) + b, as Simulacra Aesthetic Captions' regressors are fitted.

    Args:
        dim: length D of the embedding.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, 1)

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, embedding: Tensor) -> Tensor:
        """(B,) float32 ratings of L2-normalised B×D embeddings; higher = people like it more."""
        scaled = embedding * math.sqrt(embedding.shape[-1])
        rating: Tensor = self.linear(scaled.to(self.linear.weight.dtype))
        return rating.squeeze(-1).float()


def aesthetic_weights(state: Mapping[str, T]) -> dict[str, T]:
    """The weights under the names used here; a file of a bare linear layer calls them weight and bias."""
    return {name if name.startswith("linear.") else f"linear.{name}": tensor for name, tensor in state.items()}

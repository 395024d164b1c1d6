"""Layers that networks of both model sets are built of."""

from __future__ import annotations

from torch import Tensor, nn


class Conditioned(nn.Module):
    """A layer whose forward takes the condition (B×width, or None) after its input."""


class Stack(nn.Sequential, Conditioned):
    """Layers in a row; the condition goes to those that take it."""

    def forward(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        for layer in self:
            input = layer(input, cond) if isinstance(layer, Conditioned) else layer(input)
        return input

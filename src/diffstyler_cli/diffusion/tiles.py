"""A network on pictures larger than it can hold: in overlapping tiles whose predictions are blended.

MultiDiffusion (Bar-Tal et al. 2023): at every step each tile of the one noisy picture is predicted by
itself, and where tiles overlap the prediction is their weighted mean. The noise is that of the picture, so all tiles
see the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .costs import spans

Network = Callable[..., Tensor]
"""(x: BxCxHxW, …) -> v of the shape of x."""


def windows(parts: list[tuple[int, int]], length: int) -> Tensor:
    """Weights of the tiles along a side, tiles x `length`: 0 outside a tile, rising smoothly through its overlaps;
    at each place they sum to 1."""
    places = torch.arange(length, dtype=torch.float64) + 0.5
    rows = torch.zeros(len(parts), length, dtype=torch.float64)
    for k, (start, stop) in enumerate(parts):
        row = ((places > start) & (places < stop)).to(torch.float64)
        if k > 0:
            row *= _rise(places, start, parts[k - 1][1])
        if k + 1 < len(parts):
            row *= 1 - _rise(places, parts[k + 1][0], stop)
        rows[k] = row
    return (rows / rows.sum(0)).to(torch.float32)


def _rise(places: Tensor, start: int, stop: int) -> Tensor:
    """From 0 at `start` to 1 at `stop`, by half a cosine."""
    share = ((places - start) / max(1, stop - start)).clamp(0, 1)
    return 0.5 - 0.5 * torch.cos(torch.pi * share)


def tiled(network: Network, tile: int, multiple: int) -> Network:
    """`network` seen through tiles of at most tile x tile pixels, where the picture has more than tile² pixels.

    Memory beside the picture's own is that of one tile, also for the gradient to x, for which every tile is computed
    once more. `tile` 0 means the network itself. The network may be given more arguments; none gets a gradient.
    """
    if tile == 0:
        return network

    def fn(x: Tensor, *rest: Any) -> Tensor:
        height, width = x.shape[-2:]
        if height * width <= tile * tile:
            return network(x, *rest)
        down, right = spans(height, tile, multiple), spans(width, tile, multiple)
        return _Blended.apply(x, network, rest, (down, right))  # type: ignore[no-any-return]  # torch leaves `apply` untyped

    return fn


class _Blended(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, network: Network, rest: tuple[Any, ...], sides: Any) -> Tensor:
        ctx.network, ctx.rest, ctx.sides = network, rest, sides
        ctx.save_for_backward(x)
        out = torch.zeros_like(x, memory_format=torch.contiguous_format)
        for place, weight in _tiles(sides, x):
            out[place] += (network(x[place], *rest) * weight).to(out.dtype)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        out = torch.zeros_like(x, memory_format=torch.contiguous_format)
        for place, weight in _tiles(ctx.sides, x):
            with torch.enable_grad():
                leaf = x[place].detach().requires_grad_()
                v = ctx.network(leaf, *ctx.rest)
            (part,) = torch.autograd.grad(v, leaf, (grad[place] * weight).to(v.dtype))
            out[place] += part
        return out, None, None, None


def _tiles(sides: tuple[list[tuple[int, int]], list[tuple[int, int]]], x: Tensor) -> Any:
    """Index and weights of each tile."""
    down, right = sides
    rows, columns = windows(down, x.shape[-2]).to(x.device), windows(right, x.shape[-1]).to(x.device)
    for (top, bottom), row in zip(down, rows, strict=True):
        for (left, end), column in zip(right, columns, strict=True):
            weight = row[top:bottom, None] * column[None, left:end]
            yield (..., slice(top, bottom), slice(left, end)), weight

"""The parts that the two original U-Nets share. Their parameter names are those of the original checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import Conditioned, Stack

ATTENTION_FROM = 4
"""Levels from here down (16×16 for 256×256 pictures) have attention after every block."""
BLOCKS = 4
"""Blocks on each side of a level; the lowest level has both sides in a row."""
FREQUENCIES = 8
"""Frequencies of the time planes at the network's input: a cosine and a sine plane each."""


class FourierFeatures(nn.Module):
    """[cos 2πtWᵀ, sin 2πtWᵀ] in float32: (B,) → B×2·`count`, whatever autocast or the stored dtype says."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, 1))

    def forward(self, t: Tensor) -> Tensor:
        phase = 2 * math.pi * t.float()[:, None] * self.weight.float().T
        return torch.cat((phase.cos(), phase.sin()), dim=1)


class Attention(nn.Module):
    """Self-attention over all places with a residual; q, k and v lie as [all q heads, all k heads, all v heads]."""

    def __init__(self, channels: int, head_channels: int, norm: bool) -> None:
        super().__init__()
        self.heads = max(1, channels // head_channels)
        self.norm = nn.GroupNorm(1, channels) if norm else nn.Identity()
        self.qkv_proj = nn.Conv2d(channels, channels * 3, 1)
        self.out_proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        # Tokens × channels is what both fused attention and channels-last convolutions want: no copy in that format.
        tokens: Tensor = self.qkv_proj(self.norm(x)).flatten(2).transpose(1, 2).contiguous()
        q, k, v = tokens.view(*tokens.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.out_proj(y.transpose(1, 2).reshape(x.shape))
        return x + out


class Level(Conditioned):
    """Everything below a resolution: halve, `layers`, double; joined with the input along the channels."""

    def __init__(self, layers: Sequence[nn.Module], up: Literal["bilinear", "nearest"], skip_first: bool) -> None:
        super().__init__()
        self.main = Stack(nn.AvgPool2d(2), *layers, nn.Upsample(scale_factor=2, mode=up))
        self.skip_first = skip_first

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        below = self.main(x, cond)
        return torch.cat((x, below) if self.skip_first else (below, x), dim=1)


def build_unet(
    widths: Sequence[int],
    *,
    block: Callable[[int, int, int, bool], nn.Module],
    attention: Callable[[int], nn.Module],
    up: Literal["bilinear", "nearest"],
    skip_first: bool,
    channels: int = 3,
) -> Stack:
    """The nested U-Net over `channels` planes and the time planes.

    Args:
        widths: channels of each level, finest first; the last block of a level already has the width above it.
        block: makes a block from (channels in, between, out, whether it is the network's last).
        attention: makes the attention layer of so many channels.
        up: how a level doubles its size.
        skip_first: whether a join is [skip, from below] or [from below, skip].
    """

    def layers(i: int, enter: int, leave: int) -> list[nn.Module]:
        w = widths[i]
        lowest = i == len(widths) - 1
        inputs = [enter] + [w] * (BLOCKS - 1) + [w if lowest else 2 * w] + [w] * (BLOCKS - 1)
        outputs = [w] * (2 * BLOCKS - 1) + [leave]
        row: list[nn.Module] = []
        for n, (c_in, c_out) in enumerate(zip(inputs, outputs, strict=True)):
            if n == BLOCKS and not lowest:
                row.append(Level(layers(i + 1, w, w), up, skip_first))
            row.append(block(c_in, w, c_out, i == 0 and n == 2 * BLOCKS - 1))
            if i >= ATTENTION_FROM:
                row.append(attention(c_out))
        return row

    return Stack(*layers(0, channels + 2 * FREQUENCIES, channels))


def residual_skip(c_in: int, c_out: int) -> nn.Module:
    """The way around a block: 1×1 and bias-free where the widths differ."""
    return nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1, bias=False)


def with_planes(x: Tensor, features: Tensor) -> Tensor:
    """x with each of the B×F features appended as a constant plane."""
    planes = features[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat((x, planes.to(x.dtype)), dim=1)


def store_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Casts the weights in place, all but the Fourier frequencies: rounding those would shift the phases."""
    for module in network.modules():
        if not isinstance(module, FourierFeatures):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)

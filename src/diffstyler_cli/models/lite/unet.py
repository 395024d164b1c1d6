"""The lite diffusion networks: one small U-Net for both roles, conditioned on text (photo) or not (art)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...diffusion.schedule import alpha_sigma, per_sample
from ..base import Role, VelocityNetwork
from ..cards import card
from ..layers import Conditioned, Stack

DETAIL = 0.12
"""Deviation of a picture's fine detail (a picture less its 3×3 mean), in -1…1: 0.115 on eight training photographs."""


@dataclass(frozen=True)
class LiteConfig:
    """Shape of a lite network: `stem` channels at half resolution, `widths` at 1/4, 1/8 and 1/16; `outer` and `blocks`
    are the residual blocks there on the way down, and as many on the way up."""

    stem: int
    widths: tuple[int, int, int]
    outer: int
    blocks: int
    cond_dim: int | None


LITE_PRESETS: dict[str, LiteConfig] = {
    "photo": LiteConfig(stem=32, widths=(64, 128, 256), outer=2, blocks=2, cond_dim=256),
    "art": LiteConfig(stem=16, widths=(32, 64, 128), outer=1, blocks=2, cond_dim=None),
}


def _zero(conv: nn.Conv2d) -> nn.Conv2d:
    """The convolution with weights and bias of zero, so that its block begins as the identity."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


class _Block(Conditioned):
    """Residual block: norm, SiLU, conv, norm, modulation by the condition, SiLU, conv (zero at start)."""

    def __init__(self, c_in: int, c_out: int, c_emb: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.film = nn.Linear(c_emb, 2 * c_out)
        self.norm2 = nn.GroupNorm(8, c_out)
        self.conv2 = _zero(nn.Conv2d(c_out, c_out, 3, padding=1))
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        scale, shift = self.film(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.conv2(F.silu(h))
        return out


class LiteUNet(VelocityNetwork):
    """U-Net on a pixel-unshuffled grid, without attention: what it learns on crops holds at every size.

    Preconditioned after Karras et al. 2022 (section 5): the output is the best linear estimate of detail of deviation
    s = `DETAIL` in white noise, x̂0 = α·s²/(α²s² + σ²)·x, plus what the layers add. To predict v they would otherwise
    have to carry white noise from input to output, for which a network this small has no room: it leaves grain behind.

    `forward(x, t, cond)`: x B×3×H×W with H and W divisible by 16, t (B,) in [0, 1], cond B×cond_dim of unit rows or
    zeros (null condition); returns v, B×3×H×W float32.
    """

    def __init__(self, role: Role, config: LiteConfig | None = None) -> None:
        config = config or LITE_PRESETS[role]
        super().__init__(dataclasses.replace(card(f"lite-{role}"), cond_dim=config.cond_dim))
        self.config = config
        stem, widths, emb = config.stem, config.widths, 4 * config.widths[0]
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, math.log(200.0), 16)), persistent=False)
        self.time = nn.Sequential(nn.Linear(32, emb), nn.SiLU(), nn.Linear(emb, emb))
        if config.cond_dim is not None:
            self.condition = nn.Sequential(nn.Linear(config.cond_dim, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.conv_in = nn.Conv2d(12, stem, 3, padding=1)
        self.first = Stack(*(_Block(stem, stem, emb) for _ in range(config.outer)))
        self.conv_fold = nn.Conv2d(4 * stem, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        for i, width in enumerate(widths):
            self.down.append(Stack(*(_Block(width, width, emb) for _ in range(config.blocks))))
            self.up.append(Stack(*(_Block(2 * width if k == 0 else width, width, emb) for k in range(config.blocks))))
            if i + 1 < len(widths):
                self.shrink.append(nn.Conv2d(width, widths[i + 1], 3, stride=2, padding=1))
                self.grow.append(nn.Conv2d(widths[i + 1], 4 * width, 3, padding=1))
        self.middle = _Block(widths[-1], widths[-1], emb)
        self.norm_out = nn.GroupNorm(8, widths[0])
        self.conv_unfold = nn.Conv2d(widths[0], 4 * stem, 3, padding=1)
        self.conv_join = nn.Conv2d(2 * stem, stem, 3, padding=1)
        self.last = Stack(*(_Block(stem, stem, emb) for _ in range(config.outer)))
        self.conv_out = _zero(nn.Conv2d(stem, 12, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        angle = t[:, None] * self.frequencies
        emb = self.time(torch.cat([angle.cos(), angle.sin()], dim=1))
        if self.cond_dim is not None:
            if cond is None:
                cond = x.new_zeros(x.shape[0], self.cond_dim)
            emb = emb + self.condition(cond.float() * math.sqrt(self.cond_dim))
        emb = F.silu(emb)

        outer = self.first(F.silu(self.conv_in(F.pixel_unshuffle(x, 2))), emb)
        h = self.conv_fold(F.pixel_unshuffle(outer, 2))
        skips = []
        for i, blocks in enumerate(self.down):
            h = blocks(h, emb)
            skips.append(h)
            if i < len(self.shrink):
                h = self.shrink[i](h)
        h = self.middle(h, emb)
        for i in reversed(range(len(self.up))):
            h = self.up[i](torch.cat([h, skips[i]], dim=1), emb)
            if i > 0:
                h = F.pixel_shuffle(self.grow[i - 1](h), 2)
        h = F.pixel_shuffle(self.conv_unfold(F.silu(self.norm_out(h))), 2)
        h = self.last(self.conv_join(torch.cat([h, outer], dim=1)), emb)
        rest = F.pixel_shuffle(self.conv_out(F.silu(h)), 2).float()
        alpha, sigma = (per_sample(a, rest) for a in alpha_sigma(t))
        variance = (alpha * DETAIL).square() + sigma.square()
        out: Tensor = alpha * sigma * (1 - DETAIL**2) / variance * x.float() + 0.5 * variance.rsqrt() * rest
        return out

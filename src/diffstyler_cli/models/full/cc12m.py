"""The original photo network, `cc12m_1_cfg`: Conceptual 12M, conditioned on a CLIP ViT-B/16 embedding."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import VelocityNetwork
from ..cards import card
from ..layers import Conditioned
from .unet import FREQUENCIES, Attention, FourierFeatures, build_unet, residual_skip, with_planes

WIDTHS = (128, 256, 256, 512, 512, 1024, 1024)
MAPPING_FREQUENCIES = 64


class NormModulation(Conditioned):
    """Group norm of one group without parameters, then y·(scale + 1) + shift from the condition, in one pass.

    Written out because the norm's own kernel gives up the channels-last format on CUDA. Statistics are float32.
    """

    def __init__(self, cond_width: int, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(cond_width, 2 * channels, bias=False)

    def forward(self, y: Tensor, cond: Tensor) -> Tensor:
        scale, shift = self.layer(cond).float().chunk(2, dim=1)
        var, mean = torch.var_mean(y.float(), dim=(1, 2, 3), correction=0)
        gain = (scale + 1) * torch.rsqrt(var + 1e-5)[:, None]
        offset = shift - mean[:, None] * gain
        return torch.addcmul(offset[:, :, None, None].to(y.dtype), y, gain[:, :, None, None].to(y.dtype))


class ConditionedBlock(Conditioned):
    """Two of (3×3 conv, norm, modulation, ReLU) plus the input; the network's last block ends at its second conv."""

    def __init__(self, c_in: int, c_mid: int, c_out: int, last: bool, cond_width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in ((c_in, c_mid), (c_mid, c_out)):
            # The norm has an index of its own in the checkpoint; here the modulation does its work.
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.Identity(), NormModulation(cond_width, b), nn.ReLU(True)]
        self.main = nn.ModuleList(layers[:5] if last else layers)
        self.skip = residual_skip(c_in, c_out)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        y = x
        for layer in self.main:
            y = layer(y, cond) if isinstance(layer, NormModulation) else layer(y)
        skip: Tensor = self.skip(x)
        return y + skip


class MappingBlock(nn.Module):
    """Linear, ReLU, linear, ReLU (not if last), plus the input."""

    def __init__(self, c_in: int, c_out: int, last: bool) -> None:
        super().__init__()
        layers = [nn.Linear(c_in, c_out), nn.ReLU(True), nn.Linear(c_out, c_out), nn.ReLU(True)]
        self.main = nn.Sequential(*(layers[:3] if last else layers))
        self.skip = nn.Identity() if c_in == c_out else nn.Linear(c_in, c_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.main(x) + self.skip(x)
        return y


class CC12M(VelocityNetwork):
    """v(x, t, embedding) of `cc12m_1_cfg`: 602,895,947 parameters at the default widths, 832 GFLOP at 256×256.

    Computes in the dtype of its weights (or of the surrounding autocast, if those are float32): x is cast on the
    way in and v is float32 on the way out; times, embeddings and norm statistics stay float32.

    Args:
        widths: channels of each of the seven levels, finest first.
        embed_dim: length of the text embedding.
        cond_width: length of the mapped condition.
        head_channels: channels of an attention head.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        *,
        embed_dim: int = 512,
        cond_width: int = 1024,
        head_channels: int = 64,
    ) -> None:
        super().__init__(dataclasses.replace(card("cc12m_1_cfg"), multiple=2 ** (len(widths) - 1), cond_dim=embed_dim))
        self.embed_dim = embed_dim
        self.mapping_timestep_embed = FourierFeatures(MAPPING_FREQUENCIES)
        self.mapping = nn.Sequential(
            MappingBlock(embed_dim + 2 * MAPPING_FREQUENCIES, cond_width, last=False),
            MappingBlock(cond_width, cond_width, last=True),
        )
        self.timestep_embed = FourierFeatures(FREQUENCIES)
        self.net = build_unet(
            widths,
            block=lambda c_in, c_mid, c_out, last: ConditionedBlock(c_in, c_mid, c_out, last, cond_width),
            attention=lambda c: Attention(c, head_channels, norm=True),
            up="bilinear",
            skip_first=False,
        )

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        dtype = next(self.net.parameters()).dtype
        if cond is None:
            embedding = x.new_zeros(x.shape[0], self.embed_dim, dtype=torch.float32)
        else:
            embedding = F.normalize(cond.float(), dim=1) * math.sqrt(self.embed_dim)
        condition = self.mapping(torch.cat((embedding, self.mapping_timestep_embed(t)), dim=1).to(dtype))
        v: Tensor = self.net(with_planes(x.to(dtype), self.timestep_embed(t)), condition)
        return v.float()

"""The original art network, `wikiart_256`: WikiArt paintings, unconditional."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ...diffusion.schedule import log_snr
from ..base import VelocityNetwork
from ..cards import card
from .unet import FREQUENCIES, Attention, FourierFeatures, build_unet, residual_skip, with_planes

WIDTHS = (64, 128, 256, 256, 512, 512, 1024)


class Block(nn.Module):
    """3×3 conv, ReLU, 3×3 conv, ReLU (not in the network's last), plus the input."""

    def __init__(self, c_in: int, c_mid: int, c_out: int, last: bool) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(c_in, c_mid, 3, padding=1),
            nn.ReLU(True),
            nn.Conv2d(c_mid, c_out, 3, padding=1),
            nn.ReLU(True),
        ]
        self.main = nn.Sequential(*(layers[:3] if last else layers))
        self.skip = residual_skip(c_in, c_out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.main(x) + self.skip(x)
        return y


class WikiArt(VelocityNetwork):
    """v(x, t) of `wikiart_256`: 291,054,347 parameters at the default widths, 291 GFLOP at 256×256.

    Computes in the dtype of its weights (or of the surrounding autocast, if those are float32): x is cast on the
    way in and v is float32 on the way out; times stay float32. Its time features are of the log-SNR, which is
    infinite at t = 0 and 1: keep t in [`t_min`, `t_max`].

    Args:
        widths: channels of each of the seven levels, finest first.
        head_channels: channels of an attention head.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, *, head_channels: int = 128) -> None:
        super().__init__(dataclasses.replace(card("wikiart_256"), multiple=2 ** (len(widths) - 1)))
        self.timestep_embed = FourierFeatures(FREQUENCIES)
        self.net = build_unet(
            widths,
            block=Block,
            attention=lambda c: Attention(c, head_channels, norm=False),
            up="nearest",
            skip_first=True,
        )

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        dtype = next(self.net.parameters()).dtype
        v: Tensor = self.net(with_planes(x.to(dtype), self.timestep_embed(log_snr(t))))
        return v.float()

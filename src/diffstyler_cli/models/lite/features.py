"""The lite content features: a small VGG-like network trained to see structure and to ignore style."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS: tuple[tuple[str, int], ...] = (
    ("conv1_1", 16), ("conv2_1", 24), ("conv2_2", 24), ("conv3_1", 48), ("conv3_2", 48), ("conv4_1", 96),
    ("conv4_2", 96),
)  # fmt: skip
"""Name and width of each 3×3 convolution; a new first digit halves the resolution before it."""


class LiteFeatures(nn.Module):
    """Features after ReLU, each layer scaled to unit mean square on training photographs.

    `forward(x)`: x B×3×H×W in [-1, 1], H and W at least 8; returns float32 B×C×h×w by layer name.
    """

    content_layers: tuple[str, ...] = ("relu3_2", "relu4_2")
    nce_layers: tuple[str, ...] = ("relu1_1", "relu2_2", "relu3_2", "relu4_2")

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        width = 3
        for name, out in CHANNELS:
            self.layers[name] = nn.Conv2d(width, out, 3, padding=1, padding_mode="reflect")
            width = out
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(len(CHANNELS)))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        taps = {*self.content_layers, *self.nce_layers}
        out: dict[str, Tensor] = {}
        level = "1"
        for k, (name, conv) in enumerate(self.layers.items()):
            if name[4] != level:
                x, level = F.avg_pool2d(x, 2), name[4]
            x = F.relu(conv(x))
            key = name.replace("conv", "relu")
            if key in taps:
                out[key] = x.float() * self.scale[k]
        return out

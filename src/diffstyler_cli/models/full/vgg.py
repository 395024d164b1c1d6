"""VGG19 as an eye for content: the features that the content and the patchwise contrastive loss compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

CONVS = (2, 2, 4, 4, 2)
"""Convolutions kept of each stage; the last stage has four, of which nothing here reads the last two."""
WIDTHS = (1, 2, 4, 8, 8)
CONTENT_LAYERS = ("conv4_2", "conv5_2")
NCE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
IGNORED = ("classifier.", "pre_logits.", "head.", "features.32.", "features.34.")
"""What is in torchvision's and timm's files and not in this network: the classifier, conv5_3 and conv5_4."""


class Vgg19Features(nn.Module):
    """`ContentFeatures` of VGG19 up to relu5_2; 15,304,768 parameters, named as in torchvision and timm.

    Every feature is taken after the ReLU (also "conv4_2" and "conv5_2") and is float32. Layers compute in the dtype
    of their weights or of the surrounding autocast.

    Args:
        base: channels of the first stage; 64 is VGG19.
    """

    content_layers: tuple[str, ...] = CONTENT_LAYERS
    nce_layers: tuple[str, ...] = NCE_LAYERS

    def __init__(self, base: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.taps: dict[int, str] = {}
        before = 3
        for stage, (count, width) in enumerate(zip(CONVS, WIDTHS, strict=True), 1):
            if stage > 1:
                layers.append(nn.MaxPool2d(2))
            for n in range(1, count + 1):
                layers += [nn.Conv2d(before, base * width, 3, padding=1), nn.ReLU(True)]
                before = base * width
                for name in (f"conv{stage}_{n}", f"relu{stage}_{n}"):
                    if name in CONTENT_LAYERS + NCE_LAYERS:
                        self.taps[len(layers) - 1] = name
        self.features = nn.Sequential(*layers)
        # x in [-1, 1] -> ((x + 1) / 2 - mean) / std as one multiplication and one addition
        self.gain: Tensor
        self.offset: Tensor
        self.register_buffer("gain", (0.5 / torch.tensor(STD)).view(-1, 1, 1), persistent=False)
        self.register_buffer(
            "offset", ((0.5 - torch.tensor(MEAN)) / torch.tensor(STD)).view(-1, 1, 1), persistent=False
        )

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Features by layer name, finest first; x is B×3×H×W in [-1, 1].

        Raises:
            ValueError: x has other than 3 channels or a side below 16 pixels.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 16:
            raise ValueError(f"VGG19 takes B×3×H×W of at least 16×16, got {tuple(x.shape)}")
        x = (x * self.gain + self.offset).to(next(self.features.parameters()).dtype)
        found: dict[str, Tensor] = {}
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                found[self.taps[i]] = x.float()
        return found


def vgg_weights(state: Mapping[str, T]) -> dict[str, T]:
    """The weights of a torchvision or timm file that this network has."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(IGNORED)}

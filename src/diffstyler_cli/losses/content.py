"""Content perceptual loss: x̂0 keeps the deep features of the photo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

FeaturesFn = Callable[[Tensor], Mapping[str, Tensor]]
"""Image batch in [-1, 1] -> feature maps BxCxhxw by layer name."""


class ContentLoss:
    """Mean squared difference of features, summed over the layers (Huang et al. 2022: VGG19 conv4_2 and conv5_2).

    Args:
        features: the network; share it with `NCELoss` by `objective.Shared`.
        layers: names of the layers to compare.
        x0: the photo, 1x3xHxW or as many as predictions; its features are computed here, once.
    """

    def __init__(self, features: FeaturesFn, layers: Sequence[str], x0: Tensor) -> None:
        self.features = features
        with torch.no_grad():
            maps = features(x0)
        self.targets = {layer: maps[layer].detach() for layer in layers}

    def __call__(self, pred: Tensor) -> Tensor:
        """Bx3xHxW, of the photo's H and W -> (B,)."""
        maps = self.features(pred)
        differences = [(maps[layer] - target).square().mean((1, 2, 3)) for layer, target in self.targets.items()]
        return torch.stack(differences).sum(0)

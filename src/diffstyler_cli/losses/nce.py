"""Patchwise contrastive loss: each place of x̂0 is recognised among other places of the photo (Park et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .content import FeaturesFn

TAU = 0.07
PLACES = 256
DIM = 256


def info_nce(q: Tensor, k: Tensor, tau: float = TAU) -> Tensor:
    """Cross-entropy of q·k / tau with positives on the diagonal, mean over places. Unit q, k: (B, N, D) -> (B,)."""
    logits = q @ k.transpose(-1, -2) / tau
    return (logits.logsumexp(-1) - logits.diagonal(dim1=-2, dim2=-1)).mean(-1)


class NCELoss:
    """`info_nce` between the same places of x̂0 and x_0, mean over layers; a layer's other places are the negatives.

    A feature vector is embedded by a fixed random linear projection and L2-normalised. Places and projections are
    drawn here, on the CPU, from `seed`.

    Args:
        features: the network; share it with `ContentLoss` by `objective.Shared`.
        layers: names of the layers to compare.
        x0: the photo, 1x3xHxW or as many as predictions; its features are computed here, once.
        places: how many places of a layer to compare, or all where it has fewer.
        dim: width of the projection.
    """

    def __init__(
        self,
        features: FeaturesFn,
        layers: Sequence[str],
        x0: Tensor,
        seed: int,
        *,
        places: int = PLACES,
        dim: int = DIM,
        tau: float = TAU,
    ) -> None:
        self.features = features
        self.tau = tau
        self.places: dict[str, Tensor] = {}
        self.projections: dict[str, Tensor] = {}
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            maps = features(x0)
            for layer in layers:
                _, channels, height, width = maps[layer].shape
                chosen = torch.randperm(height * width, generator=generator)[:places]
                projection = torch.randn(channels, dim, generator=generator) / math.sqrt(channels)
                self.places[layer] = chosen.to(x0.device)
                self.projections[layer] = projection.to(maps[layer])
            self.keys = {layer: self._embed(layer, maps[layer]) for layer in layers}

    def __call__(self, pred: Tensor) -> Tensor:
        """Bx3xHxW, of the photo's H and W -> (B,)."""
        maps = self.features(pred)
        losses = [info_nce(self._embed(layer, maps[layer]), keys, self.tau) for layer, keys in self.keys.items()]
        return torch.stack(losses).mean(0)

    def _embed(self, layer: str, feature_map: Tensor) -> Tensor:
        vectors = feature_map.flatten(2)[:, :, self.places[layer]].transpose(1, 2)
        return F.normalize(vectors @ self.projections[layer], dim=-1)

"""Instruction loss: x̂0, seen in random cutouts, says what the prompts say."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError

SMALLEST_CUTOUT = 0.4
"""Side of the smallest cutout, as a share of the picture's shorter side."""


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos(a, b) over the last axis, in [0, 2] (Huang et al. 2022)."""
    return 1 - F.cosine_similarity(a, b, dim=-1)


def spherical_distance(a: Tensor, b: Tensor) -> Tensor:
    """2 arcsin(‖â - b̂‖ / 2)² over the last axis, â = a / ‖a‖; in [0, π²/2] (the released code of Huang et al.)."""
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    # The same half angle as by arcsin, whose gradient is infinite for opposite vectors.
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)).square()


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cosine": cosine_distance, "spherical": spherical_distance}
"""By the names of `config.DISTANCES`."""


def prompt_target(embeddings: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of prompt `embeddings` (KxD, unit) by `weights` (K,), renormalised: (D,).

    Raises `UsageError` if the prompts cancel each other out.
    """
    mean = (weights.to(embeddings)[:, None] * embeddings).sum(0)
    # Rounding of the sum would otherwise be blown up to a direction that nobody asked for.
    if mean.norm() <= 1e-5 * weights.abs().sum():
        raise UsageError("The prompts and their weights cancel each other out.", 'Change a weight: "text:2".')
    return F.normalize(mean, dim=0)


class Cutouts:
    """Seeded random square cutouts of a picture, resized (antialiased) to an encoder's input.

    Drawn on the CPU, anew on each call, the same for all samples of a batch: a sample does not depend on its mates,
    and a seed means the same on every device. Sides are uniform between `SMALLEST_CUTOUT` and all of the shorter side.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.count = count
        self.size = size
        self.generator = torch.Generator().manual_seed(seed)
        self.boxes: list[tuple[int, int, int]] = []
        """(top, left, side) of the latest cutouts."""

    def __call__(self, x: Tensor) -> Tensor:
        """BxCxHxW -> (count·B)xCxSxS, cutout by cutout."""
        height, width = x.shape[-2:]
        views, self.boxes = [], []
        for scale, down, right in torch.rand(self.count, 3, generator=self.generator).tolist():
            side = max(1, round(min(height, width) * (SMALLEST_CUTOUT + (1 - SMALLEST_CUTOUT) * scale)))
            top, left = round(down * (height - side)), round(right * (width - side))
            self.boxes.append((top, left, side))
            view = x[..., top : top + side, left : left + side]
            views.append(F.interpolate(view, size=(self.size, self.size), mode="bilinear", antialias=True))
        return torch.cat(views)


class CutoutEmbeddings:
    """x̂0 (Bx3xHxW) -> embeddings of its cutouts, (count, B, D). Instruction and aesthetic terms share one of these."""

    def __init__(self, encode_image: Callable[[Tensor], Tensor], cutouts: Cutouts) -> None:
        self.encode_image = encode_image
        self.cutouts = cutouts

    def __call__(self, pred: Tensor) -> Tensor:
        return self.encode_image(self.cutouts(pred)).reshape(self.cutouts.count, pred.shape[0], -1)


class PlacedTargets:
    """A target for each of the latest cutouts: the mean of `targets` (GxD, unit), renormalised, each counting as much
    of the cutout as `weights` (GxHxW) give to it; 0 for a cutout in which none has a place."""

    def __init__(self, cutouts: Cutouts, targets: Tensor, weights: Tensor) -> None:
        self.cutouts = cutouts
        self.targets = targets.detach()
        self.weights = weights

    def __call__(self) -> Tensor:
        """(count, 1, D)."""
        boxes = self.cutouts.boxes
        parts = [self.weights[:, y : y + side, x : x + side].mean((1, 2)) for y, x, side in boxes]
        return F.normalize(torch.stack(parts).to(self.targets) @ self.targets, dim=-1)[:, None]


class InstructionLoss:
    """Mean distance of the cutouts' embeddings from `target` (D,); see `prompt_target`.

    Args:
        embed: a `CutoutEmbeddings`, shared or not.
        target: unit embedding of the prompts, or what gives one of each cutout once they are drawn.
        distance: a name of `DISTANCES`.
    """

    def __init__(
        self, embed: Callable[[Tensor], Tensor], target: Tensor | PlacedTargets, distance: str = "cosine"
    ) -> None:
        self.embed = embed
        self.target = target.detach() if isinstance(target, Tensor) else target
        self.distance = DISTANCES[distance]

    def __call__(self, pred: Tensor) -> Tensor:
        """Bx3xHxW -> (B,)."""
        embeddings = self.embed(pred)  # before the target: of these cutouts
        target = self.target if isinstance(self.target, Tensor) else self.target()
        return self.distance(embeddings, target).mean(0)

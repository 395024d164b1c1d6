"""Numbers about a finished picture. Each says one narrow thing, and none of them is quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ..images import to_tensor
from ..models.base import Components
from ..pipeline.conditions import Conditions
from ..pipeline.subject import Subject

MEANING = {
    "clip": "CLIP score: 100 x cosine of the picture's and the prompts' embeddings (Hessel et al. 2021), by the model "
    "set's own encoder; not comparable between model sets or prompts",
    "content": "content score: correlation of the content features of picture and photo; 1 the same, 0 unrelated",
    "ssim": "SSIM of picture and photo (Wang et al. 2004): 1 the same pixels' structure",
    "aesthetic": "rating of the model set's aesthetic regressor; higher = more like what people rated well",
}
"""The scores, by their names in manifests, in order."""


class Scorer:
    """Scores pictures of one photo."""

    def __init__(self, parts: Components, subject: Subject) -> None:
        self.parts = parts
        self.size = subject.size
        self.device = subject.x0.device
        self.photo = self._tensor(subject.loaded.rgb)
        self._photo_maps = self._patterns(self.photo)

    @torch.no_grad()
    def __call__(self, picture: Image.Image, conditions: Conditions) -> dict[str, float]:
        """By the names of `MEANING`; of the picture at the working size, without its alpha channel."""
        x = self._tensor(picture.convert("RGB"))
        embedding = self._embed(x)
        maps = self._patterns(x)
        correlations = [F.cosine_similarity(maps[k], target, dim=0) for k, target in self._photo_maps.items()]
        similarity = structural_similarity_index_measure(x, self.photo, data_range=2.0)
        if not isinstance(similarity, Tensor):
            raise TypeError("torchmetrics returned more than the similarity")
        return {
            "clip": 100 * max(0.0, float(embedding[0] @ conditions.target())),
            "content": float(torch.stack(correlations).mean()),
            "ssim": float(similarity),
            "aesthetic": float(self.parts.aesthetic(embedding)[0]),
        }

    def _tensor(self, picture: Image.Image) -> Tensor:
        return to_tensor(picture, self.size)[0].to(self.device)

    def _embed(self, x: Tensor) -> Tensor:
        """1×D, of the central square, as CLIP's own preprocessing takes it."""
        side, inner = min(x.shape[-2:]), self.parts.encoder.image_size
        top, left = (x.shape[-2] - side) // 2, (x.shape[-1] - side) // 2
        square = x[..., top : top + side, left : left + side]
        return self.parts.encoder.encode_image(
            F.interpolate(square, (inner, inner), mode="bicubic", antialias=True).clamp(-1, 1)
        )

    @torch.no_grad()
    def _patterns(self, x: Tensor) -> dict[str, Tensor]:
        """Content features by layer, each channel without its mean over the picture: where things are, not how much."""
        maps = self.parts.features(x)
        return {k: (maps[k] - maps[k].mean((2, 3), keepdim=True)).flatten() for k in self.parts.features.content_layers}


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other one beats in both coordinates (at least as high in both, higher in one)."""
    front, highest = set(), -math.inf
    for x, y in sorted(set(points), reverse=True):
        if y > highest:
            front.add((x, y))
            highest = y
    return [point in front for point in points]


def mark_pareto(cells: Sequence[dict[str, Any]]) -> None:
    """Sets "pareto" in manifest rows that have scores, by content and CLIP score among rows with the same prompts."""
    by_prompts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for cell in cells:
        if cell["scores"]:
            by_prompts.setdefault(tuple(cell["prompts"]), []).append(cell)
    for rows in by_prompts.values():
        for cell, front in zip(rows, pareto([style_and_content(cell["scores"]) for cell in rows]), strict=True):
            cell["pareto"] = front


def style_and_content(scores: Mapping[str, float]) -> tuple[float, float]:
    """The coordinates of a cell in the scatter."""
    return scores["clip"], scores["content"]

"""Scores finished pictures against their photo and their prompts, by the names of `scores.MEANING`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from ..images import to_tensor
from ..models.base import Components
from ..pipeline.conditions import Conditions
from ..pipeline.subject import Subject


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

"""CLIP, and every smaller text-image encoder that open_clip can build from a configuration."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

T = TypeVar("T")

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

VIT_B_16: dict[str, Any] = {
    "embed_dim": 512,
    "quick_gelu": True,  # OpenAI's weights are wrong under the exact GELU
    "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
}
"""The configuration of OpenAI's ViT-B/16, 149,620,737 parameters."""

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers beside the weights in some copies of OpenAI's file."""


class ClipEncoder(nn.Module):
    """A `TextImageEncoder` around an open_clip model; built with random weights and without network access.

    Computes in the dtype of its weights (or of the surrounding autocast); embeddings are float32.

    Args:
        config: what open_clip calls a model configuration: embed_dim, quick_gelu, vision_cfg, text_cfg.
        mean, std: of the pictures that it was trained on, per channel in [0, 1].
        vocabulary: lower-case words that it has learnt; None for an encoder that knows any word.
    """

    def __init__(
        self,
        config: Mapping[str, Any] = VIT_B_16,
        *,
        mean: tuple[float, float, float] = MEAN,
        std: tuple[float, float, float] = STD,
        vocabulary: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        self.model = open_clip.CLIP(**config)
        self.embed_dim: int = config["embed_dim"]
        self.image_size: int = config["vision_cfg"]["image_size"]
        self.tokenizer = open_clip.SimpleTokenizer(context_length=config["text_cfg"]["context_length"])
        self.vocabulary = vocabulary
        # x in [-1, 1] -> ((x + 1) / 2 - mean) / std as one multiplication and one addition
        self.gain: Tensor
        self.offset: Tensor
        self.register_buffer("gain", (0.5 / torch.tensor(std)).view(-1, 1, 1), persistent=False)
        self.register_buffer(
            "offset", ((0.5 - torch.tensor(mean)) / torch.tensor(std)).view(-1, 1, 1), persistent=False
        )

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.parameters())

    def encode_text(self, texts: list[str]) -> Tensor:
        """K×`embed_dim`, float32, L2-normalised. Words beyond the context length are cut off."""
        tokens = self.tokenizer(texts).to(self.gain.device)
        return F.normalize(self.model.encode_text(tokens).float(), dim=-1)

    def encode_image(self, x: Tensor) -> Tensor:
        """B×`embed_dim`, float32, L2-normalised, differentiable.

        Raises:
            ValueError: x is not B×3×`image_size`×`image_size`.
        """
        if x.ndim != 4 or x.shape[1:] != (3, self.image_size, self.image_size):
            raise ValueError(f"the encoder takes B×3×{self.image_size}×{self.image_size}, got {tuple(x.shape)}")
        x = x * self.gain + self.offset
        return F.normalize(self.model.encode_image(x.to(self.model.visual.conv1.weight.dtype)).float(), dim=-1)

    def unknown_words(self, text: str) -> list[str]:
        """The words of two letters or more outside the vocabulary, lower-case, each once; none where any is known."""
        if self.vocabulary is None:
            return []
        words = dict.fromkeys(re.findall(r"\w+", text.lower()))
        return [word for word in words if len(word) > 1 and word not in self.vocabulary]


def clip_weights(state: Mapping[str, T]) -> dict[str, T]:
    """The weights of an open_clip file, without the numbers that some copies of OpenAI's hold beside them."""
    return {name: tensor for name, tensor in state.items() if name not in NOT_WEIGHTS}

"""CLIP, and every smaller text-image encoder that open_clip can build from a configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import open_clip

from .encoder import MEAN, STD, Encoder

T = TypeVar("T")

VIT_B_16: dict[str, Any] = {
    "embed_dim": 512,
    "quick_gelu": True,  # OpenAI's weights are wrong under the exact GELU
    "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
}
"""The configuration of OpenAI's ViT-B/16, 149,620,737 parameters."""

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers beside the weights in some copies of OpenAI's file."""


class ClipEncoder(Encoder):
    """An `Encoder` around an open_clip model; built with random weights and without network access.

    Args:
        config: what open_clip calls a model configuration: embed_dim, quick_gelu, vision_cfg, text_cfg.
        mean, std, vocabulary: as `Encoder`.
    """

    def __init__(
        self,
        config: Mapping[str, Any] = VIT_B_16,
        *,
        mean: tuple[float, float, float] = MEAN,
        std: tuple[float, float, float] = STD,
        vocabulary: Collection[str] | None = None,
    ) -> None:
        super().__init__(
            open_clip.CLIP(**config),
            config["embed_dim"],
            config["vision_cfg"]["image_size"],
            config["text_cfg"]["context_length"],
            mean=mean,
            std=std,
            vocabulary=vocabulary,
        )


def clip_weights(state: Mapping[str, T]) -> dict[str, T]:
    """The weights of an open_clip file, without the numbers that some copies of OpenAI's hold beside them."""
    return {name: tensor for name, tensor in state.items() if name not in NOT_WEIGHTS}

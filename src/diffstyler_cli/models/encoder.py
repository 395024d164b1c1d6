"""A text–image encoder around a CLIP model, whoever built that: tokens, statistics of pictures, unit embeddings.

Imports no open_clip: its whole model zoo comes with it, two seconds of a run.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Encoder(nn.Module):
    """A `TextImageEncoder`.

    Computes in the dtype of its weights (or of the surrounding autocast); embeddings are float32.

    Args:
        model: has `encode_text` (K×L tokens -> K×D), `encode_image` (B×3×S×S -> B×D), and `visual.conv1`.
        embed_dim, image_size: D and S.
        context_length: L.
        mean, std: of the pictures that it was trained on, per channel in [0, 1].
        vocabulary: lower-case words that it has learnt; None for an encoder that knows any word.
    """

    def __init__(
        self,
        model: nn.Module,
        embed_dim: int,
        image_size: int,
        context_length: int,
        *,
        mean: tuple[float, float, float] = MEAN,
        std: tuple[float, float, float] = STD,
        vocabulary: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        self.model: Any = model
        self.embed_dim = embed_dim
        self.image_size = image_size
        self.tokenizer = simple_tokenizer(context_length)
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


def simple_tokenizer(context_length: int) -> Callable[[list[str]], Tensor]:
    """CLIP's byte-pair tokenizer: texts -> K×`context_length` token ids, 49,408 of them.

    It is open_clip's, whose file is loaded by itself where that works.
    """
    name = "open_clip.tokenizer"
    module = sys.modules.get(name) or _alone(name)
    tokenizer: Callable[[list[str]], Tensor] = module.SimpleTokenizer(context_length=context_length)
    return tokenizer


def _alone(name: str) -> Any:
    """A module of a package without what the package itself imports; as usual where the module needs that."""
    package, _, part = name.partition(".")
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        own = importlib.util.spec_from_file_location(f"_{package}_{part}", Path(place, f"{part}.py"))
        if own is not None and own.loader is not None:
            module = importlib.util.module_from_spec(own)
            try:
                own.loader.exec_module(module)
            except (ImportError, OSError):
                break
            return module
    return importlib.import_module(name)

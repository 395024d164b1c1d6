"""The lite encoder: CLIP (Radford et al. 2021) with a ModifiedResNet and a shallow transformer.

The same model, under the same names of parameters, is what open_clip builds of `ENCODER`, and training does; this one
only infers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder import Encoder
from .architecture import ENCODER

EXPANSION = 4


class LiteEncoder(Encoder):
    """The `TextImageEncoder` of the lite set, with its weights yet to be loaded into `model`."""

    def __init__(self, vocabulary: Collection[str] | None = None) -> None:
        vision, text = ENCODER["vision_cfg"], ENCODER["text_cfg"]
        super().__init__(
            LiteClip(ENCODER), ENCODER["embed_dim"], vision["image_size"], text["context_length"], vocabulary=vocabulary
        )


class LiteClip(nn.Module):
    """The two towers of a configuration like `ENCODER`."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        text, dim = config["text_cfg"], config["embed_dim"]
        width, length = text["width"], text["context_length"]
        self.visual = ModifiedResNet(**{k: config["vision_cfg"][k] for k in ("layers", "width", "image_size")}, dim=dim)
        self.token_embedding = nn.Embedding(text["vocab_size"], width)
        self.positional_embedding = nn.Parameter(torch.empty(length, width))
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Block(width, text["heads"]) for _ in range(text["layers"]))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, dim))
        self.logit_scale = nn.Parameter(torch.empty(()))  # of training
        self.mask: Tensor
        self.register_buffer("mask", torch.full((length, length), float("-inf")).triu(1), persistent=False)

    def encode_image(self, x: Tensor) -> Tensor:
        """B×3×S×S -> B×D."""
        features: Tensor = self.visual(x)
        return features

    def encode_text(self, tokens: Tensor) -> Tensor:
        """K×L -> K×D: the end token's features, which has the highest id."""
        x = self.token_embedding(tokens) + self.positional_embedding
        for block in self.transformer.resblocks:  # type: ignore[union-attr]  # a ModuleList
            x = block(x, self.mask)
        x = self.ln_final(x)
        features: Tensor = x[torch.arange(len(x), device=x.device), tokens.argmax(-1)] @ self.text_projection
        return features


class Block(nn.Module):
    """Attention and perceptron, each after a norm and beside a skip."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask.to(y.dtype))[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class ModifiedResNet(nn.Module):
    """CLIP's ResNet: a stem of three convolutions, means before strides, and attention for pooling."""

    def __init__(self, layers: list[int], width: int, image_size: int, dim: int) -> None:
        super().__init__()
        half = width // 2
        for n, (inner, outer, stride) in enumerate([(3, half, 2), (half, half, 1), (half, width, 1)], 1):
            self.add_module(f"conv{n}", nn.Conv2d(inner, outer, 3, stride, 1, bias=False))
            self.add_module(f"bn{n}", nn.BatchNorm2d(outer))
        inner = width
        for n, count in enumerate(layers):
            outer = width * 2**n
            blocks = [Bottleneck(inner, outer, 1 if n == 0 else 2)]
            inner = outer * EXPANSION
            blocks += [Bottleneck(inner, outer) for _ in range(1, count)]
            self.add_module(f"layer{n + 1}", nn.Sequential(*blocks))
        self.attnpool = AttentionPool(image_size // 32, inner, inner // 64, dim)

    def forward(self, x: Tensor) -> Tensor:
        for n in (1, 2, 3):
            x = F.relu(self.get_submodule(f"bn{n}")(self.get_submodule(f"conv{n}")(x)))
        x = F.avg_pool2d(x, 2)
        for n in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{n}")(x)
        pooled: Tensor = self.attnpool(x)
        return pooled


class Bottleneck(nn.Module):
    def __init__(self, inner: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        outer = planes * EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inner, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, outer, 1, bias=False), nn.BatchNorm2d(outer)
        self.stride = stride
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inner != outer:
            self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        if self.stride > 1:
            out, x = F.avg_pool2d(out, self.stride), F.avg_pool2d(x, self.stride)
        return F.relu(self.bn3(self.conv3(out)) + (x if self.downsample is None else self.downsample(x)))


class AttentionPool(nn.Module):
    """The features that the mean of all places asks for of mean and places."""

    def __init__(self, side: int, width: int, heads: int, dim: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(side * side + 1, width))
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, dim)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding.to(x.dtype)
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x))
        )
        pooled: Tensor = self.c_proj(F.scaled_dot_product_attention(q, k, v).flatten(1))
        return pooled

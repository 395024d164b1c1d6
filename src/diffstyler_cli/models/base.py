"""What the pipeline asks of its five components, whichever model set plays them.

The diffusion side knows only these types; `lite` and `full` are two ways to fill a `Components`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from torch import Tensor, nn

from .cards import NetworkCard

Role = Literal["photo", "art"]


class VelocityNetwork(nn.Module):
    """A diffusion network that predicts the velocity v of v = αε − σx₀ (pred = αx − σv, eps = σx + αv).

    Args:
        card: its facts. Reduced versions of a network change what is theirs by `dataclasses.replace`.
    """

    def __init__(self, card: NetworkCard) -> None:
        super().__init__()
        self.card = card
        self.name = card.name
        self.role: Role = card.role
        self.native_size = card.native_size
        self.multiple = card.multiple
        self.t_min = card.t_min
        self.t_max = card.t_max
        self.cond_dim = card.cond_dim

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """The velocity at x and t, in float32 whatever the dtype of the weights.

        Args:
            x: B×C×H×W, float32, about [-1, 1] plus noise; H and W divisible by `multiple`.
            t: (B,) or a scalar tensor, in [0, 1].
            cond: B×`cond_dim` embeddings; None and rows of zeros are the null condition.

        Raises:
            ValueError: x, t or cond has a shape that the network cannot take.
            TypeError: cond is given to an unconditional network.
        """
        raise NotImplementedError

    def check_inputs(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        """t as (B,) float32; raises what `forward` documents. For the use of subclasses."""
        if x.ndim != 4 or x.shape[2] % self.multiple or x.shape[3] % self.multiple:
            raise ValueError(
                f"{self.name} takes B×C×H×W with H and W divisible by {self.multiple}, got {tuple(x.shape)}"
            )
        if t.ndim > 1 or (t.ndim == 1 and t.shape[0] not in (1, x.shape[0])):
            raise ValueError(f"{self.name} takes t of shape ({x.shape[0]},) or a scalar, got {tuple(t.shape)}")
        if cond is not None:
            if self.cond_dim is None:
                raise TypeError(f"{self.name} is unconditional and takes no embedding")
            if cond.shape != (x.shape[0], self.cond_dim):
                raise ValueError(f"{self.name} takes embeddings {(x.shape[0], self.cond_dim)}, got {tuple(cond.shape)}")
        return t.to(device=x.device).float().expand(x.shape[0])

    @property
    def parameter_count(self) -> int:
        """Number of parameters, buffers not counted."""
        return sum(p.numel() for p in self.parameters())


class TextImageEncoder(Protocol):
    """Text and pictures in one embedding space (CLIP)."""

    embed_dim: int
    image_size: int

    def encode_text(self, texts: list[str]) -> Tensor:
        """K×`embed_dim`, float32, L2-normalised."""

    def encode_image(self, x: Tensor) -> Tensor:
        """B×`embed_dim`, float32, L2-normalised, differentiable; x is B×3×S×S in [-1, 1] with S = `image_size`."""

    def unknown_words(self, text: str) -> list[str]:
        """The words of `text` that the encoder has never learnt and that carry no signal."""


class ContentFeatures(Protocol):
    """A convolutional network whose intermediate features the content and NCE losses compare."""

    content_layers: tuple[str, ...]
    nce_layers: tuple[str, ...]

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Float32 features B×C×h×w by layer name, all of both tuples; x is B×3×H×W in [-1, 1]."""


class AestheticModel(Protocol):
    """Rates pictures from their embedding."""

    def __call__(self, embedding: Tensor) -> Tensor:
        """(B,) float32 ratings, higher = people like it more; `embedding` is B×D, L2-normalised."""


@dataclass(frozen=True)
class ComponentInfo:
    """What recipes record of a component."""

    name: str
    parameters: int
    sha256: str
    source: str


@dataclass(frozen=True)
class Components:
    """The five parts of a model set. `info` is by role: photo, art, encoder, features, aesthetic."""

    name: Literal["lite", "full"]
    photo: VelocityNetwork
    art: VelocityNetwork
    encoder: TextImageEncoder
    features: ContentFeatures
    aesthetic: AestheticModel
    info: dict[str, ComponentInfo] = field(default_factory=dict)

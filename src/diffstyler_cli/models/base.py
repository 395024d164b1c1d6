"""What the pipeline asks of its five components, whichever model set plays them.

The diffusion side knows only these types; `lite` and `full` are two ways to fill a `Components`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..weights.digest import sha256_of_tensors
from .cards import NetworkCard
from .codec import PIXELS, Codec, Movable

Role = Literal["photo", "art"]
FIRST = 256
"""Numbers of a tensor by which `VelocityNetwork.digest` knows it."""


class Conditioner(Protocol):
    """What one network is told of a text, where that is not the set's own embedding of it.

    A text encoder of its own (L×D), or labels of classes (shape ()). No module, or the network's parameters would be
    counted with the encoder's.
    """

    shape: tuple[int, ...]
    """Of one condition."""

    def encode(self, texts: list[str]) -> Tensor:
        """K×`shape`; what "" comes to is the null condition."""


class VelocityNetwork(nn.Module):
    """A diffusion network that predicts the velocity v of v = αε − σx₀ (pred = αx − σv, eps = σx + αv).

    Args:
        card: its facts. Reduced versions of a network change what is theirs by `dataclasses.replace`.
        conditioner: how it is told a text; None for an unconditional network and for one that takes the embeddings of
            the set's own encoder.
    """

    def __init__(self, card: NetworkCard, conditioner: Conditioner | None = None) -> None:
        super().__init__()
        self.card = card
        self.name = card.name
        self.role: Role = card.role
        self.native_size = card.native_size
        self.multiple = card.multiple
        self.t_min = card.t_min
        self.t_max = card.t_max
        self.cond_dim = card.cond_dim
        self.conditioner = conditioner
        self._null: Tensor | None = None

    @property
    def asked_at(self) -> tuple[float, float]:
        """The times that it may be asked at; others are moved to the nearer end."""
        return self.t_min, self.t_max

    @property
    def cond_shape(self) -> tuple[int, ...] | None:
        """Of one condition: (`cond_dim`,) for embeddings of the set's encoder; None for an unconditional network."""
        if self.conditioner is not None:
            return self.conditioner.shape
        return None if self.cond_dim is None else (self.cond_dim,)

    def play(self, role: Role) -> None:
        """Takes the other role; a network of another package may play either."""
        self.card = dataclasses.replace(self.card, role=role)
        self.role = role

    def null_condition(self) -> Tensor:
        """One condition that says nothing, of `cond_shape`. Raises TypeError for an unconditional network."""
        if self.cond_shape is None:
            raise TypeError(f"{self.name} is unconditional and takes no embedding")
        if self._null is None:
            with torch.no_grad():
                self._null = (
                    torch.zeros(self.cond_shape) if self.conditioner is None else self.conditioner.encode([""])[0]
                )
        return self._null

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """The velocity at x and t, in float32 whatever the dtype of the weights.

        Args:
            x: B×C×H×W, float32, pixels of about [-1, 1] or latents, plus noise; H and W divisible by `multiple`.
            t: (B,) or a scalar tensor, in [0, 1].
            cond: B×`cond_shape`; None and rows of `null_condition` are the null condition.

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
            if self.cond_shape is None:
                raise TypeError(f"{self.name} is unconditional and takes no embedding")
            if cond.shape != (x.shape[0], *self.cond_shape):
                wanted = (x.shape[0], *self.cond_shape)
                raise ValueError(f"{self.name} takes embeddings {wanted}, got {tuple(cond.shape)}")
        return t.to(device=x.device).float().expand(x.shape[0])

    def digest(self) -> str:
        """SHA-256 of its facts, its null condition and the first numbers of each of its tensors.

        Beside the hash of its file it tells what was made of that: the precision, and what a class `also` knows.
        """
        with torch.no_grad():
            firsts = [tensor.detach().flatten()[:FIRST].float() for tensor in self.state_dict().values()]
        state = {"tensors": torch.cat(firsts)} if firsts else {}
        if self.cond_shape is not None:
            state["null"] = self.null_condition()
        facts = f"{type(self).__qualname__} {self.card} {self.asked_at} {sha256_of_tensors(state | self.also())}"
        return hashlib.sha256(facts.encode()).hexdigest()

    def also(self) -> dict[str, Tensor]:
        """Numbers by name that its velocity depends on and that are no weights. For subclasses."""
        return {}

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
    revision: str | None = None
    """The commit of its repository, or the version of its package."""
    licence: str | None = None
    """As its publisher states it."""


@dataclass(frozen=True)
class Components:
    """The five parts of a model set. `info` is by role: photo, art, encoder, features, aesthetic.

    Both networks work in one space, to which `codec` leads: `check_space` says so.
    """

    name: Literal["lite", "full"]
    photo: VelocityNetwork
    art: VelocityNetwork
    encoder: TextImageEncoder
    features: ContentFeatures
    aesthetic: AestheticModel
    info: dict[str, ComponentInfo] = field(default_factory=dict)
    codec: Codec = PIXELS
    """Between pictures and what the two networks take."""

    def check_space(self) -> Components:
        """Returns self. Raises `UsageError` where the two networks, or one and the codec, are of different spaces, and
        where the photo network takes embeddings that the encoder does not make."""
        check_pair(self.photo.card, self.art.card)
        if self.photo.card.channels != self.codec.channels:
            raise UsageError(
                f"{self.photo.name} takes {self.photo.card.channels} channels, the latents of its codec have "
                f"{self.codec.channels}.",
                "Give the network the codec that it was trained with.",
            )
        for network in (self.photo, self.art):
            hears = network.role == "photo" or network.card.told == "prompts"
            if hears and network.conditioner is None and network.cond_dim not in (None, self.encoder.embed_dim):
                raise UsageError(
                    f"{network.name} takes text embeddings of {network.cond_dim} numbers; the {self.name} set's have "
                    f"{self.encoder.embed_dim}.",
                    "Use it with the model set whose encoder it was trained with.",
                )
        return self

    def with_networks(
        self, device: torch.device | str, photo: Drawer | None = None, art: Drawer | None = None
    ) -> Components:
        """The set with other networks in those roles, on `device`, ready for inference; the codec is the photo's.

        Raises `UsageError` as `check_space`.
        """
        info = dict(self.info)
        for role, drawer in (("photo", photo), ("art", art)):
            if drawer is not None:
                drawer.network.play("photo" if role == "photo" else "art")
                info[role] = drawer.info
        changed = dataclasses.replace(
            self,
            photo=photo.network if photo is not None else self.photo,
            art=art.network if art is not None else self.art,
            codec=photo.codec if photo is not None else self.codec,
            info=info,
        ).check_space()
        for drawer in (photo, art):
            if drawer is not None:
                drawer.network.eval().requires_grad_(False).to(device)
        if isinstance(changed.codec, Movable):
            changed.codec.to(device)
        return changed


@dataclass(frozen=True)
class Drawer:
    """A network for one of the two roles, the codec of its space, and what recipes record of it."""

    network: VelocityNetwork
    info: ComponentInfo
    codec: Codec = PIXELS


def check_pair(photo: NetworkCard, art: NetworkCard) -> None:
    """Raises `UsageError` for two networks whose velocities cannot be mixed, as they are of different spaces."""
    if (photo.space, photo.channels) != (art.space, art.channels):
        raise UsageError(
            f"{photo.name} and {art.name} cannot be mixed: one works on {photo.space} ({photo.channels} channels), the "
            f"other on {art.space} ({art.channels}).",
            "Choose two networks of one space; docs/networks.md lists them.",
        )

"""The photo of a run."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..config import StylizeConfig
from ..images import LoadedImage, Source, enlarged, read_image, spread, to_image, to_tensor
from ..losses.content import ContentLoss
from ..losses.nce import NCELoss
from ..losses.objective import Shared
from ..models.base import Components, ContentFeatures
from ..models.codec import PIXELS, Codec
from ..size import Shape
from .ground import Ground
from .places import PlaceMaps

LOSSES_AT = 512
"""About so many pixels squared the losses look at; a larger pass is reduced for them by 2, 4, 8."""
MOST_REDUCED = 8
"""Which sides can therefore be divided by, whatever the networks ask for."""


class Subject:
    """A photo at its working size, and what the losses keep of it, computed once for all the runs on it."""

    def __init__(
        self,
        loaded: LoadedImage,
        size: Shape,
        pixels: Tensor,
        features: ContentFeatures,
        places: PlaceMaps | None = None,
        codec: Codec = PIXELS,
    ) -> None:
        self.loaded = loaded
        self.size = size
        """(width, height) without the padding."""
        self.pixels = pixels
        """1×3×H×W in [-1, 1], padded."""
        self.codec = codec
        self.x0 = codec.encode(pixels)
        """What the networks see of it: `pixels` themselves, or their latents."""
        self.reduction = 2 ** max(0, round(math.log2(math.sqrt(size[0] * size[1]) / LOSSES_AT)))
        """The losses see the mean of so many pixels a side as one."""
        self.ground = Ground(places, size, self.x0, codec.factor)
        self.maps = Shared(features)
        self._layers = features.content_layers, features.nce_layers
        self._nce: tuple[int, NCELoss] | None = None

    @property
    def covered(self) -> Tensor | None:
        """`Ground.covered` as the losses see it."""
        covered = self.ground.covered
        if covered is None or self.reduction == 1:
            return covered
        return functional.avg_pool2d(covered[None], self.reduction)[0]

    @cached_property
    def _reduced(self) -> Tensor:
        return functional.avg_pool2d(self.pixels, self.reduction) if self.reduction > 1 else self.pixels

    @cached_property
    def content_loss(self) -> ContentLoss:
        """The content loss against this photo."""
        return ContentLoss(self.maps, self._layers[0], self._reduced)

    def enlarged(self, smaller: Tensor, size: Shape, *, detail: bool) -> Tensor:
        """A picture B×C×h×w that was drawn of this photo at a smaller `size` (width, height), at the size of `x0`.

        With `detail`, edges are as sharp as the photo's (`images.enlarge`). Latents are enlarged as pixels.
        """
        width, height = self.size
        smaller = self.codec.decode(smaller)
        if detail:
            each = [enlarged(to_image(one, size), self.shown, self.size) for one in smaller]
            inner = torch.cat([to_tensor(one, self.size)[0] for one in each]).to(smaller)
        else:
            inner = smaller[..., : size[1], : size[0]]
            inner = functional.interpolate(inner, size=(height, width), mode="bicubic", align_corners=False)
        padding = (0, self.pixels.shape[-1] - width, 0, self.pixels.shape[-2] - height)
        return self.codec.encode(functional.pad(inner, padding, mode="replicate"))

    @cached_property
    def shown(self) -> Image.Image:
        """The photo in its own size, the colours of what is seen carried on into what is hidden."""
        loaded = self.loaded
        return loaded.rgb if loaded.alpha is None else spread(loaded.rgb, loaded.alpha)

    def nce_loss(self, seed: int) -> NCELoss:
        """The contrastive loss against this photo, with the places and projections of `seed`; the latest is kept."""
        if self._nce is None or self._nce[0] != seed:
            self._nce = seed, NCELoss(self.maps, self._layers[1], self._reduced, seed)
        return self._nce[1]


def make_subjects(
    parts: Components,
    image: Source | LoadedImage,
    config: StylizeConfig,
    device: torch.device,
    places: PlaceMaps | None = None,
) -> tuple[Subject, ...]:
    """The photo at the size of every pass of a run, read once. Raises `InputImageError` if it cannot be read."""
    loaded = image if isinstance(image, LoadedImage) else read_image(image)
    sizes = config.pass_sizes(loaded.original_size)
    return tuple(make_subject(parts, loaded, size, device, places) for size in sizes)


def make_subject(
    parts: Components, loaded: LoadedImage, size: Shape, device: torch.device, places: PlaceMaps | None = None
) -> Subject:
    """The photo at `size` (width, height)."""
    multiple = math.lcm(parts.codec.factor * math.lcm(parts.photo.multiple, parts.art.multiple), MOST_REDUCED)
    pixels = to_tensor(loaded.rgb, size, multiple, loaded.alpha)[0].to(device)
    return Subject(loaded, size, pixels, parts.features, places, parts.codec)

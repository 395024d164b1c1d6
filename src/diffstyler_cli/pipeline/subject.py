"""The photo of a run, or several of one size that are drawn together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..config import StylizeConfig
from ..images import LoadedImage, enlarged, spread, to_image, to_tensor
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
    """Photos at their working size, which is the same, and what the losses keep of them, computed once for all the runs
    on them. Mostly it is one photo; of several there are no places."""

    def __init__(
        self,
        photos: Sequence[LoadedImage],
        size: Shape,
        pixels: Tensor,
        features: ContentFeatures,
        places: PlaceMaps | None = None,
        codec: Codec = PIXELS,
    ) -> None:
        self.photos = tuple(photos)
        self.size = size
        """(width, height) without the padding."""
        self.pixels = pixels
        """N×3×H×W in [-1, 1], padded, N photos."""
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
    def loaded(self) -> LoadedImage:
        """The photo; of several the first."""
        return self.photos[0]

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
        """Pictures B×C×h×w that were drawn at a smaller `size` (width, height), at the size of `x0`: B of the photo, or
        one of each photo.

        With `detail`, edges are as sharp as the photo's (`images.enlarge`). Latents are enlarged as pixels.
        """
        width, height = self.size
        smaller = self.codec.decode(smaller)
        if detail:
            shown = self.shown * (len(smaller) if len(self.shown) == 1 else 1)
            each = [enlarged(to_image(one, size), of, self.size) for one, of in zip(smaller, shown, strict=True)]
            inner = torch.cat([to_tensor(one, self.size)[0] for one in each]).to(smaller)
        else:
            inner = smaller[..., : size[1], : size[0]]
            inner = functional.interpolate(inner, size=(height, width), mode="bicubic", align_corners=False)
        padding = (0, self.pixels.shape[-1] - width, 0, self.pixels.shape[-2] - height)
        return self.codec.encode(functional.pad(inner, padding, mode="replicate"))

    @cached_property
    def shown(self) -> tuple[Image.Image, ...]:
        """The photos in their own size, the colours of what is seen carried on into what is hidden."""
        return tuple(photo.rgb if photo.alpha is None else spread(photo.rgb, photo.alpha) for photo in self.photos)

    def nce_loss(self, seed: int) -> NCELoss:
        """The contrastive loss against this photo, with the places and projections of `seed`; the latest is kept."""
        if self._nce is None or self._nce[0] != seed:
            self._nce = seed, NCELoss(self.maps, self._layers[1], self._reduced, seed)
        return self._nce[1]


def make_subjects(
    parts: Components,
    images: Sequence[LoadedImage],
    config: StylizeConfig,
    device: torch.device,
    places: PlaceMaps | None = None,
) -> tuple[Subject, ...]:
    """The photos at the size of every pass of a run. Raises ValueError for several whose passes have other sizes."""
    first, *others = (config.pass_sizes(photo.original_size) for photo in images)
    if any(sizes != first for sizes in others):
        raise ValueError("photos of other sizes cannot be drawn together")
    return tuple(make_subject(parts, images, size, device, places) for size in first)


def make_subject(
    parts: Components, images: Sequence[LoadedImage], size: Shape, device: torch.device, places: PlaceMaps | None = None
) -> Subject:
    """The photos at `size` (width, height)."""
    multiple = math.lcm(parts.codec.factor * math.lcm(parts.photo.multiple, parts.art.multiple), MOST_REDUCED)
    pixels = torch.cat([to_tensor(photo.rgb, size, multiple, photo.alpha)[0] for photo in images]).to(device)
    return Subject(images, size, pixels, parts.features, places, parts.codec)

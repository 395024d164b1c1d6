"""The photo of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from ..images import LoadedImage, Source, read_image, to_tensor, working_size
from ..losses.content import ContentLoss
from ..losses.nce import NCELoss
from ..losses.objective import Shared
from ..models.base import Components, ContentFeatures
from .ground import Ground
from .places import PlaceMaps


class Subject:
    """A photo at its working size, and what the losses keep of it, computed once for all the runs on it."""

    def __init__(
        self,
        loaded: LoadedImage,
        size: tuple[int, int],
        x0: Tensor,
        features: ContentFeatures,
        places: PlaceMaps | None = None,
    ) -> None:
        self.loaded = loaded
        self.size = size
        """(width, height) without the padding."""
        self.x0 = x0
        """1×3×H×W in [-1, 1], padded."""
        self.ground = Ground(places, size, x0)
        self.maps = Shared(features)
        self._layers = features.content_layers, features.nce_layers
        self._nce: tuple[int, NCELoss] | None = None

    @cached_property
    def content_loss(self) -> ContentLoss:
        """The content loss against this photo."""
        return ContentLoss(self.maps, self._layers[0], self.x0)

    def enlarged(self, smaller: Tensor, size: tuple[int, int]) -> Tensor:
        """A picture B×3×h×w that was drawn of this photo at a smaller `size` (width, height), at the size of `x0`."""
        width, height = self.size
        inner = smaller[..., : size[1], : size[0]]
        inner = functional.interpolate(inner, size=(height, width), mode="bicubic", align_corners=False)
        padding = (0, self.x0.shape[-1] - width, 0, self.x0.shape[-2] - height)
        return functional.pad(inner, padding, mode="replicate")

    def nce_loss(self, seed: int) -> NCELoss:
        """The contrastive loss against this photo, with the places and projections of `seed`; the latest is kept."""
        if self._nce is None or self._nce[0] != seed:
            self._nce = seed, NCELoss(self.maps, self._layers[1], self.x0, seed)
        return self._nce[1]


def make_subjects(
    parts: Components,
    image: Source | LoadedImage,
    sizes: Sequence[int],
    device: torch.device,
    places: PlaceMaps | None = None,
) -> tuple[Subject, ...]:
    """The photo at every size that a run draws at, read once. Raises as `make_subject`."""
    loaded = image if isinstance(image, LoadedImage) else read_image(image)
    return tuple(make_subject(parts, loaded, size, device, places) for size in sizes)


def make_subject(
    parts: Components,
    image: Source | LoadedImage,
    size: int,
    device: torch.device,
    places: PlaceMaps | None = None,
) -> Subject:
    """The photo at about `size` x `size` pixels. Raises `InputImageError` if it cannot be read."""
    loaded = image if isinstance(image, LoadedImage) else read_image(image)
    inner = working_size(loaded.rgb.size, size)
    multiple = max(parts.photo.multiple, parts.art.multiple)
    x0 = to_tensor(loaded.rgb, inner, multiple, loaded.alpha)[0].to(device)
    return Subject(loaded, inner, x0, parts.features, places)

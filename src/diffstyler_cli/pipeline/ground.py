"""What the places of a picture come to at the size of one pass, and the photo's own way, which it keeps outside a mask.

Outside, every state of the picture is that of the photo's free diffusion at the same time: what is drawn inside sees
the photo beside it, and fits to it at the border (as in Lugmayr et al. 2022, RePaint, without its resampling: free
diffusion leads back to the photo). Grey of the mask does not blend states, whose noise would cancel out, step by step
more: all that is not black is drawn, and blended when it is done (`PlaceMaps.composed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .places import PlaceMaps, fitted

if TYPE_CHECKING:
    from PIL.Image import Image


class Ground:
    """A photo `x0` (1×C×H×W, padded) of `size` (width, height) without the padding, and what is where on it.

    `size` is in pixels, of which `x0` has one for each `factor` × `factor`. What only touches a place of `x0` is in it.
    """

    def __init__(self, places: PlaceMaps | None, size: tuple[int, int], x0: Tensor, factor: int = 1) -> None:
        self.places = places
        self.lam: Tensor | None = None
        """λ by place, 1×1×H×W."""
        self.weights: Tensor | None = None
        """How much of each place belongs to whom, G×H×W, of sum 1: to the rest, where it has prompts, then to each
        region."""
        self.covered: Tensor | None = None
        """The same by pixel, G×(H·factor)×(W·factor), and 0 outside of the mask."""
        self._inside: Tensor | None = None
        self._way: dict[float, Tensor] = {}
        self._x0 = x0
        if places is None:
            return

        def padded(grey: Image) -> Tensor:
            map = torch.from_numpy(fitted(grey, size)).to(x0.device)[None, None]
            missing = (0, x0.shape[-1] * factor - size[0], 0, x0.shape[-2] * factor - size[1])
            return functional.pad(map, missing, mode="reflect")

        inside = places.inside
        drawn = None if inside is None else padded(inside) > 0
        self.lam = None if places.lam is None else _means(padded(places.lam.grey), factor)
        if places.regions:
            regions = torch.cat([padded(region.grey)[0] for region, _ in places.regions])
            weights = _weights(regions, places.rest)
            self.weights = _means(weights, factor)
            self.covered = weights if drawn is None else weights * drawn[0]
        if drawn is not None:
            self._inside = drawn if factor == 1 else functional.max_pool2d(drawn.float(), factor) > 0

    @property
    def masked(self) -> bool:
        """Whether the photo's own way is needed."""
        return self._inside is not None

    def begin(self) -> None:
        """Forgets the way that the photo took before."""
        self._way = {0.0: self._x0}

    def keep(self, x: Tensor, t: float) -> None:
        """Keeps where free diffusion has carried the photo at time `t`."""
        if self.masked:
            self._way[t] = x

    def settled(self, x: Tensor, t: float) -> Tensor:
        """`x` (B×3×H×W, at a time of the grid) with the photo's own state outside of the mask."""
        return x if self._inside is None else torch.where(self._inside, x, self._way[t])


def _means(map: Tensor, factor: int) -> Tensor:
    return map if factor == 1 else functional.avg_pool2d(map, factor)


def _weights(regions: Tensor, rest: bool) -> Tensor:
    total = regions.sum(0, keepdim=True)
    if rest:
        return torch.cat([(1 - total).clamp_min(0), regions]) / total.clamp_min(1)
    # where no region is, nothing is drawn: whose it is there makes no difference
    nowhere = total == 0
    return torch.where(nowhere, 1 / len(regions), regions / torch.where(nowhere, 1, total))

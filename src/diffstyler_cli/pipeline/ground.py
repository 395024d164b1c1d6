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

from .places import PlaceMaps, fitted

if TYPE_CHECKING:
    from PIL.Image import Image


class Ground:
    """A photo `x0` (1×3×H×W, padded) of `size` (width, height) without the padding, and what is where on it."""

    def __init__(self, places: PlaceMaps | None, size: tuple[int, int], x0: Tensor) -> None:
        self.places = places
        self.lam: Tensor | None = None
        """λ by place, 1×1×H×W."""
        self.weights: Tensor | None = None
        """How much of each place belongs to whom, G×H×W, of sum 1: to the rest, where it has prompts, then to each
        region."""
        self.covered: Tensor | None = None
        """The same, and 0 outside of the mask."""
        self._inside: Tensor | None = None
        self._way: dict[float, Tensor] = {}
        self._x0 = x0
        if places is None:
            return

        def padded(grey: Image) -> Tensor:
            map = torch.from_numpy(fitted(grey, size)).to(x0.device)[None, None]
            missing = (0, x0.shape[-1] - size[0], 0, x0.shape[-2] - size[1])
            return torch.nn.functional.pad(map, missing, mode="reflect")

        inside = places.inside
        self._inside = None if inside is None else padded(inside) > 0
        self.lam = None if places.lam is None else padded(places.lam.grey)
        if places.regions:
            regions = torch.cat([padded(region.grey)[0] for region, _ in places.regions])
            self.weights = _weights(regions, places.rest)
            self.covered = self.weights if self._inside is None else self.weights * self._inside[0]

    def begin(self) -> None:
        """Forgets the way that the photo took before."""
        self._way = {0.0: self._x0}

    def keep(self, x: Tensor, t: float) -> None:
        """Keeps where free diffusion has carried the photo at time `t`."""
        if self._inside is not None:
            self._way[t] = x

    def settled(self, x: Tensor, t: float) -> Tensor:
        """`x` (B×3×H×W, at a time of the grid) with the photo's own state outside of the mask."""
        return x if self._inside is None else torch.where(self._inside, x, self._way[t])


def _weights(regions: Tensor, rest: bool) -> Tensor:
    total = regions.sum(0, keepdim=True)
    if rest:
        return torch.cat([(1 - total).clamp_min(0), regions]) / total.clamp_min(1)
    # where no region is, nothing is drawn: whose it is there makes no difference
    nowhere = total == 0
    return torch.where(nowhere, 1 / len(regions), regions / torch.where(nowhere, 1, total))

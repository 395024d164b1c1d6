"""Between pictures and what the diffusion networks work on: the pixels themselves, or the latents of an autoencoder."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class Codec(Protocol):
    """Pictures in and out of a space. Pixels are B×3×H×W in about [-1, 1], H and W divisible by `factor`."""

    channels: int
    """Of the latents, B×`channels`×H/`factor`×W/`factor`."""
    factor: int

    def encode(self, pixels: Tensor) -> Tensor:
        """The latents of a picture, without any noise, in the scale that the networks were trained on."""

    def decode(self, latents: Tensor) -> Tensor:
        """The picture, as well as it gets."""

    def look(self, latents: Tensor) -> Tensor:
        """The picture as the losses see it: differentiable, and no more kept for the gradient than need be."""

    def preview(self, latents: Tensor) -> Tensor:
        """The picture as somebody sees it who waits for it: quick, and as rough as that takes."""


@runtime_checkable
class Movable(Protocol):
    """A codec that has weights."""

    def to(self, device: torch.device | str) -> Any:
        """Moves them."""


class Identity:
    """Pixels: every function returns the tensor that it was given."""

    channels = 3
    factor = 1

    def encode(self, pixels: Tensor) -> Tensor:
        """`pixels`."""
        return pixels

    def decode(self, latents: Tensor) -> Tensor:
        """`latents`."""
        return latents

    look = preview = decode


PIXELS = Identity()


TILE = 512
"""Pixels a side from which on an autoencoder works in overlapping tiles: for the memory of its widest layers."""


class LatentCodec:
    """The latents of an `AutoencoderKL` of diffusers, or of what has its `encode` and `decode`.

    A latent is (z − shift) · scale, z being the mean of the posterior (Rombach et al. 2022).

    Args:
        vae: `encode(pixels).latent_dist.mean` is z, `decode(z).sample` the picture. If it can, it keeps only the
            borders of its blocks for a gradient, and works in tiles beyond `TILE`.
        scale, shift: `scaling_factor` and `shift_factor` of its configuration.
        channels, factor: as `Codec`; by default those of the configuration.
        tiny: a decoder of the TAESD kind for losses and previews: `decode(latents).sample` is the picture of *scaled*
            latents.
    """

    def __init__(
        self,
        vae: nn.Module,
        scale: float,
        shift: float = 0.0,
        *,
        channels: int | None = None,
        factor: int | None = None,
        tiny: nn.Module | None = None,
    ) -> None:
        config: Any = getattr(vae, "config", None)
        self.vae: Any = vae.eval().requires_grad_(False)
        self.tiny: Any = None if tiny is None else tiny.eval().requires_grad_(False)
        self.scale = scale
        self.shift = shift
        self.channels: int = config.latent_channels if channels is None else channels
        self.factor: int = 2 ** (len(config.block_out_channels) - 1) if factor is None else factor
        self._colours: Tensor | None = None
        parts: list[Any] = [self.vae, self.tiny]
        for module in parts:
            if hasattr(module, "enable_gradient_checkpointing"):
                module.enable_gradient_checkpointing()
        whole = parts[0]
        if hasattr(whole, "enable_tiling"):
            whole.enable_tiling()
            whole.enable_slicing()
            whole.tile_sample_min_size, whole.tile_latent_min_size = TILE, TILE // self.factor

    def to(self, device: torch.device | str) -> LatentCodec:
        """Moves it there; returns self."""
        for module in (self.vae, self.tiny):
            if module is not None:
                module.to(device)
        return self

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """The scaled mean of the posterior; no gradient."""
        z: Tensor = self.vae.encode(pixels).latent_dist.mean
        latents = (z - self.shift) * self.scale
        self._colours = _colours(latents, pixels)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """By the autoencoder's own decoder; differentiable."""
        picture: Tensor = self.vae.decode(latents / self.scale + self.shift).sample
        return picture

    def look(self, latents: Tensor) -> Tensor:
        """By the tiny decoder, if there is one."""
        module, decode = (self.vae, self.decode) if self.tiny is None else (self.tiny, self._tiny)
        wanted = torch.is_grad_enabled() and latents.requires_grad
        # where the module computes its blocks again by itself, all of it once more would be work for nothing
        if not wanted or getattr(module, "is_gradient_checkpointing", False):
            return decode(latents)
        picture: Tensor = checkpoint(decode, latents, use_reentrant=False)
        return picture

    @torch.no_grad()
    def preview(self, latents: Tensor) -> Tensor:
        """By the tiny decoder; without one, a mean colour for each latent, as they were in the last picture encoded."""
        if self.tiny is not None:
            return self._tiny(latents)
        if self._colours is None:
            return self.decode(latents)
        weights = self._colours.to(latents)
        small = torch.einsum("bchw,cp->bphw", latents, weights[:-1]) + weights[-1, :, None, None]
        return functional.interpolate(small, scale_factor=self.factor, mode="bilinear").clamp(-1, 1)

    def _tiny(self, latents: Tensor) -> Tensor:
        picture: Tensor = self.tiny.decode(latents).sample
        return picture


def _colours(latents: Tensor, pixels: Tensor) -> Tensor:
    """(C + 1)×3: the affine map from latents to the mean colours of their places that is nearest to this picture's."""
    colours = (
        functional.adaptive_avg_pool2d(pixels, (latents.shape[-2], latents.shape[-1])).movedim(1, -1).reshape(-1, 3)
    )
    rows = latents.movedim(1, -1).reshape(-1, latents.shape[1])
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).double().cpu()
    solution: Tensor = torch.linalg.lstsq(rows, colours.double().cpu(), driver="gelsd").solution
    return solution.float()

"""Autoencoders of diffusers as codecs: the same numbers, and gradients through them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from diffstyler_cli.losses.objective import Objective
from diffstyler_cli.losses.tv import total_variation
from diffstyler_cli.models.codec import PIXELS, LatentCodec

diffusers = pytest.importorskip("diffusers", reason="needs diffusers")

SCALE, SHIFT = 0.18215, 0.1


@pytest.fixture(scope="module")
def vae() -> Any:
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8), norm_num_groups=2, latent_channels=4, sample_size=32,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny() -> Any:
    torch.manual_seed(1)
    return diffusers.AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4, latent_channels=4
    )


@pytest.fixture
def picture() -> Tensor:
    coarse = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return functional.interpolate(coarse, size=(80, 64), mode="bicubic").clamp(-1, 1)


def test_latents_are_those_of_the_autoencoder(vae: Any, picture: Tensor) -> None:
    codec = LatentCodec(vae, SCALE, SHIFT)
    assert (codec.channels, codec.factor) == (4, 8)
    latents = codec.encode(picture)
    assert latents.shape == (2, 4, 10, 8)
    with torch.no_grad():
        mean = vae.encode(picture).latent_dist.mean
        torch.testing.assert_close(latents, (mean - SHIFT) * SCALE)
        decoded = torch.cat([vae.decode(z[None]).sample for z in mean])
        torch.testing.assert_close(codec.decode(latents), decoded, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(codec.look(latents), decoded, atol=1e-5, rtol=1e-5)


def test_the_gradient_is_the_decoder_s_and_of_its_blocks_only_the_borders_are_kept(vae: Any, picture: Tensor) -> None:
    codec = LatentCodec(vae, SCALE, SHIFT)
    latents = codec.encode(picture).requires_grad_()
    weights = torch.rand_like(picture)

    def grad_and_kept(decode: Any) -> tuple[Tensor, int]:
        kept: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            (grad,) = torch.autograd.grad(decode(latents), latents, weights)
        return grad, sum(kept)

    vae.disable_gradient_checkpointing()
    expected, whole = grad_and_kept(codec.decode)
    vae.enable_gradient_checkpointing()
    grad, kept = grad_and_kept(codec.look)
    torch.testing.assert_close(grad, expected, atol=1e-6, rtol=1e-4)
    assert kept < whole / 4


def test_a_tiny_decoder_serves_losses_and_previews_and_the_picture_comes_from_the_large_one(
    vae: Any, tiny: Any, picture: Tensor
) -> None:
    codec = LatentCodec(vae, SCALE, tiny=tiny)
    latents = codec.encode(picture).requires_grad_()
    small = tiny.decode(latents.detach()).sample
    torch.testing.assert_close(codec.preview(latents), small)
    torch.testing.assert_close(codec.look(latents), small)
    torch.testing.assert_close(codec.decode(latents).detach(), LatentCodec(vae, SCALE).decode(latents).detach())
    (grad,) = torch.autograd.grad(codec.look(latents).sum(), latents)
    (expected,) = torch.autograd.grad(tiny.decode(latents).sample.sum(), latents)
    torch.testing.assert_close(grad, expected)


class Colours(nn.Module):
    """An autoencoder whose latents are three mixtures of the mean colours of 8×8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.mixing = torch.tensor([[0.2, 0.5, -0.1], [1.0, -0.3, 0.4], [0.3, 0.3, 0.9]])

    def encode(self, pixels: Tensor) -> Any:
        means = functional.avg_pool2d(pixels, 8)
        return SimpleNamespace(
            latent_dist=SimpleNamespace(mean=torch.einsum("bchw,dc->bdhw", means, self.mixing) + 0.7)
        )

    def decode(self, z: Tensor) -> Any:
        raise AssertionError("a preview needs no decoder")


def test_without_a_tiny_decoder_a_preview_is_the_mean_colours(picture: Tensor) -> None:
    codec = LatentCodec(Colours(), 0.3, channels=3, factor=8)
    latents = codec.encode(picture)
    seen = codec.preview(latents)
    assert seen.shape == picture.shape
    means = functional.avg_pool2d(picture, 8)
    torch.testing.assert_close(seen, functional.interpolate(means, scale_factor=8, mode="bilinear").clamp(-1, 1))


def test_a_flat_picture_has_a_preview_too() -> None:
    codec = LatentCodec(Colours(), 0.3, channels=3, factor=8)
    flat = torch.full((1, 3, 16, 16), 0.25)
    torch.testing.assert_close(codec.preview(codec.encode(flat)), flat, atol=1e-4, rtol=0)


def test_before_any_picture_was_encoded_the_decoder_shows_it(vae: Any) -> None:
    codec, latents = LatentCodec(vae, SCALE), torch.zeros(1, 4, 2, 2)
    torch.testing.assert_close(codec.preview(latents), codec.decode(latents))


def test_a_large_picture_is_decoded_in_tiles_and_a_small_one_whole(vae: Any) -> None:
    sizes: list[tuple[int, ...]] = []
    hook = vae.decoder.register_forward_hook(lambda module, given, out: sizes.append(tuple(out.shape[-2:])))
    codec = LatentCodec(vae, SCALE)
    with torch.no_grad():
        for side in (64, 80):  # beyond the sample_size of 32 that it says, too
            out = codec.decode(torch.zeros(1, 4, 2, side))
            assert out.shape == (1, 3, 16, 8 * side)
    hook.remove()
    assert sizes == [(16, 512), (16, 512), (16, 256)]


def test_losses_read_the_decoded_picture_and_their_gradient_is_by_the_latents(vae: Any, picture: Tensor) -> None:
    codec = LatentCodec(vae, SCALE)
    latents = codec.encode(picture)
    whole = Objective({"tv": (total_variation, 2.0)}, decode=codec.look)(latents)
    shown = Objective({"tv": (total_variation, 2.0)})(codec.decode(latents))
    assert whole.terms == pytest.approx(shown.terms)
    leaf = latents.clone().requires_grad_()
    (expected,) = torch.autograd.grad(2.0 * total_variation(codec.decode(leaf)).sum(), leaf)
    torch.testing.assert_close(whole.grad, expected, atol=1e-7, rtol=1e-3)


def test_pixels_are_their_own_latents() -> None:
    x = torch.zeros(1, 3, 2, 2)
    assert all(fn(x) is x for fn in (PIXELS.encode, PIXELS.decode, PIXELS.look, PIXELS.preview))

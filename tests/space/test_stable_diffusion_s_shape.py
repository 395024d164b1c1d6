"""Two text-conditioned U-Nets in the latents of an autoencoder, of diffusers' own classes, small and random."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from space_networks import TABLES, card_of
from torch import Tensor

from diffstyler_cli import Stylizer
from diffstyler_cli.images import read_image, to_image
from diffstyler_cli.models.base import ComponentInfo, Drawer
from diffstyler_cli.models.codec import LatentCodec
from diffstyler_cli.models.discrete import AdaptedNetwork
from diffstyler_cli.pipeline.subject import make_subject
from diffstyler_cli.sample import SAMPLE

diffusers = pytest.importorskip("diffusers", reason="needs diffusers")

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"size": 128, "steps": 2, "seed": 1, "cutouts": 2, "working_size": 128}
INFO = ComponentInfo("small", 0, "0" * 64, "a test")


class Words:
    """Something for every text, as a text encoder would have."""

    shape = (7, 12)

    def encode(self, texts: list[str]) -> Tensor:
        seeds = [sum(map(ord, text)) for text in texts]
        return torch.stack([torch.randn(self.shape, generator=torch.Generator().manual_seed(s)) for s in seeds])


def network(seed: int, **facts: Any) -> AdaptedNetwork:
    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=12, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
    )  # fmt: skip
    told = Words()
    card = card_of(f"sd-{seed}", channels=4, space="sd1", multiple=8, **facts)

    class Called(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet = unet

        def forward(self, x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
            out: Tensor = self.unet(x, timestep, cond).sample
            return out

    return AdaptedNetwork(Called(), card, TABLES["scaled-linear"], "epsilon", conditioner=told)


@pytest.fixture(scope="module")
def pair(stylizer: Stylizer) -> Stylizer:
    torch.manual_seed(0)
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8), norm_num_groups=2, latent_channels=4, sample_size=512,
    )  # fmt: skip
    codec = LatentCodec(vae, 0.18215)
    photo, art = network(1), network(2, told="prompts")
    parts = stylizer.components.with_networks("cpu", Drawer(photo, INFO, codec), Drawer(art, INFO, codec))
    return Stylizer(parts, torch.device("cpu"), torch.float32)


def test_sizes_are_multiples_of_64(pair: Stylizer) -> None:
    subject = make_subject(pair.components, [read_image(SAMPLE)], (130, 100), pair.device)
    assert subject.pixels.shape == (1, 3, 128, 192)
    assert subject.x0.shape == (1, 4, 16, 24)


@pytest.mark.parametrize(
    "settings",
    [
        {"guide": "art"},
        {"guide": "both"},
        {"guide": "none", "noise_iters": 1},
        {"size": 256, "tile": 192},
        {"solver": "plms", "t1": "1x", "steps": 3},  # from beyond the table's end
        {"lambda_mask": Image.linear_gradient("L").resize((384, 256))},
        {"regions": [(Image.linear_gradient("L").resize((384, 256)), "woodcut")]},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_the_method_runs_on_them(pair: Stylizer, settings: dict[str, Any]) -> None:
    result = pair.stylize(SAMPLE, "oil painting", **SMALL | settings)
    assert result.image.size == (314, 209) if settings.get("size") == 256 else (157, 105)
    assert all(term.grad_norm > 0 for term in result.losses[0].values())
    assert result.recipe["models"]["photo"]["name"] == "small"


def test_a_seed_gives_the_same_picture_and_the_prompt_changes_it(pair: Stylizer) -> None:
    settings = SMALL | {"guidance_scale": 0.0, "t1": "2x"}
    first, again = (pair.stylize(SAMPLE, "oil painting", **settings).image.tobytes() for _ in range(2))
    assert first == again
    assert first != pair.stylize(SAMPLE, "woodcut", **settings).image.tobytes()
    assert first != pair.stylize(SAMPLE, "oil painting", **settings | {"seed": 2}).image.tobytes()


def test_with_nothing_asked_for_the_photo_comes_back_as_its_latents_show_it(pair: Stylizer) -> None:
    """Up by free diffusion and down again the same way, without prompts and new noise."""
    loaded = read_image(SAMPLE)
    settings = {"size": 128, "working_size": 128, "steps": 30, "t1": "2x", "seed": 1, "solver": "prk"}
    found = pair.stylize(loaded, "oil painting:0", **settings, lam=1.0, fresh_noise=0.0, guidance_scale=0.0).image
    subject = make_subject(pair.components, [loaded], found.size, pair.device)
    expected = to_image(pair.components.codec.decode(subject.x0), found.size)
    away = np.abs(np.asarray(found, int) - np.asarray(expected, int)).mean()
    assert away < 0.1 * np.asarray(expected).std()


def test_in_half_precision_too(pair: Stylizer) -> None:
    halved = Stylizer(copy.deepcopy(pair.components), torch.device("cpu"), torch.bfloat16)
    settings = SMALL | {"guidance_scale": 0.0, "t1": "2x"}
    pictures = [np.asarray(each.stylize(SAMPLE, "oil painting", **settings).image, int) for each in (halved, pair)]
    away = np.abs(pictures[0] - pictures[1]).mean()
    assert 0 < away < 4

"""The two original networks: names, shapes, golden values, and the contract of `VelocityNetwork`."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from diffstyler_cli.models.base import VelocityNetwork
from diffstyler_cli.models.full.cc12m import CC12M, NormModulation
from diffstyler_cli.models.full.unet import Attention, FourierFeatures, store_in
from diffstyler_cli.models.full.wikiart import WikiArt

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden_networks.json").read_text())
REFERENCE = Path(__file__).parents[2] / "../shared/reference"
NETWORKS = {"cc12m_1_cfg": CC12M, "wikiart_256": WikiArt}
COUNTS = {"cc12m_1_cfg": 602_895_947, "wikiart_256": 291_054_347}
SHAPES_SHA256 = {  # of the sorted (name, shape) list as JSON
    "cc12m_1_cfg": "b0843ccca6b8e5fa8fc99e4bdbe376f94ce1468ec82133a0fda1e9efb60ef126",
    "wikiart_256": "931962b5db1cd98669284f82ffc5666f0105c8c0898db026da47e09eafd99bff",
}
ROUNDINGS = 10
"""Roundings of the stored dtype by which outputs may differ."""
names = pytest.mark.parametrize("name", NETWORKS)


def stream(name: str, shape: tuple[int, ...]) -> Tensor:
    state = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(state.standard_normal(shape).astype(np.float32))


def golden_weights(network: VelocityNetwork) -> dict[str, Tensor]:
    weights = {}
    for key, own in network.state_dict().items():
        p = stream(f"{network.name}/{key}", tuple(own.shape))
        if own.ndim > 1:
            weights[key] = p * (0.8 / math.sqrt(math.prod(own.shape[1:])))
        else:
            weights[key] = 1 + 0.1 * p if key.endswith("norm.weight") else 0.05 * p
    return weights


def golden_inputs(name: str) -> tuple[Tensor, ...]:
    inputs = (torch.tanh(stream(f"{name}/x", (2, 3, 64, 64))), torch.tensor(GOLDEN[name]["t"]))
    return (*inputs, torch.tanh(stream("cc12m_1_cfg/clip", (2, 512)))) if name == "cc12m_1_cfg" else inputs


def on_meta(name: str) -> VelocityNetwork:
    with torch.device("meta"):
        return NETWORKS[name]()


def reduced(name: str) -> VelocityNetwork:
    if name == "cc12m_1_cfg":
        network: VelocityNetwork = CC12M((8, 8, 8, 16, 16, 32, 32), cond_width=32, head_channels=8)
    else:
        network = WikiArt((8, 8, 16, 16, 32, 32, 48), head_channels=16)
    network.load_state_dict(golden_weights(network))
    return network.eval().requires_grad_(False)


def tame(name: str) -> VelocityNetwork:
    """Random weights without norms saturate the softmax, which then jumps at a rounding; smaller q and k do not."""
    network = reduced(name)
    for key, p in network.named_parameters():
        if "qkv_proj" in key:
            p.data *= 0.02
    return network


def distance(v: Tensor, expected: Tensor) -> float:
    return ((v - expected).norm() / expected.norm()).item()


def assert_golden(v: Tensor, golden: dict, within: float = 1e-4) -> None:
    patch = torch.tensor(golden["slice"])
    assert v.dtype == torch.float32
    assert v.mean().item() == pytest.approx(golden["mean"], abs=within * golden["std"])
    assert v.std().item() == pytest.approx(golden["std"], rel=within)
    assert (v[:, :, 30:33, 30:33] - patch).norm() <= within * patch.norm()


@names
def test_every_name_and_shape_is_the_originals(name: str) -> None:
    network = on_meta(name)
    shapes = {key: list(p.shape) for key, p in network.state_dict().items()}
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == SHAPES_SHA256[name]
    assert network.parameter_count == COUNTS[name]


@names
def test_names_and_shapes_equal_the_reference_list(name: str) -> None:
    listing = REFERENCE / f"{name}.shapes.json"
    if not listing.is_file():
        pytest.skip("needs ../shared/reference: its list of names and shapes is not here")
    assert {k: list(p.shape) for k, p in on_meta(name).state_dict().items()} == json.loads(listing.read_text())


@pytest.mark.slow
@names
def test_full_size_output_is_the_originals(name: str) -> None:
    network = on_meta(name)
    network.load_state_dict(golden_weights(network), assign=True)
    network.eval()
    with torch.inference_mode():
        assert_golden(network(*golden_inputs(name)), GOLDEN[name])


@names
def test_reduced_output_is_unchanged(name: str) -> None:
    """Values of this implementation at small widths, recorded when the full size matched the originals."""
    # WikiArt's saturated softmax magnifies rounding: 2e-5 with one thread, 1.5e-4 with two, 8e-5 in float64
    assert_golden(reduced(name)(*golden_inputs(name)), GOLDEN["reduced"][name], within=5e-4)


@names
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_weights_keep_a_float32_interface(name: str, dtype: torch.dtype) -> None:
    network, inputs = tame(name), golden_inputs(name)
    expected = network(*inputs)
    store_in(network, dtype)
    assert network.timestep_embed.weight.dtype == torch.float32
    assert network.net[0].main[0].weight.dtype == dtype
    v = network(*inputs)
    assert v.dtype == torch.float32
    assert distance(v, expected) < ROUNDINGS * torch.finfo(dtype).eps


@names
def test_autocast_and_channels_last_change_no_more_than_rounding(name: str) -> None:
    network, inputs = tame(name), golden_inputs(name)
    expected = network(*inputs)
    network.to(memory_format=torch.channels_last)
    assert distance(network(*inputs), expected) < 1e-5
    with torch.autocast("cpu", torch.bfloat16):
        v = network(*inputs)
    assert v.dtype == torch.float32
    assert distance(v, expected) < ROUNDINGS * torch.finfo(torch.bfloat16).eps


@pytest.mark.gpu
@names
def test_cuda_half_precision_agrees_with_the_cpu(name: str) -> None:
    network, inputs = tame(name), golden_inputs(name)
    expected = network(*inputs)
    store_in(network, torch.float16)
    network.to("cuda", memory_format=torch.channels_last)
    v = network(*(tensor.cuda() for tensor in inputs))
    assert distance(v.cpu(), expected) < ROUNDINGS * torch.finfo(torch.float16).eps


@names
def test_same_input_gives_the_same_bits(name: str) -> None:
    network, inputs = reduced(name), golden_inputs(name)
    assert torch.equal(network(*inputs), network(*inputs))


@names
def test_samples_of_a_batch_do_not_mix(name: str) -> None:
    network, inputs = tame(name), golden_inputs(name)
    together = network(*inputs)
    alone = network(*(tensor[1:] for tensor in inputs))
    assert distance(together[1:], alone) < 1e-5


@names
def test_gradient_reaches_x_but_no_weight(name: str) -> None:
    network, (x, *rest) = reduced(name), golden_inputs(name)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(network(x, *rest).square().sum(), x)
    assert gradient.isfinite().all()
    assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0
    assert all(p.grad is None for p in network.parameters())


@names
def test_a_scalar_time_holds_for_the_whole_batch(name: str) -> None:
    network, (x, _, *cond) = reduced(name), golden_inputs(name)
    assert torch.equal(network(x, torch.tensor(0.5), *cond), network(x, torch.full((2,), 0.5), *cond))


@names
def test_any_size_divisible_by_multiple_runs(name: str) -> None:
    network = reduced(name)
    assert network.multiple == 64
    assert network(torch.zeros(1, 3, 64, 128), torch.tensor([0.5])).shape == (1, 3, 64, 128)
    with pytest.raises(ValueError, match="divisible by 64"):
        network(torch.zeros(1, 3, 64, 96), torch.tensor([0.5]))


@names
def test_odd_times_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="takes t of shape"):
        reduced(name)(torch.zeros(2, 3, 64, 64), torch.zeros(3))


def test_no_condition_is_the_zero_embedding() -> None:
    network, (x, t, _) = reduced("cc12m_1_cfg"), golden_inputs("cc12m_1_cfg")
    assert torch.equal(network(x, t), network(x, t, torch.zeros(2, 512)))


def test_the_length_of_an_embedding_does_not_matter() -> None:
    network, (x, t, cond) = reduced("cc12m_1_cfg"), golden_inputs("cc12m_1_cfg")
    assert torch.allclose(network(x, t, cond), network(x, t, 7 * cond), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(x, t, cond), network(x, t), rtol=1e-2)


def test_an_embedding_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="embeddings"):
        reduced("cc12m_1_cfg")(torch.zeros(1, 3, 64, 64), torch.tensor([0.5]), torch.zeros(1, 511))


def test_the_art_network_takes_no_condition() -> None:
    network = reduced("wikiart_256")
    assert network.cond_dim is None
    with pytest.raises(TypeError, match="unconditional"):
        network(torch.zeros(1, 3, 64, 64), torch.tensor([0.5]), torch.zeros(1, 512))


def test_roles_and_times() -> None:
    photo, art = on_meta("cc12m_1_cfg"), on_meta("wikiart_256")
    assert (photo.role, photo.native_size, photo.cond_dim, photo.t_min, photo.t_max) == ("photo", 256, 512, 0.0, 1.0)
    assert (art.role, art.native_size) == ("art", 256)
    assert (art.t_min, art.t_max) == pytest.approx((0.006366, 0.995711), abs=1e-6)


def test_norm_and_modulation_in_one_pass_equal_the_two_steps() -> None:
    torch.manual_seed(0)
    layer, y, cond = NormModulation(5, 6), torch.randn(2, 6, 8, 8) * 3 + 1, torch.randn(2, 5)
    scale, shift = layer.layer(cond)[:, :, None, None].chunk(2, dim=1)
    assert torch.allclose(layer(y, cond), F.group_norm(y, 1) * (scale + 1) + shift, atol=1e-5)


def test_attention_heads_are_grouped_by_q_k_and_v() -> None:
    torch.manual_seed(0)
    layer, x = Attention(8, 4, norm=True), torch.randn(2, 8, 3, 5)
    q, k, v = (part.reshape(2, 2, 4, 15) for part in layer.qkv_proj(layer.norm(x)).chunk(3, dim=1))
    weights = (torch.einsum("bhcn,bhcm->bhnm", q, k) / 2).softmax(dim=-1)
    y = torch.einsum("bhnm,bhcm->bhcn", weights, v).reshape(2, 8, 3, 5)
    assert torch.allclose(layer(x), x + layer.out_proj(y), atol=1e-5)


def test_fourier_features_are_float32_whatever_surrounds_them() -> None:
    features, t = FourierFeatures(4), torch.tensor([0.25, 0.75])
    with torch.autocast("cpu", torch.bfloat16):
        f = features(t)
    phase = 2 * math.pi * t[:, None] * features.weight[:, 0]
    assert f.dtype == torch.float32
    assert torch.allclose(f, torch.cat((phase.cos(), phase.sin()), dim=1), atol=1e-6)

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import normalize

from diffstyler_cli.models.full.vgg import CONTENT_LAYERS, MEAN, NCE_LAYERS, STD, Vgg19Features, vgg_weights
from diffstyler_cli.weights.load import load_strict

TAPS = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "conv4_2": 22, "conv5_2": 31}
"""Index of each layer's ReLU in torchvision's VGG19."""


@pytest.fixture(scope="module")
def original() -> nn.Module:
    """torchvision's VGG19 at an eighth of the width."""
    torch.manual_seed(0)
    return make_layers([c if c == "M" else c // 8 for c in cfgs["E"]]).eval()


def file_of(original: nn.Module, classifier: tuple[str, ...]) -> dict[str, Tensor]:
    state = {f"features.{name}": tensor for name, tensor in original.state_dict().items()}
    return state | {name: torch.zeros(1) for name in classifier}


@pytest.mark.parametrize(
    "classifier", [("classifier.0.weight", "classifier.6.bias"), ("pre_logits.fc1.weight", "head.fc.bias")]
)
def test_features_are_those_of_torchvision(original: nn.Module, classifier: tuple[str, ...]) -> None:
    network = Vgg19Features(8).eval()
    load_strict(network, vgg_weights(file_of(original, classifier)), "VGG19")
    pixels = torch.rand(2, 3, 48, 32)
    found = network(pixels * 2 - 1)
    x = normalize(pixels, list(MEAN), list(STD))
    expected = {name: original[: index + 1](x) for name, index in TAPS.items()}
    assert list(found) == list(expected)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)


def test_full_size_is_vgg19_up_to_conv5_2() -> None:
    with torch.device("meta"):
        network = Vgg19Features()
        whole = make_layers(cfgs["E"])
    assert network.parameter_count == 15_304_768
    shapes = {f"features.{name}": p.shape for name, p in whole.state_dict().items()}
    assert {name: p.shape for name, p in network.state_dict().items()} == vgg_weights(shapes)


def test_every_layer_that_the_losses_name_is_there_finest_first() -> None:
    found = Vgg19Features(2)(torch.zeros(1, 3, 32, 32))
    assert set(found) == {*CONTENT_LAYERS, *NCE_LAYERS}
    assert all(a.shape[2] >= b.shape[2] for a, b in pairwise(found.values()))


def test_features_are_float32_and_differentiable_under_autocast() -> None:
    network = Vgg19Features(4).eval().requires_grad_(False)
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(x)
    assert {f.dtype for f in found.values()} == {torch.float32}
    sum(f.square().mean() for f in found.values()).backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize("shape", [(1, 3, 15, 64), (1, 4, 32, 32), (3, 32, 32)])
def test_pictures_that_it_cannot_take_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="VGG19 takes"):
        Vgg19Features(2)(torch.zeros(shape))

from __future__ import annotations

import socket

import open_clip
import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms.functional import normalize

from diffstyler_cli.errors import WeightsError
from diffstyler_cli.models.clip import VIT_B_16, ClipEncoder, clip_weights
from diffstyler_cli.models.encoder import MEAN, STD
from diffstyler_cli.weights.load import load_strict

TINY = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def encoder() -> ClipEncoder:
    torch.manual_seed(0)
    return ClipEncoder(TINY).eval().requires_grad_(False)


def test_full_size_is_open_clips_quick_gelu_model() -> None:
    assert open_clip.get_model_config("ViT-B-16-quickgelu") == VIT_B_16
    with torch.device("meta"):
        encoder = ClipEncoder()
    assert (encoder.parameter_count, encoder.embed_dim, encoder.image_size) == (149_620_737, 512, 224)
    assert {"visual.conv1.weight", "token_embedding.weight", "text_projection"} <= set(encoder.model.state_dict())


def test_building_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    ClipEncoder(TINY).encode_text(["oil painting"])


def test_text_embeddings_are_unit_vectors_in_float32(encoder: ClipEncoder) -> None:
    e = encoder.encode_text(["oil painting", "a very long prompt " * 20])
    assert e.shape == (2, 16)
    assert e.dtype == torch.float32
    assert torch.allclose(e.norm(dim=1), torch.ones(2))
    assert not torch.allclose(e[0], e[1])


def test_images_in_minus_one_to_one_are_normalised_with_the_encoders_own_statistics(encoder: ClipEncoder) -> None:
    pixels = torch.rand(2, 3, 32, 32)
    expected = F.normalize(encoder.model.encode_image(normalize(pixels, list(MEAN), list(STD))), dim=1)
    assert torch.allclose(encoder.encode_image(pixels * 2 - 1), expected, atol=1e-5)


def test_image_embeddings_are_differentiable(encoder: ClipEncoder) -> None:
    x = torch.zeros(1, 3, 32, 32, requires_grad=True)
    encoder.encode_image(x)[0, 0].backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0


def test_low_precision_weights_keep_a_float32_interface(encoder: ClipEncoder) -> None:
    x = torch.rand(1, 3, 32, 32)
    expected = encoder.encode_image(x)
    e = encoder.to(torch.bfloat16).encode_image(x)
    assert e.dtype == torch.float32
    assert torch.allclose(e, expected, atol=0.05)


def test_another_image_size_is_refused(encoder: ClipEncoder) -> None:
    with pytest.raises(ValueError, match="3×32×32"):
        encoder.encode_image(torch.zeros(1, 3, 64, 64))


def test_weights_load_strictly_without_the_numbers_beside_them(encoder: ClipEncoder) -> None:
    state = encoder.model.state_dict()
    other = ClipEncoder(TINY).eval()
    load_strict(other.model, clip_weights({**state, "input_resolution": torch.tensor(32)}), "the encoder")
    assert torch.equal(other.encode_text(["x"]), encoder.encode_text(["x"]))
    with pytest.raises(WeightsError, match="missing: text_projection"):
        load_strict(other.model, {k: v for k, v in state.items() if k != "text_projection"}, "the encoder")


def test_words_outside_the_vocabulary_are_named_once(encoder: ClipEncoder) -> None:
    assert encoder.unknown_words("Zorblax") == []
    encoder.vocabulary = {"oil", "painting", "ukiyo"}
    assert encoder.unknown_words("Oil painting, ukiyo-e ZORBLAX zorblax Über") == ["zorblax", "über"]

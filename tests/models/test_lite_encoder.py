"""The lite encoder is what open_clip builds of the same configuration, without open_clip."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from diffstyler_cli.models.clip import ClipEncoder
from diffstyler_cli.models.lite.architecture import ENCODER
from diffstyler_cli.models.lite.encoder import LiteClip, LiteEncoder

TEXTS = ["oil painting", "", "A woodcut of the Sea, by Hokusai — née 1760", "naïve 猫 " * 30]


@pytest.fixture(scope="module")
def pair() -> tuple[ClipEncoder, LiteEncoder]:
    """Open_clip's and ours, of the same random weights and statistics."""
    torch.manual_seed(0)
    theirs, ours = ClipEncoder(ENCODER).eval(), LiteEncoder().eval()
    for module in theirs.model.visual.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)  # a block's last one begins as 0
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    ours.model.load_state_dict(theirs.model.state_dict(), strict=True)
    return theirs, ours


def test_pictures_and_their_gradients_are_those_of_open_clip(pair: tuple[ClipEncoder, LiteEncoder]) -> None:
    x = torch.rand(3, 3, 96, 96) * 2 - 1
    found = []
    for encoder in pair:
        leaf = x.clone().requires_grad_()
        embedding = encoder.encode_image(leaf)
        (grad,) = torch.autograd.grad(embedding[:, :7].sum(), leaf)
        found.append((embedding, grad))
    (one, grad_one), (two, grad_two) = found
    torch.testing.assert_close(one, two, atol=1e-6, rtol=0)
    torch.testing.assert_close(grad_one, grad_two, atol=1e-7, rtol=1e-4)
    assert one.std() > 0.01


def test_texts_are_those_of_open_clip(pair: tuple[ClipEncoder, LiteEncoder]) -> None:
    theirs, ours = (encoder.encode_text(TEXTS) for encoder in pair)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    assert torch.equal(pair[0].tokenizer(TEXTS), pair[1].tokenizer(TEXTS))


def test_more_blocks_than_the_configuration_has(pair: tuple[ClipEncoder, LiteEncoder]) -> None:
    config = {**ENCODER, "vision_cfg": {**ENCODER["vision_cfg"], "layers": [2, 1, 3, 1]}}
    theirs, ours = ClipEncoder(config).model.eval(), LiteClip(config).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.rand(1, 3, 96, 96)
    torch.testing.assert_close(ours.encode_image(x), theirs.encode_image(x), atol=1e-6, rtol=0)


def test_the_lite_set_loads_without_open_clip_and_torchvision() -> None:
    code = (
        "import sys; from diffstyler_cli import Stylizer; Stylizer.load('lite', device='cpu').check_prompts(['oil']);"
        "heavy = {'open_clip', 'torchvision', 'timm', 'transformers', 'torch._dynamo', 'torchmetrics'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr

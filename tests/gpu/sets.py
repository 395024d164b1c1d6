"""Model sets for the tests and timings on a GPU: the lite one, and the full-size one with random weights.

DIFFSTYLER_TEST_DEVICE says where ("cuda" if not set); DIFFSTYLER_TEST_QUICK=1 takes the full set at reduced width.
"""

from __future__ import annotations

import os
from typing import Any

import torch

from diffstyler_cli import Stylizer
from diffstyler_cli.models.aesthetic import LinearAesthetic
from diffstyler_cli.models.base import ComponentInfo, Components
from diffstyler_cli.models.clip import ClipEncoder
from diffstyler_cli.models.full.cc12m import CC12M
from diffstyler_cli.models.full.load import _place
from diffstyler_cli.models.full.vgg import Vgg19Features
from diffstyler_cli.models.full.wikiart import WikiArt

DEVICE = os.environ.get("DIFFSTYLER_TEST_DEVICE", "cuda")
QUICK = bool(os.environ.get("DIFFSTYLER_TEST_QUICK"))
SIZE, STEPS = (64, 3) if QUICK else (256, 12)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
REDUCED_CLIP: dict[str, Any] = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def build() -> dict[str, Any]:
    """The full set's modules by role, with the random weights that seed 0 gives on this device."""
    torch.manual_seed(0)
    with torch.device(DEVICE):
        if QUICK:
            return {
                "photo": CC12M((8,) * 7, embed_dim=16, cond_width=16, head_channels=8),
                "art": WikiArt((8,) * 7, head_channels=8),
                "encoder": ClipEncoder(REDUCED_CLIP),
                "features": Vgg19Features(2),
                "aesthetic": LinearAesthetic(16),
            }
        return {
            "photo": CC12M(),
            "art": WikiArt(),
            "encoder": ClipEncoder(),
            "features": Vgg19Features(),
            "aesthetic": LinearAesthetic(),
        }


def full(dtype: str) -> Stylizer:
    """The full set, kept on the device as files are when they are loaded: the diffusion networks in `dtype`."""
    modules = build()
    for module in modules.values():
        place = _place(module, DEVICE, DTYPES[dtype])
        module.load_state_dict({k: place(k, v) for k, v in module.state_dict().items()}, assign=True)
        module.eval().requires_grad_(False).to(DEVICE)
    info = {
        role: ComponentInfo(f"random {role}", sum(p.numel() for p in module.parameters()), "0" * 64, "random")
        for role, module in modules.items()
    }
    return Stylizer(Components(name="full", **modules, info=info), torch.device(DEVICE), DTYPES[dtype])


def lite(dtype: str = "fp32", device: str = DEVICE) -> Stylizer:
    """The built-in set."""
    return Stylizer.load("lite", device=device, dtype=dtype)


def dtypes() -> tuple[str, ...]:
    """Those that the device computes in: fp16 is not for CPUs."""
    return ("bf16", "fp16") if DEVICE != "cpu" else ("bf16",)

"""The lite model set: the small trained networks that the package carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ...roles import BY_KEY, ROLES
from ...weights.digest import sha256
from ...weights.load import load_strict
from ..aesthetic import LinearAesthetic
from ..base import ComponentInfo, Components
from .architecture import ENCODER, WEIGHTS
from .encoder import LiteEncoder
from .features import LiteFeatures
from .files import read_weights, unpack_vocabulary
from .unet import LiteUNet


def load_lite(
    device: torch.device | str, folder: Path = WEIGHTS, files: Mapping[str, Path] | None = None
) -> Components:
    """Loads the five lite components from `folder`, ready for inference: float32, eval mode, no gradients.

    `files` are by the key of their role, in the place of the folder's.

    Raises:
        WeightsError: a file is missing or damaged, or is not of its role.
    """
    states, info = {}, {}
    given = {BY_KEY[key].name: path for key, path in (files or {}).items()}
    for role in (each.name for each in ROLES):
        path = given.get(role, folder / f"{role}.safetensors")
        states[role], facts = read_weights(path)
        parameters = sum(tensor.numel() for tensor in states[role].values())
        source = f"file {path.name}" if role in given else f"built in, trained {facts.get('trained', '?')}"
        info[role] = ComponentInfo(f"lite-{role}", parameters, sha256(path), source)
        if role == "encoder":
            vocabulary = frozenset(facts.get("vocabulary", "").split())
            states[role] = unpack_vocabulary(states[role])

    encoder = LiteEncoder(vocabulary)
    photo, art, features = LiteUNet("photo"), LiteUNet("art"), LiteFeatures()
    aesthetic = LinearAesthetic(ENCODER["embed_dim"])
    modules: dict[str, nn.Module] = {
        "photo": photo, "art": art, "encoder": encoder.model, "features": features, "aesthetic": aesthetic
    }  # fmt: skip
    for role, module in modules.items():
        load_strict(module, states[role], str(given.get(role, f"the built-in {role} weights")))
    for whole in (photo, art, encoder, features, aesthetic):
        whole.eval().requires_grad_(False).to(device)
    if torch.device(device).type != "mps":  # whose convolutions gain nothing from it
        for network in (photo, art, features):
            network.to(memory_format=torch.channels_last)
    return Components("lite", photo, art, encoder, features, aesthetic, info)

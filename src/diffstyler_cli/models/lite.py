"""The lite model set: the small trained networks that the package carries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import WeightsError
from ..lite.architecture import ENCODER, WEIGHTS
from ..weights.load import load_strict
from .aesthetic import LinearAesthetic
from .base import ComponentInfo, Components
from .clip import ClipEncoder
from .lite_features import LiteFeatures
from .lite_unet import LiteUNet

ROLES = ("photo", "art", "encoder", "features", "aesthetic")


def load_lite(device: torch.device | str, folder: Path = WEIGHTS) -> Components:
    """Loads the five lite components from `folder`, ready for inference: float32, eval mode, no gradients.

    Raises:
        WeightsError: a file is missing or damaged, which means that the installation is.
    """
    states, info = {}, {}
    for role in ROLES:
        path = folder / f"{role}.safetensors"
        states[role], facts = _read(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        parameters = sum(tensor.numel() for tensor in states[role].values())
        info[role] = ComponentInfo(f"lite-{role}", parameters, digest, f"built in, trained {facts.get('trained', '?')}")
        if role == "encoder":
            vocabulary = frozenset(facts.get("vocabulary", "").split())
            ids, rows = (states[role].pop(f"token_embedding.{key}") for key in ("ids", "rows"))

    encoder = ClipEncoder(ENCODER, vocabulary=vocabulary)
    table = torch.zeros_like(encoder.model.token_embedding.weight)
    table[ids.long()] = rows  # words that were never trained on carry no signal
    states["encoder"]["token_embedding.weight"] = table
    photo, art, features = LiteUNet("photo"), LiteUNet("art"), LiteFeatures()
    aesthetic = LinearAesthetic(ENCODER["embed_dim"])
    modules: dict[str, nn.Module] = {
        "photo": photo, "art": art, "encoder": encoder.model, "features": features, "aesthetic": aesthetic
    }  # fmt: skip
    for role, module in modules.items():
        load_strict(module, states[role], f"the built-in {role} weights")
    for whole in (photo, art, encoder, features, aesthetic):
        whole.eval().requires_grad_(False).to(device)
    if torch.device(device).type != "mps":  # whose convolutions gain nothing from it
        for network in (photo, art, features):
            network.to(memory_format=torch.channels_last)
    return Components("lite", photo, art, encoder, features, aesthetic, info)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (floating point as float32) and header of a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            facts = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The built-in weights {path.name} cannot be read: {error}.", "Install the package again."
        ) from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}, facts

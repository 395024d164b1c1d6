"""Checkpoints of the stages in the work folder, and what a stage without one starts from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..errors import UsageError
from ..models.lite.files import read_weights, unpack_vocabulary
from ..models.lite.unet import LiteUNet
from . import encoder


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint; empty if there is none."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def load_or_start(work: Path, stage: str, weights: Path | None) -> dict[str, Any]:
    """The checkpoint of `stage`; without one, {"start": its tensors in the folder `weights`, "steps_before": how many
    steps those were trained for}, or nothing if `weights` is None."""
    state = load(work / f"{stage}.pt")
    if state or weights is None:
        return state
    tensors, metadata = read_weights(weights / f"{stage}.safetensors")
    return {"start": unpack_vocabulary(tensors), "steps_before": int(metadata.get("steps", 0))}


def trained_encoder(work: Path, weights: Path | None) -> Any:
    """The encoder, ready for inference; open_clip has no types.

    Raises:
        UsageError: it has no checkpoint and `weights` is None.
    """
    state = _trained(work, "encoder", weights)
    model = encoder.build_encoder()
    model.load_state_dict(state["model"] if "model" in state else state["start"])
    return model.eval().requires_grad_(False)


def trained_photo_network(work: Path, weights: Path | None) -> LiteUNet:
    """The photo network with its averaged weights.

    Raises:
        UsageError: it has no checkpoint and `weights` is None.
    """
    state = _trained(work, "photo", weights)
    net = LiteUNet("photo")
    net.load_state_dict(state["average"] if "average" in state else state["start"])
    return net


def _trained(work: Path, stage: str, weights: Path | None) -> dict[str, Any]:
    state = load_or_start(work, stage, weights)
    if not state:
        raise UsageError(f"no {work / stage}.pt: run the stage {stage} first, or start --from lite")
    return state

"""Writing the files of weights that the package loads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..models.lite.architecture import SET
from ..models.lite.files import TABLE
from ..roles import ROLES
from . import checkpoints, encoder
from .captions import vocabulary


def export_all(work: Path, out: Path) -> None:
    """Writes the weights of every stage that has a checkpoint in `work`; other files in `out` stay as they are."""
    for role in (each.name for each in ROLES):
        state = checkpoints.load(work / f"{role}.pt")
        if state:
            export(role, state, out)


def export(role: str, state: dict[str, Any], out: Path) -> Path:
    """Writes what the package needs of a stage's state."""
    metadata = {"trained": datetime.now(UTC).date().isoformat()}
    if role in ("photo", "art"):
        steps = state["steps_before"] + state["step"]
        return write_weights(out, role, state["average"], metadata | {"steps": str(steps)})
    if role == "encoder":
        words = vocabulary()
        used = torch.unique(encoder.tokenizer()(words))
        return write_weights(
            out, role, pack_vocabulary(state["model"], used), metadata | {"vocabulary": " ".join(words)}
        )
    return write_weights(out, role, state.get("model", state), metadata)


def write_weights(folder: Path, role: str, state: dict[str, Tensor], metadata: dict[str, str]) -> Path:
    """Writes `folder`/`role`.safetensors; floating-point tensors become fp16, integers stay."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{role}.safetensors"
    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    part = target.with_suffix(".part")
    save_file(half, part, metadata={"format": "pt", "models": SET, "component": role, **metadata})
    part.chmod(0o644)
    part.replace(target)
    return target


def pack_vocabulary(state: dict[str, Tensor], used: Tensor) -> dict[str, Tensor]:
    """The encoder's state with the rows of `used` tokens in the place of the whole embedding table; the inverse of
    `unpack_vocabulary`."""
    rows = state[f"{TABLE}.weight"][used]
    rest = {k: v for k, v in state.items() if k != f"{TABLE}.weight"}
    return rest | {f"{TABLE}.ids": used.int(), f"{TABLE}.rows": rows}

"""Writing the lite weights: one fp16 safetensors file a component, with what is known of it in its header."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor


def write_weights(folder: Path, name: str, state: dict[str, Tensor], facts: dict[str, str]) -> Path:
    """Writes `folder`/`name`.safetensors; floating-point tensors become fp16, integers stay."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.safetensors"
    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    part = target.with_suffix(".part")
    save_file(half, part, metadata={"format": "pt", **facts})
    part.chmod(0o644)
    part.replace(target)
    return target

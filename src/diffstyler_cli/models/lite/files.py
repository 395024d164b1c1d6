"""The files of the lite weights: one fp16 safetensors file a component, with what is known of it in its header."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ...errors import WeightsError
from ...weights.load import open_safetensors
from .architecture import ENCODER, WEIGHTS

SET = "lite"
LARGEST = 1 << 30
"""Bytes of a file; all of them are read at once."""
_TABLE = "token_embedding"


def write_weights(folder: Path, name: str, state: dict[str, Tensor], facts: dict[str, str]) -> Path:
    """Writes `folder`/`name`.safetensors; floating-point tensors become fp16, integers stay."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.safetensors"
    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    part = target.with_suffix(".part")
    save_file(half, part, metadata={"format": "pt", "models": SET, "component": name, **facts})
    part.chmod(0o644)
    part.replace(target)
    return target


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (floating point as float32) and header of a file that `write_weights` wrote.

    Raises:
        WeightsError: it is missing, damaged or no safetensors file.
    """
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} has more than {LARGEST:,} bytes; no lite component has.")
        with open_safetensors(path) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            facts = file.metadata() or {}
        _check_vocabulary(path, tensors)
    except WeightsError as error:
        built_in = path.parent == WEIGHTS
        advice = (
            "Install the package again." if built_in else "Give a file that python -m diffstyler_cli.training wrote."
        )
        what = f"The {'built-in ' if built_in else ''}weights {path.name if built_in else path} cannot be read"
        raise WeightsError(f"{what}: it {error.message.removeprefix(f'{path} ')}", advice) from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}, facts


def is_lite(path: Path) -> bool:
    """Whether a file says of itself that it holds a component of the lite set."""
    try:
        with open_safetensors(path) as file:
            return (file.metadata() or {}).get("models") == SET
    except WeightsError:
        return False


def pack_vocabulary(encoder: dict[str, Tensor], used: Tensor) -> dict[str, Tensor]:
    """The encoder's state with the rows of `used` tokens in the place of the whole embedding table."""
    rows = encoder[f"{_TABLE}.weight"][used]
    rest = {k: v for k, v in encoder.items() if k != f"{_TABLE}.weight"}
    return rest | {f"{_TABLE}.ids": used.int(), f"{_TABLE}.rows": rows}


def _check_vocabulary(path: Path, encoder: dict[str, Tensor]) -> None:
    """Raises `WeightsError` where `unpack_vocabulary` could not place the rows."""
    ids, rows = encoder.get(f"{_TABLE}.ids"), encoder.get(f"{_TABLE}.rows")
    if ids is None or rows is None:
        return
    size = ENCODER["text_cfg"]["vocab_size"]
    if ids.dtype not in (torch.int32, torch.int64) or ids.ndim != 1 or not rows.is_floating_point() or rows.ndim != 2:
        raise WeightsError(f"{path} has a vocabulary of the wrong shape or kind of number.")
    if len(ids) != len(rows) or len(ids.unique()) < len(ids) or bool(((ids < 0) | (ids >= size)).any()):
        raise WeightsError(f"{path} has a vocabulary whose words are not each one of {size:,}, once, with one row.")


def unpack_vocabulary(encoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `pack_vocabulary`: words that were never trained on are rows of zeros and carry no signal.

    A state that was not packed is returned as it is.
    """
    if not {f"{_TABLE}.ids", f"{_TABLE}.rows"} <= encoder.keys():
        return encoder
    rows = encoder[f"{_TABLE}.rows"]
    table = torch.zeros(ENCODER["text_cfg"]["vocab_size"], rows.shape[1])
    table[encoder[f"{_TABLE}.ids"].long()] = rows
    rest = {k: v for k, v in encoder.items() if not k.startswith(f"{_TABLE}.")}
    return rest | {f"{_TABLE}.weight": table}

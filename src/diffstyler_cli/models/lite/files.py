"""Reading the files of the lite weights: one fp16 safetensors file a component, what is known of it in its header."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsError
from ...weights.load import open_safetensors
from .architecture import ENCODER, WEIGHTS

LARGEST = 1 << 30
"""Bytes of a file; all of them are read at once."""
TABLE = "token_embedding"
"""Name of the encoder's embedding table; its file has TABLE.ids and TABLE.rows in the place of TABLE.weight."""


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (floating point as float32) and header of a file of lite weights.

    Raises:
        WeightsError: it is missing, damaged or no safetensors file.
    """
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} has more than {LARGEST:,} bytes; no lite component has.")
        with open_safetensors(path) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            metadata = file.metadata() or {}
        _check_vocabulary(path, tensors)
    except WeightsError as error:
        built_in = path.parent == WEIGHTS
        advice = (
            "Install the package again." if built_in else "Give a file that python -m diffstyler_cli.training wrote."
        )
        what = f"The {'built-in ' if built_in else ''}weights {path.name if built_in else path} cannot be read"
        raise WeightsError(f"{what}: it {error.message.removeprefix(f'{path} ')}", advice) from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}, metadata


def _check_vocabulary(path: Path, encoder: dict[str, Tensor]) -> None:
    """Raises `WeightsError` where `unpack_vocabulary` could not place the rows."""
    ids, rows = encoder.get(f"{TABLE}.ids"), encoder.get(f"{TABLE}.rows")
    if ids is None or rows is None:
        return
    size = ENCODER["text_cfg"]["vocab_size"]
    if ids.dtype not in (torch.int32, torch.int64) or ids.ndim != 1 or not rows.is_floating_point() or rows.ndim != 2:
        raise WeightsError(f"{path} has a vocabulary of the wrong shape or kind of number.")
    if len(ids) != len(rows) or len(ids.unique()) < len(ids) or bool(((ids < 0) | (ids >= size)).any()):
        raise WeightsError(f"{path} has a vocabulary whose words are not each one of {size:,}, once, with one row.")


def unpack_vocabulary(encoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's state with the whole embedding table: its file holds only the rows of tokens in the vocabulary.

    The other rows are zeros, so that words which were never trained on carry no signal. A state that holds the whole
    table already is returned as it is.
    """
    if not {f"{TABLE}.ids", f"{TABLE}.rows"} <= encoder.keys():
        return encoder
    rows = encoder[f"{TABLE}.rows"]
    table = torch.zeros(ENCODER["text_cfg"]["vocab_size"], rows.shape[1])
    table[encoder[f"{TABLE}.ids"].long()] = rows
    rest = {k: v for k, v in encoder.items() if not k.startswith(f"{TABLE}.")}
    return rest | {f"{TABLE}.weight": table}

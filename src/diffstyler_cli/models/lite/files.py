"""Reading the files of the lite weights: one fp16 safetensors file a component, what is known of it in its header."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...errors import WeightsError
from .architecture import ENCODER, WEIGHTS

TABLE = "token_embedding"
"""Name of the encoder's embedding table; its file has TABLE.ids and TABLE.rows in the place of TABLE.weight."""


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (floating point as float32) and header of a file of lite weights.

    Raises:
        WeightsError: it is missing, damaged or no safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        built_in = path.parent == WEIGHTS
        raise WeightsError(
            f"The {'built-in ' if built_in else ''}weights {path.name if built_in else path} cannot be read: {error}.",
            "Install the package again." if built_in else "Give a file that python -m diffstyler_cli.training wrote.",
        ) from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}, metadata


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

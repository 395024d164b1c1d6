"""Configurations in foreign folders: read within bounds, so that none makes a library build more than its files hold.

No torch, no diffusers. What passes here is JSON of a known class whose numbers are of the size that networks have; what
it comes to is compared with the file of weights before anything of that size is allocated (`load.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import WeightsError
from ...weights.bounds import cut

LARGEST = 1 << 20
"""Bytes of a configuration; that of SD 1.5's text encoder has 600, one with a trained table of betas 25 thousand."""
DEEPEST = 6
LONGEST = 10_000
"""Values in a list, as one of betas by timestep."""
HIGHEST = 200_000
"""Of a number; the tokenizer of SD 1.5 knows 49,408 words."""
WIDEST = 8_192
"""Of channels, features, heads."""
MOST_BLOCKS = 12
MOST_LAYERS = 64
LONGEST_TEXT = 1_000

LAYERS = ("layers_per_block", "num_hidden_layers", "num_layers", "num_encoder_blocks", "num_decoder_blocks",
          "transformer_layers_per_block", "reverse_transformer_layers_per_block", "num_attention_layers")  # fmt: skip
"""Keys of numbers that layers are counted by."""
BLOCKS = ("block_out_channels", "down_block_types", "up_block_types", "encoder_block_out_channels",
          "decoder_block_out_channels", "num_encoder_blocks", "num_decoder_blocks", "only_cross_attention")  # fmt: skip
"""Keys of lists with one value a block."""
CODE = ("auto_map", "quantization_config", "custom_pipelines")
"""Keys by which a configuration asks for code of its own, or of a library that nobody named."""
FREE = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "num_train_timesteps", "original_max_sequence")
"""Keys of numbers that are neither."""


def read_config(path: Path) -> dict[str, Any]:
    """A configuration as JSON, within bounds.

    Raises:
        WeightsError: it cannot be read, is no table, or asks for more than a network has.
    """
    try:
        if not path.is_file():
            raise _odd(path, "there is no such file")
        if path.stat().st_size > LARGEST:
            raise _odd(path, f"it has {path.stat().st_size:,} bytes; {LARGEST:,} are read at most")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _odd(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _odd(path, "it is no JSON") from error
    if not isinstance(content, dict):
        raise _odd(path, "it is no table")
    _walk(path, content, "", 0)
    if asked := [key for key in CODE if content.get(key)]:
        raise refused(path, f"{asked[0]} asks for code beside the network's own")
    return content


def class_of(path: Path, config: Mapping[str, Any], known: tuple[str, ...], key: str = "_class_name") -> str:
    """The class that a configuration is of. Raises `WeightsError` for one that is not among `known`."""
    name = config.get(key)
    if isinstance(name, list) and len(name) == 1:
        name = name[0]
    if name not in known:
        more = f" and {len(known) - 4} more" if len(known) > 4 else ""
        raise WeightsError(
            f"{path} is of {cut(name) if name else 'no class'}; what can be read is {', '.join(known[:4])}{more}.",
            "docs/networks.md says which networks can play which role.",
        )
    return str(name)


def refused(path: Path, why: str) -> WeightsError:
    """The error of a configuration that says something that cannot be run here."""
    return WeightsError(f"{path} cannot be used: {why}.", "docs/networks.md says which networks can play which role.")


def _walk(path: Path, value: object, key: str, depth: int) -> None:
    if depth > DEEPEST:
        raise _odd(path, f"it is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        if len(value) > 500:
            raise _odd(path, f"it has {len(value):,} keys in one table")
        for name, each in value.items():
            _walk(path, each, name, depth + 1)
    elif isinstance(value, list):
        most = MOST_BLOCKS if key in BLOCKS else LONGEST
        if len(value) > most:
            raise _odd(path, f"{cut(key)} has {len(value):,} values; {most:,} is the most")
        for each in value:
            _walk(path, each, key, depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, (int, float)):
        most = MOST_LAYERS if key in LAYERS else HIGHEST if key in FREE or isinstance(value, float) else WIDEST
        if not abs(value) <= most:  # NaN is not, either
            raise _odd(path, f"{cut(key)} is {cut(value)}; {most:,} is the most")
    elif isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise _odd(path, f"{cut(key)} has {len(value):,} characters")


def _odd(path: Path, why: str) -> WeightsError:
    return WeightsError(f"{path} cannot be used: {why}.", "Get the folder again from where it was published.")

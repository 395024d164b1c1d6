"""The SHA-256 of files. Imports no torch, so that looking, fetching and checking need none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor


def sha256(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; `on_bytes` hears of each lot that was read.

    Raises:
        WeightsError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
                if on_bytes is not None:
                    on_bytes(len(chunk))
    except OSError as error:
        raise unopened(path, error) from error
    return digest.hexdigest()


def sha256_of_tensors(state: Mapping[str, Tensor]) -> str:
    """The SHA-256 of the names, types, shapes and numbers of a state dict, for what comes in no file of its own."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def unopened(path: Path, error: OSError) -> WeightsError:
    """The error of a file that the system will not open or read."""
    return WeightsError(f"{path} cannot be read: {error.strerror or error}.", "Check that it is a file you may read.")

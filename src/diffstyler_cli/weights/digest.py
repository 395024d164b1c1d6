"""The SHA-256 of files. Imports no torch, so that looking, fetching and checking need none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ..errors import WeightsError


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


def unopened(path: Path, error: OSError) -> WeightsError:
    """The error of a file that the system will not open or read."""
    return WeightsError(f"{path} cannot be read: {error.strerror or error}.", "Check that it is a file you may read.")

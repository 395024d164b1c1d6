"""manifest.json of a sweep's folder, read back: a file of bounded size, of which nothing is trusted."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from ..images.metadata import plain_json

MANIFEST = "manifest.json"
FAMILY = "diffstyler.sweep/"
LARGEST = 256 * 2**20


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in `folder`, of any version.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError, RecursionError: it is no file of at most `LARGEST` bytes, no JSON, or nothing of a sweep's.
    """
    path = folder / MANIFEST
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST:  # a pipe would be waited for
        raise ValueError(f"{path} is no file of at most {LARGEST:,} bytes")
    data = plain_json(json.loads(path.read_bytes()))
    if not isinstance(data, dict) or not str(data.get("schema")).startswith(FAMILY):
        raise ValueError(f"{path} is no sweep's")
    return data

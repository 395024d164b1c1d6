"""What every node needs of the machine where the run was started: the work, and weight files that were named.

A file goes into the object store once, and from there to each node once: the first worker of a node writes it into the
node's cache, under its hash, where the others and later runs find it. A node that has the very file at the very path,
as on a shared file system, takes that.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from ..config_file import APP
from ..weights.digest import sha256


@dataclass(frozen=True)
class Sent:
    """A file: where it lies on the machine where the run was started, what it is, and its bytes in the object store."""

    path: str
    size: int
    sha256: str
    bytes: Any


@dataclass(frozen=True)
class Parcel:
    """What a worker is made of.

    Args:
        work: a `RemoteWork`.
        folder: the current one of the run; `relative` if paths in it may depend on that.
        environment: variables that are set for the work.
        threads: that a worker computes with; None for as many as it likes.
    """

    work: Any
    folder: str
    relative: bool = True
    threads: int | None = None
    files: Mapping[str, Sent] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def pack(ray: Any, files: Mapping[str, str]) -> dict[str, Sent]:
    """Puts files into the object store. Raises `WeightsError` for one that cannot be read, `OSError` alike."""
    packed = {}
    for key, path in files.items():
        place = Path(path).absolute()
        digest = sha256(place)
        packed[key] = Sent(str(place), place.stat().st_size, digest, ray.put(place.read_bytes()))
    return packed


def unpack(parcel: Parcel) -> dict[str, str]:
    """Where the files are on this node; those that are not are written."""
    return {key: str(_place(sent)) for key, sent in parcel.files.items()}


def cache() -> Path:
    """The folder of a node for files that came with a run."""
    return user_cache_path(APP, appauthor=False) / "sent"


def _place(sent: Sent) -> Path:
    for path in (Path(sent.path), _kept(sent)):
        if _is(path, sent):
            return path
    path = _kept(sent)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent.with_suffix(".lock")):
        if not _is(path, sent):  # another worker of this node was first
            import ray

            temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
            temporary.write_bytes(ray.get(sent.bytes))
            os.replace(temporary, path)
    return path


def _kept(sent: Sent) -> Path:
    return cache() / sent.sha256[:16] / os.path.basename(sent.path)


def _is(path: Path, sent: Sent) -> bool:
    return path.is_file() and path.stat().st_size == sent.size and sha256(path) == sent.sha256

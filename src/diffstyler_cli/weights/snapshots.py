"""Repositories of networks on the Hub, as the cache keeps them: the files that are needed, as they were published.

    CACHE/networks/OWNER--NAME/COMMIT/unet/config.json, …   the files, under their own names
    CACHE/networks/OWNER--NAME/COMMIT/record.json           written last: without it they do not count

Reading asks nobody and writes nothing; `repositories.py` fetches. What is removed is what a record names.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import WeightsError
from .cache import LARGEST_RECORD, NETWORKS, RECORD, Cache
from .digest import sha256
from .references import COMMIT, Reference

SCHEMA = "diffstyler.network/1"
PENDING = "pending.json"
"""What is to come, while a repository is fetched: its record is written when all of it is there."""


@dataclass(frozen=True)
class Snapshot:
    """A repository in the cache.

    Args:
        folder: where its files are.
        revisions: what it was asked for as: branches, tags, commits.
        files: size and SHA-256 by path.
    """

    folder: Path
    repository: str
    commit: str
    revisions: tuple[str, ...]
    licence: str
    files: Mapping[str, tuple[int, str]]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size for size, _ in self.files.values())

    def answers(self, reference: Reference) -> bool:
        """Whether it is what was asked for: by a branch that it was fetched for, or by the commit or its beginning."""
        asked = reference.revision
        return self.repository == reference.place and (
            asked in self.revisions or (len(asked) >= 7 and self.commit.startswith(asked))
        )


def find(cache: Cache, reference: Reference) -> Snapshot | None:
    """The snapshot in the cache that a reference to the Hub means, the one that was fetched last; None for none."""
    return next((each for each in snapshots(cache) if each.answers(reference)), None)


def snapshots(cache: Cache) -> list[Snapshot]:
    """Every whole snapshot in the cache, the one that was fetched last first."""
    try:
        records = sorted((cache.folder / NETWORKS).glob(f"*/*/{RECORD}"), key=lambda path: -path.stat().st_mtime)
    except OSError:
        return []
    return [found for found in map(read_record, records) if found is not None]


def read_record(record: Path) -> Snapshot | None:
    """What a record says; None where it is none of ours, or a file is not there or has another size."""
    try:
        if record.stat().st_size > LARGEST_RECORD:
            return None
        said: Any = json.loads(record.read_text(encoding="utf-8"))
        if said["schema"] != SCHEMA or not COMMIT.fullmatch(said["commit"]):
            return None
        files = {str(path): (int(row["size"]), str(row["sha256"])) for path, row in said["files"].items()}
        for path, (size, _) in files.items():
            if not _plain(path) or (record.parent / path).stat().st_size != size:
                return None
        texts = (said["repository"], said["licence"], *said["revisions"])
        if not all(isinstance(text, str) for text in texts):
            return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Snapshot(record.parent, said["repository"], said["commit"], tuple(said["revisions"]), said["licence"], files)


def _plain(path: str) -> bool:
    """Whether a path stays below the folder that it is joined to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", "."} & set(parts) and "\\" not in path


def verify(snapshot: Snapshot, on_bytes: Callable[[int], None] | None = None) -> None:
    """Compares the files with the record; raises `WeightsError` and deletes the snapshot where one differs."""
    for path, (_, digest) in snapshot.files.items():
        if sha256(snapshot.folder / path, on_bytes) != digest:
            delete(snapshot.folder, snapshot.files)
            raise WeightsError(
                f"{snapshot.folder / path} was damaged and {snapshot.repository} is deleted from the cache.",
                f"Run diffstyler download {snapshot.repository}.",
            )


def remove(cache: Cache, reference: Reference) -> int:
    """Deletes every snapshot of the repository at that revision, unfinished ones too; returns the bytes freed."""
    freed = 0
    with cache.writing():
        for snapshot in snapshots(cache):
            if snapshot.answers(reference):
                freed += snapshot.bytes
                delete(snapshot.folder, snapshot.files)
        for pending in (cache.folder / NETWORKS).glob(f"{reference.place.replace('/', '--')}/*/{PENDING}"):
            there = [path for path in _pending(pending) if (pending.parent / path).is_file()]
            freed += sum((pending.parent / path).stat().st_size for path in there)
            pending.unlink()
            delete(pending.parent, there)
        for part in cache.unfinished(part_key(reference.place)):
            freed += part.lstat().st_size
            part.unlink()
    return freed


def _pending(path: Path) -> list[str]:
    """The files that a fetch was to bring; none where the note is none of ours."""
    try:
        if path.stat().st_size > LARGEST_RECORD:
            return []
        said: Any = json.loads(path.read_text(encoding="utf-8"))
        return [file for file in said["files"] if isinstance(file, str) and _plain(file)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def part_key(repository: str) -> str:
    """How the names of its unfinished downloads, and of its lock, begin."""
    return f"network-{repository.replace('/', '--')}"


def folder_of(cache: Cache, repository: str, commit: str) -> Path:
    """Where the cache keeps a repository at a commit."""
    return cache.folder / NETWORKS / repository.replace("/", "--") / commit


def delete(folder: Path, files: Iterable[str]) -> None:
    """Deletes the files of a snapshot, its record first, and the folders that are empty then."""
    (folder / RECORD).unlink(missing_ok=True)
    for path in files:
        (folder / path).unlink(missing_ok=True)
    for place in (*(folder / path for path in files), folder / RECORD):
        for parent in place.parents:
            if parent.name == NETWORKS:
                break
            with contextlib.suppress(OSError):  # not empty
                parent.rmdir()

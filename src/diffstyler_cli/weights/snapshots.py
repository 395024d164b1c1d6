"""Repositories of networks on the Hub, as the cache keeps them: the files that are needed, as they were published.

    CACHE/networks/OWNER--NAME/COMMIT/unet/config.json, …   the files, under their own names
    CACHE/networks/OWNER--NAME/COMMIT/record.json           written last: without it they do not count

Each file comes through `transfer`, as a component's does: resumed, and held against the SHA-256 that the Hub states.
Reading asks nobody and writes nothing. What is removed is what a record names.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rich.filesize import decimal

from ..errors import OutputError, WeightsError
from . import hub
from .cache import LARGEST_RECORD, NETWORKS, RECORD, Cache, write_json
from .digest import sha256
from .fetch import OFFLINE
from .hub import Repository
from .references import Reference
from .registry import CONFIG_LIMIT, WEIGHTS_LIMIT, Source, network
from .transfer import ROOM_ADVICE, Passing, Progress, Report, SourceFailed, download, persist

SCHEMA = "diffstyler.network/1"
PART = "network"
"""How the names of unfinished downloads begin."""
WEIGHTS = ".safetensors"

Needed = Callable[[Iterable[str]], list[str]]
"""The paths among those of a repository that running it takes; raises `WeightsError` where it cannot be run."""


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
    return [found for found in map(_read, records) if found is not None]


def _read(record: Path) -> Snapshot | None:
    """What a record says; None where it is none of ours, or a file is not there or has another size."""
    try:
        if record.stat().st_size > LARGEST_RECORD:
            return None
        said: Any = json.loads(record.read_text(encoding="utf-8"))
        if said["schema"] != SCHEMA or not hub.COMMIT.fullmatch(said["commit"]):
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
    return Snapshot(
        record.parent, said["repository"], said["commit"], tuple(said["revisions"]), said["licence"], files
    )


def _plain(path: str) -> bool:
    """Whether a path stays below the folder that it is joined to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", "."} & set(parts) and "\\" not in path


def ask(reference: Reference, report: Report) -> Repository:
    """What the Hub says of the repository. Raises `WeightsError` in two lines where it does not say."""
    if hub.offline():
        raise _unobtainable(reference, OFFLINE, "Unset HF_HUB_OFFLINE, or give the folder that it is in.")
    try:
        return persist(lambda: hub.repository(reference.place, reference.revision), lambda: 0, report)
    except SourceFailed as failure:
        raise _unobtainable(reference, str(failure)) from failure


def coming(repository: Repository, needed: Needed, cache: Cache) -> int:
    """Bytes that are still to come of what running it takes. Raises `WeightsError` where it cannot be run."""
    folder = _folder(cache, repository)
    left = 0
    for path in needed(repository.files):
        there = folder / path
        with contextlib.suppress(OSError):
            if there.stat().st_size == repository.files[path].size:
                continue
        left += repository.files[path].size
    return max(0, left - cache.arrived(PART))


def fetch(
    reference: Reference, repository: Repository, cache: Cache, needed: Needed, check: Callable[[Path], Any],
    report: Report,
) -> Snapshot:  # fmt: skip
    """The snapshot of `repository`, its missing files fetched.

    Args:
        needed: chooses the files.
        check: looks through the folder before it counts; raises `WeightsError` where it cannot be run.

    Raises:
        WeightsError: the Hub does not give the files, or they are no network that can be run.
        OutputError: the disk is too small, or the cache cannot be written.
    """

    def waiting() -> None:
        report(Progress("wait", 0, None, f"another process is fetching {reference.name}; waiting for it"))

    folder = _folder(cache, repository)
    with cache.lock(f"{PART}-{folder.parent.name}", waiting):
        found = _read(folder / RECORD)
        if found is not None and reference.revision in found.revisions:
            return found
        paths = needed(repository.files)
        with cache.writing():
            for path in paths:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
        files: dict[str, tuple[int, str]] = {}
        left = sum(repository.files[path].size for path in paths)
        _check_room(cache, coming(repository, needed, cache))
        try:
            for path in paths:
                left -= repository.files[path].size
                files[path] = (repository.files[path].size, _file(repository, path, folder, cache, left, report))
        except (SourceFailed, Passing) as failure:
            raise _unobtainable(reference, str(failure)) from failure
        try:
            check(folder)
        except WeightsError:
            _delete(folder, files)
            raise
        revisions = dict.fromkeys((*(found.revisions if found else ()), reference.revision, repository.commit))
        known = network(repository.name)
        licence = repository.licence if repository.licence != hub.UNKNOWN or known is None else known.licence
        made = Snapshot(folder, repository.name, repository.commit, tuple(revisions), licence, files)
        with cache.writing():
            write_json(folder / RECORD, _record(made))
        return made


def verify(snapshot: Snapshot, on_bytes: Callable[[int], None] | None = None) -> None:
    """Compares the files with the record; raises `WeightsError` and deletes the snapshot where one differs."""
    for path, (_, digest) in snapshot.files.items():
        if sha256(snapshot.folder / path, on_bytes) != digest:
            _delete(snapshot.folder, snapshot.files)
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
                _delete(snapshot.folder, snapshot.files)
        for part in cache.unfinished(PART):
            freed += part.lstat().st_size
            part.unlink()
    return freed


def _record(made: Snapshot) -> dict[str, object]:
    files = {path: {"size": size, "sha256": digest} for path, (size, digest) in made.files.items()}
    facts = {"repository": made.repository, "commit": made.commit, "revisions": list(made.revisions)}
    return {"schema": SCHEMA, **facts, "licence": made.licence, "files": files}


def _file(
    repository: Repository, path: str, folder: Path, cache: Cache, reserve: int, report: Report
) -> str:
    """Puts one file in its place, unless it is there; returns its SHA-256. Raises `SourceFailed`."""
    place, listed = folder / path, repository.files[path]
    limit = WEIGHTS_LIMIT if path.endswith(WEIGHTS) else CONFIG_LIMIT
    if place.is_file() and place.stat().st_size == listed.size:
        digest = sha256(place, lambda size: report(Progress("check", size, listed.size)))
        if digest == listed.sha256 or not listed.sha256:
            return digest
    where = Source("hub", repository.name, path, repository.commit)
    report(Progress("start", 0, listed.size, f"{repository.name}: {path}"))
    own = hub.cached(where)
    if own is not None and own.stat().st_size == listed.size:  # in the Hub's own cache
        digest = sha256(own)
        if digest == listed.sha256 or not listed.sha256:
            with cache.writing():
                shutil.copyfile(own, place.with_name(f"{place.name}.tmp"))
                os.replace(place.with_name(f"{place.name}.tmp"), place)
            return digest
    arrived, digest = download(hub.remote(repository, path, limit), cache, PART, reserve, report)
    with cache.writing():
        os.replace(arrived, place)
    return digest


def _check_room(cache: Cache, needed: int) -> None:
    if needed > (free := cache.free()):
        what = f"The disk of the cache {cache.folder} is too small"
        raise OutputError(f"{what}: {decimal(free)} free, {decimal(needed)} needed.", ROOM_ADVICE)


def _folder(cache: Cache, repository: Repository) -> Path:
    return cache.folder / NETWORKS / repository.name.replace("/", "--") / repository.commit


def _delete(folder: Path, files: Iterable[str]) -> None:
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


def _unobtainable(reference: Reference, why: str, advice: str = "") -> WeightsError:
    pinned = f" at {reference.revision[:12]}" if reference.revision not in ("", "main") else ""
    return WeightsError(
        f"{reference.name}{pinned} could not be had from the Hub: {why}.",
        advice or "Check the name and the network, and try again: what has arrived is kept.",
    )

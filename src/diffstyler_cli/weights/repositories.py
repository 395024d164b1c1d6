"""From a name to a snapshot in the cache: what the Hub says of a repository, and its files, fetched as components are.

Each file comes through `transfer`: resumed, and held against the SHA-256 that the Hub states.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from ..errors import OutputError, WeightsError
from . import hub
from .cache import RECORD, Cache, write_json
from .digest import sha256
from .fetch import OFFLINE
from .hub import Repository
from .references import Reference
from .registry import CONFIG_LIMIT, WEIGHTS_LIMIT, Source, network
from .snapshots import PENDING, SCHEMA, Snapshot, delete, folder_of, part_key, read_record
from .transfer import ROOM_ADVICE, Passing, Progress, Report, SourceFailed, download, persist

WEIGHTS = ".safetensors"

Needed = Callable[[Iterable[str]], list[str]]
"""The paths among those of a repository that running it takes; raises `WeightsError` where it cannot be run."""


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
    folder = folder_of(cache, repository.name, repository.commit)
    left = 0
    for path in needed(repository.files):
        there = folder / path
        with contextlib.suppress(OSError):
            if there.stat().st_size == repository.files[path].size:
                continue
        left += repository.files[path].size
    return max(0, left - cache.arrived(part_key(repository.name)))


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

    folder = folder_of(cache, repository.name, repository.commit)
    with cache.lock(part_key(repository.name), waiting):
        found = read_record(folder / RECORD)
        if found is not None and reference.revision in found.revisions:
            return found
        paths = needed(repository.files)
        with cache.writing():
            for path in paths:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if found is None:
                write_json(folder / PENDING, {"schema": SCHEMA, "files": paths})
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
            (folder / PENDING).unlink(missing_ok=True)
            delete(folder, files)
            raise
        revisions = dict.fromkeys((*(found.revisions if found else ()), reference.revision, repository.commit))
        known = network(repository.name)
        licence = repository.licence if repository.licence != hub.UNKNOWN or known is None else known.licence
        made = Snapshot(folder, repository.name, repository.commit, tuple(revisions), licence, files)
        with cache.writing():
            write_json(folder / RECORD, _record(made))
            (folder / PENDING).unlink(missing_ok=True)
        return made


def _record(made: Snapshot) -> dict[str, object]:
    files = {path: {"size": size, "sha256": digest} for path, (size, digest) in made.files.items()}
    facts = {"repository": made.repository, "commit": made.commit, "revisions": list(made.revisions)}
    return {"schema": SCHEMA, **facts, "licence": made.licence, "files": files}


def _file(repository: Repository, path: str, folder: Path, cache: Cache, reserve: int, report: Report) -> str:
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
    arrived, digest = download(hub.remote(repository, path, limit), cache, part_key(repository.name), reserve, report)
    with cache.writing():
        os.replace(arrived, place)
    return digest


def _check_room(cache: Cache, needed: int) -> None:
    if needed > (free := cache.free()):
        what = f"The disk of the cache {cache.folder} is too small"
        raise OutputError(f"{what}: {decimal(free)} free, {decimal(needed)} needed.", ROOM_ADVICE)


def _unobtainable(reference: Reference, why: str, advice: str = "") -> WeightsError:
    pinned = f" at {reference.revision[:12]}" if reference.revision not in ("", "main") else ""
    return WeightsError(
        f"{reference.name}{pinned} could not be had from the Hub: {why}.",
        advice or "Check the name and the network, and try again: what has arrived is kept.",
    )

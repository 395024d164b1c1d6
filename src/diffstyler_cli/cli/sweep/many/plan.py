"""Which photos are swept into which folders: found, named and held against what is there before any work."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.inputs import Photo, listed
from ....batch.names import OPTION, check_names
from ....errors import InputImageError, UsageError
from ....naming import cut
from ....size import Shape
from ....sweep.manifest import MANIFEST, read_manifest
from ...stylize.many.plan import LARGEST_LIST
from ...stylize.many.plan import find as find_photos
from ...stylize.many.request import ManyRequest
from ...stylize.session import DRAWN_SEEDS
from ...terminal.notices import Notices
from .request import STREAM, ManySweepsRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from typing import Any

    from ....sweep.standing import Standing

OVERVIEW = "index.html"
DONE, SKIPPED, FAILED, WAITING = "done", "skipped", "failed", ""
"""What became of a sweep; `SKIPPED` was there already."""


@dataclass
class Entry:
    """The sweep of one photo, among others.

    Args:
        number: from 1, of the photo in the run.
        seed: of its cells, where the command says none.
        status: what became of it; `code`, `message` and `advice` tell why it failed, or some of its cells.
        standing, claim, left: while it is under way: the sweep, what holds its folder, how many jobs are to come.
    """

    number: int
    photo: str
    folder: str
    seed: int | None = None
    status: str = WAITING
    code: int = 0
    message: str = ""
    advice: str = ""
    cells: int = 0
    made: int = 0
    size: Shape = (1, 1)
    """Of a cell's picture."""
    seconds: float = 0.0
    """That making its cells took."""
    notes: list[str] = field(default_factory=list)
    standing: Standing | None = None
    claim: ExitStack | None = None
    left: int = 0

    @property
    def page(self) -> Path:
        """Where its pictures are to be looked at."""
        return Path(self.folder, "index.html")

    def to_json(self) -> dict[str, Any]:
        """The line that --json prints."""
        row: dict[str, Any] = {
            "kind": "sweep", "number": self.number, "status": self.status, "photo": self.photo, "folder": self.folder,
            "page": str(self.page) if self.made else None, "cells": self.cells, "made": self.made,
            "notes": self.notes, "seconds": round(self.seconds, 3),
        }  # fmt: skip
        return row | ({"code": self.code, "error": self.message, "advice": self.advice} if self.message else {})


def find(request: ManySweepsRequest, notices: Notices) -> list[Photo]:
    """The photos, but for pictures that sweeps have made, which lie in the folders that are looked through."""
    if request.from_file == STREAM:
        photos = listed(sys.stdin.buffer.read(LARGEST_LIST))
        if not photos:
            raise UsageError("--from-file -: standard input names no photo.", "Write one a line.")
        return [Photo(path) for path in dict.fromkeys(photos)]
    found = find_photos(
        ManyRequest(request.each.base, request.photos, request.from_file, request.recursive), notices
    ).photos
    seen: dict[Path, bool] = {}
    kept = [photo for photo in found if photo.path in request.photos or not _is_of_sweep(Path(photo.path), seen)]
    if len(kept) < len(found):
        notices.add(f"{len(found) - len(kept)} of the photos are pictures of sweeps, and are left out.")
    if not kept:
        raise InputImageError("All of the photos are pictures of sweeps.", "Name the photos themselves.")
    return kept


def _is_of_sweep(photo: Path, seen: dict[Path, bool]) -> bool:
    """Whether a picture lies in the folder of a sweep, or among its cells."""
    folder = photo.parent
    if folder not in seen:
        seen[folder] = any(map(_is_sweep, (folder, folder.parent) if folder.name == "cells" else (folder,)))
    return seen[folder]


def _is_sweep(folder: Path) -> bool:
    try:
        if not (folder / MANIFEST).exists():
            return False
        read_manifest(folder)
    except (OSError, ValueError, RecursionError):
        return False
    return True


def make_entries(request: ManySweepsRequest, photos: Sequence[Photo]) -> list[Entry]:
    """Every sweep with its folder. Raises `UsageError` where two have one, or one lies in another."""
    template, words, out = request.names(), request.words(), request.folder
    digits = len(str(len(photos)))
    entries = []
    for number, photo in enumerate(photos, 1):
        name = template.name(photo.path, words, 0, f"{number:0{digits}d}", "")
        entries.append(Entry(number, photo.path, os.path.join(out, photo.under, name)))
    places = [(entry.photo, entry.folder) for entry in entries]
    inputs = {os.path.realpath(path) for path in (*(e.photo for e in entries), *map(str, request.each.base.inputs()))}
    better = "{n}-{stem}" if template.text == "{stem}-{suffix}" else "{stem}-{suffix}"
    advice = f'Give names that differ, as with {OPTION} "{better}".'
    try:
        check_names([("the overview", str(out / OVERVIEW)), *places], template, lambda p: os.path.realpath(p) in inputs)
    except UsageError as error:
        raise UsageError(error.message, advice) from error
    by_folder = {entry.folder.casefold(): entry for entry in entries}
    for entry in entries:
        around = next(filter(None, (by_folder.get(str(p)) for p in Path(entry.folder.casefold()).parents)), None)
        if around is not None:
            raise UsageError(
                f"The sweep of {cut(entry.photo)} would lie in that of {cut(around.photo)}, {cut(around.folder)}.",
                f'Give other names, as with {OPTION} "{{stem}}-sweep".',
            )
    real = {os.path.realpath(entry.folder) for entry in entries}
    for path in inputs:
        if not real.isdisjoint(map(str, Path(path).parents)):
            raise UsageError(f"{cut(path)} would lie in the folder of a sweep.", "Give another folder with -o.")
    return entries


def settle(
    request: ManySweepsRequest, entries: Iterable[Entry], known: Callable[[int], Mapping[str, Any]]
) -> tuple[int, bool]:
    """Gives each sweep its seed, and finds out whether its folder has another one: raises `UsageError` as one does.

    Args:
        known: what is known of a sweep's identity, by its seed, before the photo is read.

    Returns the seed of those that have none yet, and whether it was drawn.
    """
    from ....sweep.folder import Folder

    given, force = request.each.ranges.get("seed"), request.each.base.force
    there = [(entry, Folder(Path(entry.folder))) for entry in entries if os.path.lexists(entry.folder)]
    saved = {entry.number: folder.saved_seed() for entry, folder in there if given is None and not force}
    first = next((seed for seed in saved.values() if seed is not None), None)
    drawn = random.SystemRandom().randrange(DRAWN_SEEDS) if first is None else first
    seed = int(given[0]) if given is not None else drawn
    refused: list[UsageError] = []
    for entry in entries:
        own = saved.get(entry.number)
        entry.seed = None if given is not None else seed if own is None else own
    for entry, folder in there:
        try:
            folder.check(known(seed if entry.seed is None else entry.seed), force=force)
        except UsageError as error:
            refused.append(error)
    if refused:
        more = f" So are {len(refused) - 1} more." if len(refused) > 1 else ""
        raise UsageError(refused[0].message + more, refused[0].advice)
    return seed, given is None and first is None

"""What is told of the sweeps of many photos when they are through: a table, and the overview page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ....sweep.manifest import MANIFEST, read_manifest
from ....sweep.overview import MOST, Shown, write_overview
from ...speeds import duration
from ...terminal.tables import brief, plain_table
from .plan import DONE, FAILED, SKIPPED, Entry
from .request import ManySweepsRequest

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS = 30
"""Of the table."""
_STATES = {DONE: "done", SKIPPED: "there already", FAILED: "failed"}


def summary(entries: Sequence[Entry], unicode: bool) -> RenderableType:
    """A row a sweep; of many those that failed, then the first."""
    from rich.console import Group
    from rich.text import Text

    some = [entry for entry in entries if entry.status]
    if len(some) > ROWS:
        some = sorted(sorted(some, key=lambda entry: entry.status != FAILED)[:ROWS], key=lambda entry: entry.number)
    table = plain_table(("photo", "left"), ("", "left"), ("cells", "right"), ("time", "right"), ("folder", "left"))
    for entry in some:
        table.add_row(
            brief(entry.photo, 60),
            Text(_STATES[entry.status], "red" if entry.status == FAILED else ""),
            f"{entry.made}/{entry.cells}" if entry.cells else "",
            duration(entry.seconds) if entry.seconds else "",
            brief(entry.folder if entry.made else entry.message, 100),
        )
    left = sum(bool(entry.status) for entry in entries) - len(some)
    return Group(table, f"and {left} more") if left else table


def write_page(request: ManySweepsRequest, entries: Sequence[Entry]) -> Path:
    """The overview of the sweeps in the folder, those of earlier runs too. Raises `OutputError`."""
    shown = []
    for entry in entries:
        folder = os.path.relpath(entry.folder, request.folder)
        count = f"{entry.made} of {entry.cells} cells" if entry.cells else "not made"
        shown.append(Shown(entry.photo, folder, count, entry.message))
    here = {os.path.normpath(entry.folder) for entry in entries}
    shown += _others(request.folder, here)
    prompts = request.each.asks()
    title = (
        " + ".join(prompts) if len(prompts) == 1 or not request.each.ranges.get("prompt") else f"{len(prompts)} prompts"
    )
    return write_overview(request.folder, title or request.words(), shown)


def _others(out: Path, here: set[str]) -> Iterator[Shown]:
    """The sweeps in the folder that this run is not of."""
    count = 0
    for place, folders, _ in os.walk(out):
        for name in sorted(folders):
            folder = Path(place, name)
            if not (folder / MANIFEST).is_file():
                continue
            folders.remove(name)
            if os.path.normpath(folder) in here or count >= MOST:
                continue
            try:
                data = read_manifest(folder)
                states = [row["status"] for row in data["cells"]]
                photo = str(data["sweep"]["photo"]["name"])
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue
            count += 1
            possible = len(states) - states.count("impossible")
            yield Shown(photo, os.path.relpath(folder, out), f"{states.count('done')} of {possible} cells")
        folders.sort()

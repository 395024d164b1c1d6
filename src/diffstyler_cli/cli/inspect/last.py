"""`inspect --last [N]`: the last pictures made here, and the commands that make them again. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

from rich.text import Text

from ..history import MOST, NO_HISTORY, Entry, history_path, is_kept, latest
from ..options import whole
from ..terminal.console import escaped
from ..terminal.tables import brief
from .job import Job

SHOWN = 10


def how_many(words: list[str]) -> int:
    """N, from what stands beside --last. Raises `UsageError`."""
    return whole("--last", " ".join(words), low=1, high=MOST, example=20) if words else SHOWN


def show_last(job: Job, count: int) -> None:
    """The pictures, the newest first; with -q the paths of those that are still there."""
    entries = latest(count)
    rows = [entry.to_json() | {"missing": entry.missing} for entry in entries]
    job.account.fields = {"history": str(history_path()), "kept": is_kept(), "pictures": rows}
    if job.console.quiet:
        for entry in entries:
            if entry.path is not None and not entry.missing:
                job.console.written(Path(entry.path))
    for entry in entries:
        _show(job, entry)
    if not entries:
        job.console.report("No picture was noted here yet.")
    if not is_kept():
        job.console.say(f"No further ones are noted: {NO_HISTORY} is set.", "yellow")


def _show(job: Job, entry: Entry) -> None:
    where = "(standard output)" if entry.path is None else brief(entry.path, 400)
    size = f"{entry.size[0]} × {entry.size[1]}"
    count = f"{entry.pictures} pictures of " if entry.kind == "sweep" or entry.pictures > 1 else ""
    head = Text.assemble(f"{entry.time:%Y-%m-%d %H:%M}  ", (where, "bold"), ("  missing" * entry.missing, "red"))
    job.console.report(head)
    prompts = ", ".join(f'"{brief(prompt)}"' for prompt in entry.prompts)
    rest = f"{count}{size}, {entry.seconds:.1f} s"
    job.console.report(Text(f"  {prompts + ', ' if prompts else ''}{rest}", "dim"))
    if not _same(entry.folder):
        job.console.report(Text(f"  in {brief(entry.folder, 400)}", "dim"))
    job.console.report(f"  {escaped(entry.command)}" if entry.command else "  (its command is in its recipe)")


def _same(folder: str) -> bool:
    """Whether it is the current one."""
    try:
        return os.path.samefile(folder, os.curdir)
    except (OSError, ValueError):
        return False

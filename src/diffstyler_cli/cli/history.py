"""The pictures that were made here, a JSON line each, in the platform's folder for state. Imports no torch.

Written after every picture of the command line, unless DIFFSTYLER_NO_HISTORY or --no-metadata forbids it. What is read
may be anybody's: lines that make no sense are passed over.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..config_file import APP
from ..remote import Place, is_url
from .keeping import append, dispensable, forbidden, held, replace, tail

NO_HISTORY = "DIFFSTYLER_NO_HISTORY"
MOST = 1000
"""Entries that are kept."""
LARGEST = 1 << 20
"""Bytes of the file."""
LONGEST = 16 << 10
"""Bytes of a line. A command that makes it longer is left out; the picture's recipe has it."""
SLACK = 100
"""Entries beyond `MOST` before the file is written anew."""
LONGEST_PROMPT, MOST_PROMPTS = 400, 20
KINDS = ("stylize", "sweep")


@dataclass(frozen=True)
class Entry:
    """A picture, or a sweep.

    Args:
        time: when it was finished.
        kind: the command that made it.
        path: of the picture, or of the sweep's folder; None where it went to standard output.
        folder: the current one at that time, to which the command's paths belong.
        size: (width, height) of the picture, or of each of them.
        pictures: how many; 1 but for a sweep.
        command: makes the same again; "" where it was too long to keep.
    """

    time: datetime
    kind: str
    path: str | None
    folder: str
    size: tuple[int, int]
    pictures: int
    prompts: tuple[str, ...]
    seconds: float
    command: str

    @property
    def missing(self) -> bool:
        """Whether it had a file, which is gone."""
        try:
            return self.path is not None and not (is_url(self.path) or os.path.lexists(self.path))
        except (OSError, ValueError):
            return True

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"time": self.time.astimezone(UTC).isoformat(timespec="seconds")}


def history_path() -> Path:
    """Where the history is."""
    from platformdirs import user_state_path

    return user_state_path(APP, appauthor=False) / "history.jsonl"


def is_kept(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether pictures are noted."""
    return not forbidden(NO_HISTORY, environment)


def note(
    kind: str,
    path: Place | None,
    size: tuple[int, int],
    prompts: Sequence[str],
    seconds: float,
    command: str,
    pictures: int = 1,
) -> None:
    """Notes a picture or a sweep that was just finished; where that cannot be, nothing happens."""
    if not is_kept():
        return
    with dispensable("history"):
        place = None if path is None else os.path.abspath(path) if isinstance(path, Path) else str(path)
        told = tuple(prompt[:LONGEST_PROMPT] for prompt in prompts[:MOST_PROMPTS])
        entry = Entry(datetime.now(UTC), kind, place, os.getcwd(), size, pictures, told, round(seconds, 3), command)
        _add(history_path(), entry)


def _add(path: Path, entry: Entry) -> None:
    line = json.dumps(entry.to_json()).encode("ascii")  # lone surrogates, of names that are no UTF-8, as \udcXX
    if len(line) > LONGEST:
        line = json.dumps(entry.to_json() | {"command": ""}).encode("ascii")
    if len(line) > LONGEST:
        raise ValueError(f"an entry of {len(line):,} bytes")
    with held(path):
        append(path, line)
        size = path.stat().st_size
        lines = tail(path, LARGEST).splitlines()
        if size > LARGEST or len(lines) > MOST + SLACK:
            kept = lines[-MOST:]
            while sum(map(len, kept)) + len(kept) > 3 * LARGEST // 4:  # room for the next ones
                kept = kept[len(kept) // 8 + 1 :]
            replace(path, b"".join(each + b"\n" for each in kept))


def latest(count: int) -> list[Entry]:
    """The last entries, the newest first; what cannot be read is passed over."""
    found: list[Entry] = []
    with dispensable("history"):
        for entry in _backwards(history_path()):
            found.append(entry)
            if len(found) == count:
                break
    return found


def _backwards(path: Path) -> Iterator[Entry]:
    for line in reversed(tail(path, LARGEST).split(b"\n")):
        if line and len(line) <= LONGEST:
            entry = _entry(line)
            if entry is not None:
                yield entry


def _entry(line: bytes) -> Entry | None:
    """What a line says; None where it is no entry."""
    try:
        row = json.loads(line)
        time = datetime.fromisoformat(row["time"])
        path, size, seconds, pictures = row["path"], row["size"], row["seconds"], row["pictures"]
        texts = (row["folder"], row["command"], *row["prompts"], *([] if path is None else [path]))
        numbers = (*size, pictures)
        if (
            row["kind"] not in KINDS
            or not isinstance(row["prompts"], list)
            or not isinstance(size, list)
            or not all(isinstance(text, str) for text in texts)
            or not all(type(number) is int and 0 < number < 2**31 for number in numbers)
            or len(size) != 2
            or isinstance(seconds, bool)
            or not (isinstance(seconds, (int, float)) and math.isfinite(seconds) and 0 <= seconds < 1e9)
        ):
            return None
        return Entry(
            time.astimezone(), row["kind"], path, row["folder"], (size[0], size[1]), pictures,
            tuple(row["prompts"][:MOST_PROMPTS]), float(seconds), row["command"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, OSError):
        return None

"""manifest.jsonl: the account of all runs in a folder, a JSON line each thing that happened; lines are only ever added.

Several processes may add to it: a line is one write at the end of the file. What is read is trusted for nothing but
what can be checked: a line that makes no sense, such as the last of a process that was killed, is passed over.

Elsewhere, where files are only ever written as wholes, every process adds parts of its own (`parts.py`).
"""

from __future__ import annotations

import errno
import heapq
import json
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from .. import remote
from ..config import options
from ..remote import Place, Url, place_of

MANIFEST = "manifest.jsonl"
SCHEMA = "diffstyler.many/1"
FAMILY = "diffstyler.many/"
LONGEST = 1 << 20
"""Bytes of a line."""


class Manifest:
    """The manifest in `folder`, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self._descriptor: int | None = None

    def add(self, kind: str, row: Mapping[str, Any]) -> None:
        """Adds a line. Raises `OSError`."""
        line = line_of(kind, row)
        if self._descriptor is None:
            self._descriptor = self._opened()
        if os.write(self._descriptor, line) < len(line):  # what is left of it would spoil the next line
            self.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def rows(self) -> Iterator[dict[str, Any]]:
        """What was added, in order; nothing where there is no manifest."""
        parts = [rows_in(path) for path in sorted(self.path.with_suffix("").glob("*.jsonl"))]
        yield from in_order([rows_in(self.path), *parts])

    def close(self) -> None:
        """After it, `add` opens the file anew."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.path, flags, 0o666)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":  # the last line of one that was killed: ours begins after it
                os.write(descriptor, b"\n")
        return descriptor


class Rows(Protocol):
    """A manifest that can be read."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """What was added, in order."""


class Known:
    """What a manifest knows: the last line of each picture, and the seed of the last run. Without one, nothing."""

    def __init__(self, manifest: Rows | None) -> None:
        self.seed: int | None = None
        self._rows: dict[str, tuple[Any, ...]] = {}
        for row in () if manifest is None else manifest.rows():
            if row["kind"] == "run" and type(seed := row.get("seed")) is int:
                last = options()["seed"].high or 0
                self.seed = seed if 0 <= seed <= last else self.seed
            elif row["kind"] == "picture" and isinstance(row.get("file"), str):
                kept = ("status", "asked", "input", "output_state", "code", "error", "advice")
                self._rows[row["file"]] = tuple(row.get(name) for name in kept)

    def made(self, file: str) -> bool:
        """Whether a file is a picture that was made."""
        seen = self.of(file)
        return seen is not None and seen.status == "done"

    def of(self, file: str) -> Seen | None:
        """What is known of a picture by its path in the folder."""
        row = self._rows.get(file)
        return None if row is None else Seen(*row)


class Seen:
    """The last line of a picture."""

    def __init__(self, status: Any, asked: Any, photo: Any, output: Any, code: Any, error: Any, advice: Any) -> None:
        self.status, self.asked, self.photo, self.output = status, asked, photo, output
        self.code = code if type(code) is int and 0 < code < 256 else 1
        self.error, self.advice = str(error or ""), str(advice or "")


def state_of(path: str | Place) -> str:
    """What tells a file from itself after a change: length and time, or what a store says; "" where there is none.

    Raises `remote.Unreachable` for an address of which nobody can say.
    """
    place = place_of(path) if isinstance(path, str) else path
    if isinstance(place, Url):
        return remote.state(place)
    try:
        state = os.stat(place)
    except (OSError, ValueError):
        return ""
    return f"{state.st_size}-{state.st_mtime_ns}"


def line_of(kind: str, row: Mapping[str, Any]) -> bytes:
    """A line of a manifest."""
    whole = {"kind": kind, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **row}
    # lone surrogates, of names that are no UTF-8, as \udcXX
    return json.dumps(whole, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def rows_in(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; none where there is none."""
    try:
        if stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            with path.open("rb") as file:
                yield from rows_of(file)
    except OSError:
        return


def rows_of(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The rows of an open file."""
    while line := file.readline(LONGEST):
        row = _row(line)
        if row is not None:
            yield row


def in_order(parts: Iterable[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The rows of several files by their times."""
    return heapq.merge(*parts, key=lambda row: str(row.get("time", "")))


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line, parse_constant=lambda name: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("kind"), str) else None

"""manifest.jsonl: the account of all runs in a folder, a JSON line each thing that happened; lines are only ever added.

Several processes may add to it: a line is one write at the end of the file. What is read is trusted for nothing but
what can be checked: a line that makes no sense, such as the last of a process that was killed, is passed over.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..config import options

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
        whole = {"kind": kind, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **row}
        # lone surrogates, of names that are no UTF-8, as \udcXX
        line = json.dumps(whole, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
        if self._descriptor is None:
            self._descriptor = self._opened()
        if os.write(self._descriptor, line) < len(line):  # what is left of it would spoil the next line
            self.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def rows(self) -> Iterator[dict[str, Any]]:
        """What was added, in order; nothing where there is no manifest."""
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would be waited for
                return
            with self.path.open("rb") as file:
                while line := file.readline(LONGEST):
                    row = _row(line)
                    if row is not None:
                        yield row
        except OSError:
            return

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


class Known:
    """What a manifest knows: the last line of each picture, and the seed of the last run. Without one, nothing."""

    def __init__(self, manifest: Manifest | None) -> None:
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


def state_of(path: str | Path) -> str:
    """What tells a file from itself after a change: length and time; "" where there is none."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{state.st_size}-{state.st_mtime_ns}"


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line, parse_constant=lambda name: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("kind"), str) else None

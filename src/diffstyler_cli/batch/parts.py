"""The manifest of a folder elsewhere: files there are written as wholes, so every process writes parts of its own.

A part is a file of lines in manifest/. It is written anew as it grows, every few seconds at most, and is full after
some hundred lines. A process that is killed loses what came after its last writing: those pictures are known by their
recipes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from .. import remote
from ..errors import InputImageError
from ..remote import Place, Unreachable, Url
from .manifest import MANIFEST, Manifest, in_order, line_of, rows_of

FULL = 500
"""Lines of a part."""
EVERY = 5.0
"""Seconds between two writings, if lines come that fast."""
LARGEST = 64 << 20
"""Bytes of a part that is read."""


class Parts:
    """The manifest in `folder`, which need not be there yet."""

    def __init__(self, folder: Url) -> None:
        self._folder = folder
        self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"
        self._number = 1
        self._lines: list[bytes] = []
        self._kept = 0
        """Lines that are written."""
        self._at = float("-inf")

    def add(self, kind: str, row: Mapping[str, Any]) -> None:
        """Adds a line. Raises `OutputError`."""
        self._lines.append(line_of(kind, row))
        if len(self._lines) >= FULL or time.monotonic() - self._at >= EVERY:
            self._write()
        if len(self._lines) >= FULL:
            self._lines, self._kept, self._number = [], 0, self._number + 1

    def close(self) -> None:
        """Writes what is not written yet. Raises `OutputError`."""
        if self._kept < len(self._lines):
            self._write()

    def rows(self) -> Iterator[dict[str, Any]]:
        """What all processes added, by time; nothing where there is no manifest. Raises `Unreachable`."""
        folder, suffix = self._folder / f"{Path(MANIFEST).stem}/", Path(MANIFEST).suffix
        try:
            found = [file.url for file in remote.find(folder, recursive=False) if file.url.suffix == suffix]
        except Unreachable:
            raise
        except InputImageError:
            found = []
        yield from in_order(self._rows_in(url) for url in (self._folder / MANIFEST, *found))

    def _write(self) -> None:
        part = self._folder / f"{Path(MANIFEST).stem}/{self._name}-{self._number:06d}{Path(MANIFEST).suffix}"
        remote.write(part, b"".join(self._lines), force=True)
        self._kept, self._at = len(self._lines), time.monotonic()

    def _rows_in(self, url: Url) -> Iterator[dict[str, Any]]:
        try:
            data = remote.read(url, LARGEST)
        except Unreachable:
            raise
        except InputImageError:  # not there, or too long to be one
            return
        yield from rows_of(BytesIO(data))


def manifest_of(folder: Place) -> Manifest | Parts:
    """The manifest of a folder, here or elsewhere."""
    return Parts(folder) if isinstance(folder, Url) else Manifest(folder)

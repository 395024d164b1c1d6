"""The cache of full-size components: one folder each, with one safetensors file and a record of what it is.

    CACHE/photo/cc12m_1_cfg-4fc95ee1-fp16.safetensors     the weights, mapped when they are loaded
    CACHE/photo/record.json                               written last: without it there is no entry
    CACHE/parts/…                                         downloads under way or broken off
    CACHE/locks/photo.lock                                one process at a time fetches a component

Reading the cache writes nothing, so that a read-only one works.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import OutputError, WeightsError
from .digest import sha256

SCHEMA = "diffstyler.weights/1"
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CACHE_ADVICE = "Give --cache-dir DIR or set DIFFSTYLER_CACHE_DIR to a folder with room that you may write to."


@dataclass(frozen=True)
class Entry:
    """A component in the cache.

    Args:
        path: its file.
        size, sha256: of that file.
        source: where the original came from, as a person writes it.
        source_file, source_sha256: name and SHA-256 of the original.
        dtype: how the large tensors are stored, "fp16" or "fp32".
    """

    path: Path
    size: int
    sha256: str
    source: str
    source_file: str
    source_sha256: str
    dtype: str


class Cache:
    """The cache in `folder`, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> Entry | None:
        """The component's entry; None where there is none, or its file is gone or has another size."""
        try:
            record = json.loads((self.folder / key / "record.json").read_text(encoding="utf-8"))
            if record.pop("schema") != SCHEMA:
                return None
            entry = Entry(**record | {"path": self.folder / key / Path(record["path"]).name})
            return entry if entry.path.stat().st_size == entry.size else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def add(
        self, key: str, name: str, write: Callable[[Path], None], *, source: str, source_file: str,
        source_sha256: str, dtype: str,
    ) -> Entry:  # fmt: skip
        """Makes an entry from what `write` puts at the path that it is given; it replaces the one that was there.

        Raises:
            OutputError: the disk is full or the folder cannot be written.
        """
        folder = self.folder / key
        path = folder / f"{name}-{source_sha256[:8]}-{dtype}.safetensors"
        half_done = path.with_suffix(".tmp")
        with self.writing():
            folder.mkdir(parents=True, exist_ok=True)
            try:
                write(half_done)
                with half_done.open("rb+") as file:
                    os.fsync(file.fileno())
                entry = Entry(
                    path, half_done.stat().st_size, sha256(half_done), source, source_file, source_sha256, dtype
                )
                os.replace(half_done, path)
            finally:
                half_done.unlink(missing_ok=True)
            record = {"schema": SCHEMA, **dataclasses.asdict(entry), "path": path.name}
            write_json(folder / "record.json", record)
            for other in folder.iterdir():
                if other.name not in (path.name, "record.json"):
                    other.unlink()
        return entry

    def verify(self, key: str, on_bytes: Callable[[int], None] | None = None) -> None:
        """Compares the entry's file with its record; one that differs is deleted.

        Raises:
            WeightsError: there is no entry, or it is damaged.
        """
        entry = self.find(key)
        if entry is None:
            what = "is damaged" if (self.folder / key / "record.json").exists() else "is not in the cache"
            raise WeightsError(f"The {key} file {what}.", f"Run diffstyler download --only {key}.")
        if sha256(entry.path, on_bytes) != entry.sha256:
            self.remove(key)
            raise WeightsError(
                f"{entry.path} was damaged and is deleted: its SHA-256 is no longer what it was.",
                f"Run diffstyler download --only {key}.",
            )

    def remove(self, key: str) -> int:
        """Deletes the entry and what is left of its downloads; returns the bytes that were freed."""
        with self.writing():
            doomed = [*self.parts.glob(f"{key}-*"), *(self.folder / key).glob("*")]
            freed = sum(path.stat().st_size for path in doomed)
            for path in doomed:
                path.unlink()
            if (self.folder / key).is_dir():
                (self.folder / key).rmdir()
        return freed

    @property
    def parts(self) -> Path:
        """The folder of unfinished downloads."""
        return self.folder / "parts"

    def part(self, key: str, identity: str) -> Path:
        """Where what has arrived of a content lies; `identity` is its SHA-256, or its address."""
        return self.parts / f"{key}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.part"

    def free(self) -> int:
        """Free bytes where the cache is or would be."""
        place = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(place).free

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Keeps other processes from fetching the component; calls `on_wait` before it waits for one that does."""
        with self.writing():
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "locks" / f"{key}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, advice: str = CACHE_ADVICE) -> Iterator[None]:
        """Turns what the system says of a full disk or a folder that cannot be written into an `OutputError`."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL_DISK:
                raise OutputError(f"The disk of the cache {self.folder} is full.", advice) from error
            raise OutputError(
                f"The cache {self.folder} cannot be written: {error.strerror or error}.", CACHE_ADVICE
            ) from error


def write_json(path: Path, content: dict[str, object]) -> None:
    """Writes a JSON file whole or not at all."""
    half_done = path.with_name(path.name + ".tmp")
    half_done.write_text(json.dumps(content, indent=2), encoding="utf-8")
    os.replace(half_done, path)

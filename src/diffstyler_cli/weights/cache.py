"""The cache of full-size components: one folder each, with one safetensors file and a record of what it is.

    CACHE/photo/cc12m_1_cfg-4fc95ee1-fp16.safetensors     the weights, mapped when they are loaded
    CACHE/photo/record.json                               written last: without it there is no entry
    CACHE/photo/.diffstyler                               says that the folder was made for that
    CACHE/networks/…                                      repositories of others, see snapshots.py
    CACHE/parts/…                                         downloads under way or broken off
    CACHE/locks/photo.lock                                one process at a time fetches a component

Reading the cache writes nothing, so that a read-only one works. What is deleted
is what the cache itself has written: files of its own names, in folders that it made, never through a link. All else in
its folder is somebody else's and stays.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import OutputError, WeightsError
from ..roles import KEYS
from .digest import sha256
from .registry import without_userinfo

SCHEMA = "diffstyler.weights/1"
MARKER = ".diffstyler"
NETWORKS = "networks"
"""Folder of the repositories that `weights.snapshots` keeps beside the components."""
RECORD = "record.json"
OURS = re.compile(r".+-[0-9a-f]{8}-fp(16|32)\.(safetensors|tmp)|record\.json(\.tmp)?|\.diffstyler")
"""Names of files in a component's folder."""
LARGEST_RECORD = 1 << 20
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
        entry = self._recorded(key)
        try:
            there = entry is not None and entry.path.is_file() and entry.path.stat().st_size == entry.size
        except OSError:
            return None
        return entry if there else None

    def _recorded(self, key: str) -> Entry | None:
        """What the component's record says, whatever is beside it; None where it is no record of ours."""
        path = self.folder / key / RECORD
        try:
            if not path.is_file() or path.stat().st_size > LARGEST_RECORD:
                return None
            record = json.loads(path.read_text(encoding="utf-8"))
            if record.pop("schema") != SCHEMA:
                return None
            entry = Entry(**record | {"path": self.folder / key / Path(record["path"]).name})
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        texts = (entry.sha256, entry.source, entry.source_file, entry.source_sha256, entry.dtype)
        if not all(isinstance(text, str) for text in texts) or type(entry.size) is not int:
            return None
        if not OURS.fullmatch(entry.path.name) or entry.path.suffix != ".safetensors":
            return None
        return dataclasses.replace(entry, source=without_userinfo(entry.source))

    def add(
        self, key: str, name: str, write: Callable[[Path], None], *, source: str, source_file: str,
        source_sha256: str, dtype: str,
    ) -> Entry:  # fmt: skip
        """Makes an entry from what `write` puts at the path that it is given; it replaces the one that was there.

        Raises:
            OutputError: the disk is full, the folder cannot be written, or holds a record that is not the cache's.
        """
        folder = self.folder / key
        path = folder / f"{name}-{source_sha256[:8]}-{dtype}.safetensors"
        half_done = path.with_suffix(".tmp")
        with self.writing():
            if (folder / RECORD).exists() and not self._owns(key) and self._recorded(key) is None:
                raise OutputError(f"{folder} holds a {RECORD} that is not of diffstyler's cache.", CACHE_ADVICE)
            folder.mkdir(parents=True, exist_ok=True)
            if not any(folder.iterdir()) and not folder.is_symlink():
                (folder / MARKER).touch()
            half_done.unlink(missing_ok=True)
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
            old = [each for each in self._own(key) if each.name not in (path.name, RECORD, MARKER)]
            record = {"schema": SCHEMA, **dataclasses.asdict(entry), "path": path.name}
            write_json(folder / RECORD, record)
            for each in old:
                each.unlink(missing_ok=True)
        return entry

    def _owns(self, key: str) -> bool:
        """Whether the component's folder was made by a cache: it has the mark, or is as caches without one left it."""
        folder = self.folder / key
        if folder.is_symlink() or not folder.is_dir():
            return False
        names = [path.name for path in folder.iterdir()]
        return MARKER in names or (any(name != RECORD for name in names) and all(map(OURS.fullmatch, names)))

    def _own(self, key: str) -> list[Path]:
        """The files in the component's folder that the cache may delete; of a folder not its own, what it recorded."""
        folder, entry = self.folder / key, self._recorded(key)
        if self._owns(key):
            return [path for path in folder.iterdir() if OURS.fullmatch(path.name) and not path.is_dir()]
        if folder.is_symlink() or entry is None:
            return []
        return [path for path in (entry.path, folder / RECORD) if path.is_file()]

    def unfinished(self, key: str) -> list[Path]:
        """The component's unfinished downloads and the notes beside them."""
        if self.parts.is_symlink() or not self.parts.is_dir():
            return []
        name = re.compile(re.escape(key) + r"-[0-9a-f]{16}\.(part|json|json\.tmp)")
        return [path for path in self.parts.iterdir() if name.fullmatch(path.name) and not path.is_dir()]

    def foreign(self, key: str) -> list[Path]:
        """What is where the component lies or would lie, but is not the cache's own: `remove` leaves it alone."""
        folder = self.folder / key
        if folder.is_symlink():
            return [folder]
        try:
            return sorted(set(folder.iterdir()) - set(self._own(key))) if folder.is_dir() else []
        except OSError:
            return [folder]

    def keeps(self, path: Path) -> bool:
        """Whether a path leads into one of the folders that the cache makes, there or not."""
        ours = Path(os.path.realpath(self.folder))
        real = Path(os.path.realpath(path))
        return real.is_relative_to(ours) and real.relative_to(ours).parts[:1] in {
            (n,) for n in (*KEYS, NETWORKS, "parts", "locks")
        }

    def arrived(self, key: str) -> int:
        """Bytes of the component's unfinished downloads."""
        try:
            return sum(path.lstat().st_size for path in self.unfinished(key) if path.suffix == ".part")
        except OSError:
            return 0

    def verify(self, key: str, on_bytes: Callable[[int], None] | None = None) -> None:
        """Compares the entry's file with its record; one that differs is deleted.

        Raises:
            WeightsError: there is no entry, or it is damaged.
        """
        entry = self.find(key)
        if entry is None:
            what = "is damaged" if (self.folder / key / RECORD).exists() else "is not in the cache"
            raise WeightsError(f"The {key} file {what}.", f"Run diffstyler download --only {key}.")
        if sha256(entry.path, on_bytes) != entry.sha256:
            self.remove(key)
            gone = (
                "was damaged and is deleted" if not entry.path.exists() else "is damaged (and not in a folder of ours)"
            )
            raise WeightsError(
                f"{entry.path} {gone}: its SHA-256 is no longer what it was.",
                f"Run diffstyler download --only {key}.",
            )

    def remove(self, key: str) -> int:
        """Deletes the entry and what is left of its downloads, no file of anybody else; returns the bytes freed."""
        with self.writing():
            freed = _delete([*self.unfinished(key), *self._own(key)])
            if not (self.folder / key).is_symlink():
                with contextlib.suppress(OSError):  # not there, or not empty: then it holds what is not ours
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


def _delete(doomed: Iterable[Path]) -> int:
    freed = 0
    for path in doomed:
        freed += path.lstat().st_size
        path.unlink()
    return freed


def write_json(path: Path, content: dict[str, object]) -> None:
    """Writes a JSON file whole or not at all."""
    half_done = path.with_name(path.name + ".tmp")
    half_done.unlink(missing_ok=True)  # a link is not followed
    half_done.write_text(json.dumps(content, indent=2), encoding="utf-8")
    os.replace(half_done, path)

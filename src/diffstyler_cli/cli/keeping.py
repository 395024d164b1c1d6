"""Small files that stay between runs: read within bounds, changed by one process at a time, replaced whole.

None of them is worth a run: what goes wrong with one is for the log.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .terminal.console import LOG

PATIENCE = 5.0
"""Seconds to wait for another process that holds the file; each holds it for milliseconds."""


@contextmanager
def dispensable(what: str) -> Iterator[None]:
    """What fails inside is logged, and the run goes on: a full disk, a folder that may not be written to, a lock."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # a path that cannot be, no home folder
        LOG.debug("%s: %s: %s", what, type(error).__name__, error)


def forbidden(variable: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an environment variable says that something is not to be kept."""
    return environment.get(variable, "").lower() not in ("", "0", "false")


@contextmanager
def held(path: Path, *, private: bool = True) -> Iterator[None]:
    """Holds `path` against other processes that use this; makes its folder, if `private` for this user alone."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    with FileLock(f"{path}.lock", timeout=PATIENCE):
        yield


def tail(path: Path, most: int) -> bytes:
    """The last `most` bytes of a file, without a line that they cut; b"" where there is no regular file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            return b""
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            data = file.read(most)
    except FileNotFoundError:
        return b""
    return data if size <= most else data.partition(b"\n")[2]


def append(path: Path, line: bytes) -> None:
    """Adds a line to the file that is `held`, also after one that another process did not finish."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no file")
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        whole = size == 0 or os.pread(file.fileno(), 1, size - 1) == b"\n" if hasattr(os, "pread") else True
        file.write((b"" if whole else b"\n") + line + b"\n")


def replace(path: Path, data: bytes) -> None:
    """Puts `data` in the place of the file, whole or not at all; for this user alone to read."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise

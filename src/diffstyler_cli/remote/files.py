"""Files by address: what is there, what tells them after a change, their bytes."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import DiffStylerError, InputImageError, UsageError
from ..naming import cut
from . import systems
from .address import Place, Url
from .systems import CHECK, Unreachable, Unwritable, ask, limited, reason, system

LARGEST = 1 << 30
"""Bytes of a file that is read."""
CHUNK = 8 << 20
_WHOLE = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "tos", "tosfs", "memory", "hf")
)
"""Stores where a file appears whole or not at all by itself. Elsewhere it is written under another name first."""
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "Content-MD5", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "modified", "updated", "created")


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a folder elsewhere: its address, its path within the folder, and what tells it after a change."""

    url: Url
    path: str
    state: str


# --- what is there ---------------------------------------------------------------------------------------------------
def exists(place: Place) -> bool:
    """Whether a file or link is there. Raises `InputImageError` where nobody can say."""
    return _info(place) is not None if isinstance(place, Url) else os.path.lexists(place)


def is_folder(place: Place) -> bool:
    """Whether it is a folder. An address that ends in "/" is one, whatever is there; one with a suffix is none."""
    if isinstance(place, Path):
        try:
            return place.is_dir()
        except ValueError:
            return False
    if place.is_web:
        return False
    return place.text.endswith("/") or (not place.suffix and bool(ask(place, lambda files, path: files.isdir(path))))


def state(url: Url) -> str:
    """What tells a file from itself after a change: length and ETag, checksum or time. "" where there is none, or where
    the store says nothing of it. Raises `InputImageError` where nobody can say."""
    info = _info(url)
    return "" if info is None else _state(info)


def length(url: Url) -> int | None:
    """Of a file, in bytes; None where nobody says. Raises `InputImageError`."""
    size = (_info(url) or {}).get("size")
    return size if isinstance(size, int) else None


def find(folder: Url, *, recursive: bool) -> Iterator[Found]:
    """The files in a folder, by name. Raises `InputImageError`."""

    def listed(files: Any, path: str) -> dict[str, Any]:
        root = files._strip_protocol(folder.text)
        found: dict[str, Any] = files.find(root, maxdepth=None if recursive else 1, detail=True)
        return found

    yield from _below(folder, ask(folder, listed, systems.LISTING))


def matches(pattern: Url) -> tuple[Url, list[Found]]:
    """The folder that a pattern begins with, and the files below it that it stands for. Raises `InputImageError`."""
    fixed = re.match(r"[^*?\[]*/", pattern.text)
    assert fixed is not None
    folder = Url(fixed[0])
    found = ask(pattern, lambda files, path: files.glob(path, detail=True), systems.LISTING)
    return folder, list(_below(folder, found))


def _below(folder: Url, found: dict[str, Any]) -> Iterator[Found]:
    files, _ = system(folder)
    root = files._strip_protocol(folder.text).rstrip("/") + "/"
    for path, info in sorted(found.items()):
        if path.startswith(root) and info.get("type", "file") == "file" and not path.endswith("/"):
            inside = path[len(root) :]
            yield Found(folder / inside, inside, _state(info))


# --- bytes -----------------------------------------------------------------------------------------------------------
def read(url: Url, most: int = LARGEST) -> bytes:
    """A file's bytes. Raises `InputImageError`, for one longer than `most` before it is fetched."""
    info = _info(url)
    if info is None:
        raise InputImageError(f"{cut(str(url))} does not exist.", "Check the address.")
    if info.get("type") == "directory":
        raise InputImageError(f"{cut(str(url))} is a folder, not an image.", 'End it in "/" for the photos in it.')
    size = info.get("size")
    if isinstance(size, int) and size > most:
        raise _too_long(url, most)

    def opened(files: Any, path: str) -> Any:
        more = {"block_size": 0, "size": size or 1} if url.is_web else {"block_size": CHUNK}
        return files.open(path, "rb", **more)

    if size == 0:
        return b""
    began, stream, data = time.monotonic(), ask(url, opened), bytearray()
    try:
        while chunk := ask(url, lambda files, path: stream.read(CHUNK)):
            data += chunk
            if len(data) > most:
                raise _too_long(url, most)
            if time.monotonic() - began > systems.PATIENCE + len(data) / systems.SLOWEST:
                raise Unreachable(f"{cut(str(url))} comes too slowly: {len(data):,} bytes so far.", CHECK)
    finally:
        with suppress(Exception):  # whatever became of the connection
            limited(url, lambda files, path: stream.close(), min(systems.PATIENCE, 5.0))
    if isinstance(size, int) and len(data) < size and not url.is_web:  # there the answer itself is counted
        raise Unreachable(f"{cut(str(url))} broke off after {len(data):,} of {size:,} bytes.", "Run it again.")
    return bytes(data)


def write(url: Url, data: bytes, *, force: bool) -> None:
    """Puts a file there, whole or not at all. Raises `FileExistsError` without `force` where one is there, and
    `Unwritable`."""
    check_writable(url)
    seconds = systems.PATIENCE + len(data) / systems.SLOWEST

    def put(files: Any, path: str) -> None:
        if url.protocol in _WHOLE:
            _put(files, path, data, force)
            return
        if not force and files.exists(path):
            raise FileExistsError(path)
        folder = files._parent(path)
        files.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.diffstyler-{secrets.token_hex(8)}.tmp"
        try:
            files.pipe_file(temporary, data)
            files.mv(temporary, path)
        except BaseException:
            with suppress(Exception):  # what went wrong is said
                files.rm_file(temporary)
            raise

    try:
        limited(url, put, seconds)
    except (FileExistsError, DiffStylerError):
        raise
    except Exception as error:
        raise Unwritable(f"{cut(str(url))} cannot be written: {reason(error)}.", CHECK) from error


def _put(files: Any, path: str, data: bytes, force: bool) -> None:
    if not force:
        try:
            files.pipe_file(path, data, mode="create")
            return
        except TypeError:  # one that has no such condition
            if files.exists(path):
                raise FileExistsError(path) from None
    files.pipe_file(path, data)


def check_writable(url: Url) -> None:
    """Raises `UsageError` for an address that nothing can be written to."""
    if url.is_web:
        raise UsageError(f"Nothing can be written to {cut(str(url))}, a web address.", "Give a file or folder with -o.")


def _too_long(url: Url, most: int) -> InputImageError:
    return InputImageError(f"{cut(str(url))} is longer than {most >> 20:,} MiB.", "Give a smaller file.")


def _info(url: Url) -> dict[str, Any] | None:
    """What the store says of a file; None where there is none."""

    def asked(files: Any, path: str) -> dict[str, Any] | None:
        try:
            info: dict[str, Any] = files.info(path)
        except FileNotFoundError as error:
            cause = error.__cause__
            # of the web every fault is one; what it was is behind it
            if url.is_web and cause is not None and getattr(cause, "status", None) not in (404, 410):
                raise cause from None
            return None
        return info

    found: dict[str, Any] | None = ask(url, asked)
    return found


def _state(info: dict[str, Any]) -> str:
    size = info.get("size")
    tag = next((info[name] for name in (*_TAGS, *_TIMES) if info.get(name)), None)
    if isinstance(tag, datetime):  # in a list of files the same time may be a number
        tag = tag.timestamp()
    text = f"{tag:.6f}" if isinstance(tag, float) else str(tag).strip('"')
    return "" if tag is None else f"{size}-{text}"

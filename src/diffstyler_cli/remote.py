"""Files elsewhere, by address: s3://bucket/a.jpg, gs://, memory://, whatever fsspec has a file system for.

fsspec is imported when the first address is opened. Every failure is an error of ours; no message holds a password.
"""

from __future__ import annotations

import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from .errors import DiffStylerError, InputImageError, OutputError, UsageError
from .naming import cut, without_secrets

PATIENCE = 60.0
"""Seconds that a store may be silent."""
SLOWEST = 10_000
"""Bytes a second, on the whole."""
LISTING = 600.0
"""Seconds that a list of files may take."""
LARGEST = 1 << 30
"""Bytes of a file that is read."""
CHUNK = 8 << 20

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_FILE = re.compile(r"file:/(?:/?/?localhost/|/*)", re.IGNORECASE)
_WEB = ("http", "https")
_WHOLE = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "tos", "tosfs", "memory", "hf")
)
"""Stores where a file appears whole or not at all by itself. Elsewhere it is written under another name first."""
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp",
    "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol",
}  # fmt: skip
"""What has to be installed for a protocol."""
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "Content-MD5", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "modified", "updated", "created")

T = TypeVar("T")


class Unreachable(InputImageError):
    """A file that could not be read for what may be over by the next time: no network, no answer, no right."""


class Unwritable(OutputError):
    """A file that a store did not take: no fault of the picture, and the next would not be taken either."""


@dataclass(frozen=True, slots=True)
class Url:
    """The address of a file or folder, where a `Path` might be. As a text it is without its secrets; `text` has all."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return without_secrets(self.text)

    @property
    def protocol(self) -> str:
        """s3, gs, https, ..."""
        return self.text.partition("://")[0].lower()

    @property
    def is_web(self) -> bool:
        """Whether it is of a web page: one file, never a folder or a pattern, and nothing can be written there."""
        return self.protocol in _WEB

    @property
    def name(self) -> str:
        """The last part, without the parameters of a web address."""
        rest = self.text.partition("://")[2]
        if not self.is_web:
            return rest.rstrip("/").rpartition("/")[2]
        from urllib.parse import unquote

        name = re.split(r"[?#]", rest)[0].rstrip("/").rpartition("/")
        return re.sub(r"[/\0]", "-", unquote(name[2])) if name[1] else ""

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return Path(self.name).stem or "picture"

    @property
    def suffix(self) -> str:
        """The end of the name, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> Url:
        """The folder."""
        head, slashes, rest = self.text.partition("://")
        return Url(head + slashes + "".join(rest.rstrip("/").rpartition("/")[:2]))

    def with_name(self, name: str) -> Url:
        """Another file of the folder."""
        return self.parent / name

    def __truediv__(self, name: str) -> Url:
        if not name:
            return self
        name = re.sub("[\ud800-\udfff]", "_", name)  # bytes of a local name that are no UTF-8
        return Url(f"{self.text}{'' if self.text.endswith('/') else '/'}{name}")

    def shares_store(self, other: Url) -> bool:
        """Whether another address is of the same host or bucket."""
        parts = 1 if self.protocol in ("memory", "local") else 3
        return self.text.split("/")[:parts] == other.text.split("/")[:parts]

    def holds(self, other: str) -> str | None:
        """The path of another address within this folder; None where it lies elsewhere."""
        folder = self.text if self.text.endswith("/") else f"{self.text}/"
        return other[len(folder) :] if other.startswith(folder) else None


Place: TypeAlias = Path | Url
AnyPlace = TypeVar("AnyPlace", bound=Path | Url)


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a folder elsewhere: its address, its path within the folder, and what tells it after a change."""

    url: Url
    path: str
    state: str


def is_url(text: str) -> bool:
    """Whether `text` is the address of something elsewhere, and no file's name."""
    match = _ADDRESS.match(text)
    return match is not None and match[1].lower() != "file" and not os.path.lexists(text)


def place_of(text: str) -> Place:
    """An address, or a path."""
    return Url(text) if is_url(text) else Path(text)


def text_of_place(place: Place) -> str:
    """The other way, whole: with what must not be shown."""
    return place.text if isinstance(place, Url) else str(place)


def local(text: str) -> str:
    """The path that a file:// address names, also one that as a `Path` has lost slashes; any other text as it is."""
    match = _FILE.match(text)
    if match is None or os.path.lexists(text):
        return text
    from urllib.parse import unquote

    return unquote("/" + text[match.end() :], errors="surrogateescape")


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
    return place.text.endswith("/") or (not place.suffix and bool(_ask(place, lambda files, path: files.isdir(path))))


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

    yield from _below(folder, _ask(folder, listed, LISTING))


def matches(pattern: Url) -> tuple[Url, list[Found]]:
    """The folder that a pattern begins with, and the files below it that it stands for. Raises `InputImageError`."""
    fixed = re.match(r"[^*?\[]*/", pattern.text)
    assert fixed is not None
    folder = Url(fixed[0])
    found = _ask(pattern, lambda files, path: files.glob(path, detail=True), LISTING)
    return folder, list(_below(folder, found))


def _below(folder: Url, found: dict[str, Any]) -> Iterator[Found]:
    files, _ = _system(folder)
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
    began, stream, data = time.monotonic(), _ask(url, opened), bytearray()
    try:
        while chunk := _ask(url, lambda files, path: stream.read(CHUNK)):
            data += chunk
            if len(data) > most:
                raise _too_long(url, most)
            if time.monotonic() - began > PATIENCE + len(data) / SLOWEST:
                raise Unreachable(f"{cut(str(url))} comes too slowly: {len(data):,} bytes so far.", _CHECK)
    finally:
        with suppress(Exception):  # whatever became of the connection
            stream.close()
    if isinstance(size, int) and len(data) < size and not url.is_web:  # there the answer itself is counted
        raise Unreachable(f"{cut(str(url))} broke off after {len(data):,} of {size:,} bytes.", "Run it again.")
    return bytes(data)


def write(url: Url, data: bytes, *, force: bool) -> None:
    """Puts a file there, whole or not at all. Raises `FileExistsError` without `force` where one is there, and
    `Unwritable`."""
    check_writable(url)
    seconds = PATIENCE + len(data) / SLOWEST

    def put(files: Any, path: str) -> None:
        if url.protocol in _WHOLE:
            files.pipe_file(path, data, mode="overwrite" if force else "create")
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
        _limited(url, put, seconds)
    except (FileExistsError, DiffStylerError):
        raise
    except Exception as error:
        raise Unwritable(f"{cut(str(url))} cannot be written: {_reason(error)}.", _CHECK) from error


def check_writable(url: Url) -> None:
    """Raises `UsageError` for an address that nothing can be written to."""
    if url.is_web:
        raise UsageError(f"Nothing can be written to {cut(str(url))}, a web address.", "Give a file or folder with -o.")


def _too_long(url: Url, most: int) -> InputImageError:
    return InputImageError(f"{cut(str(url))} is longer than {most >> 20:,} MiB.", "Give a smaller file.")


# --- file systems ----------------------------------------------------------------------------------------------------
_CHECK = "Check the address, the network, and what fsspec needs to get in there."
_systems: dict[tuple[Any, ...], tuple[Any, Any]] = {}
_making = threading.Lock()


def _system(url: Url) -> tuple[Any, Any]:
    """The file system of an address, one for all threads of this process, and what to hold while it is used."""
    import fsspec

    try:
        kind = fsspec.get_filesystem_class(url.protocol)
    except ValueError as error:
        raise UsageError(
            f"{url.protocol}:// is no kind of address that fsspec knows.", "Give a path, or an address such as s3://..."
        ) from error
    except ImportError as error:
        package = _PACKAGES.get(url.protocol, "")
        pipe = " Or get the photo first, with curl, and pipe it in as -." if url.is_web else ""
        raise UsageError(
            f"{url.protocol}:// needs {package or 'a package that is not installed'}.",
            (f"pip install {package}" if package else without_secrets(str(error))) + pipe,
        ) from error
    options = kind._get_kwargs_from_urls(url.text)
    key = (os.getpid(), url.protocol, *sorted((name, str(value)) for name, value in options.items()))
    with _making:
        if key not in _systems:
            made = kind(**options, skip_instance_cache=True)
            # those that are not asynchronous have one connection
            _systems[key] = made, nullcontext() if made.async_impl else threading.Lock()
        return _systems[key]


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

    found: dict[str, Any] | None = _ask(url, asked)
    return found


def _state(info: dict[str, Any]) -> str:
    size = info.get("size")
    tag = next((info[name] for name in (*_TAGS, *_TIMES) if info.get(name)), None)
    if isinstance(tag, datetime):  # in a list of files the same time may be a number
        tag = tag.timestamp()
    text = f"{tag:.6f}" if isinstance(tag, float) else str(tag).strip('"')
    return "" if tag is None else f"{size}-{text}"


def _ask(url: Url, call: Callable[[Any, str], T], seconds: float | None = None) -> T:
    """What a file system answers. Raises `InputImageError` for what goes wrong."""
    try:
        return _limited(url, call, PATIENCE if seconds is None else seconds)
    except DiffStylerError:
        raise
    except FileNotFoundError as error:
        raise InputImageError(f"{cut(str(url))} does not exist.", "Check the address.") from error
    except Exception as error:  # every store has its own
        raise Unreachable(f"{cut(str(url))} cannot be read: {_reason(error)}.", _CHECK) from error


def _limited(url: Url, call: Callable[[Any, str], T], seconds: float) -> T:
    """`call` in a thread of its own, which is left alone where it takes longer. Raises `TimeoutError` then."""
    answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(1)

    def run() -> None:
        try:
            files, lock = _system(url)
            with lock:
                files.invalidate_cache()  # others write there, too
                answers.put((call(files, files._strip_protocol(url.text)), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]  # of a call that returned


def _reason(error: BaseException) -> str:
    """What went wrong, on one line and without a secret."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return " ".join(f"the answer is {status} {getattr(error, 'message', '')}".split())
    text = " ".join(without_secrets(str(error)).split())
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket or folder"
    return text[:300].rstrip(".") or type(error).__name__

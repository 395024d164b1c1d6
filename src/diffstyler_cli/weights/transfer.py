"""Getting a file over HTTP, whatever the network does: resumed, hashed as it comes, checked before it counts.

What has arrived lies in a `.part` file. As a file is known by its SHA-256, a part that one source began can be finished
by another, and by another process; should the whole then have another hash, it is deleted and fetched once from the
start.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import TypeVar

import httpx2
from rich.filesize import decimal

from ..errors import OutputError
from ..version import __version__
from .cache import Cache, write_json
from .registry import without_userinfo

TRIES = 5
"""Attempts in a row that bring nothing (less than `ENOUGH`) before a source is given up."""
ALL_TRIES = 200
"""Attempts at a source, whatever they bring."""
ENOUGH = 64 << 10
"""Bytes beyond all that were there before: an attempt that brings fewer has brought nothing."""
PATIENCE = 60.0
"""Seconds in which that many must come, or the attempt is over."""
BACKOFF = 1.0
"""Seconds before the second attempt; doubled for each further one, up to `LONGEST_WAIT`."""
LONGEST_WAIT = 30.0
TIMEOUT = httpx2.Timeout(30, connect=10)
CHUNK = 1 << 20
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may be better the next time."""
STATUSES = {
    401: "it wants a login (401); for the Hub set HF_TOKEN",
    403: "access is forbidden (403)",
    404: "there is no such file (404)",
    407: "the proxy wants a login (407)",
    410: "the file is gone for good (410)",
}
NO_NETWORK = "there is no network"
ROOM_ADVICE = "Free some space and run it again (what has arrived is kept), or give --cache-dir DIR on another disk."


class SourceFailed(Exception):
    """A source cannot give the file; the text says why, as part of a sentence."""


class Unreachable(SourceFailed):
    """It is not the source: this machine reaches no network, and asking another source would not help."""


class Passing(Exception):
    """Something that may be better the next time; `wait` is what the server asks for, in seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Args:
        url: its address.
        accepts: whether a file of that SHA-256 is the right one.
        identity: names the content, whichever server it comes from: a SHA-256 where one is known, else the address.
        headers: to be sent; authorisation does not follow a redirect to another host.
        size: bytes, if they are known exactly.
        limit: bytes that the file can have at most; more than that are not fetched, whatever a server says.
        pinned: whether the address can never lead to another content, whatever validator its server gives.
    """

    url: str
    accepts: Callable[[str], bool]
    identity: str
    headers: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    limit: int = 1 << 40
    pinned: bool = False

    @property
    def unknown(self) -> bool:
        """Whether no SHA-256 is known, so that nothing but its server tells whether two halves are of one file."""
        return self.identity == self.url


@dataclass(frozen=True)
class Progress:
    """How far a step is: `done` of `total` bytes (None: unknown). `note` is a line for a person, mostly ""."""

    step: str
    done: int
    total: int | None
    note: str = ""


Report = Callable[[Progress], None]
T = TypeVar("T")


def download(remote: Remote, cache: Cache, key: str, reserve: int, report: Report) -> tuple[Path, str]:
    """Gets the file; returns where it lies, in the cache's `parts`, and its SHA-256.

    Args:
        reserve: bytes that must stay free besides the file's own.

    Raises:
        SourceFailed: the source does not give the right file; nothing but a part that can be resumed is left.
        OutputError: the disk has no room for it, or the cache cannot be written.
    """
    with Part(cache, key, remote.identity, report) as part:
        part.joined = part.size > 0
        if remote.unknown or not remote.accepts(part.sha256):  # else it was whole already
            _arrive(part, remote, reserve, report)
        if part.joined and not remote.accepts(part.sha256):
            note = "what was there of it does not fit; fetching it from the start"
            report(Progress("download", 0, remote.size, note))
            part.restart()
            _arrive(part, remote, reserve, report)
        digest = part.sha256
        if not remote.accepts(digest):
            part.discard()
            raise SourceFailed(f"its file is another one (SHA-256 {digest[:12]}…); deleted")
        part.forget_sender()
    return part.path, digest


class Part:
    """What has arrived of a file, and its hash so far. Beside it lies the validator of the server that sent it."""

    def __init__(self, cache: Cache, key: str, identity: str, report: Report) -> None:
        self.cache = cache
        self.path = cache.part(key, identity)
        self._memo = self.path.with_suffix(".json")
        self._hash = hashlib.sha256()
        self.joined = False
        """Whether it is put together from several answers, which may have been of several files."""
        with self._writing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_symlink():  # somebody else's file is at its end
                self.path.unlink()
            self._file = self.path.open("a+b", buffering=CHUNK)
            self._file.seek(0)
            self.size = 0
            total = self.path.stat().st_size
            while chunk := self._file.read(CHUNK):
                self._hash.update(chunk)
                self.size += len(chunk)
                report(Progress("check what is there", self.size, total))

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk was reported by the write
            self._file.close()
        if self.path.exists() and not self.path.stat().st_size:
            self.discard()

    @property
    def sha256(self) -> str:
        """Of what is there."""
        return self._hash.hexdigest()

    def validator(self, url: str) -> str:
        """What `url` said its file was when it sent the beginning; "" if it sent none."""
        try:
            memo = json.loads(self._memo.read_text(encoding="utf-8"))
            return _usable(str(memo["validator"])) if memo["url"] == without_userinfo(url) else ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ""

    def begin(self, url: str, validator: str) -> None:
        """Notes who sends from here on."""
        self.joined = self.joined or self.size > 0
        with self._writing():
            write_json(self._memo, {"url": without_userinfo(url), "validator": validator})

    def append(self, chunk: bytes) -> None:
        """Adds what has arrived. Raises `OutputError` if the disk is full."""
        with self._writing():
            self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def forget_sender(self) -> None:
        """Deletes that note: the file is whole."""
        self._memo.unlink(missing_ok=True)

    def flush(self) -> None:
        """Brings what was added to the disk. Raises `OutputError` if that is full."""
        with self._writing():
            self._file.flush()

    def restart(self) -> None:
        """Forgets everything."""
        with self._writing():
            self._file.flush()
            self._file.truncate(0)
        self._hash = hashlib.sha256()
        self.size = 0
        self.joined = False

    def discard(self) -> None:
        """Deletes it."""
        self.path.unlink(missing_ok=True)
        self._memo.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self.cache.writing(ROOM_ADVICE):
            yield


def persist(attempt: Callable[[], T], arrived: Callable[[], int], report: Report) -> T:
    """Calls `attempt` until no `Passing` fault stops it; `arrived` counts the bytes that are there.

    Raises:
        SourceFailed: `TRIES` attempts in a row brought nothing that was not there before, or `ALL_TRIES` were made.
    """
    failures, most = 0, arrived()
    for tries in range(1, ALL_TRIES + 1):
        try:
            return attempt()
        except Passing as fault:
            failures = 1 if arrived() >= most + ENOUGH else failures + 1
            most = max(most, arrived())
            if failures >= TRIES or tries == ALL_TRIES:
                raise SourceFailed(f"{fault} ({max(failures, tries)} attempts)") from fault
            wait = min(max(fault.wait, BACKOFF * 2 ** (failures - 1)), LONGEST_WAIT)
            note = f"{fault}; trying again in {wait:.0f} s"
        report(Progress("download", arrived(), None, note))
        sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _arrive(part: Part, remote: Remote, reserve: int, report: Report) -> None:
    """Fetches until the file is whole. Raises `SourceFailed`."""
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        persist(lambda: _attempt(client, part, remote, reserve, report), lambda: part.size, report)


def _attempt(client: httpx2.Client, part: Part, remote: Remote, reserve: int, report: Report) -> None:
    """One request for what is missing. Raises `Passing` and `SourceFailed`."""
    headers = {"User-Agent": f"diffstyler/{__version__}", **remote.headers, "Accept-Encoding": "identity"}
    validator = "" if remote.pinned else part.validator(remote.url)
    if part.size and not (validator or remote.pinned or not remote.unknown):
        part.restart()  # nothing would tell whether both halves are of one file
    if part.size:
        headers |= {"Range": f"bytes={part.size}-"} | ({"If-Range": validator} if validator else {})
    try:
        with client.stream("GET", remote.url, headers=headers) as response:
            total = _settle(response, part, remote, validator)
            if total != part.size:
                _check_room(part, total, reserve)
                part.begin(remote.url, _validator(response))
                _receive(response, part, remote.limit if total is None else total, total, report)
    except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
        raise fault(error) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:  # ValueError: a header that says nonsense
        raise SourceFailed(reason(error)) from error
    if total is not None and part.size < total:
        raise Passing(f"the server stopped after {part.size:,} of {total:,} bytes")


def _receive(response: httpx2.Response, part: Part, most: int, total: int | None, report: Report) -> None:
    """Adds what is sent to the part. Raises `Passing` and `SourceFailed`."""
    since, then = monotonic(), part.size
    for chunk in response.iter_raw():  # in lots as they arrive: a fault loses none
        if not part.size and chunk.lstrip()[:1] == b"<":
            raise SourceFailed("it sent a web page, not the file")
        if part.size + len(chunk) > most:
            part.restart()
            raise SourceFailed(
                f"it sent more than the {most:,} bytes {'of' if total else 'that are possible for'} the file"
            )
        part.append(chunk)
        report(Progress("download", part.size, total))
        if monotonic() - since > PATIENCE:
            if part.size - then < ENOUGH and part.size != total:
                raise Passing("the server sends next to nothing")
            since, then = monotonic(), part.size
    part.flush()


def _settle(response: httpx2.Response, part: Part, remote: Remote, validator: str) -> int | None:
    """Reads the answer's head: the file's size, if said; what is there of it is dropped unless the answer goes on."""
    status = response.status_code
    if status in PASSING:
        wait = response.headers.get("Retry-After", "")
        raise Passing(f"the server answers {status}", float(wait) if wait.isdecimal() else 0.0)
    where = re.fullmatch(
        r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)", response.headers.get("Content-Range", "")
    )
    if status == 416 and where and where[2] == str(part.size):
        return part.size
    goes_on = status == 206 and where is not None and where[1] == str(part.size)
    if status in (206, 416) and not goes_on:
        part.restart()
        raise Passing("the server sends another part than the one that is missing")
    if goes_on and validator and _validator(response) != validator and (_validator(response) or remote.unknown):
        part.restart()
        raise Passing("the file has changed at its source; fetching it anew")
    if not goes_on and status != 200:
        raise SourceFailed(STATUSES.get(status, f"the server answers {status}"))
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceFailed("it sent a web page, not the file")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceFailed("it compresses the file on the way")
    length = where[2] if goes_on and where else response.headers.get("Content-Length", "")
    if length.isdecimal() and len(length) > 18:
        raise SourceFailed(f"it says a length of {len(length):,} digits")
    total = int(length) if re.fullmatch("[0-9]{1,18}", length) else remote.size
    if remote.size is not None and total != remote.size:
        raise SourceFailed(f"its file has {total:,} bytes, not {remote.size:,}")
    if total is not None and total > remote.limit:
        raise SourceFailed(
            f"it says that its file has {decimal(total)}, more than is possible ({decimal(remote.limit)})"
        )
    if not goes_on and part.size:
        part.restart()
    return total


def _check_room(part: Part, total: int | None, reserve: int) -> None:
    needed, free = max(0, (total or 0) - part.size) + reserve, part.cache.free()
    if free < needed:
        what = f"The disk of the cache {part.cache.folder} is too small"
        raise OutputError(f"{what}: {decimal(free)} free, {decimal(needed)} needed.", ROOM_ADVICE)


def _validator(response: httpx2.Response) -> str:
    """What If-Range may be given: a strong ETag, or else the date of the last change."""
    etag: str = response.headers.get("ETag", "")
    return _usable(etag if etag.startswith('"') else str(response.headers.get("Last-Modified", "")))


def _usable(validator: str) -> str:
    """A validator that can be sent back; "" for any other."""
    return validator if validator.isascii() and validator.isprintable() and len(validator) <= 1000 else ""


def fault(error: Exception) -> Passing | SourceFailed:
    """What a fault of the network comes to: without names, or without a way out, trying again does not help."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes and len(causes) < 20:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            if cause.errno == socket.EAI_AGAIN:  # nobody answered; the other answers are of a name that does not exist
                return Unreachable(f"{NO_NETWORK}: no server's name can be looked up")
            return SourceFailed("there is no server of that name")
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.ENETDOWN):
            return Unreachable(NO_NETWORK)
    return Passing(reason(error))


def reason(error: Exception) -> str:
    """What the network did, in a few words."""
    if isinstance(error, httpx2.ProxyError):
        return f"the proxy does not let it through ({brief(error)})"
    if isinstance(error, httpx2.ConnectTimeout):
        return "the server does not answer"
    if isinstance(error, httpx2.TimeoutException):
        return "the server has gone silent"
    if isinstance(error, httpx2.ConnectError):
        return f"there is no connection ({brief(error)})"
    if isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
        return "the connection broke"
    if isinstance(error, httpx2.InvalidURL):
        return "that is no web address"  # the library's text may quote a password
    return f"its answer makes no sense: {brief(error)}" if type(error) is ValueError else brief(error)


def brief(error: Exception) -> str:
    """An error's text on one line of a bearable length."""
    text = " ".join(without_userinfo(str(error)).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:159]}…"

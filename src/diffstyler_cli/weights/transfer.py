"""Getting a file over HTTP, whatever the network does: resumed, hashed as it comes, checked before it counts.

What has arrived lies in a `.part` file. As a file is known by its SHA-256, a part that one source began can be finished
by another, and by another process; should the whole then have another hash, it is deleted and fetched once from the
start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import TypeVar

import httpx2

from ..errors import OutputError
from ..version import __version__
from .cache import Cache, write_json

TRIES = 5
"""Attempts in a row that bring no byte before a source is given up."""
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
ROOM_ADVICE = "Free some space and run it again (what has arrived is kept), or give --cache-dir DIR on another disk."


class SourceFailed(Exception):
    """A source cannot give the file; the text says why, as part of a sentence."""


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
        pinned: whether the address can never lead to another content, whatever validator its server gives.
    """

    url: str
    accepts: Callable[[str], bool]
    identity: str
    headers: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    pinned: bool = False


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
        resumed = part.size > 0
        if remote.identity == remote.url or not remote.accepts(part.sha256):  # else it was whole already
            _arrive(part, remote, reserve, report)
        if resumed and not remote.accepts(part.sha256):
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
        with self._writing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
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
            return str(memo["validator"]) if memo["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, url: str, validator: str) -> None:
        """Notes who sends from here on."""
        with self._writing():
            write_json(self._memo, {"url": url, "validator": validator})

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
        SourceFailed: `TRIES` attempts in a row brought nothing.
    """
    failures = 0
    while True:
        before = arrived()
        try:
            return attempt()
        except Passing as fault:
            failures = 1 if arrived() > before else failures + 1
            if failures >= TRIES:
                raise SourceFailed(f"{fault} ({TRIES} attempts)") from fault
            wait = min(max(fault.wait, BACKOFF * 2 ** (failures - 1)), LONGEST_WAIT)
            note = f"{fault}; trying again in {wait:.0f} s"
        report(Progress("download", arrived(), None, note))
        sleep(wait)


def _arrive(part: Part, remote: Remote, reserve: int, report: Report) -> None:
    """Fetches until the file is whole. Raises `SourceFailed`."""
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        persist(lambda: _attempt(client, part, remote, reserve, report), lambda: part.size, report)


def _attempt(client: httpx2.Client, part: Part, remote: Remote, reserve: int, report: Report) -> None:
    """One request for what is missing. Raises `Passing` and `SourceFailed`."""
    headers = {"User-Agent": f"diffstyler/{__version__}", **remote.headers, "Accept-Encoding": "identity"}
    validator = "" if remote.pinned else part.validator(remote.url)
    if part.size and not (validator or remote.pinned or remote.identity != remote.url):
        part.restart()  # nothing would tell whether both halves are of one file
    if part.size:
        headers |= {"Range": f"bytes={part.size}-"} | ({"If-Range": validator} if validator else {})
    try:
        with client.stream("GET", remote.url, headers=headers) as response:
            total = _settle(response, part, remote)
            if total != part.size:
                _check_room(part, total, reserve)
                part.begin(remote.url, _validator(response))
                for chunk in response.iter_raw():  # in lots as they arrive: a fault loses none
                    if not part.size and chunk.lstrip()[:1] == b"<":
                        raise SourceFailed("it sent a web page, not the file")
                    part.append(chunk)
                    report(Progress("download", part.size, total))
                part.flush()
    except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
        raise Passing(reason(error)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SourceFailed(reason(error)) from error
    if total is not None and part.size < total:
        raise Passing(f"the server stopped after {part.size:,} of {total:,} bytes")
    if total is not None and part.size > total:
        part.restart()
        raise SourceFailed(f"it sent more than the {total:,} bytes of the file")


def _settle(response: httpx2.Response, part: Part, remote: Remote) -> int | None:
    """Reads the answer's head: the file's size, if said; what is there of it is dropped unless the answer goes on."""
    status = response.status_code
    if status in PASSING:
        wait = response.headers.get("Retry-After", "")
        raise Passing(f"the server answers {status}", float(wait) if wait.isdecimal() else 0.0)
    where = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if status == 416 and where and where[2] == str(part.size):
        return part.size
    goes_on = status == 206 and where is not None and where[1] == str(part.size)
    if status in (206, 416) and not goes_on:
        part.restart()
        raise Passing("the server sends another part than the one that is missing")
    if not goes_on and status != 200:
        raise SourceFailed(STATUSES.get(status, f"the server answers {status}"))
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceFailed("it sent a web page, not the file")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceFailed("it compresses the file on the way")
    length = where[2] if goes_on and where else response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else remote.size
    if remote.size is not None and total != remote.size:
        raise SourceFailed(f"its file has {total:,} bytes, not {remote.size:,}")
    if not goes_on and part.size:
        part.restart()
    return total


def _check_room(part: Part, total: int | None, reserve: int) -> None:
    needed, free = max(0, (total or 0) - part.size) + reserve, part.cache.free()
    if free < needed:
        what = f"The disk of the cache {part.cache.folder} is too small"
        raise OutputError(f"{what}: {size(free)} free, {size(needed)} needed.", ROOM_ADVICE)


def size(count: float) -> str:
    """Bytes as a person reads them: "2.41 GB", "3.1 kB"."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def _validator(response: httpx2.Response) -> str:
    """What If-Range may be given: a strong ETag, or else the date of the last change."""
    etag: str = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def reason(error: Exception) -> str:
    """What the network did, in a few words."""
    if isinstance(error, httpx2.ProxyError):
        return f"the proxy does not let it through ({error})"
    if isinstance(error, httpx2.ConnectTimeout):
        return "the server does not answer"
    if isinstance(error, httpx2.TimeoutException):
        return "the server has gone silent"
    if isinstance(error, httpx2.ConnectError):
        return f"there is no connection ({error})"
    if isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
        return "the connection broke"
    return str(error) or type(error).__name__

"""Servers on loopback for real clients: plain files, enough of the Hub's protocol, a proxy; with faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class Fault:
    """What goes wrong with the next `times` GET requests of a file.

    kind: "drop" closes the connection after `at` bytes; "stall" goes silent there; "short" ends there, without ever
    having said how long the file is; "more" sends `at` bytes too many, without saying; "no range" sends the whole
    file when asked for a part; "other part" sends another part than was asked for; "other file" sends other bytes;
    "page" sends a web page with status 200; "zip" says that the body is compressed; a number is a status; "says" lies
    in its `headers`; "no part" answers 416 when asked for a part and else breaks off after `at` bytes; "part anyway"
    ignores If-Range, "blind" sends no ETag either; "endless" sends `at` bytes without a length; "trickle" sends a byte
    every 50 ms, `at` times.
    """

    kind: str
    at: int = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 300
    over: threading.Event = field(default_factory=threading.Event)
    """"stall" is silent until it is over, or for so many seconds."""
    then: Callable[[], None] | None = None
    """Called once the fault has happened."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    headers: dict[str, str]


class Server:
    """Serves `files` by path; /OWNER/REPO/resolve/REVISION/FILE as the Hub does, with the bytes behind a redirect.

    `hub_errors` by repository: (status, X-Error-Code) instead of an answer. As a proxy it answers for every host.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.hub: dict[str, bytes] = {}
        self.hub_errors: dict[str, tuple[int, str]] = {}
        self.store: Server | None = None
        """Where the Hub redirects to for the bytes; this server itself if None."""
        self.licences: dict[str, str] = {}
        """By repository, as its card says; those that are not here say none."""
        self.linked_size = 0
        """What the Hub says that its files have; 0 for the truth."""
        self.log: list[Request] = []
        self.sent = 0
        """Bytes that went out endlessly."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                owner.answer(self)

            do_HEAD = do_GET

        class Http(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients go away in the middle: that is what is tested

        self._http = Http(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def gets(self, path: str = "") -> list[Request]:
        """The GET requests of paths that contain `path`."""
        return [request for request in self.log if request.method == "GET" and path in request.path]

    def ranges(self, path: str = "") -> list[str]:
        """The Range headers of those, "" where there was none."""
        return [request.headers.get("range", "") for request in self.gets(path)]

    # --- answering ---------------------------------------------------------------------------------------------------
    def answer(self, http: BaseHTTPRequestHandler) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(http.path).path)
        self.log.append(Request(http.command, http.path, {k.lower(): v for k, v in http.headers.items()}))
        try:
            if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._hub(http, *match.groups())
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
                self._listing(http, *match.groups())
            elif path in self.files:
                self._file(http, path, self.files[path])
            else:
                _say(http, 404)
        except (BrokenPipeError, ConnectionResetError):
            http.close_connection = True

    def _known(self, http: BaseHTTPRequestHandler, repository: str, revision: str) -> list[str] | None:
        """The files of a repository; None where an error was answered instead."""
        if repository in self.hub_errors:
            status, code = self.hub_errors[repository]
            _say(http, status, {"X-Error-Code": code, "X-Error-Message": "told so"} if code else {})
            return None
        known = [name.removeprefix(f"{repository}/") for name in self.hub if name.startswith(f"{repository}/")]
        if not known:
            _say(http, 401, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            _say(http, 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            return known
        return None

    def _listing(self, http: BaseHTTPRequestHandler, repository: str, revision: str) -> None:
        """The Hub's JSON of a repository, with the size of every file and the SHA-256 of large ones."""
        known = self._known(http, repository, revision)
        if known is None:
            return
        rows: list[dict[str, object]] = []
        for file in known:
            content = self.hub[f"{repository}/{file}"]
            row: dict[str, object] = {"rfilename": file, "size": self.linked_size or len(content), "blobId": "0" * 40}
            if _large(file):
                digest = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"size": row["size"], "sha256": digest, "pointerSize": 130}
            rows.append(row)
        licence = self.licences.get(repository)
        facts: dict[str, object] = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": rows,
                                    "tags": [f"license:{licence}"] if licence else [], "private": False,
                                    "downloads": 0, "likes": 0}  # fmt: skip
        if licence:
            facts["cardData"] = {"license": licence}
        _say(http, 200, {"Content-Type": "application/json"}, json.dumps(facts).encode())

    def _hub(self, http: BaseHTTPRequestHandler, repository: str, revision: str, file: str) -> None:
        known = self._known(http, repository, revision)
        if known is None:
            return None
        if file not in known:
            return _say(http, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content = self.hub[f"{repository}/{file}"]
        if not _large(file):  # small files come from the Hub itself
            return self._file(http, f"/{repository}/resolve/{revision}/{file}", content)
        digest = hashlib.sha256(content).hexdigest()
        store = self.store or self
        store.files[f"/store/{digest}"] = content
        headers = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(self.linked_size or len(content)),
            "Location": f"{store.url}/store/{digest}?signature=abc",
        }
        return _say(http, 302, headers)

    def _file(self, http: BaseHTTPRequestHandler, path: str, content: bytes) -> None:
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        fault = self.faults.get(path) if http.command == "GET" else None
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                del self.faults[path]
            if fault.kind.isdecimal():
                _say(http, int(fault.kind), fault.headers)
                return None
            if fault.kind == "page":
                return _say(http, 200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Sign in</html>")
            if fault.kind == "zip":
                return _say(http, 200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + bytes(30))
            if fault.kind == "other file":
                content = bytes(reversed(content))
        kind = fault.kind if fault else ""
        if kind == "no part" and http.headers.get("Range"):
            return _say(http, 416)
        start = self._start(http, etag, len(content), kind)
        if start is None:
            return _say(http, 416, {"Content-Range": f"bytes */{len(content)}"})
        if start and kind == "other part":
            start -= 1
        body = content[start:]
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Content-Length": str(len(body))}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if kind == "blind":
            del headers["ETag"]
        headers |= fault.headers if fault else {}
        if kind in ("short", "more", "endless"):
            del headers["Content-Length"]
            headers["Connection"] = "close"
        http.send_response(206 if start else 200)
        for name, value in headers.items():
            http.send_header(name, value)
        http.end_headers()
        if http.command == "HEAD":
            return None
        at = fault.at if fault else 0
        if kind in ("drop", "short", "stall", "no part"):
            body = body[:at]
        elif kind == "endless":
            for _ in range(0, at, 1 << 16):
                http.wfile.write(bytes(1 << 16))
                self.sent += 1 << 16
            body = b""
        elif kind == "trickle":
            for index in range(at):
                http.wfile.write(body[index : index + 1])
                fault.over.wait(0.05) if fault else None
            body = b""
        elif kind == "more":
            body += bytes(at)
        http.wfile.write(body)
        http.wfile.flush()
        if kind in ("drop", "short", "more", "stall", "no part", "endless", "trickle"):
            http.close_connection = True
        if kind == "stall":
            fault.over.wait(fault.seconds) if fault else None
        if fault and fault.then:
            fault.then()
        return None

    def _start(self, http: BaseHTTPRequestHandler, etag: str, size: int, kind: str) -> int | None:
        """Where the answer starts; None where that is not in the file."""
        asked = re.fullmatch(r"bytes=(\d+)-", http.headers.get("Range", ""))
        if asked is None or kind == "no range":
            return 0
        if http.headers.get("If-Range", etag) != etag and kind not in ("part anyway", "blind"):
            return 0
        return int(asked[1]) if int(asked[1]) < size else None


def _large(file: str) -> bool:
    """Whether the Hub stores a file beside the repository (Git LFS), and knows its SHA-256."""
    return not file.endswith((".json", ".txt", ".md"))


def _say(http: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
    http.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        http.send_header(name, value)
    http.end_headers()
    if http.command != "HEAD":
        http.wfile.write(body)

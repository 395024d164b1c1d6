"""The file systems behind addresses: one for all threads of a process, asked with patience that ends.

fsspec is imported when the first address is opened. Every failure is an error of ours; no message holds a password.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from ..errors import DiffStylerError, InputImageError, OutputError, UsageError
from ..naming import cut, without_secrets
from .address import Url

PATIENCE = 60.0
"""Seconds that a store may be silent."""
SLOWEST = 10_000
"""Bytes a second, on the whole."""
LISTING = 600.0
"""Seconds that a list of files may take."""
CHECK = "Check the address, the network, and what fsspec needs to get in there."
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp",
    "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol",
}  # fmt: skip
"""What has to be installed for a protocol."""

_systems: dict[tuple[Any, ...], tuple[Any, Any]] = {}
_making = threading.Lock()

T = TypeVar("T")


class Unreachable(InputImageError):
    """A file that could not be read for what may be over by the next time: no network, no answer, no right."""


class Unwritable(OutputError):
    """A file that a store did not take: no fault of the picture, and the next would not be taken either."""


def system(url: Url) -> tuple[Any, Any]:
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
            made = kind(**options, **(_of_web() if url.is_web else {}), skip_instance_cache=True)
            # those that are not asynchronous have one connection
            _systems[key] = made, nullcontext() if made.async_impl else threading.Lock()
        return _systems[key]


def _of_web() -> dict[str, Any]:
    """What a client of the web needs: the proxies of the environment, and patience for each part of an answer alone."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)
    return {"client_kwargs": {"trust_env": True, "timeout": timeout}}


def ask(url: Url, call: Callable[[Any, str], T], seconds: float | None = None) -> T:
    """What a file system answers. Raises `InputImageError` for what goes wrong."""
    try:
        return limited(url, call, PATIENCE if seconds is None else seconds)
    except DiffStylerError:
        raise
    except FileNotFoundError as error:
        raise InputImageError(f"{cut(str(url))} does not exist.", "Check the address.") from error
    except Exception as error:  # every store has its own
        raise Unreachable(f"{cut(str(url))} cannot be read: {reason(error)}.", CHECK) from error


def limited(url: Url, call: Callable[[Any, str], T], seconds: float) -> T:
    """`call` in a thread of its own, which is left alone where it takes longer. Raises `TimeoutError` then."""
    answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(1)

    def run() -> None:
        try:
            files, lock = system(url)
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


def reason(error: BaseException) -> str:
    """What went wrong, on one line and without a secret."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return " ".join(f"the answer is {status} {getattr(error, 'message', '')}".split())
    text = " ".join(without_secrets(str(error)).split())
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket or folder"
    return text[:300].rstrip(".") or type(error).__name__

"""Places that one run must not use for two things: its inputs, its results, its log, the program's own files."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import DiffStylerError, UsageError
from ..remote import Place, Url

CASELESS = sys.platform in ("darwin", "win32")
"""Whether names that differ in case alone, or in how accents are composed, are one file's."""

_HEAD = 4096


def same_place(one: Path | str, other: Path | str) -> bool:
    """Whether two paths are one file, or would be if they were there: by links, hard links, another case."""
    try:
        if os.path.samefile(one, other):
            return True
    except (OSError, ValueError):  # one of them is not there
        pass
    return _real(one) == _real(other)


def inside(path: Place | str, folder: Path | str) -> bool:
    """Whether `path`, or what it leads to, is `folder` or lies in it."""
    if isinstance(path, Url):
        return False
    given = Path(path)
    ways = (Path(os.path.realpath(given.parent)) / given.name, Path(os.path.realpath(given)))
    return any(same_place(each, folder) for way in ways for each in (way, *way.parents))


def check_log(log: Path, given: Mapping[str, Any], writes: Iterable[Path] = ()) -> None:
    """Finds out before the log is opened whether lines can be appended there without harm.

    Args:
        given: the arguments by name; each path among them is an input or an output.
        writes: where the command writes beside those; a folder with all that is in it.

    Raises:
        UsageError: the log is another file of the run, of a sweep or of the cache, or no text.
    """
    wrong = (
        (any(same_place(log, path) for path in _named(given)), "is another file of this run"),
        (any(inside(log, path) for path in writes), "is where the results of this run go"),
        (_is_of_sweep(log), "is a file of a sweep"),
        (_is_ours(log, given), "is a file of diffstyler's configuration or cache"),
        (not _is_text(log), "is there already, and no text"),
    )
    for found, what in wrong:
        if found:
            raise UsageError(f"--log-file {log} {what}.", "Give it a name of its own.")


def _named(given: Mapping[str, Any]) -> Iterator[str]:
    for value in (value for name, value in given.items() if "prompt" not in name):
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, (str, Path)):
                yield str(item).partition("\0")[0]  # a region's mask stands before its prompt
                yield from {str(item).rpartition(":")[0]} - {""}  # a style image may have its weight


def _is_of_sweep(log: Path) -> bool:
    from ..sweep.folder import PAGE, TABLE
    from ..sweep.manifest import MANIFEST

    real = Path(os.path.realpath(log))
    if real.parent.name == "cells":
        return (real.parent.parent / MANIFEST).is_file()
    own = real.name in (MANIFEST, PAGE, TABLE) or real.match("grid*.png")
    return own and (real.parent / MANIFEST).is_file()


def _is_ours(log: Path, given: Mapping[str, Any]) -> bool:
    from ..config_file import config_path
    from ..weights.cache import Cache
    from ..weights.settings import read_settings

    if same_place(log, config_path()):
        return True
    try:
        settings = read_settings(cache=given.get("cache_dir"))
    except DiffStylerError:  # said by what needs them
        return False
    return any(same_place(log, path) for path in settings.paths.values()) or Cache(settings.cache).keeps(log)


def _is_text(log: Path) -> bool:
    try:
        if not log.is_file():  # not there; or a device, which takes anything
            return True
        with log.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):  # said when it is opened
        return True
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == _HEAD and error.start > _HEAD - 4 and b"\0" not in head  # cut within a character
    return b"\0" not in head


def _real(path: Path | str) -> str:
    real = os.path.realpath(path)
    return unicodedata.normalize("NFC", real).casefold() if CASELESS else real

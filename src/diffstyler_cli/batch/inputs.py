"""Which photos a run is of: files, folders, patterns, lists, here or by address. Nothing is read here but names."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import remote
from ..errors import InputImageError
from ..naming import cut
from ..remote import Place, Url, exists, is_url, local, place_of

LONGEST_LINE = 1 << 20
"""Bytes of a line in a list."""
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo by its path or address; `under` is the folder, below that of the results, that mirrors its own.

    `state` is what tells it from itself after a change (`manifest.state_of`), where a list of files has said so.
    """

    path: str
    under: str = ""
    state: str = ""


@dataclass
class Found:
    """The photos that were meant, each once, and how many files in folders were passed over as no pictures."""

    photos: list[Photo] = field(default_factory=list)
    passed_over: int = 0


def is_pattern(word: str) -> bool:
    """Whether `word` stands for files by a pattern, and is no file itself."""
    if is_url(word):
        return glob.has_magic(word) and not Url(word).is_web and not exists(Url(word))
    return glob.has_magic(word) and not os.path.lexists(word)


def is_folder(word: str) -> bool:
    """Whether `word` is a folder's path or address."""
    return remote.is_folder(place_of(word)) and not is_pattern(word)


def matches(pattern: str) -> list[str]:
    """The files of a pattern on this machine, in order; "**" goes through folders."""
    return sorted(path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path))


def find_photos(
    words: Sequence[str], is_photo: Callable[[str], bool], *, recursive: bool = False, but: Place | None = None
) -> Found:
    """The photos of files, folders and patterns, in the order in which they are given.

    Of a folder, and of a pattern, they are the files that are named as photos; hidden ones are passed over.

    Args:
        is_photo: whether a file's name is that of a photo.
        recursive: also those in folders within folders.
        but: a folder whose files do not count: that of the results.

    Raises:
        InputImageError: a folder or a pattern without any, or a folder that cannot be read.
    """
    found, seen = Found(), set()
    for word in words:
        if is_url(word):
            photos = list(_elsewhere(Url(word), is_photo, recursive, but, found))
        elif is_pattern(word):
            photos = list(_of_pattern(word, is_photo))
        elif os.path.isdir(word):
            photos = list(_of_folder(word, is_photo, recursive, but if isinstance(but, Path) else None, found))
        else:
            photos = [Photo(word)]
        if not photos:
            what = "matches no picture" if is_pattern(word) else "holds no picture"
            more = "" if recursive or is_pattern(word) else "; --recursive looks into its folders, too"
            raise InputImageError(f"{cut(word)} {what}.", f"Check the path{more}.")
        for photo in photos:
            place = photo.path if is_url(photo.path) else os.path.normpath(photo.path)
            if place not in seen:
                seen.add(place)
                found.photos.append(photo)
    return found


def listed(data: bytes) -> list[str]:
    """The paths of a list: one a line, or with a NUL after each, as `find -print0` has it; empty lines are none.

    Addresses are as they are, but for file://, which is a path.
    """
    return [local(text) for text in map(_decoded, _split(data)[0]) if text]


def lines_of(descriptor: int) -> Iterator[str]:
    """The lines of a stream as they come; with a NUL after each where the first ends in one. Empty lines are left out.

    What is longer than `LONGEST_LINE` comes cut. It is read past Python's own buffer, whose lock a thread that waits in
    it would hold at the end of the program.
    """
    rest, separator = b"", b""
    while chunk := os.read(descriptor, _CHUNK):
        rest += chunk
        separator = separator or _separator(rest)
        *lines, rest = rest.split(separator) if separator else [rest]
        if len(rest) > LONGEST_LINE:
            rest = rest[: LONGEST_LINE + 1]
        yield from filter(None, map(_decoded, lines))
    if text := _decoded(rest):
        yield text


def _separator(data: bytes) -> bytes:
    return b"\0" if b"\0" in data else b"\n" if b"\n" in data else b""


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    separator = _separator(data) or b"\n"
    return data.split(separator), separator


def _decoded(line: bytes) -> str:
    return os.fsdecode(line.removesuffix(b"\r")[: LONGEST_LINE + 1])


def _elsewhere(
    url: Url, is_photo: Callable[[str], bool], recursive: bool, but: Place | None, found: Found
) -> Iterator[Photo]:
    """The photos of an address: a pattern, a folder, or one."""
    if is_pattern(url.text):
        folder, files = remote.matches(url)
    elif remote.is_folder(url):
        folder, files = url, list(remote.find(url, recursive=recursive))
    else:
        yield Photo(url.text)
        return
    within = None if not isinstance(but, Url) else folder.holds(f"{but.text.rstrip('/')}/")
    but = but if within else None  # where both are one folder, pictures are known by the manifest
    for file in files:
        parts = file.path.split("/")
        if any(part.startswith(".") and part not in (".", "..") for part in parts):
            continue
        if isinstance(but, Url) and but.holds(file.url.text) is not None:
            continue
        # nothing that is called so leads out of the folder of the results
        if {"", ".", ".."} & set(parts) or "\0" in file.path or not is_photo(parts[-1]):
            found.passed_over += not is_pattern(url.text)
            continue
        yield Photo(file.url.text, "/".join(parts[:-1]), file.state)


def _of_pattern(pattern: str, is_photo: Callable[[str], bool]) -> Iterator[Photo]:
    root = pattern
    while glob.has_magic(root):
        root = os.path.dirname(root)
    for path in matches(pattern):
        if is_photo(path):
            yield Photo(path, os.path.relpath(os.path.dirname(path) or ".", root or ".").removeprefix("."))


def _of_folder(
    folder: str, is_photo: Callable[[str], bool], recursive: bool, but: Path | None, found: Found
) -> Iterator[Photo]:
    left_out = None if but is None else os.path.realpath(but)

    def fail(error: OSError) -> None:
        raise InputImageError(
            f"The folder {cut(str(error.filename))} cannot be read: {error.strerror}.", "Check who may read it."
        ) from error

    for place, folders, files in os.walk(folder, onerror=fail):
        under = os.path.relpath(place, folder).removeprefix(".")
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(place, name)) != left_out
        )
        for name in sorted(files):
            if name.startswith("."):
                continue
            if is_photo(name):
                yield Photo(os.path.join(place, name).removeprefix("./"), under)
            else:
                found.passed_over += 1

"""Writing pictures: named safely, checked early, written whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from .. import remote
from ..errors import OutputError, UsageError
from ..naming import beginning, cut, name_of, slug, text_of
from ..remote import AnyPlace, Place, Url
from .encode import FORMATS, PLAIN, SUFFIXES, Recipe, Saving, check_format, check_side, encode

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_STEM_BYTES = 120


def output_format(path: Place | str, option: str = "-o") -> str:
    """Pillow's name of the format that the suffix names. Raises `UsageError` for one that cannot be written."""
    suffix = (path if isinstance(path, Url) else Path(path)).suffix.lower()
    if suffix not in SUFFIXES:
        what = f"the suffix {suffix!r}, which is no format that can be written" if suffix else "no suffix"
        *others, last = (format.suffixes[0] for format in FORMATS.values())
        raise UsageError(f"The output {str(path)!r} has {what}.", f"End {option} in {', '.join(others)} or {last}.")
    check_format(SUFFIXES[suffix])
    return SUFFIXES[suffix]


def check_output(path: Place, inputs: Iterable[Place] = (), force: bool = False, option: str = "-o") -> None:
    """Find out before the work whether `path`, which `option` gave, can be written.

    Raises:
        UsageError: unknown suffix; a folder or device; the same file as one of `inputs`, by whatever link (even with
            `force`); an existing file without `force`.
        OutputError: the folder is missing or may not be written to.
    """
    output_format(path, option)
    if isinstance(path, Url):
        _check_address(path, inputs, force, option)
        return
    try:
        folder = _target(path).parent
        for place in (path.parent, folder):  # "gone/../a.png" has a target, but no way there
            if not place.is_dir():
                raise OutputError(
                    f"The output folder {str(place)!r} does not exist.", f"Create it, or give another with {option}."
                )
        existing = _stat(path)
        if existing and any(_same_file(existing, other) for other in inputs):
            raise UsageError(f"The output {str(path)!r} is an input file.", f"Give another name with {option}.")
        if existing and not stat.S_ISREG(existing.st_mode):
            raise UsageError(f"The output {str(path)!r} is not a regular file.", f"Give a file name with {option}.")
        if os.path.lexists(path) and not force:
            raise _exists(UsageError, path, option)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise OutputError(
                f"The output folder {str(folder)!r} may not be written to.", f"Give another with {option}."
            )
    except (OSError, ValueError) as error:
        raise _failed(path, error, option) from error


def _check_address(url: Url, inputs: Iterable[Place], force: bool, option: str) -> None:
    remote.check_writable(url)
    if url in inputs:
        raise UsageError(f"The output {cut(str(url))} is an input file.", f"Give another name with {option}.")
    if not force and remote.exists(url):
        raise _exists(UsageError, url, option)


def check_size(size: tuple[int, int], path: Place) -> None:
    """Raises `OutputError` where the format that the suffix of `path` names holds no picture of `size`."""
    check_side(size, output_format(path))


def automatic_name(input_path: Place | None, words: Sequence[str], folder: AnyPlace, suffix: str = ".png") -> AnyPlace:
    """A free name such as photo-oil-painting.png in `folder`; photo-oil-painting-2.png and so on if taken.

    Without an input file the name begins with "picture". To write there against other processes, use `write_numbered`.
    """
    stem = "picture" if input_path is None else re.sub(r"[\x00-\x1f\x7f]", "-", text_of(input_path.stem))
    name = name_of(f"{beginning(stem, _STEM_BYTES)}-{slug(' '.join(words))}{suffix}")
    return free_name(folder / name)  # type: ignore[return-value]  # of the folder's kind


def numbered(path: AnyPlace, number: int) -> AnyPlace:
    """out.png, 2 -> out-2.png"""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")  # type: ignore[return-value]  # of its kind


def free_name(path: AnyPlace) -> AnyPlace:
    """`path`, or where that is taken the next free number: out.png, out-2.png, out-3.png."""
    return next(free for free in _candidates(path) if not remote.exists(free))


def next_name(path: AnyPlace) -> AnyPlace:
    """As `free_name`, but a number that `path` has already is counted on: out-2.png, out-3.png."""
    if not remote.exists(path):
        return path
    plain = path.with_name(re.sub(r"-\d+$", "", path.stem) + path.suffix)
    return free_name(plain)  # type: ignore[return-value]  # of its kind


def write_image(
    image: Image.Image,
    path: Place,
    recipe: Recipe | None = None,
    force: bool = False,
    option: str = "-o",
    saving: Saving = PLAIN,
) -> list[str]:
    """Write `image` with `recipe` at `path`, atomically; returns notes on what the format could not keep.

    The file is complete under a temporary name in the same folder before it takes its own. Without `force` an existing
    file is never replaced, even one that appears at the last moment; with it, a link is followed and the old file's
    permissions are kept.

    Raises `OutputError` if it cannot be written (nothing is left behind then), `UsageError` for an unknown suffix.
    """
    data, notes = encode(image, output_format(path, option), recipe, saving)
    try:
        _write(data, path, force)
    except FileExistsError as error:
        raise _exists(OutputError, path, option) from error
    except (OSError, ValueError) as error:
        raise _failed(path, error, option) from error
    return notes


def notes_of(image: Image.Image, path: Place, recipe: Recipe | None = None, saving: Saving = PLAIN) -> list[str]:
    """The notes that `write_image` would return, without writing."""
    return encode(image, output_format(path), recipe, saving)[1]


def write_numbered(
    image: Image.Image, path: AnyPlace, recipe: Recipe | None = None, saving: Saving = PLAIN
) -> tuple[AnyPlace, list[str]]:
    """As `write_image`, at `path` or, where that is taken, the next free number; returns where, and the notes."""
    data, notes = encode(image, output_format(path), recipe, saving)
    candidates = _candidates(path)
    while True:
        candidate = next(candidates)
        if remote.exists(candidate):
            continue
        try:
            _write(data, candidate, force=False)
        except FileExistsError:
            continue
        except (OSError, ValueError) as error:
            raise _failed(candidate, error) from error
        return candidate, notes


def keep_elsewhere(
    image: Image.Image, path: Path, recipe: Recipe | None, folders: Iterable[Path], saving: Saving = PLAIN
) -> Path | None:
    """Keep a picture that could not be written at `path`: beside it, in one of `folders`, or in the temporary folder.

    It takes the next free name; as PNG where the format could not hold it. None if there is no place at all.
    """
    for folder in (path.parent, *folders, Path(tempfile.gettempdir())):
        for candidate in (folder / path.name, (folder / path.name).with_suffix(".png")):
            with suppress(OutputError):
                return write_numbered(image, candidate, recipe, saving)[0]
    return None


def remove_stale(folder: Path) -> None:
    """Remove the temporary files that killed processes left in `folder`: those that no living process has locked."""
    if fcntl is None:  # pragma: no cover  (Windows: an open file cannot be removed, and others cannot be told apart)
        return
    with suppress(OSError):
        for path in folder.glob(".diffstyler-*.tmp"):
            if is_temporary(path):
                _remove_unlocked(path)


def is_temporary(path: Path) -> bool:
    """Whether the name is that of a file on its way to its own name."""
    return re.fullmatch(r"\.diffstyler-[0-9a-f]{16}\.tmp", path.name) is not None


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        finally:
            os.close(descriptor)


def replace_file(path: Place, data: bytes) -> None:
    """Write any file, such as a report beside pictures, atomically, over one that is there. Raises `OutputError`."""
    try:
        _write(data, path, force=True)
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error


def encode_image(
    image: Image.Image, format: str = "PNG", recipe: Recipe | None = None, saving: Saving = PLAIN
) -> bytes:
    """The bytes of a file in a format by Pillow's name, for standard output; equal input gives equal bytes."""
    return encode(image, format, recipe, saving)[0]


def _write(data: bytes, place: Place, force: bool) -> None:
    if isinstance(place, Url):
        remote.write(place, data, force=force)
    else:
        _write_atomically(data, place, force)


def _write_atomically(data: bytes, path: Path, force: bool) -> None:
    """Raises `FileExistsError` if `path` exists and `force` is not given, other `OSError`s as they come."""
    target = _target(path) if force else path
    with _temporary(target.parent, data, _stat(target) if force else None) as temporary:
        if force:
            os.replace(temporary, target)
        else:
            _rename_to_free(temporary, target)


@contextmanager
def _temporary(folder: Path, data: bytes, like: os.stat_result | None) -> Iterator[Path]:
    """A hidden file with `data` safely on disk, permissions as the umask or `like` has them; gone afterwards.

    It is locked as long as it is there, so that others can tell it from one that a killed process left behind.
    """
    path, descriptor = _create(folder)
    try:
        with open(descriptor, "wb") as stream:
            if like and hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
            if fcntl is not None:
                yield path
        if fcntl is None:  # Windows renames no open file
            yield path
    finally:
        with suppress(FileNotFoundError):  # renamed
            path.unlink()


def _create(folder: Path) -> tuple[Path, int]:
    """A new temporary file, locked where the system has locks; its descriptor is the caller's to close."""
    while True:
        path = folder / f".diffstyler-{secrets.token_hex(8)}.tmp"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if fcntl is None:
            return path, descriptor
        with suppress(OSError):  # a file system without locks; nothing there is ever taken for stale
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        os.close(descriptor)  # it was taken for stale before it had its lock


def _rename_to_free(temporary: Path, path: Path) -> None:
    """Rename unless `path` exists: in one step where the file system has hard links, else by claiming it first."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.replace(temporary, path)


def _target(path: Path) -> Path:
    """Where a write to `path` ends up: links followed, so that `force` replaces the file and not the link."""
    return Path(os.path.realpath(path))


def _candidates(path: AnyPlace) -> Iterator[AnyPlace]:
    yield path
    yield from (numbered(path, number) for number in itertools.count(2))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _same_file(existing: os.stat_result, other: Place) -> bool:
    try:
        return isinstance(other, Path) and os.path.samestat(existing, other.stat())
    except (OSError, ValueError):  # an input that is not there, or "-"
        return False


def _exists(kind: type[UsageError] | type[OutputError], path: Place, option: str) -> UsageError | OutputError:
    return kind(f"{str(path)!r} exists.", f"Give another name with {option}, or --force to replace it.")


def _failed(path: Place, error: OSError | ValueError, option: str = "-o") -> OutputError:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(
            f"{str(path)!r} was not written: the disk or quota is full.", f"Free space, or use {option} elsewhere."
        )
    if isinstance(error, FileNotFoundError):
        return OutputError(
            f"{str(path)!r} was not written: its folder does not exist.", f"Create it, or use {option} elsewhere."
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutputError(f"{str(path)!r} cannot be written: {reason}.", f"Give another place with {option}.")

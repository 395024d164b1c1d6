"""Which arguments of `stylize` are photos, and which are prompts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....batch.inputs import is_folder, is_pattern, matches
from ....errors import UsageError
from ....models.lite.words import names_a_style
from ....naming import cut
from ....prompts import path_of
from ....remote import is_url
from ...options import readable
from ...terminal.console import is_terminal
from ...terminal.shell import joined
from ..operands import raw
from ..typed import is_photo_like, is_picture_name

LARGEST = 1 << 20
"""Bytes of a file of prompts."""


@dataclass(frozen=True)
class Operands:
    """The arguments in their places; `blended` prompts stood behind the photos, `said` ones after an option."""

    photos: tuple[str, ...]
    blended: tuple[str, ...]
    said: tuple[str, ...]
    notice: str = ""
    """What a person should know of how they were read."""

    @property
    def several(self) -> bool:
        """Whether they are, or may be, more than one photo."""
        return len(self.photos) > 1 or any(is_folder(word) or is_pattern(word) for word in self.photos)


def sort_operands(
    image: str | None,
    words: Sequence[str],
    said: Sequence[str],
    typed: Sequence[str],
    *,
    as_typed: bool,
    listed: bool,
) -> Operands:
    """The photos are the first argument and those after it that are files or folders; all, where prompts are `said`.

    Args:
        typed: the command line after `diffstyler`, as it came.
        as_typed: words behind the first are prompts, whatever files there are.
        listed: a list names the photos: an argument that is no file is a prompt, also the first.

    Raises:
        UsageError: prompts are said, and an argument is no file.
    """
    said = tuple(map(readable, said))
    if image is not None and listed and (_is_folder_of_style(image) or not _may_be_photo(image)):
        return Operands((), tuple(map(readable, [raw(image, typed), *words])), said)
    if image is None:
        return Operands((), tuple(map(readable, words)), said)
    if said:
        photos = (image, *map(path_of, words))
        for word, photo in zip(words, photos[1:], strict=True):
            if not _may_be_photo(photo):
                place = next((n for n, other in enumerate(typed) if n and other == word), len(typed))
                raise UsageError(
                    f"{cut(word)} is no file, and -p says the prompts: then all arguments are photos.",
                    f"To blend it with them: {joined(['diffstyler', *typed[:place], '-p', *typed[place:]])}",
                )
        return Operands(photos, (), said)
    photos, notice = (image,), ""
    lone = image != "-" and not _may_be_photo(image)
    for word in () if as_typed or lone else words:
        path = path_of(word)
        if _is_folder_of_style(word):
            notice = f'"{word}" is taken for the style; the folder of that name is ./{word}.'
            break
        if not _is_photo(path):
            break
        photos = (*photos, path)
    return Operands(photos, tuple(map(readable, words[len(photos) - 1 :])), said, notice)


def read_prompts(file: Path | None, *, taken: bool) -> list[str]:
    """The lines of a file of prompts that say something; none without a file. Raises `UsageError`.

    `taken`: photos come from standard input.
    """
    if file is None:
        return []
    if str(file) == "-":
        if taken:
            raise UsageError("Photos and prompts both want standard input.", "Write the prompts into a file.")
        if sys.stdin is None or is_terminal(sys.stdin):
            raise UsageError("--prompt-file - reads standard input, which is a terminal.", "Pipe the prompts in.")
        data = sys.stdin.buffer.read(LARGEST + 1)
    else:
        try:
            with file.open("rb") as stream:
                data = stream.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
            raise UsageError(f"--prompt-file {cut(str(file))} cannot be read: {reason}.", "Check the path.") from error
    if len(data) > LARGEST:
        raise UsageError(f"--prompt-file has more than {LARGEST:,} bytes.", "Give fewer prompts.")
    lines = [" ".join(line.split()) for line in data.decode("utf-8-sig", "replace").splitlines()]
    if not any(lines):
        raise UsageError(f"--prompt-file {cut(str(file))} holds no prompt.", "Write one a line.")
    return [line for line in lines if line]


def _may_be_photo(path: str) -> bool:
    """Whether an argument that stands where a photo should may be one: it is there, or named as photos are."""
    return os.path.lexists(path) or is_url(path) or is_photo_like(path) or is_pattern(path)


def _is_folder_of_style(word: str) -> bool:
    """Whether a word is the name of a style, and only by chance that of a folder: that of earlier pictures, say."""
    return os.path.isdir(word) and os.sep not in word and names_a_style(word)


def _is_photo(path: str) -> bool:
    """Whether an argument behind the first is a photo, photos or a folder of them; not the words of a prompt."""
    if os.path.isdir(path) or (is_url(path) and "/" in path.partition("://")[2]):  # not http://host:80
        return True
    if os.path.isfile(path):
        named = os.sep in path or bool(Path(path).suffix)
        return named or is_picture_name(path)
    return is_pattern(path) and any(map(is_photo_like, matches(path)))

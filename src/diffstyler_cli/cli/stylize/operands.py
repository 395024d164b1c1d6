"""What stands where a photo and prompts should: a photo after the prompt, several photos, an address, a style alone.

Whatever is not as it should be is refused with the line to type instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...errors import UsageError
from ...models.lite.words import names_a_style
from ...naming import cut
from ...prompts import parse_prompt
from ...remote import is_url
from ..terminal.shell import joined, quoted
from . import masks
from .request import Request
from .typed import is_photo_like, is_picture_name

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
_FETCHED = ("http", "https", "ftp", "ftps", "sftp")
"""Schemes that curl knows."""
_NAMED = ("-p", "--prompt", "--style")
FOLDER = "pictures"
"""In a line to type, for the folder of several pictures."""


def check_operands(request: Request, typed: Sequence[str], photos: Sequence[str], *, elsewhere: bool = False) -> None:
    """Raises `UsageError` where photos and prompts do not stand in their places.

    Args:
        typed: the command line after `diffstyler`, as it came.
        elsewhere: of a command whose photos may be addresses.
        photos: those that stand first; `request` has the first of them.
    """
    line = _Line(request, typed, photos)
    _check_address(line, elsewhere=elsewhere)
    pictures = [text for text in line.texts if is_picture_name(text)]
    if not pictures:
        return
    image = request.image
    no_photo = image is not None and image != "-" and not _is_there(image) and not is_photo_like(image)
    if no_photo and len(pictures) == 1:
        raise UsageError(
            f"The photo comes first, then the prompt: {cut(str(image))} is no file.",
            f"Did you mean: {line.with_photo_first(pictures[0])}",
        )
    if no_photo or len(pictures) < len(line.texts):
        _check_several(line, pictures, no_photo)
    first = pictures[0]
    if not _is_there(first):
        raise UsageError(
            f"{cut(first)} stands where a prompt should, and there is no such file.",
            'Say the style in words, as in "oil painting"; --style-image takes the style of a picture.',
        )
    raise UsageError(
        f"{cut(first)} is a picture, where a prompt should stand.",
        f"For its style: {line.with_style_image(first)}",
    )


def _check_several(line: _Line, pictures: Sequence[str], no_photo: bool) -> None:
    """Raises `UsageError` where there are pictures among the prompts, and other prompts beside them."""
    gone = next((text for text in pictures if not _is_there(text)), None)
    if gone is not None:
        raise UsageError(f"There is no file {cut(gone)}.", f"Without it: {line.without([gone])}")
    words = [text for text in line.texts if text not in pictures]
    if no_photo:
        raise UsageError(
            f"The photos come first, then the prompts: {cut(str(line.request.image))} is no file.",
            f"Did you mean: {line.in_folder(pictures, [str(line.request.image), *words])}",
        )
    raise UsageError(
        f"The photos come first, then the prompts: {cut(pictures[0])} stands among the prompts.",
        f"Did you mean: {line.in_folder([*line.photos, *pictures], words)}",
    )


def _is_there(text: str) -> bool:
    """Whether a file of that name is there, or may be: nobody asks for addresses."""
    return os.path.exists(text) or is_url(text)


def only_a_style(request: Request) -> bool:
    """Whether the one thing that is given, in the photo's place, is the name of a style and of no file."""
    image = request.image
    alone = not request.asks()
    return alone and image is not None and not os.path.lexists(image) and names_a_style(image)


def is_address(path: str) -> bool:
    """Whether `path` is the address of something elsewhere."""
    match = _ADDRESS.match(path)
    return match is not None and match[1].lower() != "file" and not os.path.lexists(path)


def refuse_addresses(paths: Iterable[str], typed: Sequence[str], option: str) -> None:
    """Raises `UsageError` where one of the files that `option` names is an address."""
    for path in filter(is_address, paths):
        address = raw(path, typed)
        raise UsageError(
            f"{option} takes a file, and {cut(address)} is an address.", f"Get it first: curl -LO {quoted(address)}"
        )


def names_output(typed: Sequence[str]) -> bool:
    """Whether a command line says where the result goes."""
    return any(word.startswith(("-o", "--output")) for word in typed)


def raw(path: str, typed: Sequence[str]) -> str:
    """A path as it was typed: as a `Path` an address has lost a slash."""
    return next((word for word in typed if _same(word, path)), path)


def _check_address(line: _Line, *, elsewhere: bool) -> None:
    image = line.request.image or ""
    refuse_addresses((str(style.path) for style in line.request.parsed_style_images()), line.typed, "--style-image")
    refuse_addresses(filter(None, [line.request.palette]), line.typed, "--palette")
    for flag, path in masks.files(line.request.places):
        refuse_addresses([path], line.typed, flag)
    match = _ADDRESS.match(image)
    if match is None or not is_address(image) or (elsewhere and is_url(image)):
        return
    address = raw(image, line.typed)
    if match[1].lower() in _FETCHED:
        raise UsageError(
            f"The photo is an address, {cut(address)}; photos are files, or come from standard input.",
            f"Pipe it in: curl -L {quoted(address)} | {line.with_photo('-')}",
        )
    raise UsageError(
        f"The photo is an address, {cut(address)}; photos are files, or come from standard input.",
        "Get the file first, and name it.",
    )


class _Line:
    """A command line whose operands are put in other places."""

    def __init__(self, request: Request, typed: Sequence[str], photos: Sequence[str]) -> None:
        self.request = request
        self.typed = list(typed)
        self.photos = list(photos)
        self.texts = [parse_prompt(prompt).text for prompt in request.prompts]

    def with_photo(self, photo: str) -> str:
        """The line with another photo."""
        return self._line([photo, *self._prompts()])

    def with_photo_first(self, photo: str) -> str:
        """The line with `photo` first, and what stood in its place among the prompts."""
        prompts = [str(self.request.image), *(word for word in self._prompts() if word != photo)]
        whole = " ".join(prompts)
        return self._line([photo, *([whole] if len(prompts) > 1 and names_a_style(whole) else prompts)])

    def with_style_image(self, picture: str) -> str:
        """The line with `picture` as a style image."""
        return self._line([str(self.request.image), "--style-image", picture])

    def without(self, texts: Sequence[str]) -> str:
        """The line without some of the prompts, and with a folder where there are several photos."""
        words = [word for word, text in zip(self._prompts(), self.texts, strict=True) if text not in texts]
        return self._line([*self.photos, *words]) if len(self.photos) == 1 else self.in_folder(self.photos, words)

    def in_folder(self, photos: Sequence[str], prompts: Sequence[str]) -> str:
        """The line with these photos and prompts, and a folder for the pictures where it names none."""
        words = {text: word for word, text in zip(self._prompts(), self.texts, strict=True)}
        line = self._line([*photos, *(words.get(text, text) for text in prompts)])
        return line if names_output(self.typed) else f"{line} -o {FOLDER}"

    def _prompts(self) -> list[str]:
        return list(self.request.prompts)

    def _line(self, operands: Sequence[str]) -> str:
        """The line with these operands in the place of its own, quoted for a shell."""
        rest, place = list(self.typed), len(self.typed)
        for operand in [*self.photos, *self.request.prompts]:
            index = next((i for i, word in enumerate(rest) if i and _same(word, operand)), None)
            if index is not None:
                first = index - (rest[index - 1] in _NAMED)
                place = min(place, first)
                rest[first : index + 1] = []
        place = min(place, len(rest))
        return joined(["diffstyler", *rest[:place], *operands, *rest[place:]])


def _same(word: str, operand: str) -> bool:
    flag, equals, value = word.partition("=")
    word = value if equals and flag in _NAMED else word
    return word == operand or (bool(word) and str(Path(word).expanduser()) == operand)

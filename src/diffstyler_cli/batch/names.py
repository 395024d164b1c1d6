"""The names of a run's pictures, made before any of them is: from a template, refused where two would be one file."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import UsageError
from ..naming import beginning, cut, name_of, slug, text_of
from ..remote import place_of

FIELDS = ("stem", "suffix", "prompt", "seed", "n", "ext")
"""Name and suffix of the photo, the prompts in short, the seed, the number of the picture, the picture's format."""
PLAIN = "{stem}-{prompt}.{ext}"
SEVERAL_SEEDS = "{stem}-{prompt}-{seed}.{ext}"
OPTION = "--name-template"
_STEM_BYTES = 120
_LONGEST = 255


@dataclass(frozen=True)
class Template:
    """How pictures are called: "{stem}-{prompt}-{seed}.{ext}"; "/" makes folders.

    Raises `UsageError` for a field that there is not, and for a name that would lead out of the folder.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            parts = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise UsageError(f"{OPTION} {cut(self.text)} cannot be read: {error}.", _advice()) from error
        for _, name, form, conversion in parts:
            if name is not None and name not in FIELDS:
                raise UsageError(f"{OPTION} {cut(self.text)}: there is no field {{{name[:40]}}}.", _advice())
            if form or conversion:
                raise UsageError(f"{OPTION} {cut(self.text)}: a field stands alone in its braces.", _advice())
        folders = re.split(r"[/\\]" if os.name == "nt" else "/", self.text)
        if not all(folders) or {".", ".."} & set(folders) or re.search(r"[\x00-\x1f\x7f]", self.text):
            raise UsageError(f"{OPTION} {cut(self.text)} is no name of a file below the folder.", _advice())

    @property
    def has_format(self) -> bool:
        """Whether the format of the picture is the run's to say."""
        return self.text.endswith(".{ext}")

    def name(self, photo: str, words: str, seed: int, number: str, ext: str) -> str:
        """The name of one picture; `words` are the prompts' or the style images'."""
        path = place_of(photo)
        stem = re.sub(r"[\x00-\x1f\x7f]", "-", text_of(path.stem))
        suffix = slug(text_of(path.suffix)) if path.suffix else "none"
        values = {
            "stem": beginning(stem, _STEM_BYTES), "suffix": suffix, "prompt": slug(words), "seed": str(seed),
            "n": number, "ext": ext,
        }  # fmt: skip
        return name_of(self.text.format(**values))


def _advice() -> str:
    return f'Fields: {", ".join(f"{{{name}}}" for name in FIELDS)}, as in {OPTION} "{SEVERAL_SEEDS}".'


def check_names(outputs: Iterable[tuple[str, str]], template: Template, is_input: Callable[[str], bool]) -> None:
    """Finds out before the work whether every picture has a name of its own, by itself and in any letter case.

    Args:
        outputs: photo and place of each picture.
        is_input: whether a place is that of a file that is read.

    Raises:
        UsageError: two have one name, a name is too long for a file, or is that of an input.
    """
    taken: dict[str, str] = {}
    for photo, output in outputs:
        if len(os.fsencode(os.path.basename(output))) > _LONGEST:
            raise UsageError(f"The name {cut(output)} is too long for a file.", f"Give a shorter {OPTION}.")
        if is_input(output):
            raise UsageError(f"The output {cut(output)} is an input file.", "Give another folder with -o.")
        place = unicodedata.normalize("NFC", output).casefold()
        if place in taken:
            raise _taken(taken[place], photo, output, template)
        taken[place] = photo


def _taken(other: str, photo: str, output: str, template: Template) -> UsageError:
    what = f"{cut(other)} and {cut(photo)} would" if other != photo else f"Two pictures of {cut(photo)} would"
    names = [PLAIN, SEVERAL_SEEDS, "{stem}-{suffix}-{prompt}.{ext}", "{n}-{stem}-{prompt}.{ext}"]
    better = names[3] if template.text == names[2] or other == photo else names[2]
    return UsageError(
        f"{what} both be written to {cut(output)}.", f'Give names that differ, as with {OPTION} "{better}".'
    )

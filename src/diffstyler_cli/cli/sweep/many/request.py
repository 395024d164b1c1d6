"""What a `sweep` of many photos asks for, which combinations make no sense, and the line that asks for the same."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.names import OPTION, Template
from ....errors import UsageError
from ....naming import cut
from ....prompts import parse_prompt, parse_style_image
from ...stylize.operands import names_output
from ...terminal.console import is_terminal
from ...terminal.shell import joined
from ..request import SweepRequest
from .options import FIELDS, PLAIN

if TYPE_CHECKING:
    from ...scaffold import Call

STREAM = "-"
FOLDER = "sweeps"
"""In a line to type, for the folder of several sweeps."""


@dataclass(frozen=True)
class ManySweepsRequest:
    """One `sweep` of many photos, as given.

    Args:
        each: what all sweeps have in common; its output is the folder of them all, its photo None.
        photos: files, folders and patterns.
        from_file: a list of photos; `STREAM` is standard input.
        template: how the folders are called; None for the usual way.
    """

    each: SweepRequest
    photos: tuple[str, ...] = ()
    from_file: str | None = None
    recursive: bool = False
    template: str | None = None

    @property
    def folder(self) -> Path:
        """Where the folders of the sweeps go."""
        return Path(str(self.each.base.output))

    def names(self) -> Template:
        """How folders are called. Raises `UsageError`."""
        template = Template(self.template or PLAIN)
        other = [name for _, name, _, _ in string.Formatter().parse(template.text) if name and name not in FIELDS]
        if other:
            fields = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise UsageError(
                f"{OPTION} {cut(template.text)}: the folder of a sweep has no {{{other[0]}}}.",
                f'Fields: {fields}, as in {OPTION} "{{stem}}-{{prompt}}".',
            )
        return template

    def words(self) -> str:
        """What the name of a folder may say of the style."""
        base = self.each.base
        words = [parse_prompt(text).text for text in self.each.asks()]
        return " ".join(words or [parse_style_image(path).path.stem for path in base.style_images])

    def of(self, photo: str, folder: str, seed: int | None) -> SweepRequest:
        """The sweep of one photo; `seed` where none is given."""
        one = self.each.with_base(image=photo, output=folder)
        return one if seed is None else one.with_seed(seed)

    def command_words(self, seed: int) -> list[str]:
        """The command that asks for the same; `seed` is the one that was drawn, where none was given."""
        words = self.each.with_base(image=None, prompts=()).with_seed(seed).command_words()
        photos = [f"./{word}" if word.startswith("-") else word for word in self.photos]
        listed = [] if self.from_file is None else ["--from-file", self.from_file]
        named = [] if self.template is None else [OPTION, self.template]
        flags = ["--recursive"] * self.recursive
        prompts = list(self.each.base.prompts)
        if self.each.base.reads_otherwise():
            prompts = ["--as-typed", *(["-p", *prompts] if len(prompts) == 1 else prompts)]
        return [*words[:2], *photos, *prompts, *words[2:], *listed, *flags, *named]

    def command_line(self, seed: int) -> str:
        """The same, shell-quoted, as UTF-8 text."""
        return joined(self.command_words(seed))


def check_many(call: Call, request: ManySweepsRequest) -> None:
    """Raises `UsageError` for what makes no sense with many photos, or would do nothing."""
    import sys

    base, typed = request.each.base, call.state.arguments
    line = joined(["diffstyler", *(word for word in typed if word != "--")])
    places = base.places
    rows = (
        (
            STREAM in request.photos,
            'The photo "-" is standard input, which holds one photo.',
            "Sweep it by itself, or name files.",
        ),
        (
            bool(request.photos) and request.from_file is not None,
            "Photos are named, and --from-file names others.",
            "Give the one or the other.",
        ),
        (
            request.from_file == STREAM and is_terminal(sys.stdin),
            "--from-file - reads standard input, which is a terminal.",
            "Pipe the photos in.",
        ),
        (
            base.output is None,
            "Several sweeps need a folder to go to.",
            f"Say which: {line} -o {FOLDER}" if not names_output(typed) else "Give -o a folder.",
        ),
        (
            base.frame is not None and not request.photos,
            "--frame is of one photo, not of a list.",
            "Leave --frame out.",
        ),
        (
            base.preview,
            "--preview is for the sweep of one photo.",
            "Leave it out: index.html of each sweep shows its pictures.",
        ),
        (
            STREAM in (places.mask, places.lambda_mask, *(mask for mask, _ in places.regions)),
            "A mask from standard input is for one photo.",
            "Name its file.",
        ),
        (
            request.recursive and not any(Path(word).is_dir() for word in request.photos),
            "--recursive has no effect: no photo is a folder.",
            "Leave it out.",
        ),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)
    request.names()

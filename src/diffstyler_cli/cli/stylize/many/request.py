"""What a `stylize` of many photos asks for, which combinations make no sense, and the line that asks for the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ....batch.inputs import is_folder
from ....batch.names import OPTION, PLAIN, SEVERAL_SEEDS, Template
from ....errors import UsageError
from ....naming import text_of, without_secrets
from ....prompts import parse_prompt, parse_style_image
from ....remote import Place, place_of
from ...terminal.shell import joined
from ..operands import FOLDER, names_output
from ..request import Request, check
from .cluster import ClusterRequest

if TYPE_CHECKING:
    from ...scaffold import Call

STREAM = "-"


@dataclass(frozen=True)
class ManyRequest:
    """One `stylize` of many photos, as given.

    Args:
        base: what all pictures have in common; its output is the folder, its photo None.
        photos: files, folders and patterns.
        from_file: a list of photos; `STREAM` is standard input, read as it comes.
        each: one picture a prompt, in place of one that blends them.
        template: how pictures are called; None for the usual way.
        retry: also those that failed before.
        batch: how many pictures are made at once; None for what pays on the machine.
        cluster: where they are made, with --engine ray; None for this process.
    """

    base: Request
    photos: tuple[str, ...] = ()
    from_file: str | None = None
    recursive: bool = False
    each: bool = False
    template: str | None = None
    retry: bool = False
    batch: int | None = None
    cluster: ClusterRequest | None = None

    @property
    def streamed(self) -> bool:
        """Whether the photos come one by one, so that nobody knows how many."""
        return self.from_file == STREAM

    @property
    def folder(self) -> Place | None:
        """Where the pictures go."""
        return None if self.base.output is None else place_of(self.base.output)

    def prompt_sets(self) -> list[tuple[str, ...]]:
        """The prompts of each picture of a photo."""
        return [(prompt,) for prompt in self.base.prompts] if self.each else [self.base.prompts]

    def names(self) -> Template:
        """How pictures are called. Raises `UsageError`."""
        return Template(self.template or (SEVERAL_SEEDS if self.base.variations > 1 else PLAIN))

    def extension(self) -> str:
        """Of the pictures' format."""
        return self.base.suffix().lstrip(".")

    def words_of(self, prompts: Sequence[str]) -> str:
        """What the name of a picture says of its style."""
        words = [prompt.text for prompt in (*map(parse_prompt, prompts), *self.base.places.prompts())]
        return " ".join(words or [text_of(parse_style_image(path).path.stem) for path in self.base.style_images])

    def single(self) -> Request:
        """The request of one picture, without photo and output: what all have in common."""
        return dataclasses.replace(self.base, output=None, format=None, variations=1, force=False, dry_run=False)

    def command_words(self, seed: int | None) -> list[str]:
        """The command that asks for the same; `seed` is the one that was drawn, where none was given."""
        base = dataclasses.replace(
            self.base if seed is None else self.base.with_settings(seed=seed), prompts=(), force=False
        )
        command, *words = base.words()
        said = [word for prompt in self.base.prompts for word in ("-p", prompt)]
        listed = [] if self.from_file is None else ["--from-file", self.from_file]
        flags = ["--recursive"] * self.recursive + ["--each"] * self.each
        at_once = [] if self.batch is None else ["--batch", str(self.batch)]
        where = [] if self.cluster is None else self.cluster.words()
        named = [] if self.template is None else [OPTION, self.template]
        photos = [f"./{word}" if word.startswith("-") else without_secrets(word) for word in self.photos]
        as_typed = ["--as-typed"] * self.base.reads_otherwise()
        return ["diffstyler", command, *photos, *said, *listed, *flags, *named, *at_once, *where, *as_typed, *words]

    def command_line(self, seed: int | None) -> str:
        """The same, shell-quoted, as UTF-8 text."""
        return joined(self.command_words(seed))


def check_many(call: Call, request: ManyRequest, *, show: bool, interactive: bool) -> None:
    """Raises `UsageError` for what makes no sense with many photos, or would do nothing."""
    base, typed = request.base, call.state.arguments
    photos, prompts = request.photos, base.prompts
    line = joined(["diffstyler", *(word for word in typed if word != "--")])
    rows = (
        (
            STREAM in photos,
            'The photo "-" is standard input, which holds one photo.',
            "Stylise it by itself, or name files.",
        ),
        (
            bool(photos) and request.from_file is not None,
            "Photos are named, and --from-file names others.",
            "Give the one or the other.",
        ),
        (base.output == "-", "-o - can hold one picture, not several.", "Give -o a folder."),
        (
            request.cluster is not None and base.output is None and not request.streamed,
            "--engine ray writes into a folder, also of one photo.",
            f"Say which: {line} -o {FOLDER}" if not names_output(typed) else "Give -o a folder.",
        ),
        (
            request.cluster is not None and any(word.startswith("memory:") for word in (*photos, str(base.output))),
            "memory:// is the memory of this process, which the workers of --engine ray do not see.",
            "Give paths on a file system that all nodes share, or other addresses.",
        ),
        (
            base.output is None and not request.streamed,
            "Several pictures need a folder to go to.",
            f"Say which: {line} -o {FOLDER}" if not names_output(typed) else "Give -o a folder.",
        ),
        (base.frame is not None and not photos, "--frame is of one photo, not of a list.", "Leave --frame out."),
        (
            base.preview or base.preview_path is not None,
            "--preview and --preview-path are for one photo.",
            "Leave them out: every picture is there as soon as it is finished.",
        ),
        (interactive, "--interactive is for one photo.", "Leave it out."),
        (show, "--open is for one photo.", f"Leave it out; a page of all: diffstyler inspect {FOLDER} --page"),
        (
            request.streamed and (request.each or base.variations > 1),
            "--from-file - answers each line with one picture: --each and -n make several.",
            "Leave them out, or write the list into a file.",
        ),
        (
            request.each and len(prompts) < 2,
            "--each has no effect with one prompt.",
            "Leave it out, or give several prompts.",
        ),
        (
            request.template is not None and base.format is not None and not request.names().has_format,
            f"--format has no effect: {OPTION} says the format.",
            'Leave it out, or end the template in ".{ext}".',
        ),
        (
            base.dry_run and request.streamed,
            "--dry-run needs to know all the photos, and --from-file - reads them as they come.",
            "Write the list into a file.",
        ),
        (
            STREAM in (base.places.mask, base.places.lambda_mask, *(mask for mask, _ in base.places.regions)),
            "A mask from standard input is for one photo.",
            "Name its file.",
        ),
        (
            request.recursive and not any(map(is_folder, photos)),
            "--recursive has no effect: no photo is a folder.",
            "Leave it out.",
        ),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)
    check(dataclasses.replace(base, output=None, prompts=base.prompts or ("any",) * (not base.asks())))

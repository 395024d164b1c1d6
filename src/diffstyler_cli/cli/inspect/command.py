"""`diffstyler inspect [FILE...]`: what runs here; or how pictures were made, and how to make them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...errors import UsageError
from ...naming import cut
from ...remote import Url
from ..options import FILES, max_pixels, option
from ..scaffold import Call, scaffold
from ..stylize.operands import refuse_addresses
from ..terminal.help import Page
from .job import InspectAccount, Job

SUMMARY = "Show what runs here, or how a picture was made."

WHAT = "What to do"
ALONE = ("--styles", "--config", "--last")
"""What takes no FILE."""

INPUTS = (
    'Pictures, or folders of a sweep or of many pictures, also by address; "-" reads a picture from standard input. '
    "None: this machine and its models."
)
COMMAND = "Print the command line that makes the picture again, and nothing else."
REPLAY = "Make the picture again, and say whether every pixel is the same."
PLOT = "Draw the losses by step, of one picture or of several, as a .png, .jpg, .webp, .avif or .tiff file."
STYLES = "Show the styles that the built-in models know: names, scores, limits."
CONFIG = "Show every setting in force, and where it comes from: configuration file, environment, or built in."
LAST = "Show the last 10 pictures made here, with the commands that make them again; --last 50 shows 50."
COMPARE = "Of two pictures: how their recipes differ, and the scores of both."
PAGE_OF = "Write index.html into a folder of many pictures: a contact sheet, each beside its photo."
PHOTO = "With --command, --replay or --compare: the photo, if it is not beside the picture; another one is made alike."
OUTPUT = "With --replay or --command: where the picture goes. (default with --replay beside it, as NAME-replay)"
FORCE = "With --replay or --plot: write over an existing file."
PIXELS = "Refuse pictures with more pixels. (default 100000000)"
JSON = "Print one JSON document, with whole recipes."
QUIET = "Print only paths: of what was written; else of the files that have a recipe, and of a sweep's Pareto front."


PAGE = Page(
    (
        "diffstyler inspect  # this machine and its models",
        "diffstyler inspect out.png",
        "diffstyler inspect out.png --command",
        "diffstyler inspect out.png --plot losses.png",
    ),
    ("--command", "--replay", "--plot", "--compare", "--styles", "--photo", "--output", "--json", "--quiet", "--help"),
)


@scaffold(json=JSON, quiet=QUIET, no_input=None, page=PAGE, urls=("files",))
def command(
    call: Call,
    *,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", show_default=False, help=INPUTS)] = None,
    show_command: Annotated[bool, option(WHAT, COMMAND, "--command")] = False,
    replay: Annotated[bool, option(WHAT, REPLAY, "--replay")] = False,
    plot: Annotated[Path | None, option(WHAT, PLOT, "--plot", takes="PATH")] = None,
    compare: Annotated[bool, option(WHAT, COMPARE, "--compare")] = False,
    page: Annotated[bool, option(WHAT, PAGE_OF, "--page")] = False,
    styles: Annotated[bool, option(WHAT, STYLES, "--styles")] = False,
    config: Annotated[bool, option(WHAT, CONFIG, "--config")] = False,
    last: Annotated[bool, option(WHAT, LAST, "--last")] = False,
    photo: Annotated[Path | None, option(FILES, PHOTO, "--photo", takes="PATH")] = None,
    output: Annotated[Path | None, option(FILES, OUTPUT, "-o", "--output", takes="PATH")] = None,
    force: Annotated[bool, option(FILES, FORCE, "--force")] = False,
    pixels: Annotated[str | None, option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
) -> None:
    """Say what runs here: versions, devices, models, and what is missing.

    Of a FILE: how it was made, as embedded in it, and the command that makes it again.
    """
    from ...images.read import MAX_PIXELS
    from .last import how_many, show_last

    limit = max_pixels(pixels)
    account = call.account = InspectAccount()
    count = how_many([str(file) for file in files or ()]) if last else 0
    job = Job(
        call.console,
        call.state.models,
        account,
        [] if last else files or [],
        photo,
        output,
        force,
        MAX_PIXELS if limit is None else limit,
    )
    actions = {
        "--command": show_command,
        "--replay": replay,
        "--plot": plot is not None,
        "--compare": compare,
        "--page": page,
        "--styles": styles,
        "--config": config,
        "--last": last,
    }
    chosen = [flag for flag, given in actions.items() if given]
    _check(job, chosen)
    if last:
        show_last(job, count)
        return
    _check_addresses(job, call.state.arguments, chosen)
    _act(job, chosen[0] if chosen else "", plot)


def _act(job: Job, action: str, plot: Path | None) -> None:
    # each action imports what it needs: a look at a file needs no torch
    if action == "--replay":
        from .replay import replay

        replay(job)
    elif action == "--compare":
        from .compare import compare

        compare(job)
    elif plot is not None:
        from .plot import draw

        draw(job, plot)
    elif action == "--page":
        from .many import write_pages

        write_pages(job)
    elif action == "--styles":
        from .styles import show_styles

        show_styles(job)
    elif action == "--config":
        from .in_force import show_config

        show_config(job)
    elif action == "--command":
        from .report import show_commands

        show_commands(job)
    elif job.files:
        from .report import show_files

        show_files(job)
    else:
        from .report import show_machine

        show_machine(job)


def _check_addresses(job: Job, typed: Sequence[str], chosen: Sequence[str]) -> None:
    """Raises `UsageError` where a file is an address, and may be none."""
    for file in job.files if "--replay" in chosen else ():
        if isinstance(file, Url):
            raise UsageError(f"--replay takes a file, and {cut(str(file))} is an address.", "Get the file first.")
    if job.photo is not None:
        refuse_addresses([str(job.photo)], typed, "--photo")


def _check(job: Job, chosen: Sequence[str]) -> None:
    """Raises `UsageError` for options that exclude each other or would have no effect."""
    what = chosen[0] if chosen else ""
    count = len(job.files)
    names = [str(file) for file in job.files]
    rows = (
        (len(chosen) > 1, f"{' and '.join(chosen)} exclude each other.", "Give one of them."),
        (what in ALONE and bool(count), f"{what} takes no FILE.", f"Leave the FILE or {what} out."),
        (
            bool(what) and what not in ALONE and not count,
            f"{what} needs a FILE.",
            f"Name a picture: diffstyler inspect out.png {what}.",
        ),
        (what == "--compare" and count != 2, f"--compare takes two pictures, not {count}.", "Name two files."),
        (what == "--replay" and count > 1, "--replay takes one picture.", "Name one file."),
        (what == "--replay" and "-" in names, "--replay needs a file, not standard input.", "Name the file."),
        (names.count("-") > 1, 'Standard input ("-") can be read once.', "Name files."),
        (what == "--command" and job.console.json, "--json holds the command anyway.", "Leave --command out."),
        (
            job.photo is not None and what not in ("--command", "--replay", "--compare"),
            "--photo has no effect without --command, --replay or --compare.",
            "Leave it out.",
        ),
        (
            job.output is not None and what not in ("--replay", "--command"),
            "-o has no effect without --replay or --command.",
            "Leave it out.",
        ),
        (
            str(job.output) == "-" and (what != "--replay" or job.console.json),
            "-o - goes with --replay alone.",
            "Give -o a file.",
        ),
        (job.output is not None and count > 1, "-o names one file, but there are several FILEs.", "Name one file."),
        (
            job.force and not (what == "--plot" or (what == "--replay" and str(job.output) not in ("None", "-"))),
            "--force has no effect without --plot PATH or --replay -o PATH.",
            "Leave --force out.",
        ),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)

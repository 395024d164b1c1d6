"""`diffstyler stylize IMAGE PROMPT...`: one photo, in the style that the prompts say."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import WeightPaths
from ...errors import UsageError
from ..options import markup, takes_settings, whole
from ..terminal.console import Console, is_terminal
from ..terminal.errors import Interrupted, Terminated, explain
from ..terminal.log import LOG_FILE, open_log
from .request import Request, check

if TYPE_CHECKING:
    from .session import Session

SUMMARY = "Stylise a photo by a prompt."

MOST_VARIATIONS = 999
FILES, TERMINAL, WEIGHTS = "Files", "Terminal and scripts", "Full-size weights"


def _option(panel: str, help: str, *names: str, takes: str = "") -> Any:
    """A Typer option of this command; `takes` names its value, "" for a flag."""
    return typer.Option(*names, metavar=takes, help=markup(help), show_default=False, rich_help_panel=panel)


def weights_option(component: str) -> Any:
    """The option for a local file with one component of the model set."""
    help = f"Local file with the {component} weights: full-size ones, or what the lite training wrote."
    return _option(WEIGHTS, help, f"--{component}-weights", takes="PATH")


PHOTO = 'The photo; "-" reads standard input. Asked for if left out.'
PROMPTS = 'What the picture should look like; several are blended, each with its weight: "oil painting:4" mist.'
OUTPUT = (
    'A .png, .jpg or .webp file, a folder, or "-" for PNG bytes on standard output. '
    "(default beside the photo, as photo-oil-painting.png)"
)
STYLE_IMAGE = "A picture whose style is wanted, with its weight; repeatable, beside prompts or in their place."
VARIATIONS = "How many pictures, with seeds SEED, SEED+1, ...; their files are numbered. (default 1)"
FORCE = "Write over existing files; never over an input."
NO_METADATA = "Leave the recipe (settings, seed, losses) out of the file."
PIXELS = "Refuse input pictures with more pixels. (default 100000000)"
PREVIEW = "Draw the picture in the terminal as it forms; needs 256 colours and UTF-8."
PREVIEW_PATH = "Write the picture to FILE as it forms, for an image viewer."
JSON = "Print one JSON document in place of the paths."
QUIET = "Print nothing but the result and errors."
INTERACTIVE = (
    "Offer what to do next when done (stronger, another seed, ...). "
    "Happens by itself only where the photo or the style was asked for."
)
NO_INPUT = "Never ask; what is missing is an error (exit code 2)."
DEBUG = "Show the traceback of an error, and all warnings."


@takes_settings
def command(
    context: typer.Context,
    *,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", show_default=False, help=PHOTO)] = None,
    prompts: Annotated[list[str] | None, typer.Argument(metavar="PROMPT", show_default=False, help=PROMPTS)] = None,
    output: Annotated[Path | None, _option(FILES, OUTPUT, "-o", "--output", takes="PATH")] = None,
    style_images: Annotated[list[str] | None, _option(FILES, STYLE_IMAGE, "--style-image", takes="PATH[:w]")] = None,
    variations: Annotated[str, _option(FILES, VARIATIONS, "-n", "--variations", takes=f"1..{MOST_VARIATIONS}")] = "1",
    force: Annotated[bool, _option(FILES, FORCE, "--force")] = False,
    no_metadata: Annotated[bool, _option(FILES, NO_METADATA, "--no-metadata")] = False,
    max_pixels: Annotated[str | None, _option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    settings: dict[str, object],
    preview: Annotated[bool, _option(TERMINAL, PREVIEW, "--preview")] = False,
    preview_path: Annotated[Path | None, _option(TERMINAL, PREVIEW_PATH, "--preview-path", takes="FILE")] = None,
    json: Annotated[bool, _option(TERMINAL, JSON, "--json")] = False,
    quiet: Annotated[bool, _option(TERMINAL, QUIET, "-q", "--quiet")] = False,
    interactive: Annotated[bool, _option(TERMINAL, INTERACTIVE, "--interactive")] = False,
    no_input: Annotated[bool, _option(TERMINAL, NO_INPUT, "--no-input", "--yes")] = False,
    log_file: Annotated[Path | None, _option(TERMINAL, LOG_FILE, "--log-file", takes="FILE")] = None,
    debug: Annotated[bool, _option(TERMINAL, DEBUG, "--debug")] = False,
    photo_weights: Annotated[Path | None, weights_option("photo")] = None,
    art_weights: Annotated[Path | None, weights_option("art")] = None,
    clip_weights: Annotated[Path | None, weights_option("clip")] = None,
    vgg_weights: Annotated[Path | None, weights_option("vgg")] = None,
    aesthetic_weights: Annotated[Path | None, weights_option("aesthetic")] = None,
) -> int:
    """Stylise a photo: keep what it shows, paint it in the style that the prompts say.

    Works at once with the built-in models. At a terminal, what is left out is asked for.
    """
    console = context.obj.console = Console(quiet=quiet, json=json)
    if log_file is not None:
        open_log(log_file, context.obj.arguments)
    if not debug:
        warnings.simplefilter("ignore")
    request = Request(
        image=None if image is None else str(image),
        prompts=tuple(os.fsencode(prompt).decode("utf-8", "replace") for prompt in prompts or ()),
        style_images=tuple(style_images or ()),
        settings=settings,
        weights=WeightPaths(photo_weights, art_weights, clip_weights, vgg_weights, aesthetic_weights),
        output=None if output is None else str(output),
        variations=whole("--variations", variations, low=1, high=MOST_VARIATIONS, example=4),
        force=force,
        metadata=not no_metadata,
        max_pixels=None if max_pixels is None else whole("--max-pixels", max_pixels, low=1, example=200_000_000),
        preview=preview,
        preview_path=preview_path,
    )

    from .session import Session

    session = Session(console)
    try:
        try:
            _check_streams(console, request, interactive=interactive, no_input=no_input)
            check(request)
            _run(session, request, interactive=interactive, no_input=no_input)
        except KeyboardInterrupt:
            raise Interrupted(130, *session.kept("Interrupted")) from None
        except Terminated:
            raise Interrupted(143, *session.kept("Terminated")) from None
    except Exception as error:
        if json and request.output != "-":
            console.document(session.document(explain(error)))
        raise
    if json:
        console.document(session.document(None))
    return 0


def _run(session: Session, request: Request, *, interactive: bool, no_input: bool) -> None:
    missing = request.image is None or not (request.prompts or request.style_images)
    if not missing and not interactive:
        session.run(request)
        return
    console = session.console
    reason = "--no-input is given" if no_input else console.why_not_ask()
    if missing and (reason or console.quiet or console.json or request.output == "-"):
        raise _missing(request, reason)

    from ..terminal.preview import why_not
    from .menu import ask_missing, what_next

    request = ask_missing(console, request)
    check(request)
    # a person who was asked watches: show the picture where the terminal can
    watched = dataclasses.replace(request, preview=request.preview or not why_not(console))
    what_next(session, session.run(watched))


def _missing(request: Request, reason: str) -> UsageError:
    because = f" ({reason}, so it cannot be asked for)" if reason else ""
    if request.image is None:
        return UsageError(f"No photo is given{because}.", 'Name one: diffstyler stylize photo.png "oil painting".')
    return UsageError(
        f"No prompt is given{because}.",
        'Say the style after the photo, as in "oil painting", or give --style-image PATH.',
    )


def _check_streams(console: Console, request: Request, *, interactive: bool, no_input: bool) -> None:
    """Raises `UsageError` for streams that cannot do what is asked of them, and options that exclude each other."""
    piped_out = request.output == "-"
    reason = console.why_not_ask()
    rows = (
        (piped_out and console.json, "--json and -o - both want standard output.", "Give -o a file."),
        (piped_out and request.variations > 1, "-o - can hold one picture, not several.", "Give -o a file, or -n 1."),
        (piped_out and request.force, "--force has no effect with -o -.", "Leave --force out."),
        (
            piped_out and is_terminal(sys.stdout),
            "-o - would print a picture's bytes on the terminal.",
            "Redirect it, as in -o - > out.png, or give -o a file.",
        ),
        (
            request.image == "-" and is_terminal(sys.stdin),
            'The photo "-" is standard input, which is a terminal.',
            'Pipe one in, as in diffstyler stylize - "oil painting" < photo.png, or name a file.',
        ),
        (
            request.preview and console.quiet,
            "--preview and --quiet exclude each other.",
            "Leave one out, or give --preview-path FILE.",
        ),
        (
            request.preview and not is_terminal(sys.stderr),
            "--preview needs a terminal on standard error.",
            "Give --preview-path FILE instead.",
        ),
        (interactive and no_input, "--interactive and --no-input exclude each other.", "Leave one out."),
        (
            interactive and (console.quiet or console.json or piped_out),
            "--interactive excludes --quiet, --json and -o -.",
            "Leave one out.",
        ),
        (interactive and bool(reason), f"--interactive needs a terminal: {reason}.", "Leave --interactive out."),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)

"""`diffstyler stylize IMAGE PROMPT...`: one photo, in the style that the prompts say."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import PANEL_STYLE
from ...errors import UsageError
from ...naming import cut
from ..options import (
    AS_TYPED,
    FILES,
    PIXELS,
    STYLE_IMAGE,
    TERMINAL,
    max_pixels,
    option,
    prompt_argument,
    prompt_option,
    readable,
    whole,
)
from ..scaffold import Call, scaffold
from ..terminal.console import is_terminal
from ..terminal.help import Page
from ..terminal.shell import joined as shell_words
from .operands import check_operands, only_a_style
from .request import Request, check
from .wording import Reader

if TYPE_CHECKING:
    from .session import Session

SUMMARY = "Stylise a photo by a prompt."

MOST_VARIATIONS = 999

PHOTO = 'The photo; "-" reads standard input. Asked for if left out.'
LIST_STYLES = "List the styles that the built-in models know, with scores and limits, and leave."
PROMPT = "A prompt, said outright; repeatable, blended with those that follow the photo."
PROMPTS = 'What the picture should look like; several are blended, each with its weight: "oil painting:4" mist.'
OUTPUT = (
    'A .png, .jpg or .webp file, a folder, or "-" for PNG bytes on standard output. '
    "(default beside the photo, as photo-oil-painting.png)"
)
VARIATIONS = "How many pictures, with seeds SEED, SEED+1, ...; their files are numbered. (default 1)"
FORCE = "Write over existing files; never over an input."
NO_METADATA = "Leave the recipe (settings, seed, losses) out of the file."
PREVIEW = "Draw the picture in the terminal as it forms; needs 256 colours and UTF-8."
PREVIEW_PATH = "Write the picture to FILE as it forms, for an image viewer."
QUIET = "Print nothing but the result and errors."
INTERACTIVE = (
    "Offer what to do next when done (stronger, another seed, ...). "
    "Happens by itself only where the photo or the style was asked for."
)


PAGE = Page(
    (
        'diffstyler stylize photo.png "oil painting"',
        'diffstyler stylize photo.png "woodcut:2" "misty sea"',
        "diffstyler stylize - woodcut -o - < photo.png > out.png",
        "diffstyler stylize  # asks for the photo and the style",
    ),
    (
        *("--prompt", "--style-image", "--list-styles", "--lambda", "--size", "--seed", "--variations", "--output"),
        *("--force", "--models", "--preview", "--yes", "--json", "--help"),
    ),
)


@scaffold(quiet=QUIET, page=PAGE)
def command(
    call: Call,
    *,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", show_default=False, help=PHOTO)] = None,
    prompts: Annotated[
        list[str] | None,
        prompt_argument(PROMPTS),
    ] = None,
    named: Annotated[list[str] | None, prompt_option(PANEL_STYLE, PROMPT)] = None,
    styles: Annotated[list[str] | None, typer.Option("--style", hidden=True)] = None,
    output: Annotated[Path | None, option(FILES, OUTPUT, "-o", "--output", takes="PATH")] = None,
    style_images: Annotated[list[str] | None, option(FILES, STYLE_IMAGE, "--style-image", takes="PATH[:w]")] = None,
    variations: Annotated[str, option(FILES, VARIATIONS, "-n", "--variations", takes=f"1..{MOST_VARIATIONS}")] = "1",
    force: Annotated[bool, option(FILES, FORCE, "--force")] = False,
    no_metadata: Annotated[bool, option(FILES, NO_METADATA, "--no-metadata")] = False,
    pixels: Annotated[str | None, option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    list_styles: Annotated[bool, option(TERMINAL, LIST_STYLES, "--list-styles")] = False,
    as_typed: Annotated[bool, option(PANEL_STYLE, AS_TYPED, "--as-typed")] = False,
    settings: Mapping[str, Any],
    preview: Annotated[bool, option(TERMINAL, PREVIEW, "--preview")] = False,
    preview_path: Annotated[Path | None, option(TERMINAL, PREVIEW_PATH, "--preview-path", takes="FILE")] = None,
    interactive: Annotated[bool, option(TERMINAL, INTERACTIVE, "--interactive")] = False,
    weights: Mapping[str, Path],
) -> None:
    """Stylise a photo: keep what it shows, paint it in the style that the prompts say.

    Works at once with the built-in models. At a terminal, what is left out is asked for.
    """
    if list_styles:
        words = ["inspect", "--styles", *["--json"] * call.console.json, *["-q"] * call.console.quiet]
        raise typer.Exit(call.state.dispatch(words))
    request = Request(
        image=None if image is None else str(image),
        prompts=tuple(map(readable, [*(prompts or ()), *(named or ()), *(styles or ())])),
        style_images=tuple(style_images or ()),
        settings=settings,
        weights=weights,
        output=None if output is None else str(output),
        variations=whole("--variations", variations, low=1, high=MOST_VARIATIONS, example=4),
        force=force,
        metadata=not no_metadata,
        max_pixels=max_pixels(pixels),
        preview=preview,
        preview_path=preview_path,
    )

    from .session import Session

    session = Session(call.console, call.state.models)
    call.account, call.documented = session.account, request.output != "-"
    _check_streams(call, request, interactive=interactive)
    if not as_typed:
        check_operands(request, call.state.arguments)
        request = _style_alone(call, session, request)
    check(request)
    reader = None if as_typed else Reader(call.console, session.notices, call.may_ask and request.output != "-")
    if reader is not None:
        request = reader.read(request, len(request.prompts) - len([*(named or ()), *(styles or ())]))
    _run(call, session, request, reader, interactive=interactive)


def _style_alone(call: Call, session: Session, request: Request) -> Request:
    """The request whose photo is to be asked for, where a style was given and none. Raises `UsageError`."""
    if not only_a_style(request):
        return request
    style = str(request.image)
    if not call.may_ask or request.output == "-":
        words = shell_words(["diffstyler", "stylize", "photo.png", style])
        raise UsageError(f"No photo is given: {cut(style)} is the name of a style.", f"Name one: {words}")
    return dataclasses.replace(request, image=None, prompts=(style,))


def _run(call: Call, session: Session, request: Request, reader: Reader | None, *, interactive: bool) -> None:
    missing = request.image is None or not (request.prompts or request.style_images)
    if not missing and not interactive:
        session.run(request)
        return
    if missing and (not call.may_ask or request.output == "-"):
        raise _missing(request, call.why_not_ask)

    from ..terminal.preview import why_not
    from .menu import ask_missing, what_next

    typed = not request.prompts
    request = ask_missing(call.console, request)
    check(request)
    if typed and reader is not None:
        request = reader.read(request, 0)
    # a person who was asked watches: show the picture where the terminal can
    watched = dataclasses.replace(request, preview=request.preview or not why_not(call.console))
    what_next(session, session.run(watched), call.state.dispatch)


def _missing(request: Request, reason: str) -> UsageError:
    because = f" ({reason}, so it cannot be asked for)" if reason else ""
    if request.image is None:
        return UsageError(f"No photo is given{because}.", 'Name one: diffstyler stylize photo.png "oil painting".')
    return UsageError(
        f"No prompt is given{because}.",
        'Say the style after the photo, as in "oil painting", or give --style-image PATH.',
    )


def _check_streams(call: Call, request: Request, *, interactive: bool) -> None:
    """Raises `UsageError` for streams that cannot do what is asked of them, and options that exclude each other."""
    console = call.console
    piped_out = request.output == "-"
    reason = console.why_not_ask()
    rows = (
        (piped_out and console.json, "--json and -o - both want standard output.", "Give -o a file."),
        (piped_out and request.variations > 1, "-o - can hold one picture, not several.", "Give -o a file, or -n 1."),
        (piped_out and request.force, "--force has no effect with -o -.", "Leave --force out."),
        (piped_out and sys.stdout is None, "-o -: standard output is closed.", "Redirect it, or give -o a file."),
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
        (interactive and call.no_input, "--interactive and --no-input exclude each other.", "Leave one out."),
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

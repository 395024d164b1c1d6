"""`diffstyler stylize IMAGE PROMPT...`: one photo, in the style that the prompts say."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import PANEL_STYLE
from ...errors import UsageError
from ...naming import cut
from ...remote import is_url, text_of_place
from ..options import (
    AS_TYPED,
    FILES,
    FRAME,
    KEEP_EXIF_FLAG,
    PALETTE,
    PIXELS,
    STYLE_IMAGE,
    TERMINAL,
    auto_or_whole,
    frame_number,
    max_pixels,
    option,
    prompt_argument,
    prompt_option,
    whole,
)
from ..scaffold import Call, scaffold
from ..terminal.console import is_terminal
from ..terminal.help import Page
from ..terminal.shell import joined as shell_words
from . import masks
from .kept import kept_folder
from .many.cluster import cluster_of
from .many.command import ManyRequest, stylize_many
from .many.operands import read_prompts, sort_operands
from .many.options import (
    Address,
    Batch,
    Each,
    EngineName,
    FromFile,
    NameTemplate,
    PromptFile,
    Recursive,
    RetryFailed,
    Workers,
)
from .operands import check_operands, only_a_style
from .request import Request, check, without_idle
from .wording import Reader

if TYPE_CHECKING:
    from .session import Session

SUMMARY = "Stylise a photo by a prompt."

MOST_VARIATIONS = 999
MOST_AT_ONCE = 64

PHOTO = 'Photos, folders or URLs; "-": standard input. Asked for if left out.'
LIST_STYLES = "List the styles that the built-in models know, with scores and limits, and leave."
PROMPT = "A prompt, said outright; repeatable, blended. All arguments are photos then."
PROMPTS = 'What the picture should look like; several are blended, each with its weight: "oil painting:4" mist.'
OUTPUT = (
    'A .png, .jpg, .webp, .avif or .tiff file, a folder, or "-" for the bytes on standard output; '
    "files and folders by address (s3://), too. (default beside the photo, as photo-oil-painting.png)"
)
VARIATIONS = "How many pictures, with seeds SEED, SEED+1, ...; their files are numbered. (default 1)"
FORMAT = "Format of automatic names and of -o -: png, jpg, webp, avif or tiff. (default png)"
QUALITY = "Of a .jpg, .webp or .avif file. (default 92, 90, 85)"
KEEP_EXIF = "Keep the photo's date, camera and author in the file; with =all also the place, words and serial numbers."
FORCE = "Write over existing files; never over an input."
NO_METADATA = "Leave the recipe (settings, seed, losses) out of the file."
DRY_RUN = "Say what would be written and how long it would take, and load and make nothing."
NO_CACHE = "Compute the photo's free diffusion anew, and keep nothing of it for the next prompt."
PREVIEW = "Draw the picture in the terminal as it forms; needs 256 colours and UTF-8."
PREVIEW_PATH = "Write the picture to FILE as it forms, for an image viewer."
OPEN = "Open the picture in the desktop's viewer when it is done; of several, the first."
QUIET = "Print nothing but the result and errors."
INTERACTIVE = (
    "Offer what to do next when done (stronger, another seed, ...). "
    "Happens by itself only where the photo or the style was asked for."
)


def _numbered(given: Mapping[str, Any]) -> Iterator[Path]:
    """The files of several variations."""
    from ...images.write import numbered

    output, variations = given["output"], given["variations"]
    if output is not None and output.name and variations.isascii() and variations.isdecimal():
        yield from (numbered(output, n) for n in range(1, min(int(variations[:4]), MOST_VARIATIONS) + 1))


PAGE = Page(
    (
        'diffstyler stylize photo.png "oil painting"',
        'diffstyler stylize photo.png "woodcut:2" "misty sea"',
        'diffstyler stylize holiday/ "watercolor" -o out/',
        "diffstyler stylize  # asks for the photo and the style",
    ),
    (
        *("--prompt", "--style-image", "--list-styles", "--strength", "--size", "--seed", "--variations", "--output"),
        *("--force", "--models", "--preview", "--yes", "--json", "--help"),
    ),
)


@scaffold(quiet=QUIET, page=PAGE, writes=_numbered, urls=("image", "output"))
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
    palette: Annotated[Path | None, option(FILES, PALETTE, "--palette", takes="FILE")] = None,
    format: Annotated[str | None, option(FILES, FORMAT, "--format", takes="NAME")] = None,
    quality: Annotated[str | None, option(FILES, QUALITY, "--quality", takes="1..100")] = None,
    keep_exif: Annotated[str | None, option(FILES, KEEP_EXIF, KEEP_EXIF_FLAG, takes="[=all]")] = None,
    variations: Annotated[str, option(FILES, VARIATIONS, "-n", "--variations", takes=f"1..{MOST_VARIATIONS}")] = "1",
    force: Annotated[bool, option(FILES, FORCE, "--force")] = False,
    no_metadata: Annotated[bool, option(FILES, NO_METADATA, "--no-metadata")] = False,
    frame: Annotated[str | None, option(FILES, FRAME, "--frame", takes="N")] = None,
    pixels: Annotated[str | None, option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    dry_run: Annotated[bool, option(FILES, DRY_RUN, "--dry-run")] = False,
    no_cache: Annotated[bool, option(FILES, NO_CACHE, "--no-cache")] = False,
    file_of_words: PromptFile = None,  # no name with "prompt" in it: it is a path (places.check_log)
    from_file: FromFile = None,
    recursive: Recursive = False,
    each: Each = False,
    template: NameTemplate = None,
    batch: Batch = None,
    retry: RetryFailed = False,
    engine: EngineName = None,
    address: Address = None,
    workers: Workers = None,
    list_styles: Annotated[bool, option(TERMINAL, LIST_STYLES, "--list-styles")] = False,
    as_typed: Annotated[bool, option(PANEL_STYLE, AS_TYPED, "--as-typed")] = False,
    settings: Mapping[str, Any],
    mask: masks.Mask = None,
    invert_mask: masks.InvertMask = False,
    feather: masks.Feather = None,
    regions: masks.Regions = None,
    lambda_mask: masks.LambdaMask = None,
    preview: Annotated[bool, option(TERMINAL, PREVIEW, "--preview")] = False,
    preview_path: Annotated[Path | None, option(TERMINAL, PREVIEW_PATH, "--preview-path", takes="FILE")] = None,
    show: Annotated[bool, option(TERMINAL, OPEN, "--open")] = False,
    interactive: Annotated[bool, option(TERMINAL, INTERACTIVE, "--interactive")] = False,
    weights: Mapping[str, Path],
) -> None:
    """Stylise a photo: keep what it shows, paint it in the style that the prompts say.

    Works at once with the built-in models. At a terminal, what is left out is asked for.
    """
    if list_styles:
        words = ["inspect", "--styles", *["--json"] * call.console.json, *["-q"] * call.console.quiet]
        raise typer.Exit(call.state.dispatch(words))
    said = [*(named or ()), *(styles or ()), *read_prompts(file_of_words, taken="-" in (str(image), str(from_file)))]
    operands = sort_operands(
        None if image is None else text_of_place(image),
        prompts or (),
        said,
        call.state.arguments,
        as_typed=as_typed,
        listed=from_file is not None,
    )
    request = Request(
        image=operands.photos[0] if operands.photos else None,
        prompts=(*operands.blended, *operands.said),
        style_images=tuple(style_images or ()),
        palette=None if palette is None else str(palette),
        places=masks.places_of(mask, invert_mask, feather, regions, lambda_mask),
        settings=settings,
        weights=weights,
        output=None if output is None else text_of_place(output),
        format=format,
        quality=None if quality is None else whole("--quality", quality, low=1, high=100, example=90),
        keep_exif=keep_exif,
        variations=whole("--variations", variations, low=1, high=MOST_VARIATIONS, example=4),
        force=force,
        metadata=not no_metadata,
        frame=frame_number(frame),
        max_pixels=max_pixels(pixels),
        preview=preview,
        preview_path=preview_path,
        dry_run=dry_run,
    )

    several = operands.several or from_file is not None
    if batch is not None and not several:
        raise UsageError("--batch has no effect with one photo.", "Leave it out.")
    cluster = cluster_of(engine, address, workers)
    if several or each or recursive or template is not None or retry or cluster is not None:
        listed = None if from_file is None else str(from_file)
        at_once = auto_or_whole("--batch", batch, high=MOST_AT_ONCE, example=4)
        many = ManyRequest(request, operands.photos, listed, recursive, each, template, retry, at_once, cluster)
        stylize_many(call, many, operands, as_typed=as_typed, show=show, interactive=interactive)
        return

    from .session import Session

    session = Session(call.console, call.state.models, cache=None if no_cache else kept_folder())
    call.account, call.documented = session.account, request.output != "-"
    _check_streams(call, request, show=show, interactive=interactive)
    if not as_typed:
        check_operands(request, call.state.arguments, operands.photos, elsewhere=True)
        request = _style_alone(call, session, request)
    request = without_idle(request, call.lent)
    check(request)
    reader = None if as_typed else Reader(call.console, session.notices, call.may_ask and request.output != "-")
    if reader is not None:
        request = reader.read(request, len(operands.blended))
    _run(call, session, request, reader, show=show, interactive=interactive)


def _style_alone(call: Call, session: Session, request: Request) -> Request:
    """The request whose photo is to be asked for, where a style was given and none. Raises `UsageError`."""
    if not only_a_style(request):
        return request
    style = str(request.image)
    if not call.may_ask or request.output == "-":
        words = shell_words(["diffstyler", "stylize", "photo.png", style])
        raise UsageError(f"No photo is given: {cut(style)} is the name of a style.", f"Name one: {words}")
    return dataclasses.replace(request, image=None, prompts=(style,))


def _run(
    call: Call, session: Session, request: Request, reader: Reader | None, *, show: bool, interactive: bool
) -> None:
    missing = request.image is None or not request.asks()
    if not missing and not interactive:
        run = session.run(request)
        if show:
            session.open(run.pictures[0])
        return
    if missing and (not call.may_ask or request.output == "-"):
        raise _missing(request, call.why_not_ask)

    from ..terminal.preview import why_not
    from .menu import what_next
    from .questions import ask_missing

    typed = not request.prompts
    request = without_idle(ask_missing(call.console, request), call.lent)
    check(request)
    if typed and reader is not None:
        request = reader.read(request, 0)
    if request.dry_run:
        session.run(request)
        return
    # a person who was asked watches: show the picture where the terminal can
    watched = dataclasses.replace(request, preview=request.preview or not why_not(call.console))
    run = session.run(watched)
    if show:
        session.open(run.pictures[0])
    what_next(session, run, call.state.dispatch)


def _missing(request: Request, reason: str) -> UsageError:
    because = f" ({reason}, so it cannot be asked for)" if reason else ""
    if request.image is None:
        return UsageError(f"No photo is given{because}.", 'Name one: diffstyler stylize photo.png "oil painting".')
    return UsageError(
        f"No prompt is given{because}.",
        'Say the style after the photo, as in "oil painting", or give --style-image PATH.',
    )


def _check_streams(call: Call, request: Request, *, show: bool, interactive: bool) -> None:
    """Raises `UsageError` for streams that cannot do what is asked of them, and options that exclude each other."""
    console = call.console
    piped_out = request.output == "-"
    reason = console.why_not_ask()
    rows = (
        (piped_out and console.json, "--json and -o - both want standard output.", "Give -o a file."),
        (piped_out and request.variations > 1, "-o - can hold one picture, not several.", "Give -o a file, or -n 1."),
        (piped_out and request.force, "--force has no effect with -o -.", "Leave --force out."),
        (piped_out and show, "--open and -o - exclude each other: there is no file to open.", "Give -o a file."),
        (
            show and is_url(str(request.output)),
            "--open is for a picture on this machine.",
            "Leave it out, or give -o a file.",
        ),
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
        (
            request.dry_run and (request.preview or request.preview_path is not None),
            "--preview and --preview-path have no effect with --dry-run.",
            "Leave one out.",
        ),
        (interactive and request.dry_run, "--interactive and --dry-run exclude each other.", "Leave one out."),
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

"""`diffstyler sweep [IMAGE] [PROMPT...]`: one photo at every combination of some settings, side by side."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import WeightPaths
from ...errors import UsageError
from ...sample import SAMPLE, SAMPLE_PROMPT
from ...sweep.axes import PROMPT, parse_prompts, parse_values, swept
from ..options import markup, parse, takes_settings, whole
from ..stylize.command import weights_option
from ..stylize.request import Request
from ..terminal.console import Console, is_terminal
from ..terminal.errors import Interrupted, Terminated, explain
from ..terminal.log import LOG_FILE, open_log
from .request import SweepRequest

if TYPE_CHECKING:
    from .session import SweepSession

SUMMARY = "Try settings on a photo, side by side."
FILES, SHOWN, TERMINAL = "Files", "Grid", "Terminal and scripts"


def _option(panel: str, help: str, *names: str, takes: str = "") -> Any:
    return typer.Option(*names, metavar=takes, help=markup(help), show_default=False, rich_help_panel=panel)


PHOTO = 'The photo; "-" reads standard input. (default a built-in sample photo)'
PROMPTS = f"What the pictures should look like, as for stylize. (default {SAMPLE_PROMPT})"
OUTPUT = "The folder of the sweep. (default beside the photo, as photo-oil-painting-sweep)"
STYLE_IMAGE = "A picture whose style is wanted, with its weight; repeatable, beside prompts or in their place."
FORCE = "Start over where the folder holds a sweep with other settings."
PIXELS = "Refuse input pictures with more pixels. (default 100000000)"
EACH = "A prompt of its own row or column; repeatable, in place of PROMPT, whose prompts are blended."
BATCH = "How many pictures that differ in --lambda alone to make at once; auto takes what the memory allows."
NO_GRID = "Leave out grid.png, which has a limit of size."
DRY_RUN = "Say what would be made and what it costs, and make nothing."
PREVIEW = "Draw finished pictures in the terminal; needs 256 colours and UTF-8."
JSON = "Print one JSON document in place of the paths."
QUIET = "Print nothing but the paths and errors."
NO_INPUT = "Never ask what to do next."
DEBUG = "Show the traceback of an error, and all warnings."


def _read(name: str, value: str | bool) -> Any:
    return parse_values(name, str(value)) if name in swept() else (parse(name, value),)


@functools.partial(takes_settings, read=_read)
def command(
    context: typer.Context,
    *,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", show_default=False, help=PHOTO)] = None,
    prompts: Annotated[list[str] | None, typer.Argument(metavar="PROMPT", show_default=False, help=PROMPTS)] = None,
    output: Annotated[Path | None, _option(FILES, OUTPUT, "-o", "--output", takes="DIR")] = None,
    style_images: Annotated[list[str] | None, _option(FILES, STYLE_IMAGE, "--style-image", takes="PATH[:w]")] = None,
    force: Annotated[bool, _option(FILES, FORCE, "--force")] = False,
    max_pixels: Annotated[str | None, _option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    each_prompt: Annotated[list[str] | None, _option(SHOWN, EACH, "--prompt", takes="TEXT[:w]")] = None,
    batch: Annotated[str, _option(SHOWN, BATCH, "--batch", takes="auto|N")] = "auto",
    no_grid: Annotated[bool, _option(SHOWN, NO_GRID, "--no-grid")] = False,
    dry_run: Annotated[bool, _option(SHOWN, DRY_RUN, "--dry-run")] = False,
    settings: dict[str, object],
    preview: Annotated[bool, _option(TERMINAL, PREVIEW, "--preview")] = False,
    json: Annotated[bool, _option(TERMINAL, JSON, "--json")] = False,
    quiet: Annotated[bool, _option(TERMINAL, QUIET, "-q", "--quiet")] = False,
    no_input: Annotated[bool, _option(TERMINAL, NO_INPUT, "--no-input", "--yes")] = False,
    log_file: Annotated[Path | None, _option(TERMINAL, LOG_FILE, "--log-file", takes="FILE")] = None,
    debug: Annotated[bool, _option(TERMINAL, DEBUG, "--debug")] = False,
    photo_weights: Annotated[Path | None, weights_option("photo")] = None,
    art_weights: Annotated[Path | None, weights_option("art")] = None,
    clip_weights: Annotated[Path | None, weights_option("clip")] = None,
    vgg_weights: Annotated[Path | None, weights_option("vgg")] = None,
    aesthetic_weights: Annotated[Path | None, weights_option("aesthetic")] = None,
) -> int:
    """Try settings on a photo, side by side: a grid, a page to compare in, and the numbers.

    Settings of style, sampling and losses take one value, a list or a range: 0.5 or 20,30,50 or 0:1:0.25 (both ends
    included). Those with several make the grid: --lambda 0:1:0.25 --t1 1.0x,1.2x,1.4x. The same command goes on where
    it was stopped.
    """
    console = context.obj.console = Console(quiet=quiet, json=json)
    if log_file is not None:
        open_log(log_file, context.obj.arguments)
    if not debug:
        warnings.simplefilter("ignore")
    ranges = dict(settings)
    if each_prompt:
        ranges[PROMPT] = parse_prompts([_text(prompt) for prompt in each_prompt])
    base = Request(
        image=None if image is None else str(image),
        prompts=tuple(_text(prompt) for prompt in prompts or ()),
        style_images=tuple(style_images or ()),
        weights=WeightPaths(photo_weights, art_weights, clip_weights, vgg_weights, aesthetic_weights),
        output=None if output is None else str(output),
        force=force,
        max_pixels=None if max_pixels is None else whole("--max-pixels", max_pixels, low=1, example=200_000_000),
        preview=preview,
    )
    request = SweepRequest(
        base,
        ranges,  # type: ignore[arg-type]  # the values are tuples: `_read` made them
        batch=None if batch == "auto" else whole("--batch", batch, low=1, example=4),
        grid=not no_grid,
        dry_run=dry_run,
    )

    from .session import SweepSession

    session = SweepSession(console)
    try:
        try:
            _check_streams(console, request)
            _run(session, request, no_input=no_input)
        except KeyboardInterrupt:
            raise Interrupted(130, *session.kept("Interrupted")) from None
        except Terminated:
            raise Interrupted(143, *session.kept("Terminated")) from None
    except Exception as error:
        if json:
            console.document(session.document(explain(error)))
        raise
    if json:
        console.document(session.document(None))
    return 0


def _run(session: SweepSession, request: SweepRequest, *, no_input: bool) -> None:
    console = session.console
    if request.base.image is None:
        session.notice("No photo is given: this is the built-in sample photo (two macaws, by Steve Kelly).")
        request = request.with_base(image=str(SAMPLE))
    if not (request.base.prompts or request.base.style_images or PROMPT in request.ranges):
        session.notice(f'No prompt is given: this is "{SAMPLE_PROMPT}".')
        request = request.with_base(prompts=(SAMPLE_PROMPT,))
    if request.base.output is None and request.base.image == str(SAMPLE):  # nothing goes into the package's folder
        request = request.with_base(output=request.folder().name)
    if not request.swept():
        request = request.with_default_ranges()
        session.notice(f"Nothing is varied: this is {request.range_words()}.")
    request.check()
    done = session.run_sweep(request)
    if done is None or no_input or console.quiet or console.json or console.why_not_ask():
        return

    from .menu import what_next

    what_next(session, done)


def _check_streams(console: Console, request: SweepRequest) -> None:
    """Raises `UsageError` for options that exclude each other, and streams that cannot do what is asked of them."""
    import sys

    rows = (
        (
            bool(request.base.prompts) and PROMPT in request.ranges,
            "--prompt and PROMPT exclude each other: prompts after the photo are blended, --prompt compares them.",
            "Give every prompt with --prompt.",
        ),
        (
            request.base.image == "-" and is_terminal(sys.stdin),
            'The photo "-" is standard input, which is a terminal.',
            "Pipe one in, or name a file.",
        ),
        (
            request.base.preview and console.quiet,
            "--preview and --quiet exclude each other.",
            "Leave one out.",
        ),
        (
            request.base.preview and not is_terminal(sys.stderr),
            "--preview needs a terminal on standard error.",
            "Leave it out: index.html shows the pictures.",
        ),
        (request.dry_run and request.base.force, "--force has no effect with --dry-run.", "Leave one out."),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)


def _text(prompt: str) -> str:
    return os.fsencode(prompt).decode("utf-8", "replace")

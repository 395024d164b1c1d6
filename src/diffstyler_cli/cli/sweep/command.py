"""`diffstyler sweep [IMAGE] [PROMPT...]`: one photo at every combination of some settings, side by side."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import PANEL_STYLE, default_of, options
from ...errors import UsageError
from ...naming import cut
from ...sample import SAMPLE, SAMPLE_PROMPT
from ...sweep.axes import MOST_CELLS, NOT_SWEPT, PROMPT, parse_prompts, parse_values, swept
from ..options import (
    AS_TYPED,
    FILES,
    FRAME,
    PALETTE,
    PIXELS,
    STYLE_IMAGE,
    TERMINAL,
    auto_or_whole,
    frame_number,
    max_pixels,
    option,
    parse,
    prompt_argument,
    prompt_option,
    readable,
)
from ..scaffold import Call, scaffold
from ..stylize import masks
from ..stylize.many.cluster import cluster_of
from ..stylize.many.operands import sort_operands
from ..stylize.many.options import Address, EngineName, Workers
from ..stylize.operands import check_operands, only_a_style
from ..stylize.request import Request
from ..stylize.wording import Reader
from ..terminal.console import Console, is_terminal
from ..terminal.help import Page
from ..terminal.shell import joined
from .many.command import sweep_many
from .many.options import FromFile, NameTemplate, Recursive
from .many.request import ManySweepsRequest
from .request import SweepRequest

if TYPE_CHECKING:
    from ..terminal.notices import Notices

SUMMARY = "Try settings on a photo, side by side."
SHOWN = "Grid"

PHOTO = (
    'Photos or folders; "-" reads standard input. Asked for at a terminal where nothing at all is given. '
    "(default a built-in sample photo)"
)
PROMPTS = f"What the pictures should look like, as for stylize. (default {SAMPLE_PROMPT})"
OUTPUT = (
    "The folder of the sweep; of several photos, the folder of a sweep each. "
    "(default beside the photo, as photo-oil-painting-sweep)"
)
FORCE = "Start over where the folder holds a sweep with other settings."
EACH = "A prompt of its own row or column; repeatable, in place of PROMPT, whose prompts are blended."
BATCH = "How many pictures that differ in --lambda alone to make at once; auto takes what the memory allows."
NO_GRID = "Leave out grid.png, which has a limit of size."
DRY_RUN = "Say what would be made and what it costs, and make nothing."
OPEN = "Open the page in the browser when the sweep is done; of several photos, the overview."
PREVIEW = "Draw finished pictures in the terminal; needs 256 colours and UTF-8."
NO_INPUT = "Never ask what to do next."


def _read(name: str, value: str | bool) -> Any:
    if name in swept():
        return parse_values(name, str(value))
    values = [part.strip() for part in re.split("[,:]", str(value))] if name in NOT_SWEPT else []
    if len(values) > 1:
        flag = options()[name].flag
        raise UsageError(
            f"{flag} {cut(str(value))} is several values, and all cells of a sweep have one {flag}.",
            f"Sweep with {flag} {values[0][:20]}, and again, with another -o, with {flag} {values[1][:20]}.",
        )
    return (parse(name, value),)


def _own_folder(given: Mapping[str, Any]) -> list[Path]:
    return [] if given["output"] is None else [given["output"]]


PAGE = Page(
    (
        "diffstyler sweep photo.png woodcut --lambda 0:1:0.25",
        "diffstyler sweep holiday/ woodcut --lambda 0:1:0.5 -o out/",
        "diffstyler sweep  # a sample photo, what tells most",
    ),
    (
        *("--prompt", "--lambda", "--t1", "--steps", "--prompt-weight", "--seed", "--size", "--output", "--dry-run"),
        *("--force", "--models", "--yes", "--json", "--help"),
    ),
)


@scaffold(no_input=NO_INPUT, page=PAGE, read=_read, writes=_own_folder, defaults={"size": "that of --working-size"})
def command(
    call: Call,
    *,
    image: Annotated[Path | None, typer.Argument(metavar="IMAGE", show_default=False, help=PHOTO)] = None,
    prompts: Annotated[
        list[str] | None,
        prompt_argument(PROMPTS),
    ] = None,
    output: Annotated[Path | None, option(FILES, OUTPUT, "-o", "--output", takes="DIR")] = None,
    style_images: Annotated[list[str] | None, option(FILES, STYLE_IMAGE, "--style-image", takes="PATH[:w]")] = None,
    palette: Annotated[Path | None, option(FILES, PALETTE, "--palette", takes="FILE")] = None,
    force: Annotated[bool, option(FILES, FORCE, "--force")] = False,
    frame: Annotated[str | None, option(FILES, FRAME, "--frame", takes="N")] = None,
    pixels: Annotated[str | None, option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    each_prompt: Annotated[list[str] | None, prompt_option(SHOWN, EACH)] = None,
    batch: Annotated[str, option(SHOWN, BATCH, "--batch", takes="auto|N")] = "auto",
    from_file: FromFile = None,
    recursive: Recursive = False,
    template: NameTemplate = None,
    engine: EngineName = None,
    address: Address = None,
    workers: Workers = None,
    no_grid: Annotated[bool, option(SHOWN, NO_GRID, "--no-grid")] = False,
    dry_run: Annotated[bool, option(SHOWN, DRY_RUN, "--dry-run")] = False,
    as_typed: Annotated[bool, option(PANEL_STYLE, AS_TYPED, "--as-typed")] = False,
    settings: Mapping[str, Any],
    mask: masks.Mask = None,
    invert_mask: masks.InvertMask = False,
    feather: masks.Feather = None,
    regions: masks.Regions = None,
    lambda_mask: masks.LambdaMask = None,
    preview: Annotated[bool, option(TERMINAL, PREVIEW, "--preview")] = False,
    show: Annotated[bool, option(TERMINAL, OPEN, "--open")] = False,
    weights: Mapping[str, Path],
) -> None:
    """Try settings on a photo, side by side: a grid, a page to compare in, and the numbers.

    Settings of style, sampling and losses take one value, a list or a range: 0.5 or 20,30,50 or 0:1:0.25 (both ends
    included). Those with several make the grid: --lambda 0:1:0.25 --t1 1.0x,1.2x,1.4x. The same command goes on where
    it was stopped.
    """
    ranges = dict(settings)
    if each_prompt:
        ranges[PROMPT] = parse_prompts(list(map(readable, each_prompt)))
    operands = sort_operands(
        None if image is None else str(image),
        prompts or (),
        (),
        call.state.arguments,
        as_typed=as_typed and not each_prompt,
        listed=from_file is not None,
    )
    base = Request(
        image=operands.photos[0] if operands.photos else None,
        prompts=operands.blended,
        style_images=tuple(style_images or ()),
        palette=None if palette is None else str(palette),
        places=masks.places_of(mask, invert_mask, feather, regions, lambda_mask),
        weights=weights,
        output=None if output is None else str(output),
        force=force,
        frame=frame_number(frame),
        max_pixels=max_pixels(pixels),
        preview=preview,
    )
    request = SweepRequest(
        base,
        ranges,
        batch=auto_or_whole("--batch", batch, high=MOST_CELLS, example=4),
        grid=not no_grid,
        dry_run=dry_run,
        cluster=cluster_of(engine, address, workers),
    )
    if operands.several or from_file is not None or recursive or template is not None:
        listed = None if from_file is None else str(from_file)

        def check() -> None:
            _check_streams(call.console, request, show=show)

        def complete(notices: Notices, each: SweepRequest) -> SweepRequest:
            if not as_typed:
                each = _meant(Reader(call.console, notices, call.may_ask), each)
            return _completed(each, notices, sample=False)

        sweeps = ManySweepsRequest(request, operands.photos, listed, recursive, template)
        sweep_many(call, sweeps, operands, check, complete, as_typed=as_typed, show=show)
        return

    from .session import SweepSession

    session = SweepSession(call.console, call.state.models)
    call.account = session.account
    _check_streams(call.console, request, show=show)
    if not as_typed:
        every = dataclasses.replace(base, prompts=(*base.prompts, *ranges.get(PROMPT, ())))
        check_operands(every, call.state.arguments, operands.photos)
        _check_style(base)
    if call.may_ask and not dry_run and request.is_bare():
        from ..stylize.questions import ask_missing

        request = dataclasses.replace(request, base=ask_missing(call.console, base, default=str(SAMPLE)))
    if not as_typed:
        request = _meant(Reader(call.console, session.notices, call.may_ask), request)
    request = _completed(request, session.notices).without_idle(call.lent)
    request.check()
    done = session.run(request)
    if done is not None and show:
        session.open(done)
    if done is not None and call.may_ask:
        from .menu import what_next

        what_next(session, done, call.state.dispatch)


def _check_style(base: Request) -> None:
    """Raises `UsageError` where a style stands in the photo's place."""
    if only_a_style(base):
        words = [joined(["diffstyler", "sweep", *operands, str(base.image)]) for operands in (["photo.png"], ["-p"])]
        raise UsageError(
            f"No photo is given: {cut(str(base.image))} is the name of a style.",
            f"Name one: {words[0]}; or take the built-in sample photo: {words[1]}",
        )


def _meant(reader: Reader, request: SweepRequest) -> SweepRequest:
    """The request with its prompts as they are meant."""
    one = dataclasses.replace(request.base, settings=request.settings())
    read = reader.read(one, len(one.prompts))
    request = request.with_base(prompts=read.prompts, places=read.places)
    if PROMPT not in request.ranges:
        return request
    each = parse_prompts(list(reader.read_all(request.ranges[PROMPT], one)))
    return dataclasses.replace(request, ranges={**request.ranges, PROMPT: each})


def _completed(request: SweepRequest, notices: Notices, *, sample: bool = True) -> SweepRequest:
    """The request with the sample prompt and the ranges that tell most, where it gives none; with the sample photo."""
    if sample and request.base.image is None:
        notices.add("No photo is given: this is the built-in sample photo (two macaws, by Steve Kelly).")
        request = request.with_base(image=str(SAMPLE))
    if not (request.base.asks() or PROMPT in request.ranges):
        notices.add(f'No prompt is given: this is "{SAMPLE_PROMPT}".')
        request = request.with_base(prompts=(SAMPLE_PROMPT,))
    if "size" not in request.ranges:  # cells are the first pass of what `stylize` draws
        sizes = request.ranges.get("working_size", (default_of("working_size"),))
        rest = {name: values for name, values in request.ranges.items() if name != "working_size"}
        request = dataclasses.replace(request, ranges={**rest, "size": sizes})
    if not request.swept():
        request = request.with_default_ranges()
        notices.add(f"Nothing is varied: this is {request.range_words()}.")
    return request


def _check_streams(console: Console, request: SweepRequest, *, show: bool) -> None:
    """Raises `UsageError` for options that exclude each other, and streams that cannot do what is asked of them."""
    rows = (
        (
            request.cluster is not None and request.base.image == "-",
            'The photo "-" is standard input, which the workers of --engine ray do not see.',
            "Name its file.",
        ),
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
        (request.dry_run and show, "--open has no effect with --dry-run.", "Leave one out."),
        (request.dry_run and request.base.force, "--force has no effect with --dry-run.", "Leave one out."),
    )
    for wrong, message, advice in rows:
        if wrong:
            raise UsageError(message, advice)

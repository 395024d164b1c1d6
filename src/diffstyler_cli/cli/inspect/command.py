"""`diffstyler inspect [FILE...]`: what runs here; or how pictures were made, and how to make them again."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import DiffStylerError, InputImageError, UsageError
from ...version import __version__
from ..options import markup, whole
from ..terminal.console import Console, shown
from ..terminal.errors import Failure, Interrupted, SomeFailed, Terminated, explain
from ..terminal.log import LOG_FILE, open_log
from ..terminal.shell import joined

if TYPE_CHECKING:
    from ...images.describe import Description
    from ...recipe import Recipe

SUMMARY = "Show what runs here, or how a picture was made."
SCHEMA = "diffstyler.inspect/1"

WHAT, FILES, TERMINAL = "What to do", "Files", "Terminal and scripts"
UNITS = "weighted sum"
LONGEST_LINE = 4000
"""A command longer than this is not shown in a report; --command prints it."""


def _option(panel: str, help: str, *names: str, takes: str = "") -> Any:
    return typer.Option(*names, metavar=takes, help=markup(help), show_default=False, rich_help_panel=panel)


INPUTS = 'Pictures or sweep folders; "-" reads a picture from standard input. None: this machine and its models.'
COMMAND = "Print the command line that makes the picture again, and nothing else."
REPLAY = "Make the picture again, and say whether every pixel is the same."
PLOT = "Draw the losses by step, of one picture or of several, as a .png, .jpg or .webp file."
COMPARE = "Of two pictures: how their recipes differ, and the scores of both."
PHOTO = "With --command, --replay or --compare: the photo, if it is not beside the picture; another one is made alike."
OUTPUT = "With --replay or --command: where the picture goes. (default with --replay beside it, as NAME-replay)"
FORCE = "With --replay or --plot: write over an existing file."
PIXELS = "Refuse pictures with more pixels. (default 100000000)"
JSON = "Print one JSON document, with whole recipes."
QUIET = "Print only paths: of what was written; else of the files that have a recipe, and of a sweep's Pareto front."
DEBUG = "Show the traceback of an error, and all warnings."


def command(
    context: typer.Context,
    *,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", show_default=False, help=INPUTS)] = None,
    show_command: Annotated[bool, _option(WHAT, COMMAND, "--command")] = False,
    replay: Annotated[bool, _option(WHAT, REPLAY, "--replay")] = False,
    plot: Annotated[Path | None, _option(WHAT, PLOT, "--plot", takes="PATH")] = None,
    compare: Annotated[bool, _option(WHAT, COMPARE, "--compare")] = False,
    photo: Annotated[Path | None, _option(FILES, PHOTO, "--photo", takes="PATH")] = None,
    output: Annotated[Path | None, _option(FILES, OUTPUT, "-o", "--output", takes="PATH")] = None,
    force: Annotated[bool, _option(FILES, FORCE, "--force")] = False,
    max_pixels: Annotated[str | None, _option(FILES, PIXELS, "--max-pixels", takes="PIXELS")] = None,
    json: Annotated[bool, _option(TERMINAL, JSON, "--json")] = False,
    quiet: Annotated[bool, _option(TERMINAL, QUIET, "-q", "--quiet")] = False,
    log_file: Annotated[Path | None, _option(TERMINAL, LOG_FILE, "--log-file", takes="FILE")] = None,
    debug: Annotated[bool, _option(TERMINAL, DEBUG, "--debug")] = False,
) -> int:
    """Say what runs here: versions, devices, models, and what is missing.

    Of a FILE: how it was made, as embedded in it, and the command that makes it again.
    """
    console = context.obj.console = Console(quiet=quiet, json=json)
    if log_file is not None:
        open_log(log_file, context.obj.arguments)
    if not debug:
        warnings.simplefilter("ignore")
    job = _Job(console, files or [], photo, output, force, max_pixels)
    actions: dict[str, tuple[bool, Callable[[], None]]] = {
        "--command": (show_command, job.commands),
        "--replay": (replay, job.replay),
        "--plot": (plot is not None, lambda: job.plot(plot or Path())),
        "--compare": (compare, job.compare),
    }
    chosen = [flag for flag, (given, _) in actions.items() if given]
    try:
        _check(job, chosen)
        act = actions[chosen[0]][1] if chosen else job.reports if job.files else job.machine
        try:
            act()
        except KeyboardInterrupt:
            raise Interrupted(130, *job.kept("Interrupted")) from None
        except Terminated:
            raise Interrupted(143, *job.kept("Terminated")) from None
    except Exception as error:
        if json:
            console.document(job.document(explain(error)))
        raise
    if json:
        console.document(job.document(None))
    return 0


def _check(job: _Job, chosen: Sequence[str]) -> None:
    """Raises `UsageError` for options that exclude each other or would have no effect."""
    what = chosen[0] if chosen else ""
    count = len(job.files)
    names = [str(file) for file in job.files]
    rows = (
        (len(chosen) > 1, f"{' and '.join(chosen)} exclude each other.", "Give one of them."),
        (bool(what) and not count, f"{what} needs a FILE.", f"Name a picture: diffstyler inspect out.png {what}."),
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


class _Job:
    """One run of the command, and the account of it."""

    def __init__(
        self,
        console: Console,
        files: Sequence[Path],
        photo: Path | None,
        output: Path | None,
        force: bool,
        max_pixels: str | None,
    ) -> None:
        from ...images.read import MAX_PIXELS

        self.console, self.files, self.photo, self.output, self.force = console, files, photo, output, force
        self.limit = MAX_PIXELS if max_pixels is None else whole("--max-pixels", max_pixels, low=1, example=200_000_000)
        self._document: dict[str, Any] = {}
        self._kept: Callable[[str], tuple[str, str]] | None = None

    # --- what is done ------------------------------------------------------------------------------------------------
    def machine(self) -> None:
        """What runs here."""
        from .facts import devices, full_models, lite_models, missing, versions
        from .tables import machine

        facts: dict[str, Any] = {**versions(), "devices": [], "default": None, "problems": []}
        facts |= {"models": {"lite": lite_models()}, "cache": None}
        try:
            with self.console.working("Looking"):
                facts |= devices()
        except Exception as error:  # a broken torch raises nearly every type, and this report is to say so
            facts["problems"].append(f"torch cannot be used: {explain(error).message}")
        try:
            full = full_models()
            facts["models"]["full"], facts["cache"] = full["components"], full["cache"]
        except DiffStylerError as error:
            facts["problems"].append(f"{error.message} {error.advice}")
        facts |= missing(facts)
        self._document = facts
        self.console.report(machine(facts, self.console.paper.width))

    def reports(self) -> None:
        """How each file was made."""
        rows: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        self._document = {"files": rows, "failures": failures}
        last: Exception | None = None
        for file in self.files:
            try:
                rows.append(self._sweep(file) if file.is_dir() else self._report(file))
            except DiffStylerError as error:
                if len(self.files) == 1:
                    raise
                failure, last = explain(error), error
                failures.append({"path": str(file), **dataclasses.asdict(failure)})
                self.console.fail(failure)
        if last is not None:
            if not rows:
                raise last
            raise SomeFailed(f"{len(failures)} of {len(self.files)} files could not be read.", "See above.")

    def commands(self) -> None:
        """The command line of each file."""
        from .replay import request_of

        for file in self.files:
            recipe = self._recipe(self._describe(file))
            request, notes = request_of(recipe, file, self.photo)
            self._say(notes)
            output = None if self.output is None else str(self.output)
            self.console.text(dataclasses.replace(request, output=output).command_line())

    def replay(self) -> None:
        """Makes the picture again and compares."""
        from .facts import local_hashes
        from .replay import Replay, automatic_output, request_of
        from .tables import warnings as doubts

        (file,) = self.files
        description = self._describe(file)
        recipe = self._recipe(description)
        request, notes = request_of(recipe, file, self.photo)
        self._say(notes + doubts(recipe, local_hashes(recipe.model_set)))
        output = str(self.output) if self.output is not None else str(automatic_output(file))
        session = Replay(self.console, description)
        self._kept = session.kept
        try:
            session.run(dataclasses.replace(request, output=output, force=self.force))
        finally:
            self._document = session.document(None)
        if session.likeness is not None:
            self._document["replay"] = {"of": str(file), **dataclasses.asdict(session.likeness)}
            self.console.say(session.likeness.sentence(), "green" if session.likeness.identical else "yellow")

    def plot(self, path: Path) -> None:
        """Draws the loss curves of all files."""
        from ...images.plot import Curves, plot_curves
        from ...images.write import check_output, write_image
        from ...recipe import TOTAL
        from .tables import MOST, brief

        check_output(path, [file for file in self.files if str(file) != "-"], self.force)
        recipes = [(file, self._recipe(self._describe(file))) for file in self.files]
        without = [file for file, recipe in recipes if not recipe.curves]
        if without:
            raise InputImageError(
                f"The recipe of {shown(without[0].name)} has no losses by step.",
                "It was made with --guidance-scale 0, or as a JPEG that had no room for them.",
            )
        titles = {TOTAL: UNITS}
        runs = [
            Curves(shown(f.name), {titles.get(n, brief(n, 24)): c for n, c in list(r.curves.items())[:MOST]})
            for f, r in recipes
        ]
        captions = {}
        for loss in recipes[0][1].losses:
            if loss.weight is not None:
                captions[brief(loss.name, 24)] = f"weight {loss.weight:g}" if len(recipes) == 1 else ""
        write_image(plot_curves(runs, captions), path, None, self.force)
        self._document = {"plot": str(path), "files": [str(file) for file in self.files]}
        self.console.written(path)

    def compare(self) -> None:
        """What tells two pictures apart."""
        from ...recipe import differences
        from .compare import scores
        from .tables import comparison

        descriptions = [self._describe(file) for file in self.files]
        recipes = [self._recipe(description) for description in descriptions]
        changed = differences(recipes[0].data, recipes[1].data)
        numbers, notes = scores(self.console, descriptions, recipes, self.photo)
        self._say(notes)
        self._document = {"files": [str(file) for file in self.files], "differences": changed, "scores": numbers}
        self.console.report(comparison([file.name for file in self.files], changed, numbers))

    # --- the account -------------------------------------------------------------------------------------------------
    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/metadata.md."""
        account = {"schema": SCHEMA, "version": __version__, "ok": failure is None}
        return account | self._document | {"ok": failure is None, "error": failure and dataclasses.asdict(failure)}

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after an interruption."""
        return self._kept(what) if self._kept else (f"{what}.", "")

    # --- parts -------------------------------------------------------------------------------------------------------
    def _describe(self, file: Path) -> Description:
        from ...images.describe import describe

        return describe(file, self.limit)

    def _recipe(self, description: Description) -> Recipe:
        from ...recipe import Recipe

        if description.recipe is None:
            raise InputImageError(
                f"{shown(description.path.name)} carries no recipe.",
                "It was made otherwise, with --no-metadata, or its metadata was removed since.",
            )
        return Recipe(description.recipe)

    def _report(self, file: Path) -> dict[str, Any]:
        from .facts import local_hashes
        from .replay import request_of
        from .tables import picture

        description = self._describe(file)
        row: dict[str, Any] = {**vars(description)} | {"path": str(file), "size": list(description.size)}
        recipe = None if description.recipe is None else self._recipe(description)
        local: dict[str, str] = {}
        line = ""
        notes: list[str] = []
        if recipe is not None:
            try:
                local = local_hashes(recipe.model_set)
                request, notes = request_of(recipe, file, check_pixels=False)
                line = request.command_line()
            except DiffStylerError as error:
                notes = [error.message]
        row |= {"command": line or None, "notes": notes}
        paper = self.console.paper
        self.console.report(picture(description, recipe, local, paper.width, self.console.paper_unicode))
        if recipe is not None and self.console.quiet:
            self.console.written(file)
        elif line and not self.console.json:
            short = line if len(line) <= LONGEST_LINE else f"{joined(['diffstyler', 'inspect', str(file)])} --command"
            self.console.report(f"\nSame again: {short}")
        self._say(notes)
        return row

    def _sweep(self, folder: Path) -> dict[str, Any]:
        from .sweeps import read_sweep, report

        sweep = read_sweep(folder)
        self.console.report(report(sweep))
        if self.console.quiet:
            for path in filter(os.path.isfile, map(sweep.path, sweep.front)):
                self.console.written(path)
        return {"path": str(folder), "sweep": sweep.data}

    def _say(self, notes: Sequence[str]) -> None:
        for note in notes:
            self.console.say(note, "yellow")

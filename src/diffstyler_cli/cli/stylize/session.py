"""Runs requests, with models that are loaded once, and keeps account of what was written."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ...config import StylizeConfig
from ...errors import NumericalError, OutputError, UsageError
from ...version import __version__
from ..terminal.console import LOG, Console
from ..terminal.errors import Failure, SomeFailed, explain
from .request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from ...images import LoadedImage
    from ...losses.objective import TermReport
    from ...pipeline import Event, Stylizer, StylizeResult
    from ...pipeline.style_images import StylePicture
    from ...prompts import Prompt

SCHEMA = "diffstyler.stylize/1"
"""Of the JSON document; the number grows when a field changes its meaning or goes."""

LITE_NOTICE = "Using the built-in lite models. Full-size ones: diffstyler download"
DRAWN_SEEDS = 2**31
"""Seeds are drawn below this: short enough to copy by hand."""


@dataclass(frozen=True)
class Picture:
    """One finished picture; `path` is None where its bytes went to stdout."""

    path: Path | None
    image: Image
    seed: int
    config: StylizeConfig
    prompts: tuple[str, ...]
    losses: Sequence[Mapping[str, TermReport]]
    recipe: dict[str, Any] | None
    timings: dict[str, float]
    command: str


@dataclass(frozen=True)
class Run:
    """One request that was carried out, with the seed that it was given or drew."""

    request: Request
    config: StylizeConfig
    pictures: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """A request whose every part was checked: what can be wrong is found before models are loaded."""

    request: Request
    source: LoadedImage
    prompts: list[Prompt]
    style_images: list[StylePicture]
    outputs: list[Path | None]
    automatic: bool
    """Whether the outputs' names were made here: then one that is taken meanwhile is numbered, not an error."""


class Session:
    """Carries out requests one after the other, with one set of models."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.pictures: list[Picture] = []
        self.failures: list[tuple[int, Failure]] = []
        self.notices: list[str] = []
        self._stylizer: Stylizer | None = None
        self._load_seconds = 0.0
        self._previewed = False
        self._can_preview = True

    def run(self, request: Request) -> Run:
        """Makes and writes the request's pictures. Raises the first failure, or `SomeFailed` where others succeeded."""
        job = self._prepare(request)
        stylizer = self.load(request)
        for notice in stylizer.check_prompts(job.prompts):
            self.notice(notice)
        seed = request.settings.get("seed")
        if seed is None:
            seed = random.SystemRandom().randrange(DRAWN_SEEDS)
        request = request.with_settings(seed=seed)
        job = dataclasses.replace(job, request=request)
        run = Run(request, request.config(stylizer.name))
        errors = self._make_all(job, stylizer, run)
        if errors and not run.pictures:
            raise errors[0]
        self.console.say(f"Same again: {request.command_line()}", "dim", verbatim=True)
        if errors:
            reason = explain(errors[-1])
            missing = request.variations - len(run.pictures)
            raise SomeFailed(f"{missing} of {request.variations} pictures failed: {reason.message}", reason.advice)
        return run

    def keep_as(self, picture: Picture, path: Path) -> None:
        """Writes a finished picture once more, as `path`. Raises `UsageError` or `OutputError`."""
        from ...images.write import check_output, write_image

        check_output(path)
        with _uninterrupted():
            for note in write_image(picture.image, path, picture.recipe):
                self.notice(note)
            self.pictures.append(dataclasses.replace(picture, path=path))
        self.console.written(path)

    def recipe_of(self, result: StylizeResult) -> dict[str, Any]:
        """The recipe that goes into the result's file."""
        return result.recipe

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` cut the session short: the finished pictures are named."""
        paths = [str(picture.path) for picture in self.pictures if picture.path]
        if not paths:
            return f"{what}; nothing was written.", ""
        return f"{what}. Kept: {', '.join(paths)}", ""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document: everything that was made, and what went wrong. Its schema is in docs/cli.md."""
        stylizer = self._stylizer
        return {
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            "models": stylizer.name if stylizer else None,
            "device": str(stylizer.device) if stylizer else None,
            "dtype": _dtype(stylizer) if stylizer else None,
            "load_seconds": round(self._load_seconds, 3),
            "notices": self.notices,
            "results": [_result(picture) for picture in self.pictures],
            "failures": [{"seed": seed, **dataclasses.asdict(reason)} for seed, reason in self.failures],
            "error": dataclasses.asdict(failure) if failure else None,
        }

    # --- before the models -------------------------------------------------------------------------------------------
    def _prepare(self, request: Request) -> _Job:
        from ...images.read import MAX_PIXELS, read_image
        from ...images.write import check_output
        from ...pipeline.style_images import read_style

        prompts = request.parsed_prompts()
        limit = MAX_PIXELS if request.max_pixels is None else request.max_pixels
        loaded = read_image(_source(request.image), limit)
        for note in loaded.notes:
            self.notice(note)
        style_images = [read_style(style, limit) for style in request.parsed_style_images()]
        for note in (note for style in style_images for note in style.loaded.notes):
            self.notice(note)
        inputs = [] if request.image in (None, "-") else [Path(request.image)]
        inputs += [style.path for style in style_images]
        outputs, automatic = _outputs(request, prompts, style_images)
        paths = [path for path in outputs if path is not None]
        for path in paths:
            check_output(path, inputs, request.force)
        if request.preview_path is not None:
            if request.preview_path.resolve() in [path.resolve() for path in paths]:
                raise UsageError(f"--preview-path {request.preview_path} is the output.", "Give it a name of its own.")
            check_output(request.preview_path, inputs, request.force or self._previewed)
        elif request.force and automatic:
            raise UsageError("--force has no effect on automatic names.", "Say which file to replace: -o PATH.")
        self._check_preview(request)
        return _Job(request, loaded, prompts, style_images, outputs, automatic)

    def _check_preview(self, request: Request) -> None:
        from ..terminal.preview import why_not

        reason = why_not(self.console) if request.preview else ""
        if reason and self._can_preview:
            self._can_preview = False
            self.notice(f"No preview: {reason}.")

    def load(self, request: Request) -> Stylizer:
        """The models that the request asks for; those of the first request serve all later ones."""
        if self._stylizer is None:
            began = time.monotonic()
            with self.console.working("Loading the models"):
                from ...pipeline import Stylizer

                config = request.config("lite")
                self._stylizer = Stylizer.load(
                    config.models,
                    device=config.device,
                    dtype=config.dtype,
                    weights=request.weights,
                    art_model=config.art_model,
                )
            self._load_seconds = time.monotonic() - began
            stylizer = self._stylizer
            if stylizer.name == "lite" and config.models != "lite":
                self.notice(LITE_NOTICE)
            for notice in stylizer.notices:
                self.notice(notice)
            where = f"{stylizer.device}, {_dtype(stylizer)}"
            self.console.say(f"{stylizer.name} models on {where}; loaded in {self._load_seconds:.1f} s", "dim")
        return self._stylizer

    def notice(self, text: str) -> None:
        """Says something that a person should know, once."""
        if text not in self.notices:
            self.notices.append(text)
            self.console.say(text, "yellow")

    # --- the runs ----------------------------------------------------------------------------------------------------
    def _make_all(self, job: _Job, stylizer: Stylizer, run: Run) -> list[Exception]:
        """Makes the pictures one by one; returns what went wrong. Goes on only where another seed may do better."""
        errors: list[Exception] = []
        for index, output in enumerate(job.outputs):
            config = dataclasses.replace(run.config, seed=(run.config.seed or 0) + index)
            try:
                run.pictures.append(self._make(job, stylizer, config, index, output))
            except Exception as error:
                failure = explain(error)
                errors.append(error)
                self.failures.append((config.seed or 0, failure))
                if not isinstance(error, NumericalError):
                    break
                if index + 1 < len(job.outputs):
                    self.console.say(f"Picture {index + 1} failed: {failure.message}", "red")
        return errors

    def _make(self, job: _Job, stylizer: Stylizer, config: StylizeConfig, index: int, output: Path | None) -> Picture:
        from ...images.write import encode_image

        request = job.request
        if request.variations > 1:
            self.console.say(f"Picture {index + 1} of {request.variations}, seed {config.seed}")
        result = self._watch(job, stylizer, config)
        for notice in stylizer.notices:
            self.notice(notice)
        timings = dict(result.recipe["timings"])
        recipe = self.recipe_of(result) if request.metadata else None
        command = dataclasses.replace(request.with_settings(seed=result.seed), variations=1).command_line()
        picture = Picture(
            output, result.image, result.seed, config, (*request.prompts, *request.style_images),
            result.losses, recipe, timings, command,
        )  # fmt: skip
        began = time.monotonic()
        if output is None:
            self.console.picture(encode_image(result.image, "PNG", recipe))
            self.pictures.append(picture)
        else:
            with _uninterrupted():
                picture = dataclasses.replace(picture, path=self._write(picture, output, job))
                self.pictures.append(picture)
            self.console.written(output if picture.path is None else picture.path)
        timings["write"] = time.monotonic() - began
        return picture

    def _write(self, picture: Picture, output: Path, job: _Job) -> Path:
        from ...images.write import write_image, write_numbered

        if job.automatic:
            output, notes = write_numbered(picture.image, output, picture.recipe)
        else:
            notes = write_image(picture.image, output, picture.recipe, job.request.force)
        for note in notes:
            self.notice(note)
        return output

    def _watch(self, job: _Job, stylizer: Stylizer, config: StylizeConfig) -> StylizeResult:
        from .live import display

        events = stylizer.run(job.source, job.prompts, config, style_images=job.style_images)
        with display(self.console, preview=job.request.preview and self._can_preview) as show:
            while True:
                try:
                    event = next(events)
                except StopIteration as end:
                    result: StylizeResult = end.value
                    return result
                _log(event)
                show(event)
                if job.request.preview_path is not None and event.pred is not None:
                    self._write_preview(event, job.request.preview_path)

    def _write_preview(self, event: Event, path: Path) -> None:
        from ..terminal.preview import due, write_preview

        if due(event.step, event.steps):
            try:
                write_preview(event.preview(), path)
                self._previewed = True
            except (OutputError, OSError) as error:  # a picture is not lost for want of its preview
                self.notice(f"No preview file: {explain(error).message}")


def _log(event: Event) -> None:
    losses = ", ".join(
        f"{name} {term.value:.6g} (gradient {term.grad_norm:.3g})" for name, term in (event.losses or {}).items()
    )
    LOG.debug("%s %d/%d at %.3f s: %s", event.phase, event.step, event.steps, event.seconds, losses or "no losses")


def _source(image: str | None) -> Path | str:
    return "-" if image in (None, "-") else Path(str(image))


def _outputs(
    request: Request, prompts: list[Prompt], style_images: list[StylePicture]
) -> tuple[list[Path | None], bool]:
    """Where each variation goes (None is stdout; several are numbered after the stem), and whether the name is ours."""
    from ...images.write import automatic_name

    if request.output == "-":
        return [None], False
    given = Path(request.output) if request.output else None
    if given is not None and not given.is_dir():
        several = request.variations > 1
        return [numbered(given, i) if several else given for i in range(1, request.variations + 1)], False
    photo = None if request.image == "-" else Path(str(request.image))
    folder = given or (photo.parent if photo else Path())
    words = [prompt.text for prompt in prompts] or [style.path.stem for style in style_images]
    if request.variations == 1:
        return [automatic_name(photo, words, folder)], True
    # below a file nothing exists, so the name comes back without a number of its own
    stem = folder / automatic_name(photo, words, Path(os.devnull)).name
    first = 1
    while taken := [n for n in range(first, first + request.variations) if os.path.lexists(numbered(stem, n))]:
        first = taken[-1] + 1
    return [numbered(stem, n) for n in range(first, first + request.variations)], True


def numbered(path: Path, number: int) -> Path:
    """photo.png, 2 -> photo-2.png"""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds SIGINT and SIGTERM back while a file is put in place and noted, so that a written file is always named."""
    held: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    before = [signal.signal(number, hold) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


def _dtype(stylizer: Stylizer) -> str:
    return str(stylizer.dtype).removeprefix("torch.")


def _result(picture: Picture) -> dict[str, Any]:
    from ...images.metadata import stored

    first, last = (picture.losses[0], picture.losses[-1]) if picture.losses else ({}, {})
    return {
        "path": str(picture.path) if picture.path else None,
        "seed": picture.seed,
        "size": list(picture.image.size),
        "prompts": list(picture.prompts),
        "settings": dataclasses.asdict(picture.config) | {"seed": picture.seed},
        "losses": {
            name: {"start": dataclasses.asdict(first[name]), "final": dataclasses.asdict(term)}
            for name, term in last.items()
        },
        "timings": {phase: round(seconds, 3) for phase, seconds in picture.timings.items()},
        "command": picture.command,
        "recipe": picture.recipe and stored(picture.recipe),
    }

"""Carries requests out: what can be wrong is found before models are loaded; then picture by picture."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import StylizeConfig
from ...errors import InputImageError, NumericalError, OutputError
from ...t1 import LONG, T1
from ..models import LoadedModels
from ..terminal.console import LOG, Console
from ..terminal.errors import SomeFailed, explain
from ..terminal.interrupts import uninterrupted
from ..terminal.notices import Notices
from .account import Picture, PicturesAccount
from .outputs import Outputs, check_outputs, plan_outputs
from .request import Request

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...pipeline import Progress, Stylizer, StylizeResult
    from ...pipeline.style_images import StylePicture
    from ...prompts import Prompt

DRAWN_SEEDS = 2**31
"""Seeds are drawn below this: short enough to copy by hand."""

RecipeOf = Callable[["StylizeResult"], dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """One request that was carried out, with the seed that it was given or drew."""

    request: Request
    config: StylizeConfig
    pictures: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """A request whose every part was read and checked."""

    request: Request
    source: LoadedImage
    prompts: list[Prompt]
    style_images: list[StylePicture]
    outputs: Outputs


class Session:
    """Carries out requests one after the other, with one set of models and one account.

    `recipe_of` makes the recipe that goes into a result's file; by default it is the result's own.
    """

    def __init__(self, console: Console, models: LoadedModels, recipe_of: RecipeOf | None = None) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = PicturesAccount(models, self.notices)
        self._recipe_of = recipe_of or (lambda result: result.recipe)
        self._previewed = False
        self._can_preview = True

    def run(self, request: Request) -> Run:
        """Makes and writes the request's pictures. Raises the first failure, or `SomeFailed` where others succeeded."""
        job = self._prepare(request)
        stylizer = self.models.load(request.machine(), request.weights, self.console, self.notices)
        self.notices.add(stylizer.check_prompts(job.prompts))
        seed = request.settings.get("seed")
        if seed is None:
            seed = random.SystemRandom().randrange(DRAWN_SEEDS)
        request = request.with_settings(seed=seed)
        job = dataclasses.replace(job, request=request)
        run = Run(request, request.config(stylizer.name))
        self.notices.add(doubts(run.config))
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
        with uninterrupted():
            self.notices.add(write_image(picture.image, path, picture.recipe))
            self.account.pictures.append(dataclasses.replace(picture, path=path))
        self.console.written(path)

    # --- before the models -------------------------------------------------------------------------------------------
    def _prepare(self, request: Request) -> _Job:
        source, style_images = read_inputs(request, self.notices)
        prompts = request.parsed_prompts()
        inputs = [] if request.image in (None, "-") else [Path(request.image)]
        inputs += [style.path for style in style_images]
        outputs = plan_outputs(request, prompts, style_images)
        check_outputs(outputs, request, inputs, source.original_size, previewed=self._previewed)
        self._check_preview(request)
        return _Job(request, source, prompts, style_images, outputs)

    def _check_preview(self, request: Request) -> None:
        from ..terminal.preview import why_not

        reason = why_not(self.console) if request.preview else ""
        if reason and self._can_preview:
            self._can_preview = False
            self.notices.add(f"No preview: {reason}.")

    # --- the pictures ------------------------------------------------------------------------------------------------
    def _make_all(self, job: _Job, stylizer: Stylizer, run: Run) -> list[Exception]:
        """Makes the pictures one by one; returns what went wrong. Goes on only where another seed may do better."""
        errors: list[Exception] = []
        count = len(job.outputs.paths)
        for index, output in enumerate(job.outputs.paths):
            config = dataclasses.replace(run.config, seed=(run.config.seed or 0) + index)
            if job.request.variations > 1:
                self.console.say(f"Picture {index + 1} of {job.request.variations}, seed {config.seed}")
            try:
                run.pictures.append(self._make(job, stylizer, config, output))
            except Exception as error:
                failure = explain(error)
                errors.append(error)
                self.account.failures.append((config.seed or 0, failure))
                if not isinstance(error, NumericalError):
                    break
                if index + 1 < count:
                    self.console.say(f"Picture {index + 1} failed: {failure.message}", "red")
        return errors

    def _make(self, job: _Job, stylizer: Stylizer, config: StylizeConfig, output: Path | None) -> Picture:
        request = job.request
        result = self._watch(job, stylizer, config)
        self.notices.add(stylizer.notices)
        timings = dict(result.recipe["timings"])
        picture = Picture(
            path=output,
            image=result.image,
            seed=result.seed,
            config=config,
            machine=request.machine(),
            prompts=(*request.prompts, *request.style_images),
            losses=result.losses,
            recipe=self._recipe_of(result) if request.metadata else None,
            timings=timings,
            command=dataclasses.replace(request.with_settings(seed=result.seed), variations=1).command_line(),
        )
        began = time.monotonic()
        picture = self._put(picture, job)
        timings["write"] = time.monotonic() - began
        return picture

    def _put(self, picture: Picture, job: _Job) -> Picture:
        """Writes a picture to its file or to standard output, and notes it.

        Raises `OutputError` where it could not go there; then it is kept elsewhere, and the message says where.
        """
        from ...images.write import encode_image, notes_of

        if picture.path is None:
            data = encode_image(picture.image, "PNG", picture.recipe)
            try:
                self.console.picture(data)
            except BrokenPipeError:  # nobody wants it any more
                raise
            except OSError as error:
                raise self._keep(picture, job, error) from error
            self.account.pictures.append(picture)
            return picture
        with uninterrupted():
            try:
                if self.console.strict:
                    self.notices.add(notes_of(picture.image, picture.path, picture.recipe))
                path, notes = job.outputs.write(picture.image, picture.path, picture.recipe)
            except OutputError as error:
                raise self._keep(picture, job, error) from error
            self.notices.add(notes)
            picture = dataclasses.replace(picture, path=path)
            self.account.pictures.append(picture)
        self.console.written(path)
        return picture

    def _keep(self, picture: Picture, job: _Job, error: Exception) -> OutputError:
        """Keeps a picture whose place was lost while it was made; returns the error that says where it is."""
        from ...images.write import keep_elsewhere

        failure = explain(error)
        photo = Path("picture.png" if job.request.image in (None, "-") else str(job.request.image))
        meant = picture.path or photo.with_name(f"{photo.stem}-kept.png")
        with uninterrupted():
            kept = keep_elsewhere(picture.image, meant, picture.recipe, [photo.parent])
            if kept is None:
                return OutputError(failure.message, failure.advice)
            self.account.pictures.append(dataclasses.replace(picture, path=kept))
        return OutputError(f"{failure.message} The picture is kept as {str(kept)!r}.", failure.advice)

    def _watch(self, job: _Job, stylizer: Stylizer, config: StylizeConfig) -> StylizeResult:
        from ...pipeline import Finished
        from .live import display

        request = job.request
        with display(self.console, preview=request.preview and self._can_preview) as show:
            for event in stylizer.run(job.source, job.prompts, config, style_images=job.style_images):
                if isinstance(event, Finished):
                    return event.result
                _log(event)
                show(event)
                if request.preview_path is not None and event.pred is not None:
                    self._write_preview(event, request.preview_path)
        raise AssertionError("a run ends with a result or an error")

    def _write_preview(self, event: Progress, path: Path) -> None:
        from ..terminal.preview import due, write_preview

        if due(event.step, event.steps):
            try:
                write_preview(event.preview(), path)
                self._previewed = True
            except (OutputError, OSError) as error:  # a picture is not lost for want of its preview
                self.notices.add(f"No preview file: {explain(error).message}", late=True)


def read_inputs(request: Request, notices: Notices) -> tuple[LoadedImage, list[StylePicture]]:
    """The photo and the style images, read; what a person should know of them is said. Raises `InputImageError`."""
    from ...images.read import MAX_PIXELS, read_image
    from ...pipeline.style_images import read_style

    limit = MAX_PIXELS if request.max_pixels is None else request.max_pixels
    source = read_image("-" if request.image in (None, "-") else Path(str(request.image)), limit)
    notices.add(source.notes, InputImageError)
    styles = [read_style(style, limit) for style in request.parsed_style_images()]
    for style in styles:
        notices.add(style.loaded.notes, InputImageError)
    return source, styles


def doubts(config: StylizeConfig) -> list[str]:
    """What a person should know of settings that are allowed and hardly meant."""
    if T1.parse(config.t1).multiples(config.steps) <= LONG:
        return []
    return [f"--t1 {config.t1} keeps so much of the photo that little is painted; up to {LONG:g}x is usual."]


def _log(event: Progress) -> None:
    losses = ", ".join(
        f"{name} {term.value:.6g} (gradient {term.grad_norm:.3g})" for name, term in (event.losses or {}).items()
    )
    LOG.debug("%s %d/%d at %.3f s: %s", event.phase, event.step, event.steps, event.seconds, losses or "no losses")

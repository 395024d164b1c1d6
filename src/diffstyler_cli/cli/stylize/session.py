"""Carries requests out: what can be wrong is found before models are loaded; then picture by picture."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import MachineConfig, StylizeConfig
from ...errors import NumericalError, OutputError
from ...remote import Place, place_of
from ...t1 import LONG, T1
from ..history import note
from ..models import LoadedModels
from ..speeds import TELL
from ..terminal.console import LOG, Console
from ..terminal.errors import SomeFailed, explain
from ..terminal.interrupts import uninterrupted
from ..terminal.notices import Notices
from . import masks
from .account import Picture, PicturesAccount
from .outputs import Outputs, check_outputs, plan_outputs
from .reading import read_inputs, read_palette, saving_of
from .request import Request

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...losses.report import TermReport
    from ...pipeline import Progress, Stylizer, StylizeResult
    from ...pipeline.places import PlaceMaps
    from ...pipeline.style_images import StylePicture
    from ...prompts import Prompt
    from .foresight import Foresight
    from .live import Display

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
    places: PlaceMaps | None
    outputs: Outputs
    palette: LoadedImage | None


class Session:
    """Carries out requests one after the other, with one set of models and one account.

    `recipe_of` makes the recipe that goes into a result's file; by default it is the result's own. `cache` is where
    free diffusion is kept; None for nowhere.
    """

    def __init__(
        self, console: Console, models: LoadedModels, recipe_of: RecipeOf | None = None, cache: Path | None = None
    ) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = PicturesAccount(models, self.notices)
        self._recipe_of = recipe_of or (lambda result: result.recipe)
        self._cache = cache
        self._previewed = False
        self._can_preview = True

    def run(self, request: Request) -> Run:
        """Makes and writes the request's pictures; of a dry run, says what they would be.

        Raises the first failure, or `SomeFailed` where others succeeded.
        """
        job = self._prepare(request)
        if request.dry_run:
            self._foretell(job)
            return Run(request, request.config(self.account.plan["models"] if self.account.plan else "lite"))
        stylizer = self.models.load(request.machine(), request.weights, self.console, self.notices)
        self.notices.add(stylizer.check_prompts(request.all_prompts()))
        seed = request.settings.get("seed")
        if seed is None:
            seed = random.SystemRandom().randrange(DRAWN_SEEDS)
        request = request.with_settings(seed=seed)
        job = dataclasses.replace(job, request=request)
        run = Run(request, request.config(stylizer.name))
        self.notices.add(doubts(run.config))
        foresight = self._foresee(job, run.config, stylizer.networks.machine)
        if foresight.resized:
            self.console.say(foresight.resized, "dim")
        if foresight.seconds is not None and foresight.seconds > TELL:
            self.console.say(foresight.estimate(), "dim")
        errors = self._make_all(job, stylizer, run, foresight)
        if errors and not run.pictures:
            raise errors[0]
        self.console.say_command(request.command_words(), "Same again: ")
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
            self.notices.add(write_image(picture.image, path, picture.recipe, saving=picture.saving))
            self._note(dataclasses.replace(picture, path=path))
        self.console.written(path)

    def open(self, picture: Picture) -> None:
        """Shows a written picture in the desktop's viewer; a notice says where it is if that does not work."""
        from ..terminal.opener import open_file

        if isinstance(picture.path, Path):
            self.notices.add_again(open_file(picture.path))

    # --- before the models -------------------------------------------------------------------------------------------
    def _prepare(self, request: Request) -> _Job:
        source, style_images, places = read_inputs(request, self.notices)
        palette = read_palette(request, self.notices)
        prompts = request.parsed_prompts()
        outputs = plan_outputs(request, prompts, style_images)
        check_outputs(outputs, request, request.inputs(), source.original_size, previewed=self._previewed)
        self._check_preview(request)
        return _Job(request, source, prompts, style_images, places, outputs, palette)

    def _check_preview(self, request: Request) -> None:
        from ..terminal.preview import why_not

        reason = why_not(self.console) if request.preview else ""
        if reason and self._can_preview:
            self._can_preview = False
            self.notices.add(f"No preview: {reason}.")

    def _foretell(self, job: _Job) -> None:
        """Says what would be done, for --dry-run."""
        from ...pipeline.machine import resolve

        machine = resolve(job.request.machine(), job.request.weights).config
        config = job.request.config(machine.models)
        self.notices.add(doubts(config))
        foresight = self._foresee(job, config, machine)
        for line in foresight.lines():
            self.console.say(line)
        for path in job.outputs.paths:
            if path is not None:
                self.console.written(path, planned=True)

    def _foresee(self, job: _Job, config: StylizeConfig, machine: MachineConfig) -> Foresight:
        from .foresight import Foresight

        weights = [prompt.weight for prompt in job.prompts] + [style.weight for style in job.style_images]
        foresight = Foresight(config, machine, job.source, weights, job.outputs.paths, job.places)
        self.account.plan = foresight.document()
        return foresight

    # --- the pictures ------------------------------------------------------------------------------------------------
    def _make_all(self, job: _Job, stylizer: Stylizer, run: Run, foresight: Foresight) -> list[Exception]:
        """Makes the pictures one by one; returns what went wrong. Goes on only where another seed may do better."""
        errors: list[Exception] = []
        count = len(job.outputs.paths)
        for index, output in enumerate(job.outputs.paths):
            config = dataclasses.replace(run.config, seed=(run.config.seed or 0) + index)
            if job.request.variations > 1:
                self.console.say(f"Picture {index + 1} of {job.request.variations}, seed {config.seed}")
            try:
                run.pictures.append(self._make(job, stylizer, config, output, foresight))
            except Exception as error:
                failure = explain(error)
                errors.append(error)
                self.account.failures.append((config.seed or 0, failure))
                if not isinstance(error, NumericalError):
                    break
                if index + 1 < count:
                    self.console.say(f"Picture {index + 1} failed: {failure.message}", "red")
        return errors

    def _make(
        self, job: _Job, stylizer: Stylizer, config: StylizeConfig, output: Place | None, foresight: Foresight
    ) -> Picture:
        picture = self._draw(job, stylizer, config, output, foresight)
        began = time.monotonic()
        picture = self._put(picture, job)
        picture.timings["write"] = time.monotonic() - began
        return picture

    def _draw(
        self, job: _Job, stylizer: Stylizer, config: StylizeConfig, output: Place | None, foresight: Foresight | None
    ) -> Picture:
        """Makes a picture and writes nothing; `foresight` learns what it took."""
        result = self._watch(job, stylizer, config)
        return self._picture(job, stylizer, config, output, result, foresight)

    def _picture(
        self, job: _Job, stylizer: Stylizer, config: StylizeConfig, output: Place | None, result: StylizeResult,
        foresight: Foresight | None = None,
    ) -> Picture:  # fmt: skip
        """A result with all that is to be told of it."""
        request = job.request
        if request.quality is not None:
            result = dataclasses.replace(result, recipe={**result.recipe, "quality": request.quality})
        self.notices.add(stylizer.notices)
        timings = dict(result.recipe["timings"])
        if foresight is not None:
            foresight.learn(timings)
        return Picture(
            path=output,
            image=result.image,
            seed=result.seed,
            config=config,
            machine=request.machine(),
            prompts=(*request.prompts, *request.style_images, *masks.prompts(request.places)),
            losses=result.losses,
            recipe=self._recipe_of(result) if request.metadata else None,
            timings=timings,
            command=dataclasses.replace(request.with_settings(seed=result.seed), variations=1).command_line(),
            saving=saving_of(request, job.source, result.image),
        )

    def _put(self, picture: Picture, job: _Job) -> Picture:
        """Writes a picture to its file or to standard output, and notes it.

        Raises `OutputError` where it could not go there; then it is kept elsewhere, and the message says where.
        """
        from ...images.encode import SUFFIXES, encode
        from ...images.write import notes_of

        if picture.path is None:
            data, notes = encode(picture.image, SUFFIXES[job.request.suffix()], picture.recipe, picture.saving)
            self.notices.add(notes)
            try:
                self.console.picture(data)
            except BrokenPipeError:  # nobody wants it any more
                raise
            except OSError as error:
                raise self._keep(picture, job, error) from error
            self._note(picture)
            return picture
        with uninterrupted():
            try:
                if self.console.strict:
                    self.notices.add(notes_of(picture.image, picture.path, picture.recipe, picture.saving))
                path, notes = job.outputs.write(picture.image, picture.path, picture.recipe, picture.saving)
            except OutputError as error:
                raise self._keep(picture, job, error) from error
            self.notices.add(notes)
            picture = dataclasses.replace(picture, path=path)
            self._note(picture)
        self.console.written(path)
        return picture

    def _note(self, picture: Picture) -> None:
        """Into the account, and into the history unless it is to carry no recipe."""
        self.account.pictures.append(picture)
        if picture.recipe is not None:
            seconds, command = picture.timings["total"], picture.command
            note("stylize", picture.path, picture.image.size, picture.prompts, seconds, command)

    def _keep(self, picture: Picture, job: _Job, error: Exception) -> OutputError:
        """Keeps a picture whose place was lost while it was made; returns the error that says where it is."""
        from ...images.write import keep_elsewhere

        failure = explain(error)
        given = place_of("picture.png" if job.request.image in (None, "-") else str(job.request.image))
        photo = given if isinstance(given, Path) else Path(given.name or "picture.png")
        meant = picture.path or photo.with_name(f"{photo.stem}-kept{job.request.suffix()}")
        if not isinstance(meant, Path):
            meant = Path(meant.name)
        with uninterrupted():
            kept = keep_elsewhere(picture.image, meant, picture.recipe, [photo.parent], picture.saving)
            if kept is None:
                return OutputError(failure.message, failure.advice)
            self._note(dataclasses.replace(picture, path=kept))
        return OutputError(f"{failure.message} The picture is kept as {str(kept)!r}.", failure.advice)

    def _watch(self, job: _Job, stylizer: Stylizer, config: StylizeConfig) -> StylizeResult:
        from ...pipeline import Finished

        request = job.request
        with self._display(preview=request.preview and self._can_preview) as show:
            more: dict[str, Any] = {"style_images": job.style_images, "palette": job.palette, "places": job.places}
            for event in stylizer.run(job.source, job.prompts, config, cache=self._cache, **more):
                if isinstance(event, Finished):
                    return event.result
                _log(event)
                show(event)
                if request.preview_path is not None and event.pred is not None:
                    self._write_preview(event, request.preview_path)
        raise AssertionError("a run ends with a result or an error")

    def _display(self, *, preview: bool) -> AbstractContextManager[Display]:
        """What takes the events of one picture."""
        from .live import display

        return display(self.console, preview=preview)

    def _write_preview(self, event: Progress, path: Path) -> None:
        from ..terminal.preview import due, write_preview

        if due(event.step, event.steps):
            try:
                write_preview(event.preview(), path)
                self._previewed = True
            except (OutputError, OSError) as error:  # a picture is not lost for want of its preview
                self.notices.add(f"No preview file: {explain(error).message}", late=True)


def doubts(*configs: StylizeConfig) -> list[str]:
    """What a person should know of settings that are allowed and hardly meant; those of several pictures once."""
    long = dict.fromkeys(c.t1 for c in configs if T1.parse(c.t1).multiples(c.steps) > LONG)
    if not long:
        return []
    keep = "keeps" if len(long) == 1 else "keep"
    return [f"--t1 {','.join(long)} {keep} so much of the photo that little is painted; up to {LONG:g}x is usual."]


def _log(event: Progress) -> None:
    def told(name: str, term: TermReport) -> str:
        return f"{name} {term.value:.6g}" + ("" if term.grad_norm is None else f" (gradient {term.grad_norm:.3g})")

    losses = ", ".join(told(name, term) for name, term in (event.losses or {}).items())
    LOG.debug("%s %d/%d at %.3f s: %s", event.phase, event.step, event.steps, event.seconds, losses or "no losses")

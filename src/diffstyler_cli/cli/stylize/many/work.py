"""What is done with each job: the same as with a single photo, in three steps that may overlap with those of others."""

from __future__ import annotations

import dataclasses
import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....batch.done import SHORT, Asked, Found, State, look, places_of
from ....batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from ....batch.manifest import Known, state_of
from ....config import MachineConfig, StylizeConfig, options
from ....errors import DiffStylerError, OutputError, UsageError
from ....images.read import MAX_PIXELS
from ....models.foreign.names import pinned
from ....naming import text_of
from ...models import LoadedModels
from ...speeds import LATEST
from ...terminal.console import Console
from ...terminal.errors import explain
from ...terminal.notices import Notices
from ..account import Picture
from ..foresight import Foresight
from ..outputs import Outputs
from ..reading import read_masks, read_photo, read_styles
from ..request import Request, check
from ..session import Session, _Job

if TYPE_CHECKING:
    from ....images import LoadedImage
    from ....pipeline import Progress, Stylizer
    from ....pipeline.style_images import StylePicture
    from ..live import Display

HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the system after which no other picture could be written either."""


class Single(Session):
    """One picture of many: says nothing by itself, keeps nothing; `watch` is told of every step."""

    def __init__(self, strict: bool, models: LoadedModels, watch: Callable[[Progress], None]) -> None:
        super().__init__(Console(quiet=True, json=True, strict=strict), models)
        self._watch_step = watch

    def prepare(
        self, request: Request, output: Path, styles: Sequence[StylePicture], palette: LoadedImage | None, force: bool
    ) -> _Job:
        """Reads the photo, and what masks are on it."""
        source = read_photo(request, self.notices)
        places = read_masks(request, source, self.notices)
        outputs = Outputs((output,), False, force)
        return _Job(request, source, request.parsed_prompts(), list(styles), places, outputs, palette)

    def draw(self, job: _Job, stylizer: Stylizer, *, learn: bool) -> Picture:
        """Makes the picture."""
        config, machine = job.request.config(stylizer.name), stylizer.networks.machine
        weights = [prompt.weight for prompt in job.prompts] + [style.weight for style in job.style_images]
        foresight = Foresight(config, machine, job.source, weights, job.outputs.paths, job.places) if learn else None
        return self._draw(job, stylizer, config, job.outputs.paths[0], foresight)

    def put(self, picture: Picture, job: _Job) -> Picture:
        """Writes it."""
        return self._put(picture, job)

    @contextmanager
    def _display(self, *, preview: bool) -> Iterator[Display]:
        def show(event: Progress) -> None:
            self._watch_step(event)

        yield show

    def _note(self, picture: Picture) -> None:
        pass

    def _keep(self, picture: Picture, job: _Job, error: Exception) -> OutputError:
        """It is made again by the same command: nothing is kept elsewhere."""
        failure = explain(error)
        return OutputError(failure.message, failure.advice)


@dataclasses.dataclass(frozen=True)
class _Making:
    """A job on its way."""

    one: Single
    parts: _Job
    asked: str
    photo_state: str


class StylizeWork:
    """`batch.engine.Work` of pictures that have `base` in common.

    Args:
        folder: of the manifest; None without one.
        known: what the manifest knew when the run began.
        watch: told of each step of the picture at hand.
    """

    def __init__(
        self, base: Request, styles: Sequence[StylePicture], palette: LoadedImage | None, console: Console,
        models: LoadedModels, folder: Path | None, known: Known, *, force: bool = False, retry: bool = False,
    ) -> None:  # fmt: skip
        self.base = base
        self.styles = styles
        self.palette = palette
        self.console = console
        self.models = models
        self.folder = folder
        self.known = known
        self.force = force
        self.retry = retry
        self.model_set = models.chosen(base.machine(), base.weights)
        self._start()

    def _start(self) -> None:
        self.watch: Callable[[Job, Progress], None] = lambda job, event: None
        self.limit = MAX_PIXELS if self.base.max_pixels is None else self.base.max_pixels
        self._asked: dict[tuple[Any, ...], Asked] = {}
        self._learned = 0

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs for the same work; it loads models of its own, and knows pictures by recipes."""
        plain = ("base", "styles", "palette", "folder", "force", "retry", "model_set")
        return {name: getattr(self, name) for name in plain} | {"strict": self.console.strict}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.console = Console(quiet=True, json=True, strict=state.pop("strict"))
        self.models, self.known = LoadedModels(), Known(None)
        vars(self).update(state)
        self._start()

    # --- what a job is -----------------------------------------------------------------------------------------------
    def request_of(self, job: Job) -> Request:
        """The request of one picture. Raises `UsageError` where its own settings make no sense."""
        settings = {name: value for name, value in job.own.items() if name in options(StylizeConfig)}
        others = {name: value for name, value in job.own.items() if name not in settings}
        request = self.base.with_settings(seed=job.seed, **settings)
        request = dataclasses.replace(request, image=job.photo, prompts=job.prompts, output=job.output, **others)
        if job.own:
            check(request)
        return request

    def asked(self, job: Job) -> Asked:
        """What makes a picture the one that the job asks for."""
        key = (job.prompts, job.seed)
        if key in self._asked and not job.own:
            return self._asked[key]
        request = self.request_of(job)
        styles = self._styles_of(job, request)
        machine: dict[str, Any] = {"models": self.model_set}
        machine |= pinned({n: v for n, v in request.settings.items() if n in options(MachineConfig) and v != "auto"})
        config = request.config(self.model_set)
        asked = Asked.of(
            config,
            request.parsed_prompts(),
            [(style.weight, style.loaded.fingerprint) for style in styles],
            machine | {"models": self.model_set},
            frame=request.frame,
            quality=request.quality,
            palette=None if self.palette is None else self.palette.fingerprint[:SHORT],
            places=places_of(request.places, config.prompt_weight, self.limit) or None,
        ).with_more(weights={key: f"{path}:{state_of(path)}" for key, path in request.weights.items()})
        if not job.own:
            if len(self._asked) > 10_000:
                self._asked.clear()
            self._asked[key] = asked
        return asked

    def look(self, job: Job) -> Found:
        """What is known of the picture before it is made."""
        file = self.file_of(job.output)
        return look(job.photo, job.output, file, self.asked(job), self.known, retry=self.retry, limit=self.limit)

    def file_of(self, output: str) -> str:
        """A picture's path as the manifest has it: within the folder, or whole."""
        return text_of(os.path.abspath(output)) if self.folder is None else file_in(self.folder, output)

    def _styles_of(self, job: Job, request: Request) -> Sequence[StylePicture]:
        if "style_images" not in job.own:
            return self.styles
        return read_styles(request, Notices(Console(quiet=True)))

    # --- the three steps ---------------------------------------------------------------------------------------------
    def read(self, job: Job) -> _Making | Outcome:
        """The photo; or what is known of the picture already."""
        asked = self.asked(job)
        found = self.look(job)
        if found.state is State.THERE:
            return self.there(job, asked.digest, noted=found.noted)
        if found.state is State.FAILED:
            return self.failed_before(job, found.code, found.message, found.advice)
        if found.state is State.OTHER and not self.force:
            raise UsageError(*other(job.output, found.differences))
        photo_state, request = state_of(job.photo), self.request_of(job)
        one = Single(self.console.strict, self.models, lambda event: self.watch(job, event))
        parts = one.prepare(request, Path(job.output), self._styles_of(job, request), self.palette, self.force)
        return _Making(one, parts, asked.digest, photo_state)

    def make(self, job: Job, read: _Making) -> tuple[_Making, Picture]:
        """The picture; the models are loaded with the first."""
        stylizer = self.models.load(self.base.machine(), self.base.weights, self.console, Notices(self.console))
        if not set(job.prompts) <= set(self.base.prompts):  # those of the run are checked before it
            read.one.notices.add(stylizer.check_prompts(read.parts.prompts))
        self._learned += 1
        return read, read.one.draw(read.parts, stylizer, learn=self._learned <= LATEST)

    def write(self, job: Job, made: tuple[_Making, Picture]) -> Outcome:
        """Puts it in its place."""
        making, picture = made
        folder = Path(job.output).parent
        began = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {str(folder)!r} cannot be made: {error.strerror}.", "") from error
        try:
            making.one.put(picture, making.parts)
        except OutputError:
            if self.force or not os.path.lexists(job.output):
                raise
            # it was not there when this job began: another process, or an earlier job, was first
            found = self.look(job)
            if found.state is State.THERE:
                return self.there(job, making.asked, noted=True)
            raise UsageError(*other(job.output, found.differences)) from None
        facts = {
            "file": self.file_of(job.output),
            "asked": making.asked,
            "input": making.photo_state,
            "output_state": state_of(job.output),
            "size": list(picture.image.size),
            "losses": {name: round(term.value, 6) for name, term in (picture.losses[-1:] or [{}])[0].items()},
            "command": picture.command,
        }
        seconds = {**picture.timings, "write": time.monotonic() - began}
        return Outcome(job, DONE, facts, making.one.notices.texts, seconds)

    def failed(self, job: Job, error: Exception) -> Outcome:
        """What became of a job whose step raised."""
        failure = explain(error)
        hopeless = isinstance(error, OutputError) and _system_error(error) in HOPELESS
        return Outcome(
            job, FAILED, self._facts_of_failure(job, error), code=failure.code, message=failure.message,
            advice=failure.advice, stops=hopeless,
        )  # fmt: skip

    def there(self, job: Job, digest: str, *, noted: bool) -> Outcome:
        """Of a picture that is there already; `noted`: the manifest knows of it."""
        facts = (
            {}
            if noted
            else {
                "asked": digest,
                "input": state_of(job.photo),
                "output_state": state_of(job.output),
            }
        )
        return Outcome(job, SKIPPED, {"file": self.file_of(job.output), **facts})

    def failed_before(self, job: Job, code: int, message: str, advice: str) -> Outcome:
        """Of a picture that is not tried again."""
        facts = {"file": self.file_of(job.output)}
        return Outcome(job, FAILED, facts, code=code, message=message, advice=advice, again=True)

    def _facts_of_failure(self, job: Job, error: Exception) -> Mapping[str, Any]:
        kind = type(error).__name__
        facts: dict[str, Any] = {"kind_of_error": kind}
        if job.output:
            facts["file"] = self.file_of(job.output)
        if job.fault[0]:
            return facts
        with suppress(DiffStylerError):  # where that is what failed
            facts |= {"asked": self.asked(job).digest, "input": state_of(job.photo)}
        return facts


def _system_error(error: BaseException) -> int | None:
    """The number of the error of the system that led to this one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    return None if cause is None else cause.errno


def file_in(folder: Path, output: str) -> str:
    """A picture's path within the folder, as the manifest has it; the whole path of one that lies elsewhere."""
    path = os.path.relpath(output, folder)
    return text_of(os.path.abspath(output) if path.startswith("..") else path)


def other(output: str, differences: Sequence[str]) -> tuple[str, str]:
    """Message and advice for a picture whose place another one has."""
    most = 3
    more = f"; and {len(differences) - most} more" if len(differences) > most else ""
    return (
        f"{output!r} is there already, and another: {'; '.join(differences[:most])}{more}.",
        "Give another folder with -o, or --force to make it anew.",
    )

"""What is done with each job: the same as with a single photo, in three steps that may overlap with those of others."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....batch.done import SHORT, Asked, Found, State, look, places_of
from ....batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from ....batch.manifest import Known, state_of
from ....batch.states import NOW, States
from ....config import MachineConfig, StylizeConfig, options
from ....errors import DiffStylerError, OutputError, UsageError, WeightsError, cause_of, takes_nothing
from ....images.read import MAX_PIXELS
from ....models.foreign.names import pinned
from ....naming import text_of, without_secrets
from ....remote import Place, Unreachable, Unwritable, Url, exists, is_url, place_of
from ....roles import ROLES
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
    from ....pipeline import Progress, Stylizer, StylizeResult
    from ....pipeline.style_images import StylePicture
    from ..live import Display

GPU_AT_ONCE = 16
"""Pictures that a GPU makes at once; fewer where its memory runs out. A CPU gains little, and one picture at a time is
the same to the last bit as that photo's alone."""


class Single(Session):
    """One picture of many: says nothing by itself, keeps nothing; `watch` is told of every step."""

    def __init__(self, strict: bool, models: LoadedModels, watch: Callable[[Progress], None]) -> None:
        super().__init__(Console(quiet=True, json=True, strict=strict), models)
        self._watch_step = watch

    def prepare(
        self, request: Request, output: Place, styles: Sequence[StylePicture], palette: LoadedImage | None, force: bool
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

    def drawn(self, job: _Job, stylizer: Stylizer, result: StylizeResult) -> Picture:
        """The picture of a result that was made together with others."""
        return self._picture(job, stylizer, job.request.config(stylizer.name), job.outputs.paths[0], result)

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
        batch: how many pictures are made at once, at most; None for what pays here.
        watch: told of each step of the picture at hand.
    """

    def __init__(
        self, base: Request, styles: Sequence[StylePicture], palette: LoadedImage | None, console: Console,
        models: LoadedModels, folder: Place | None, known: Known, *, force: bool = False, retry: bool = False,
        batch: int | None = None,
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
        self.batch = batch
        self.model_set = models.chosen(base.machine(), base.weights)
        self.weights = {key: f"{path}:{state_of(path)}" for key, path in base.weights.items()}
        self._start()

    def _start(self) -> None:
        self.watch: Callable[[Job, Progress], None] = lambda job, event: None
        self.limit = MAX_PIXELS if self.base.max_pixels is None else self.base.max_pixels
        self._asked: dict[tuple[Any, ...], Asked] = {}
        self._learned = 0
        self._files: Mapping[str, Path] = self.base.weights
        self._again: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs for the same work; it loads models of its own, and knows pictures by recipes."""
        plain = ("base", "styles", "palette", "folder", "force", "retry", "batch", "model_set", "weights")
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
            check(dataclasses.replace(request, weights=self._files))
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
        ).with_more(weights=self.weights)
        if not job.own:
            if len(self._asked) > 10_000:
                self._asked.clear()
            self._asked[key] = asked
        return asked

    def look(self, job: Job, states: States = NOW) -> Found:
        """What is known of the picture before it is made. Raises `Unreachable`."""
        file, asked = self.file_of(job.output), self.asked(job)
        return look(job.photo, job.output, file, asked, self.known, retry=self.retry, limit=self.limit, states=states)

    def file_of(self, output: str) -> str:
        """A picture's path as the manifest has it: within the folder, or whole."""
        return file_in(self.folder, output)

    def _styles_of(self, job: Job, request: Request) -> Sequence[StylePicture]:
        if "style_images" not in job.own:
            return self.styles
        return read_styles(request, Notices(Console(quiet=True)))

    def _forced(self, job: Job) -> bool:
        """Whether it is written over another picture; without its recipe, one's own looks like another."""
        return self.force or (job.number in self._again and not self.base.metadata)

    # --- in another process ------------------------------------------------------------------------------------------
    def open(self, files: Mapping[str, str], threads: int | None) -> Mapping[str, Any]:
        """As `batch.ray_worker.RemoteWork`. Raises as loading does, and `WeightsError` for another model set."""
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        self._files = {key: Path(path) for key, path in files.items() if key in self.base.weights}
        for role in ROLES:  # those that the configuration names
            if role.key in files and role.key not in self._files:
                os.environ[role.weights_variable] = files[role.key]
        stylizer, notices = self._stylizer(), Notices(self.console)
        if stylizer.name != self.model_set:
            advice = "Run diffstyler download there too, or give --models."
            raise WeightsError(f"The {self.model_set} models are not there, {stylizer.name} ones alone.", advice)
        prompts = self.base.all_prompts()
        notices.add([*stylizer.notices, *(stylizer.check_prompts(prompts) if prompts else [])])
        info = stylizer.components.info
        return {
            "same": {role: part.sha256 for role, part in info.items()},
            "notices": notices.texts,
            **self.models.facts(),
        }

    def again(self, job: Job) -> None:
        """As `batch.ray_worker.RemoteWork`: it is made again, for nothing else is known of it than that it is there."""
        self._again.add(job.number)

    # --- the three steps ---------------------------------------------------------------------------------------------
    def read(self, job: Job) -> _Making | Outcome:
        """The photo; or what is known of the picture already."""
        asked = self.asked(job)
        found = self.look(job)
        force = self._forced(job)
        if found.state is State.THERE and job.number not in self._again:
            return self.there(job, asked.digest, noted=found.noted)
        if found.state is State.FAILED:
            return self.failed_before(job, found.code, found.message, found.advice)
        if found.state is State.OTHER and not force:
            raise UsageError(*other(job.output, found.differences))
        photo_state, request = state_of(job.photo), self.request_of(job)
        one = Single(self.console.strict, self.models, lambda event: self.watch(job, event))
        force = force or found.state is State.THERE
        parts = one.prepare(request, place_of(job.output), self._styles_of(job, request), self.palette, force)
        return _Making(one, parts, asked.digest, photo_state)

    def make(self, job: Job, read: _Making) -> tuple[_Making, Picture]:
        """The picture; the models are loaded with the first."""
        stylizer = self._stylizer()
        if not set(job.prompts) <= set(self.base.prompts):  # those of the run are checked before it
            read.one.notices.add(stylizer.check_prompts(read.parts.prompts))
        self._learned += 1
        return read, read.one.draw(read.parts, stylizer, learn=self._learned <= LATEST)

    def alike(self, job: Job, read: _Making) -> Hashable | None:
        """Pictures of the same prompts, seed and sizes may be made together, where nothing differs from place to place
        and there is memory for them."""
        parts = read.parts
        if job.own or parts.places is not None or not set(job.prompts) <= set(self.base.prompts):
            return None
        sizes = parts.request.config(self.model_set).pass_sizes(parts.source.original_size)
        return job.prompts, job.seed, tuple(sizes)

    def make_together(self, jobs: Sequence[Job], reads: Sequence[_Making]) -> Sequence[tuple[_Making, Picture]]:
        """As `make`, all at once."""
        from ....pipeline import Finished

        stylizer, first = self._stylizer(), reads[0].parts
        config = first.request.config(stylizer.name)
        photos = [read.parts.source for read in reads]
        more: dict[str, Any] = {"style_images": first.style_images, "palette": first.palette}
        results: Sequence[StylizeResult] = ()
        for event in stylizer.run_together(photos, first.prompts, config, **more):
            if isinstance(event, Finished):
                results = event.results
            else:
                self.watch(jobs[0], event)
        drawn = zip(reads, results, strict=True)
        return [(read, read.one.drawn(read.parts, stylizer, result)) for read, result in drawn]

    def too_many(self, count: int, fewer: int) -> None:
        """Says so."""
        Notices(self.console).add(f"No memory for {count} pictures at once: going on with {fewer}.")

    def at_once(self) -> int:
        """How many pictures may be made at once."""
        if self.batch is not None:
            return self.batch
        return GPU_AT_ONCE if self._stylizer().networks.machine.device.startswith("cuda") else 1

    def _stylizer(self) -> Stylizer:
        return self.models.load(self.base.machine(), self._files, self.console, Notices(self.console))

    def write(self, job: Job, made: tuple[_Making, Picture]) -> Outcome:
        """Puts it in its place."""
        making, picture = made
        place = place_of(job.output)
        folder = place.parent
        began = time.monotonic()
        try:
            if isinstance(folder, Path):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {str(folder)!r} cannot be made: {error.strerror}.", "") from error
        try:
            making.one.put(picture, making.parts)
        except OutputError:
            if self._forced(job) or not exists(place):
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
        hopeless = isinstance(error, OutputError) and (takes_nothing(error) or cause_of(error, Unwritable) is not None)
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
            facts |= {"asked": self.asked(job).digest}
            # what could not be reached is tried again
            facts |= {"input": None if isinstance(error, Unreachable) else state_of(job.photo)}
        return facts


def file_in(folder: Place | None, output: str) -> str:
    """A picture's path within the folder, as the manifest has it; the whole path of one that lies elsewhere."""
    if is_url(output):
        path = folder.holds(output) if isinstance(folder, Url) else None
        return without_secrets(output) if path is None else path
    if not isinstance(folder, Path):
        return text_of(os.path.abspath(output))
    path = os.path.relpath(output, folder)
    return text_of(os.path.abspath(output) if path.startswith("..") else path)


def other(output: str, differences: Sequence[str]) -> tuple[str, str]:
    """Message and advice for a picture whose place another one has."""
    most = 3
    more = f"; and {len(differences) - most} more" if len(differences) > most else ""
    return (
        f"{without_secrets(output)!r} is there already, and another: {'; '.join(differences[:most])}{more}.",
        "Give another folder with -o, or --force to make it anew.",
    )

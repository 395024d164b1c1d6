"""Cells of sweeps as jobs of an engine: a job is cells of one photo that share their free diffusion."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ...batch.engine import Engine
from ...batch.jobs import DONE, FAILED, Job, Outcome
from ...config import MachineConfig
from ...errors import (
    DiffStylerError,
    InputImageError,
    OutOfMemoryError,
    OutputError,
    UsageError,
    WeightsError,
    takes_nothing,
)
from ...prompts import parse_prompt
from ...roles import ROLES
from ...sweep.differences import differences
from ...sweep.plan import digest
from ..models import LoadedModels
from ..stylize.reading import read_masks, read_photo
from ..terminal.console import Console
from ..terminal.errors import explain
from ..terminal.notices import Notices
from .prepare import Maker, Prepared, prepared
from .request import SweepRequest

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...pipeline import Stylizer
    from ...pipeline.style_images import StylePicture
    from ...sweep.run import Progress, Runner
    from ...sweep.standing import Standing

Watch = Callable[[Job, "Progress", Sequence[str]], None]
_MADE_BY = ("version", "models", "device", "dtype")
"""Of a sweep's identity, what may be another one on another machine."""
_BY_CODE = {2: UsageError, 3: InputImageError, 4: WeightsError, 5: OutOfMemoryError}


def jobs_of(standing: Standing, photo: str, first: int = 1, at_least: int = 1) -> Iterator[Job]:
    """The missing cells of a sweep as jobs, numbered from `first`; at least so many where they can be dealt out."""
    identity = standing.folder.identity
    parts = standing.plan.shares({cell.index for cell in standing.missing}, at_least)
    if not parts and not standing.photo_scores:
        parts = [()]
    for number, part in enumerate(parts, first):
        own = {
            "cells": list(part),
            "plan": digest(identity),
            "made_by": {name: identity.get(name) for name in _MADE_BY},
        }
        seed = standing.plan.config.seed
        yield Job(number, photo, str(standing.folder.path), standing.plan.prompts, 0 if seed is None else seed, own=own)


class Opened(Protocol):
    """What a worker says of itself once everything is loaded."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """As `SweepWork.open` returns them."""


@runtime_checkable
class Opening(Protocol):
    """An engine whose workers load the models, so that who runs it need not."""

    def open(self, work: Any) -> Opened:
        """Starts the workers and waits for the first that is ready."""


class SweepWork:
    """`batch.engine.Work` of the cells of sweeps that have `request` in common, but for the photo and the folder.

    What it can do beyond that is for engines whose workers are other processes. Whoever makes a cell writes it: the
    folders must be the same ones for all processes. Another process loads models of its own, and reads photos and
    masks by their paths.

    Args:
        alone: they are of one photo, so that what stops it stops all.
        watch: told of each step in this process, and of notices.
    """

    def __init__(
        self, request: SweepRequest, console: Console, models: LoadedModels, styles: Sequence[StylePicture],
        palette: LoadedImage | None, *, alone: bool = True,
    ) -> None:  # fmt: skip
        self.request = request
        self.styles = styles
        self.palette = palette
        self.alone = alone
        self.console = console
        self.models = models
        self.piped: LoadedImage | None = None
        """The photo from standard input."""
        self._start()

    def _start(self) -> None:
        self.watch: Watch = lambda job, progress, notices: None
        self._own: dict[str, Standing] = {}
        self._read: tuple[tuple[str, str], Prepared] | None = None
        self._runner: tuple[str, Runner] | None = None
        self._files: Mapping[str, Path] = self.request.base.weights

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs for the same work."""
        plain = ("request", "styles", "palette", "alone", "piped")
        return {name: getattr(self, name) for name in plain} | {"strict": self.console.strict}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.console = Console(quiet=True, json=True, strict=state.pop("strict"))
        self.models = LoadedModels()
        vars(self).update(state)
        self._start()

    def begin(self, standing: Standing) -> None:
        """Takes a sweep whose jobs are to come: in this process they are carried out on it itself."""
        self._own[str(standing.folder.path)] = standing
        if self.request.base.image == "-":
            self.piped = standing.photo

    def end(self, standing: Standing) -> None:
        """Lets go of a sweep whose jobs are through."""
        del self._own[str(standing.folder.path)]

    # --- the steps ---------------------------------------------------------------------------------------------------
    def read(self, job: Job) -> Standing | Prepared:
        """The sweep that the cells are of: its photo, its plan."""
        return self._own.get(job.output) or self._anew(job)

    def make(self, job: Job, read: Standing | Prepared) -> dict[str, Any]:
        """Makes the cells and writes them; the models are loaded with the first. Returns what became of them."""
        stylizer = self.load(Notices(self.console))
        runner = self._runner_of(job, read, stylizer)
        cells: list[int] = job.own["cells"]
        for progress in runner.run(cells):
            self.watch(job, progress, [*runner.notices, *stylizer.notices])
        failed = {index: explain(error) for index, error in runner.failed.items() if index in cells}
        return {
            "cells": cells,
            "failed": [{"cell": index, **dataclasses.asdict(failure)} for index, failure in failed.items()],
            "photo_scores": dict(runner.standing.photo_scores),
            "notices": [*runner.notices, *stylizer.notices],
        }

    def write(self, job: Job, made: dict[str, Any]) -> Outcome:
        """The cells are written already."""
        return Outcome(job, DONE, made)

    def failed(self, job: Job, error: Exception) -> Outcome:
        """What became of a job whose step raised: of one photo all others would meet the same."""
        failure = explain(error)
        stops = self.alone or (isinstance(error, OutputError | OSError) and takes_nothing(error))
        facts = {"cells": job.own["cells"], "kind_of_error": type(error).__name__}
        return Outcome(
            job, FAILED, facts, code=failure.code, message=failure.message, advice=failure.advice, stops=stops
        )

    def alike(self, job: Job, read: Standing | Prepared) -> None:
        """A job is made by itself: its cells are made together already."""

    def make_together(self, jobs: Sequence[Job], reads: Sequence[Standing | Prepared]) -> list[dict[str, Any]]:
        """As `make`, of each."""
        return [self.make(job, read) for job, read in zip(jobs, reads, strict=True)]

    def too_many(self, count: int, fewer: int) -> None:
        """No jobs are made together."""

    # --- in another process ------------------------------------------------------------------------------------------
    def open(self, files: Mapping[str, str], threads: int | None) -> Mapping[str, Any]:
        """Loads the models, those of `files` by the key of their role, to compute with so many threads.

        Returns what makes the cells there: "same" must be the same for all workers. Raises as loading does.
        """
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        self._files = {key: Path(path) for key, path in files.items() if key in self.request.base.weights}
        for role in ROLES:  # those that the configuration names
            if role.key in files and role.key not in self._files:
                os.environ[role.weights_variable] = files[role.key]
        notices = Notices(self.console)
        maker = Maker.of(self.load(notices))
        return {
            "same": dict(maker.hashes),
            "machine": dataclasses.asdict(maker.machine),
            "notices": notices.texts,
            **self.models.facts(),
        }

    def at_once(self) -> int:
        """How many jobs may be made together."""
        return 1

    def again(self, job: Job) -> None:
        """A job whose worker was lost is made anew: the cells that it wrote are written once more, the same."""

    def load(self, notices: Notices) -> Stylizer:
        """The models; with what a person should know of the prompts, where they are loaded here and now."""
        new = self.models.stylizer is None
        machine = dataclasses.replace(self.request.base, settings=self.request.settings()).machine()
        stylizer = self.models.load(machine, self._files, self.console, notices)
        if new:
            notices.add(stylizer.check_prompts([parse_prompt(text) for text in self.request.asks()]))
        return stylizer

    def _anew(self, job: Job) -> Prepared:
        """The sweep by its photo's path; the latest is kept."""
        key = (job.photo, job.output)
        if self._read is None or self._read[0] != key:
            one = self.request.with_base(image=job.photo, output=job.output, force=False).with_seed(job.seed)
            quiet = Notices(Console(quiet=True))
            base = dataclasses.replace(one.base, settings=one.settings())
            image = self.piped if job.photo == "-" and self.piped is not None else read_photo(base, quiet)
            places = read_masks(base, image, quiet, rest=bool(one.prompts()))
            self._read = key, prepared(one, self.models, image, self.styles, self.palette, places)
        return self._read[1]

    def _runner_of(self, job: Job, read: Standing | Prepared, stylizer: Stylizer) -> Runner:
        """Who makes the cells of a sweep; the latest is kept, with its free diffusion."""
        from ...sweep.run import Runner

        if self._runner is None or self._runner[0] != job.output:
            standing = _checked(job, read, Maker.of(stylizer)) if isinstance(read, Prepared) else read
            self._runner = None  # a photo's tensors are large
            runner = Runner(standing, stylizer, self.styles, self.request.batch, self.palette)
            self._runner = job.output, runner
        return self._runner[1]


def ready(work: SweepWork, engine: Engine, notices: Notices) -> Maker:
    """What will make the cells: the models, loaded here; those of an engine that opens workers of its own, there.

    Raises as loading does, and what is wrong with the prompts.
    """
    if not isinstance(engine, Opening):
        return Maker.of(work.load(notices))
    facts = engine.open(work).facts
    notices.add(facts["notices"])
    return Maker(facts["same"], MachineConfig(**facts["machine"]))


def take(standing: Standing, outcome: Outcome) -> list[int]:
    """Notes in this process what came of a job; returns the cells of it that were not known of. They are in the files.

    Cells of which nothing is in the folder have failed.
    """
    facts: Mapping[str, Any] = outcome.facts
    new = [index for index in facts["cells"] if index not in standing.made and index not in standing.failed]
    standing.photo_scores = standing.photo_scores or facts.get("photo_scores", {})
    standing.look(new)
    for row in facts.get("failed", ()):
        standing.failed.setdefault(row["cell"], told(row["code"], row["message"], row["advice"]))
    if outcome.status == FAILED:  # what stops the run may be mended by the next one
        new = [] if outcome.stops else new
        error = told(outcome.code, outcome.message, outcome.advice)
        standing.failed.update({index: error for index in new if index not in standing.made})
    for index in new:
        if index not in standing.made and index not in standing.failed:
            standing.failed[index] = standing.lost()
    return new


def told(code: int, message: str, advice: str) -> DiffStylerError:
    """An error of another process, by its exit code and its two lines."""
    return _BY_CODE.get(code, DiffStylerError)(message, advice)


def _checked(job: Job, found: Prepared, maker: Maker) -> Standing:
    """The sweep, where it is the one that the job is of. Raises `UsageError` where cells would be those of another."""
    identity = found.identity(maker)
    there, here = job.own["made_by"], {name: identity.get(name) for name in _MADE_BY}
    if there != here:
        raise UsageError(
            f"A worker would make other pictures: {'; '.join(differences(there, here))}.",
            "Have the same version and models everywhere, and say --device and --dtype.",
        )
    if digest(identity) != job.own["plan"]:
        raise InputImageError(f"{job.photo!r}, or a mask, is another picture for this worker.", "Check the paths.")
    return found.standing(maker)

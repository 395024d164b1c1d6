"""A worker on a Ray cluster: an actor that holds the work, and carries jobs out by a local engine of its own.

So reading, computing and writing overlap there as they do without Ray. Imports no Ray.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import OutputError, UsageError
from ..version import __version__
from .engine import LocalEngine, Work
from .jobs import FAILED, Job, Outcome
from .ray_files import Parcel, unpack


class RemoteWork(Work, Protocol):
    """Work that can be carried out in another process: it can be pickled."""

    watch: Callable[..., None]
    """Told of each step of a picture; what it raises is the end of that picture."""

    def open(self, files: Mapping[str, str], threads: int | None) -> Mapping[str, Any]:
        """Loads what the steps need, from these files, to compute with so many threads. Raises what is wrong with it.

        Returns what to tell of it; what it has under "same" must be the same on every worker.
        """

    def at_once(self) -> int:
        """How many jobs may be made together, once it is open."""

    def again(self, job: Job) -> None:
        """A job was in the hands of a worker that was lost. If there is a picture of it, that worker made it."""


@dataclass(frozen=True)
class Ready:
    """What a worker says of itself once everything is loaded."""

    node: str
    process: int
    seconds: float
    facts: Mapping[str, Any]
    together: int = 1
    """How many jobs it may make at once."""


@dataclass(frozen=True)
class Trouble:
    """Why a worker cannot do the work."""

    node: str
    error: Exception


@dataclass(frozen=True)
class Lot:
    """What came of jobs since the last one; `error` is what ended the worker's engine."""

    outcomes: Sequence[Outcome]
    error: Exception | None = None
    ended: bool = False


class Stopped(Exception):
    """Raised in the picture at hand when the run ends before its time."""


class Worker:
    """The actor. Its methods are called from several threads: `take` waits while `feed` brings more."""

    def __init__(self, parcel: Sequence[Any], version: str) -> None:
        self._reference, self._version = parcel[0], version
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._through: queue.SimpleQueue[Outcome | Lot] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def open(self) -> Ready | Trouble:
        """Loads. Errors come back as they are, for Ray would wrap them."""
        import ray

        began = time.monotonic()
        self._node = str(ray.get_runtime_context().get_node_id())
        try:
            if self._version != __version__:
                raise UsageError(
                    f"diffstyler {__version__} is installed there, and {self._version} here.",
                    "Install one on all nodes.",
                )
            parcel: Parcel = ray.get(self._reference)
            os.environ.update(parcel.environment)
            _enter(parcel.folder, needed=parcel.relative)
            self._work: RemoteWork = parcel.work
            facts = self._work.open(unpack(parcel), parcel.threads)
        except Exception as error:
            return Trouble(self._node, portable(error))
        return Ready(self._node, os.getpid(), time.monotonic() - began, facts, self._work.at_once())

    def begin(self, folder: str) -> Trouble | None:
        """Starts the engine; `folder` is where the pictures go, "" where that is no folder of this machine."""
        if folder and not os.path.isdir(folder):
            advice = "Pictures must go to a file system that all nodes share, or to a URL."
            return Trouble(self._node, OutputError(f"It does not see the folder {folder!r}.", advice))
        threading.Thread(target=self._carry_out, daemon=True).start()
        return None

    def feed(self, jobs: Sequence[tuple[Job, bool]]) -> None:
        """More jobs, and of each whether another worker had it before, and was lost."""
        for job, again in jobs:
            if again:
                self._work.again(job)
            self._jobs.put(job)

    def take(self) -> Lot:
        """What came of jobs; waits until there is something."""
        outcomes: list[Outcome] = []
        while not outcomes or not self._through.empty():
            item = self._through.get()
            if isinstance(item, Lot):
                return dataclasses.replace(item, outcomes=outcomes)
            outcomes.append(item)
        return Lot(outcomes)

    def stop(self) -> None:
        """Ends the picture at hand at its next step; what is made already is written."""
        self._stopped.set()
        self._work.watch = _stop
        self._jobs.put(None)

    def _carry_out(self) -> None:
        error: Exception | None = None
        try:
            LocalEngine(self._work.at_once()).run(self._coming(), self._work, self._tell)
        except BaseException as raised:  # whatever it is, the driver must hear of it
            error = portable(raised)
        self._through.put(Lot((), error, ended=True))

    def _coming(self) -> Iterator[Job]:
        while (job := self._jobs.get()) is not None and not self._stopped.is_set():
            yield job

    def _tell(self, outcome: Outcome) -> None:
        if self._stopped.is_set() and outcome.status == FAILED:
            return
        self._through.put(outcome)


def portable(error: BaseException) -> Exception:
    """The error, or one with the same words where it cannot go from one process to another."""
    import pickle

    try:
        loaded = pickle.loads(pickle.dumps(error))
    except Exception:
        loaded = None
    if isinstance(loaded, Exception):
        return loaded
    return RuntimeError(f"{type(error).__name__}: {error}")


def _enter(folder: str, *, needed: bool) -> None:
    """Paths mean here what they mean where the run was started. Raises `OutputError`."""
    try:
        os.chdir(folder)
    except OSError as error:
        if needed:
            raise OutputError(
                f"It does not see the folder {folder!r}: {error.strerror}.",
                "Photos and pictures must be on a file system that all nodes share, or have URLs.",
            ) from error


def _stop(*arguments: Any) -> None:
    raise Stopped

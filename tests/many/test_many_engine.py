"""The engine by itself: order, bounds, what a failure and an end of the run leave."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from diffstyler_cli.batch.engine import AHEAD, LocalEngine
from diffstyler_cli.batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome


class Work:
    """Notes what is done; jobs whose photo names a step fail in it."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []
        self.threads: dict[str, set[int]] = {}

    def _step(self, name: str, job: Job) -> int:
        self.steps.append((name, job.number))
        self.threads.setdefault(name, set()).add(threading.get_ident())
        if name in job.photo:
            raise ValueError(job.photo)
        return job.number

    def read(self, job: Job) -> Any:
        self._step("read", job)
        return Outcome(job, SKIPPED) if job.photo == "there" else job.number

    def make(self, job: Job, read: Any) -> Any:
        assert read == job.number
        return self._step("make", job)

    def write(self, job: Job, made: Any) -> Outcome:
        return Outcome(job, DONE, {"made": self._step("write", job)})

    def failed(self, job: Job, error: Exception) -> Outcome:
        return Outcome(job, FAILED, message=str(error), stops="stop" in job.photo)


def run(work: Work, *photos: str) -> list[Outcome]:
    told: list[Outcome] = []
    LocalEngine().run([Job(n, photo) for n, photo in enumerate(photos, 1)], work, told.append)
    return told


def test_each_job_is_told_of_once_in_order_whatever_step_fails() -> None:
    told = run(Work(), "a", "read", "make", "write", "there", "b")
    assert [(o.job.number, o.status) for o in told] == [
        (1, DONE), (2, FAILED), (3, FAILED), (4, FAILED), (5, SKIPPED), (6, DONE),
    ]  # fmt: skip


def test_the_calling_thread_computes_and_others_read_and_write() -> None:
    work = Work()
    run(work, "a", "b")
    assert work.threads["make"] == {threading.get_ident()}
    assert len({*work.threads["read"], *work.threads["make"], *work.threads["write"]}) == 3


def test_what_stops_the_run_is_told_of_and_raised() -> None:
    told: list[Outcome] = []
    jobs = [Job(n, photo) for n, photo in enumerate(["a", "write stop", *["b"] * 50], 1)]
    with pytest.raises(ValueError, match="write stop"):
        LocalEngine().run(jobs, Work(), told.append)
    assert [o.status for o in told[:2]] == [DONE, FAILED]
    assert len(told) < 10


def test_an_interruption_writes_what_is_made_first() -> None:
    class Interrupted(Work):
        def make(self, job: Job, read: Any) -> Any:
            if job.number == 4:
                raise KeyboardInterrupt
            return super().make(job, read)

    told: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        LocalEngine().run((Job(n, "a") for n in range(1, 100)), Interrupted(), told.append)
    assert [o.job.number for o in told] == [1, 2, 3]


def test_an_error_of_who_listens_ends_the_run() -> None:
    def tell(outcome: Outcome) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        LocalEngine().run((Job(n, "a") for n in range(1, 100)), Work(), tell)


def test_an_error_of_where_jobs_come_from_ends_the_run_after_those_that_came() -> None:
    def jobs() -> Iterator[Job]:
        yield Job(1, "a")
        raise OSError("gone")

    told: list[Outcome] = []
    with pytest.raises(OSError, match="gone"):
        LocalEngine().run(jobs(), Work(), told.append)
    assert [o.status for o in told] == [DONE]


def test_photos_are_read_only_so_far_ahead() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[Job]:
        for number in range(1, 50):
            taken.append(number)
            yield Job(number, "a")

    most: list[int] = []

    class Slow(Work):
        def make(self, job: Job, read: Any) -> Any:
            most.append(len(taken) - job.number)
            return super().make(job, read)

    LocalEngine().run(jobs(), Slow(), lambda outcome: None)
    assert max(most) <= AHEAD + 2


def test_jobs_and_outcomes_are_plain_data() -> None:
    job = Job(1, "a.jpg", "a.png", ("oil",), 3, "label", {"lam": 0.5})
    assert pickle.loads(pickle.dumps(job)) == job
    outcome = Outcome(job, DONE, {"size": [1, 2]}, ("a note",), {"total": 1.0})
    assert pickle.loads(pickle.dumps(outcome)) == outcome

"""The engine by itself: order, bounds, what a failure and an end of the run leave."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from diffstyler_cli.batch.engine import AHEAD, LocalEngine
from diffstyler_cli.batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome


class Work:
    """Notes what is done; jobs whose photo names a step fail in it."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []
        self.threads: dict[str, set[int]] = {}
        self.together: list[list[int]] = []
        self.refused: list[tuple[int, int]] = []
        self.room = 99

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

    def alike(self, job: Job, read: Any) -> str | None:
        return None if job.photo == "alone" else job.photo[:1]

    def make_together(self, jobs: Sequence[Job], reads: Sequence[Any]) -> Sequence[Any]:
        self.together.append([job.number for job in jobs])
        if len(jobs) > self.room:
            raise MemoryError
        return [self.make(job, read) for job, read in zip(jobs, reads, strict=True)]

    def too_many(self, count: int, fewer: int) -> None:
        self.refused.append((count, fewer))

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


class Ready(Work):
    """Whose first picture is made when photo `count` is being read, and those before it wait: what is made together
    does not depend on the clock."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.ready, self.count = threading.Event(), count

    def read(self, job: Job) -> Any:
        read = super().read(job)
        if job.number == self.count:
            self.ready.set()
        return read

    def make(self, job: Job, read: Any) -> Any:
        if job.photo == "alone":  # the first, while the others are read
            assert self.ready.wait(20)
        return super().make(job, read)


def together(work: Work, count: int, *photos: str) -> list[Outcome]:
    told: list[Outcome] = []
    LocalEngine(count).run([Job(n, photo) for n, photo in enumerate(photos, 1)], work, told.append)
    return told


def test_jobs_that_are_alike_are_made_together_the_oldest_first() -> None:
    work = Ready(6)
    told = together(work, 4, "alone", "a", "b", "a", "b", "there")
    assert work.together == [[2, 4], [3, 5]]
    assert [o.job.number for o in told] == [1, 2, 4, 3, 5, 6]


def test_where_memory_runs_out_fewer_are_made_together_from_then_on() -> None:
    work = Ready(10)
    work.room = 2
    told = together(work, 8, "alone", *["a"] * 8, "there")
    assert work.together[:3] == [[2, 3, 4, 5, 6, 7, 8, 9], [2, 3, 4, 5], [2, 3]]
    assert work.refused == [(8, 4), (4, 2)]
    assert [(o.job.number, o.status) for o in told] == [*((n, DONE) for n in range(1, 10)), (10, SKIPPED)]
    assert sum(step == "make" for step, _ in work.steps) == 9


def test_a_job_that_fails_among_others_fails_alone() -> None:
    work = Ready(5)
    told = together(work, 4, "alone", "make me", "m", "m", "there")
    assert [(o.job.number, o.status) for o in told] == [(1, DONE), (2, FAILED), (3, DONE), (4, DONE), (5, SKIPPED)]
    assert work.refused == []


def test_jobs_and_outcomes_are_plain_data() -> None:
    job = Job(1, "a.jpg", "a.png", ("oil",), 3, "label", {"lam": 0.5})
    assert pickle.loads(pickle.dumps(job)) == job
    outcome = Outcome(job, DONE, {"size": [1, 2]}, ("a note",), {"total": 1.0})
    assert pickle.loads(pickle.dumps(outcome)) == outcome

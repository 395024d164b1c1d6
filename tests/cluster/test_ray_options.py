"""--engine, --address and --workers without a cluster: what is refused, what is said, what a lost answer leaves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome, environment

from diffstyler_cli.batch.ray_cluster import Cluster, Need, Share
from diffstyler_cli.errors import UsageError

Cli = Callable[..., Outcome]


@pytest.fixture
def photos(photo: Path) -> Path:
    """A folder with two copies of the photo."""
    folder = photo.parent / "photos"
    folder.mkdir()
    for name in "ab":
        shutil.copy(photo, folder / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "spark"], "--engine 'spark' is no engine."),
        (["--address", "auto"], "--address has no effect without --engine ray."),
        (["--workers", "2"], "--workers has no effect without --engine ray."),
        (["--engine", "local", "--workers", "2"], "--workers has no effect without --engine ray."),
        (["--engine", "ray", "--workers", "0"], "--workers 0 is outside"),
        (["--engine", "ray", "--address", " "], "--address is empty."),
        (["--engine", "ray", "--address", "somewhere"], "--address 'somewhere' is no address of a cluster."),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(cli: Cli, photos: Path, words: list[str], message: str) -> None:
    outcome = cli("stylize", "photos", "oil", "-o", "out", *words, *QUICK)
    assert (outcome.code, outcome.out) == (2, b"")
    assert message in outcome.err
    assert not Path("out").exists()


def test_one_photo_on_a_cluster_needs_a_folder(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", "photo.png", "oil", "--engine", "ray")
    assert outcome.code == 2
    assert "--engine ray writes into a folder, also of one photo." in outcome.err
    assert "diffstyler stylize photo.png oil --engine ray -o" in outcome.err
    outcome = cli("stylize", "photo.png", "oil", "--engine", "ray", "-o", "out.png")
    assert (outcome.code, "is the name of one picture" in outcome.err) == (2, True)


def test_the_memory_of_this_process_is_no_place_for_workers(cli: Cli, photos: Path) -> None:
    outcome = cli("stylize", "photos", "oil", "-o", "memory://out", "--engine", "ray")
    assert (outcome.code, "memory:// is the memory of this process" in outcome.err) == (2, True), outcome.err


def test_the_local_engine_may_be_named(cli: Cli, photos: Path) -> None:
    assert cli("stylize", "photos", "oil", "-o", "out", "--engine", "local", *QUICK).code == 0
    assert cli("stylize", "photo.png", "oil", "-o", "one.png", "--engine", "local", *QUICK).code == 0


def test_without_ray_the_message_names_the_extra(cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--engine", "ray", *QUICK)
    assert outcome.code == 2
    assert 'pip install "diffstyler-cli[ray]"' in outcome.err
    assert not Path("out").exists()


def test_nothing_imports_ray_before_it_is_asked_for() -> None:
    modules = ("batch.ray_engine", "batch.ray_worker", "cli.stylize.many.workers", "cli.app")
    code = f"import sys, {', '.join(f'diffstyler_cli.{name}' for name in modules)}; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


def test_an_address_where_nobody_is_ends_at_once(cli: Cli, photos: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray, which has no wheel for the newest Python")
    words = ("--engine", "ray", "--address", "127.0.0.1:1")
    outcome = cli("stylize", "photos", "oil", "-o", "out", *words, *QUICK)
    assert outcome.code == 1
    assert "No Ray cluster answers at 127.0.0.1:1" in outcome.err
    assert not Path("out").exists()


def test_a_dry_run_and_a_run_with_nothing_to_do_need_no_cluster(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--engine", "ray", "--dry-run", *QUICK)
    assert outcome.out.decode().split() == ["out/a-oil.png", "out/b-oil.png"]
    assert cli("stylize", "photos", "oil", "-o", "out", *QUICK).code == 0
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--engine", "ray", "--workers", "4", *QUICK)
    assert (outcome.code, outcome.out) == (0, b"")
    assert json.loads(Path("out/manifest.jsonl").read_text().splitlines()[-2])["engine"] == "ray"


class Forgetful:
    """An engine whose workers are lost when they have written, before they could say so."""

    def __init__(self, together: int) -> None:
        pass

    def run(self, jobs: Any, work: Any, tell: Any) -> None:
        for job in list(jobs):
            work.write(job, work.make(job, work.read(job)))
            work.again(job)
            tell(work.write(job, work.make(job, work.read(job))))


@pytest.mark.parametrize("more", [(), ("--no-metadata",), ("--force",)], ids=" ".join)
def test_a_picture_that_a_lost_worker_had_written_is_the_runs_own(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr("diffstyler_cli.cli.stylize.many.session.LocalEngine", Forgetful)
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--seed", "1", *more, *QUICK)
    assert outcome.code == 0, outcome.err
    rows = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows if row["kind"] == "picture"] == ["done", "done"]
    assert all(row["size"] and row["seconds"] for row in rows if row["kind"] == "picture")


class Nodes(Cluster):
    """A cluster that is only told of: cores, GPUs and bytes of each node."""

    def __init__(self, *nodes: tuple[int, int, int]) -> None:
        self._nodes = [{"CPU": float(cores), "GPU": float(gpus), "memory": float(size)} for cores, gpus, size in nodes]

    def nodes(self) -> Any:
        return [{"Resources": table} for table in self._nodes]


@pytest.mark.parametrize(
    ("nodes", "need", "workers", "share"),
    [
        ([(4, 0, 64)], Need(), None, Share(4, 1)),
        ([(4, 0, 4)], Need(memory=2), None, Share(2, 1)),
        ([(4, 0, 64), (8, 0, 64)], Need(cores=8), None, Share(1, 8)),
        ([(4, 0, 64)], Need(cores=8), None, Share(1, 4)),
        ([(4, 0, 64), (8, 0, 64)], Need(), 3, Share(3, 4)),
        ([(4, 0, 64)], Need(), 3, Share(3, 1)),
        ([(16, 2, 64), (4, 0, 64)], Need(), None, Share(2, 1.0, 1)),
        ([(16, 2, 64)], Need(gpu=False), 2, Share(2, 8)),
        ([(1, 4, 64)], Need(gpu=True), None, Share(4, 0.25, 1)),
        ([(16, 2, 64)], Need(), 1, Share(1, 1.0, 1)),
    ],
)
def test_a_cluster_is_shared_out(
    nodes: list[tuple[int, int, int]], need: Need, workers: int | None, share: Share
) -> None:
    assert Nodes(*nodes).shared_out(need, workers) == share


@pytest.mark.parametrize(
    ("nodes", "need", "workers", "message"),
    [
        ([(2, 0, 64)], Need(), 3, "the cluster has 2 cores"),
        ([(2, 1, 64)], Need(), 2, "the cluster has 1 GPU, and a worker takes one"),
        ([(2, 0, 64)], Need(gpu=True), None, "no node of the cluster has a GPU"),
    ],
)
def test_more_workers_than_fit_are_refused(
    nodes: list[tuple[int, int, int]], need: Need, workers: int | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Nodes(*nodes).shared_out(need, workers)

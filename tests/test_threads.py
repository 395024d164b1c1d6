"""What OpenMP is told before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diffstyler_cli import threads


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree of cgroups, of which the process is in a/b."""
    (tmp_path / "own").write_text("0::/a/b\n")
    (tmp_path / "tree/a/b").mkdir(parents=True)
    monkeypatch.setattr(threads, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(threads, "CGROUPS", tmp_path / "tree")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)
    return tmp_path / "tree"


def test_the_smallest_quota_on_the_way_up_counts_rounded_up(cgroups: Path) -> None:
    assert threads.cores_here() == 8
    (cgroups / "a/b/cpu.max").write_text("max 100000\n")
    assert threads.cores_here() == 8
    (cgroups / "a/cpu.max").write_text("250000 100000\n")
    assert threads.cores_here() == 3
    (cgroups / "a/b/cpu.max").write_text("50000 100000\n")
    assert threads.cores_here() == 1


def test_of_a_container_only_the_top_is_there(cgroups: Path) -> None:
    (cgroups.parent / "own").write_text("0::/../../host/x\n")
    (cgroups / "cpu.max").write_text("400000 100000\n")
    assert threads.cores_here() == 4


def test_version_one_and_nonsense(cgroups: Path) -> None:
    (cgroups.parent / "own").write_text("12:cpu,cpuacct:/c\n3:memory:/c\n0::/\n")
    (cgroups / "cpu/c").mkdir(parents=True)
    (cgroups / "cpu/c/cpu.cfs_quota_us").write_text("200000\n")
    (cgroups / "cpu/c/cpu.cfs_period_us").write_text("100000\n")
    assert threads.cores_here() == 2
    (cgroups / "cpu/c/cpu.cfs_quota_us").write_text("-1\n")
    assert threads.cores_here() == 8
    (cgroups / "cpu.max").write_text("nonsense\n")
    assert threads.cores_here() == 8
    (cgroups.parent / "own").unlink()
    assert threads.cores_here() == 8


def test_what_the_environment_says_itself_stays(cgroups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    free: dict[str, str] = {}
    threads.settle(free)
    assert free == {"GOMP_SPINCOUNT": threads.SPINS}
    (cgroups / "cpu.max").write_text("200000 100000\n")
    threads.settle(free)
    assert free == {"GOMP_SPINCOUNT": threads.SPINS, "OMP_NUM_THREADS": "2"}
    for given in (
        {"OMP_WAIT_POLICY": "active", "OMP_NUM_THREADS": "5"},
        {"GOMP_SPINCOUNT": "7", "OMP_NUM_THREADS": "1"},
    ):
        told = dict(given)
        threads.settle(told)
        assert told == given


def test_the_command_has_told_it_before_torch_is_there() -> None:
    code = (
        "import sys; from diffstyler_cli import __main__ as door; import diffstyler_cli.cli.app as app, os;"
        "assert 'torch' not in sys.modules;"
        "app.main = lambda: print(os.environ['GOMP_SPINCOUNT']);"
        "door.main()"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "GOMP"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=kept)
    assert done.stdout == f"{threads.SPINS}\n", done.stderr

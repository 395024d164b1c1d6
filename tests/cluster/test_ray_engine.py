"""The engine on a Ray cluster by itself, with work of plain numbers: each job is told of once, whatever is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_harness import environment

pytest.importorskip("ray", reason="needs Ray, which has no wheel for the newest Python")
pytestmark = pytest.mark.xdist_group("ray")

STAND_IN = Path(__file__).with_name("standin.py")


def scenario(name: str, folder: Path) -> dict[str, Any]:
    """What came of it; nothing else is on standard output, and nothing on standard error."""
    environ = environment(XDG_CACHE_HOME=str(folder / "cache"))
    done = subprocess.run(
        [sys.executable, str(STAND_IN), name], capture_output=True, text=True, env=environ, cwd=folder, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def by_number(result: dict[str, Any]) -> dict[int, dict[str, Any]]:
    rows = {row["job"]["number"]: row for row in result["told"]}
    assert len(rows) == len(result["told"]), "a job is told of once"
    return rows


@pytest.mark.slow
def test_each_job_is_told_of_once_and_one_that_kills_its_workers_ends_as_failed(tmp_path: Path) -> None:
    result = scenario("mixed", tmp_path)
    assert result["error"] is None
    rows = by_number(result)
    assert sorted(rows) == list(range(1, 26))
    assert [rows[n]["status"] for n in range(1, 6)] == ["done", "failed", "skipped", "failed", "done"]
    assert rows[4]["message"].startswith("3 workers were lost with this picture: ")
    assert rows[2]["message"] == "no photo"
    assert rows[5]["facts"]["again"] is True
    assert all(rows[n]["status"] == "done" and rows[n]["facts"]["node"] for n in range(6, 26))
    assert len(result["said"]) in (3, 4), "both killers may go with one worker"
    assert "was lost; what it had in hand is tried again." in result["said"][0]
    assert result["most"] <= 2 * 4 + 3, "jobs are taken as they are needed"
    assert result["facts"]["threads"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error"),
    [("interrupt", "KeyboardInterrupt: "), ("stop", "BrokenPipeError: "), ("full", "OSError: [Errno 28]")],
)
def test_whatever_ends_the_run_what_is_made_is_told_of_first(tmp_path: Path, name: str, error: str) -> None:
    result = scenario(name, tmp_path)
    assert result["error"].startswith(error)
    rows = by_number(result)
    assert rows[1]["status"] == "done"
    assert len(rows) < 8, "what is at hand is given up"


@pytest.mark.slow
def test_an_error_of_where_jobs_come_from_ends_the_run_after_those_that_came(tmp_path: Path) -> None:
    result = scenario("gone", tmp_path)
    assert result["error"].startswith("OSError: where jobs come from")
    assert [row["status"] for row in by_number(result).values()] == ["done"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("weights", "WeightsError: The full models are incomplete."),
        ("start", "ClusterError: No worker gets ready: "),
        ("other models", "UsageError: Node "),
        ("gpu", "UsageError: --device cuda: no node of the cluster has a GPU that Ray knows of."),
    ],
)
def test_workers_that_cannot_do_the_work_end_the_run(tmp_path: Path, name: str, error: str) -> None:
    assert scenario(name, tmp_path)["error"].startswith(error)


@pytest.mark.slow
def test_a_weight_file_that_a_node_does_not_see_reaches_it_once(tmp_path: Path) -> None:
    result = scenario("sent", tmp_path)
    assert result["error"] is None
    assert [row["status"] for row in result["told"]] == ["done"] * 4
    kept = list((tmp_path / "cache").rglob("weights.bin"))
    assert [path.read_text() for path in kept] == ["heavy"]
    assert result["facts"]["files"] == {"art": str(kept[0])}
    assert result["facts"]["stops"] == "told", "workers have the variables of the run"

"""`kill -9` at each write of a command, and disks of every small size: what tests/robust/attempts.py finds, counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import robustness
from skips import can_mount

TESTS = Path(__file__).parents[1]
SIZES = {
    "stylize": (0, 100, 500, 1000, 1500, 2000, 3000, 5000, 8000, 12_000, 20_000),
    "sweep": (0, 1000, 3000, 6000, 9000, 12_000, 20_000, 40_000, 80_000, 200_000),
}
SWEEP = pytest.param("sweep", marks=pytest.mark.slow)
Tried = Callable[[str, Counter[str]], None]


def attempt(folder: Path, *arguments: object, before: Sequence[str] = ()) -> Counter[str]:
    """What the script has seen in `folder`."""
    temporary = folder / "temporary"
    temporary.mkdir()
    command = [*before, sys.executable, str(TESTS / "robust" / "attempts.py"), *map(str, arguments)]
    environment = {
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(TESTS.parent / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **environment},
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["stylize", "sweep"])
def test_killed_at_each_write_nothing_is_half_there_and_the_next_run_completes_it(
    tmp_path: Path, tried: Tried, command: str
) -> None:
    seen = attempt(tmp_path, "kill", command)
    assert all(name.endswith("completed by the next run") for name in seen)
    assert seen.total() > 20, "each write has several moments"
    tried("kills", seen)


@pytest.mark.parametrize("command", ["stylize", SWEEP])
def test_where_files_may_only_be_so_long(tmp_path: Path, tried: Tried, command: str) -> None:
    seen = attempt(tmp_path, "full", command, "limit", *SIZES[command])
    assert seen[f"{command}: done"] < seen.total()
    tried("full disk", seen)


@pytest.mark.parametrize("command", ["stylize", SWEEP])
def test_where_the_disk_has_only_so_much_room(tmp_path: Path, tried: Tried, command: str) -> None:
    if not can_mount():
        pytest.skip("may not mount: this machine lets nobody")
    mounted = 'mkdir disk && mount -t tmpfs -o size=2m none disk && cd disk && exec "$@"'
    pages = [4096 * n for n in (0, 1, 2, 3, 4, 6, 10, 16, 32, 64)]
    seen = attempt(tmp_path, "full", command, "disk", *pages, before=("unshare", "-rm", "sh", "-c", mounted, "sh"))
    assert seen[f"{command}: done"] < seen.total()
    tried("full disk", seen)


def test_the_page_of_all_this_is_made_of_its_numbers() -> None:
    assert robustness.check() == ""

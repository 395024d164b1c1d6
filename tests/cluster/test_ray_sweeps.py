"""Cells of sweeps made by workers of a real cluster: the same pixels, manifests and pages as without."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import Outcome, environment
from PIL import Image

from diffstyler_cli.images import read_image

Cli = Callable[..., Outcome]
SWEEP = [sys.executable, "-m", "diffstyler_cli", "sweep"]
TINY = ("--size", "64", "--steps", "2", "--seed", "3", "--models", "lite", "--device", "cpu", "--dtype", "fp32")
AXES = ("--lambda", "0,1", "--t1", "1x,2x")


def test_options_of_a_cluster_without_one_and_a_photo_that_it_cannot_see(cli: Cli, photo: Path) -> None:
    done = cli("sweep", photo, "oil", "--workers", "2")
    assert (done.code, "--workers has no effect without --engine ray." in done.err) == (2, True)
    done = cli("sweep", photo, "oil", "--engine", "dask")
    assert (done.code, "--engine 'dask' is no engine." in done.err) == (2, True)
    done = cli("sweep", "-", "oil", "--engine", "ray")
    assert (done.code, "which the workers of --engine ray do not see" in done.err) == (2, True)
    done = cli("sweep", photo, "oil", "--engine", "ray", "--workers", "3", "--dry-run")
    assert done.code == 0, done.err
    assert "lite models on a Ray cluster" in done.err


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_sweeps_by_workers_are_those_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs Ray, which has no wheel for the newest Python")
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(2):
        Image.linear_gradient("L").rotate(90 * number).resize((60, 40)).convert("RGB").save(f"photos/{number}.png")

    def sweep(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        command = [*SWEEP, *words, *AXES, *TINY]
        return subprocess.run(command, capture_output=True, text=True, env=environment(**changes), timeout=400)

    ray = ("--engine", "ray", "--workers", "2")
    for photos, folder in (("photos/0.png", "one"), ("photos", "many")):
        here = sweep(photos, "oil painting", "-o", f"{folder}-here", OMP_NUM_THREADS="1")
        there = sweep(photos, "oil painting", "-o", f"{folder}-there", "--json", *ray)
        assert (here.returncode, there.returncode) == (0, 0), (here.stderr, there.stderr)
        document = json.loads(there.stdout.splitlines()[-1] if folder == "many" else there.stdout)
        assert (document["models"], document["device"], document["workers"]) == ("lite", "cpu", 2)
        cells = sorted(path.relative_to(f"{folder}-here") for path in Path(f"{folder}-here").rglob("cells/*.png"))
        assert len(cells) == (4 if folder == "one" else 8)
        for cell in cells:
            pair = [read_image(Path(f"{folder}-{where}", cell)).fingerprint for where in ("here", "there")]
            assert pair[0] == pair[1], cell
        again = sweep(photos, "oil painting", "-o", f"{folder}-there", *ray)
        assert again.returncode == 0
        assert "the first after" not in again.stderr, "nothing to do starts no worker"

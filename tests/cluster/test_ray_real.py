"""The real lite models on real clusters of this machine: the same pictures as without, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cli_harness import environment
from PIL import Image

from diffstyler_cli.batch.ray_crew import WAITING
from diffstyler_cli.images.metadata import read_recipe

pytest.importorskip("ray", reason="needs Ray, which has no wheel for the newest Python")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: /proc says which process is a worker"),
]

TINY = ("--size", "64", "--steps", "1", "--t1", "1x", "--guide", "none", "--seed", "3")
TINY += ("--models", "lite", "--device", "cpu", "--dtype", "fp32")
STYLIZE = [sys.executable, "-m", "diffstyler_cli", "stylize"]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def made_photos(count: int) -> None:
    Path("photos").mkdir()
    for number in range(count):
        picture = Image.linear_gradient("L").rotate(7 * number).resize((40 + number % 20, 30)).convert("RGB")
        picture.save(f"photos/{number:03d}.png")


def stylize(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [*STYLIZE, "photos", "oil painting", *words, *TINY]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**changes), timeout=400)


def children(process: int) -> list[int]:
    """All processes below one."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found = [*parents.get(process, ())]
    for one in found:
        found += parents.get(one, ())
    return found


def workers(process: int) -> list[int]:
    """Workers with the models among them, whatever they are at."""

    def title(one: int) -> bytes:
        with suppress(OSError):
            return Path(f"/proc/{one}/cmdline").read_bytes()
        return b""

    return [one for one in children(process) if title(one).startswith(b"ray::Worker")]


def rows(folder: str) -> dict[str, dict[str, Any]]:
    """What the manifest says of each picture, but for when and where it was made."""
    found = {}
    for line in Path(folder, "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["kind"] == "picture":
            for name in ("time", "seconds", "output_state", "node", "number", "output", "command"):
                row.pop(name, None)
            assert row["file"] not in found, "a picture is told of once"
            found[row["file"]] = row
    return found


def assert_same(one: str, other: str) -> None:
    """The same files, pixels, recipes and accounts."""
    assert sorted(os.listdir(one)) == sorted(os.listdir(other))
    assert rows(one) == rows(other)
    for path in Path(one).glob("*.png"):
        recipes = [read_recipe(place / path.name) or {} for place in (Path(one), Path(other))]
        assert [recipe.pop("timings") is not None for recipe in recipes] == [True, True]
        assert recipes[0] == recipes[1]
        with Image.open(path) as first, Image.open(Path(other) / path.name) as second:
            assert first.tobytes() == second.tobytes()


class TwoNodes:
    """The cluster of two_nodes.py."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(dir="/tmp")
        script = Path(__file__).with_name("two_nodes.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment(**TOKEN),
        )  # fmt: skip
        self.address = self._line()
        self.words = ("--engine", "ray", "--address", self.address)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def lose_b(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self._line() == "b is gone"

    def close(self) -> None:
        below = children(self.process.pid)
        try:
            self.process.communicate(timeout=60)
        finally:
            for one in (self.process.pid, *below):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    monkeypatch.chdir(tmp_path)
    cluster = TwoNodes()
    assert cluster.address.startswith("127.0.0.1:"), "on loopback"
    yield cluster
    cluster.close()


def test_a_run_on_a_cluster_of_its_own_is_the_local_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made_photos(6)
    data = Path("photos/001.png").read_bytes()
    for name, content in (("cut.png", data[: len(data) // 3]), ("empty.jpg", b""), ("page.png", b"<html></html>")):
        Path("photos", name).write_bytes(content)
    os.symlink("nothing", "photos/link.png")
    import diffstyler_cli

    built_in = Path(diffstyler_cli.__file__).parent / "models/lite/weights/art.safetensors"
    shutil.copy(built_in, "own.safetensors")
    more = ("--art-weights", "own.safetensors", "--style-image", "photos/002.png:2", "--palette", "photos/003.png")
    here = stylize("-o", "here", *more)
    there = stylize("-o", "there", *more, "--engine", "ray", "--workers", "2", HOME=str(tmp_path))
    assert (here.returncode, there.returncode) == (6, 6), there.stderr
    assert_same("here", "there")
    assert sorted(there.stdout.split()) == [f"there/{number:03d}-oil-painting.png" for number in range(6)]
    said = [line for line in there.stderr.splitlines() if line != WAITING]
    assert "2 workers, the first after" in said[0]
    assert sum(line.split("/")[0].isdecimal() for line in said) == 10
    assert len(said) == 1 + 10 + 4, there.stderr
    assert not (tmp_path / ".ray").exists(), "Ray leaves nothing in the home"
    assert "--engine ray --workers 2" in next(line for line in said if line.startswith("Same again: "))
    for folder, words in (("here", ("--engine", "ray")), ("there", ())):  # either goes on where the other was
        again = stylize("-o", folder, *more, *words)
        assert (again.returncode, again.stdout) == (6, ""), again.stderr
    report = subprocess.run(
        [*STYLIZE[:-1], "inspect", "there", "--json"], capture_output=True, text=True, env=environment()
    )
    made = json.loads(report.stdout)["files"][0]["many"]["nodes"]
    assert sum(made.values()) == 6


def test_twenty_workers_killed_and_the_set_is_that_of_a_run_that_nobody_disturbed(nodes: TwoNodes) -> None:
    made_photos(700)
    Path("photos/zz.png").write_bytes(b"no picture")
    assert stylize("-o", "whole").returncode == 6
    draw = random.Random(22)
    command = [*STYLIZE, "photos", "oil painting", *TINY, *nodes.words, "-o", "out"]
    with open("said", "w") as said:
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment(**TOKEN))
    kills, before, latest = 0, 0, time.monotonic()
    while kills < 20 and running.poll() is None:
        there = len(list(Path("out").glob("*.png")))
        known = Path("said").read_text().count("was lost") >= kills or time.monotonic() > latest + 2
        # a picture with which three workers are lost is given up: what one had in hand is through before the next
        before = before if known else there
        if there < before + 5:
            time.sleep(0.01)
            continue
        time.sleep(draw.uniform(0, 0.3))
        before, latest = there, time.monotonic()
        victims = workers(nodes.process.pid)
        if victims:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(victims), signal.SIGKILL)
                kills += 1
    assert running.wait(400) == 6, Path("said").read_text()
    assert kills == 20
    assert_same("whole", "out")
    assert "was lost; what it had in hand is tried again." in Path("said").read_text()


def test_a_node_that_is_lost_leaves_the_run_to_the_other(nodes: TwoNodes) -> None:
    made_photos(60)
    assert stylize("-o", "whole").returncode == 0
    full = [*STYLIZE, "photos", "oil painting", "--models", "full", *nodes.words, "-o", "none"]
    failed = subprocess.run(full, capture_output=True, text=True, env=environment(**TOKEN), timeout=120)
    assert failed.returncode == 4, failed.stderr
    assert re.search("error: Node [ab]: The full models are incomplete", failed.stderr)
    assert not Path("none").exists()
    command = [*STYLIZE, "photos", "oil painting", *TINY, *nodes.words, "-o", "out"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**TOKEN)
    )
    manifest = Path("out/manifest.jsonl")
    while running.poll() is None and not (manifest.exists() and '"node": "b"' in manifest.read_text()):
        time.sleep(0.02)
    nodes.lose_b()
    _, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    assert re.search("A (node, b,|worker on b) was lost; what it had in hand is tried again.", err), err
    assert_same("whole", "out")
    assert {json.loads(line).get("node") for line in manifest.read_text().splitlines()} == {None, "a", "b"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_leaves_no_process_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    made_photos(40)
    command = [*STYLIZE, "photos", "oil painting", *TINY, "--engine", "ray", "-o", "out"]
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    while running.poll() is None and len(list(Path("out").glob("*.png"))) < 2:
        time.sleep(0.02)
    below = children(running.pid)
    assert below
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # as a terminal does it
    else:
        running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    if code > 0:
        assert err.splitlines()[-2].startswith(("Interrupted. Kept: ", "Terminated. Kept: ")), err
    end = time.monotonic() + 120  # Ray's own agents look only now and then whether they are needed
    while (left := [one for one in below if Path(f"/proc/{one}").exists()]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left or all("Z" in Path(f"/proc/{one}/stat").read_text().split(")")[1][:3] for one in left)
    done = stylize("-o", "out")
    assert done.returncode == 0, done.stderr
    assert len(list(Path("out").glob("*.png"))) == 40
    assert not [name for name in os.listdir("out") if name.endswith(".tmp")]


def test_lines_are_answered_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made_photos(3)
    command = [*STYLIZE, "--from-file", "-", "oil painting", *TINY, "--engine", "ray", "-o", "out", "--json"]
    running = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert running.stdin is not None
    assert running.stdout is not None
    for number, line in enumerate(["photos/000.png", "nothing.png", '{"image": "photos/001.png", "strength": 0.8}']):
        running.stdin.write(line + "\n")
        running.stdin.flush()
        answer = json.loads(running.stdout.readline())
        assert (answer["number"], answer["status"]) == (number + 1, "failed" if number == 1 else "done")
    out, err = running.communicate(timeout=60)
    assert running.returncode == 6, err
    end = json.loads(out)
    assert (end["models"], end["done"], end["failed"]) == ("lite", 2, 1)
    assert end["workers"] >= 1

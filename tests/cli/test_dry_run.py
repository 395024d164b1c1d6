"""`stylize --dry-run`, and how long a run will take as former runs have measured it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.cli.speeds import LATEST, MOST_KEYS, duration, estimate, learn, read_speeds
from diffstyler_cli.config import MachineConfig

Cli = Callable[..., Outcome]
MACHINE = MachineConfig("lite", None, "cpu", "fp32")


@pytest.fixture
def speeds(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of speeds, which is not there yet."""
    folder = tmp_path_factory.mktemp("place") / "cache"
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(folder))
    return folder / "speeds.json"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- the plan --------------------------------------------------------------------------------------------------------
def test_a_dry_run_names_the_files_of_the_run_and_makes_and_loads_nothing(
    cli: Cli, photo: Path, speeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(speeds.parent.parent / "log"))
    arguments = ("stylize", "photo.png", "oil painting", *QUICK, "-n", "2", "--seed", "5")
    planned = cli(*arguments, "--dry-run")
    assert planned.code == 0, planned.err
    assert planned.out == b"photo-oil-painting-1.png\nphoto-oil-painting-2.png\n"
    assert names(photo.parent) == ["photo.png"]
    assert not (speeds.parent.parent / "log").exists()
    assert not speeds.exists()
    said = " ".join(planned.err.split())
    assert "nothing is made. 2 pictures of 591 × 443 pixels, seed 5 to 6" in said
    assert "lite models (lite-photo, lite-art) on cpu" in said
    assert "3 + 9 network evaluations a picture in 2 passes up to 591 × 443" in said
    assert "not measured yet on this machine" in said
    assert "Same again" not in said
    assert cli(*arguments).out == planned.out


def test_the_plan_as_json(cli: Cli, photo: Path) -> None:
    outcome = cli(
        "stylize", "photo.png", "oil:2", "mist:1", *QUICK, "--size", "256", "--dry-run", "--json", "--lambda", "0.5"
    )
    document = json.loads(outcome.out)
    assert (document["ok"], document["results"], document["models"]) == (True, [], None)
    plan = document["plan"]
    assert plan["paths"] == ["photo-oil-mist.png"]
    assert (plan["size"], plan["seeds"], plan["seconds"]) == ([296, 222], None, None)
    assert plan["networks"] == {"photo": "lite-photo", "art": "lite-art"}
    assert plan["evaluations"]["free"] == {"photo": 2, "art": 0, "photo_backward": 0, "art_backward": 0}
    assert plan["evaluations"]["sampling"] == {"photo": 6, "art": 2, "photo_backward": 0, "art_backward": 2}


def test_the_plan_of_a_run_is_in_its_document(cli: Cli, photo: Path) -> None:
    document = json.loads(cli("stylize", "photo.png", "oil", *QUICK, "--json").out)
    assert document["plan"]["seeds"] == [document["results"][0]["seed"]]
    assert document["plan"]["paths"] == [document["results"][0]["path"]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--preview-path", "p.png"), 2, "no effect with --dry-run"),
        (("-o", "photo.png"), 2, "is an input file"),
        (("-o", "none/a.png"), 1, "does not exist"),
        (("--lambda", "3"), 2, "outside [0, 1]"),
        (("--models", "full"), 4, "incomplete"),
        (("--device", "mps"), 2, "has no mps device"),
    ],
)
def test_what_the_run_would_refuse_the_dry_run_refuses(
    cli: Cli, photo: Path, speeds: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    outcome = cli("stylize", "photo.png", "oil", *arguments, "--dry-run")
    assert (outcome.code, outcome.out) == (code, b"")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 2


def test_a_dry_run_for_standard_output_or_over_an_existing_file(cli: Cli, photo: Path) -> None:
    piped = cli("stylize", "photo.png", "oil", "-o", "-", "--dry-run")
    assert (piped.code, piped.out) == (0, b"")
    assert "on standard output" in piped.err
    Path("a.png").write_bytes(b"mine")
    assert cli("stylize", "photo.png", "oil", "-o", "a.png", "--dry-run").code == 2
    assert cli("stylize", "photo.png", "oil", "-o", "a.png", "--force", "--dry-run").out == b"a.png\n"
    assert Path("a.png").read_bytes() == b"mine"


def test_quiet_leaves_the_paths(cli: Cli, photo: Path) -> None:
    assert cli("stylize", "photo.png", "oil", "--dry-run", "-q") == Outcome(0, b"photo-oil.png\n", "")


# --- the seconds -----------------------------------------------------------------------------------------------------
def test_what_a_run_took_is_what_the_next_one_is_said_to_take(cli: Cli, photo: Path, speeds: Path) -> None:
    assert cli("stylize", "photo.png", "oil", *QUICK, "-o", "a.png").code == 0
    recipe = json.loads(cli("inspect", "a.png", "--json").out)["files"][0]["recipe"]
    spent = recipe["timings"]["free"] + recipe["timings"]["sample"]
    arguments = ("stylize", "photo.png", "oil", "--dtype", "fp32", "--dry-run", "--json", "-n", "3")
    plan = json.loads(cli(*arguments, *QUICK).out)["plan"]
    assert plan["seconds"] == pytest.approx(3 * spent, abs=0.2)
    twice = json.loads(cli(*arguments, "--steps", "4").out)["plan"]
    assert twice["seconds"] == pytest.approx(6 * spent, abs=0.3)
    assert "not measured" in cli("stylize", "photo.png", "oil", "--dtype", "bf16", "--dry-run").err


def test_a_run_of_more_than_twenty_seconds_says_so_before(
    cli: Cli, photo: Path, speeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = 296 * 222
    slow = [(("free", 12, pixels), 4.0), (("art", 60, pixels), 36.0)]
    learn(MACHINE, slow)
    said = cli("stylize", "photo.png", "oil", "--size", "256", "-o", "a.png").err
    assert "About 40 s (12 + 36 network evaluations at 296 × 222)" in said
    for _ in range(LATEST):  # the stand-in is quicker
        learn(MACHINE, slow)
    assert "About" not in cli("stylize", "photo.png", "oil", "--size", "256", "--steps", "4", "-o", "b.png").err
    said = cli("stylize", "photo.png", "oil", "--size", "256", "--steps", "4", "-n", "3", "-o", "c.png").err
    assert re.search(r"About \d+ s \(3 pictures of 4 \+ 12 network evaluations at", said)


def test_the_median_counts_and_the_nearest_size(speeds: Path) -> None:
    for seconds in (1.0, 1.0, 100.0):
        learn(MACHINE, [(("free", 10, 64 * 64), seconds)])
    learn(MACHINE, [(("free", 10, 512 * 512), 640.0)])
    assert estimate(read_speeds(MACHINE), [("free", 20, 64 * 64)]) == pytest.approx(2.0, rel=0.01)
    assert estimate(read_speeds(MACHINE), [("free", 10, 512 * 512)]) == pytest.approx(640.0, rel=0.01)
    other = estimate(read_speeds(MACHINE), [("both", 10, 64 * 64)])  # not measured itself
    assert other == pytest.approx(1.0, rel=0.01)
    assert estimate(read_speeds(MachineConfig("full", None, "cuda", "bf16")), [("free", 1, 1)]) is None


def test_the_file_stays_small(speeds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(LATEST + 3):
        learn(MACHINE, [(("free", 1, 1), float(number + 1))])
    (values,) = read_speeds(MACHINE).values()
    assert values == [float(number + 1) for number in range(3, LATEST + 3)]
    for number in range(MOST_KEYS):
        monkeypatch.setenv("OMP_NUM_THREADS", str(100 + number))
        learn(MACHINE, [(("free", 1, 1), 1.0)])
    assert len(json.loads(speeds.read_bytes())["speeds"]) == MOST_KEYS
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert read_speeds(MACHINE) == {}


KEY = "lite cpu fp32 1 threads"
BROKEN: list[Any] = [
    b"", b"{", b"\xff\0", b"[]", b"3", b"[" * 50_000, b'{"version": 1, "speeds": 3}', b'{"version": 2}',
    *(
        json.dumps({"version": 1, "speeds": {KEY: table}}).encode()
        for table in (
            3, [], {"free": [1.0]}, {"free 8": []}, {"free 8": [0.0]}, {"free 8": [-1.0]}, {"free 8": ["x"]},
            {"free 8": [1e300]}, {"free 8": [float("nan")]}, {"free 8": [float("inf")]}, {"free 8": 1.0},
            {"free 99999999999999999999": [1.0]}, {"paint 8": [1.0]}, {"free 8": [True]},
        )
    ),
    b'{"version": 1, "speeds": {"' + b"x" * 500_000 + b'": {}}}',
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_of_speeds_is_one_without_measurements(
    cli: Cli, photo: Path, speeds: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    speeds.parent.mkdir()
    speeds.write_bytes(content)
    dry = cli("stylize", "photo.png", "oil", "--dtype", "fp32", "--dry-run", *QUICK)
    assert dry.code == 0
    assert "not measured yet" in dry.err
    assert cli("stylize", "photo.png", "oil", *QUICK).code == 0
    assert json.loads(speeds.read_bytes())["speeds"][KEY]  # and it is whole again


@pytest.mark.parametrize("obstacle", ["folder", "pipe", "file"])
def test_a_file_of_speeds_that_cannot_be_written_disturbs_nothing(
    cli: Cli, photo: Path, speeds: Path, obstacle: str
) -> None:
    if obstacle == "file":
        speeds.parent.write_text("in the way")
    else:
        speeds.parent.mkdir()
    if obstacle == "folder":
        speeds.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(speeds)
    for more in ((), ("--dry-run",)):
        outcome = cli("stylize", "photo.png", "oil", *QUICK, *more)
        assert outcome.code == 0, outcome.err
        assert "speeds" not in outcome.err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (41.7, "42 s"), (99.4, "99 s"), (100, "2 min"), (900, "15 min"), (6000, "1.7 h"), (9e6, "2500 h")],
)
def test_a_span_for_a_person(seconds: float, text: str) -> None:
    assert duration(seconds) == text

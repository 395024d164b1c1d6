"""What can be refused of a sweep is refused before its models are loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--guidance-scale", "0", "--models", "lite")


def refused(done: tuple[int, str, str], *words: str, code: int = 2) -> None:
    found, out, err = done
    assert (found, out, "models on" in err) == (code, "", False), err
    assert all(word in err for word in words), err


@pytest.fixture
def cli(lite_cli: Cli) -> Cli:
    return lite_cli


@pytest.fixture
def made(cli: Cli) -> Path:
    """A folder with a sweep of the built-in photo."""
    line = ("sweep", "--lambda", "0,1", "--seed", "3", "--device", "cpu", "--dtype", "fp32", "-o", "s", *QUICK)
    code, _, err = cli(*line)
    assert code == 0, err
    return Path("s")


def test_a_grid_that_is_too_large_a_picture(cli: Cli, tmp_path: Path) -> None:
    done = cli("sweep", "--lambda", "0:1:0.01", "--size", "2048", "--steps", "2", "--models", "lite")
    refused(done, "The grid of 101 x 1 cells", "--no-grid")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    refused(cli("sweep", "--lambda", "0:1:0.1", *QUICK), "of disk, and 10.0 kB are free", code=1)
    assert list(tmp_path.iterdir()) == []


def test_values_of_which_no_picture_can_be_made(cli: Cli, tmp_path: Path) -> None:
    done = cli("sweep", "--lambda", "0,1", "--t1", "1", *QUICK)
    refused(done, "No picture can be made: --t1 1 is 1 steps, fewer than --steps 2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (("--lambda", "0,0.5"), "--lambda 0,1 there, 0,0.5 now"),
        (("--lambda", "0", "--t1", "1x,2x"), "--lambda 0,1 there, 0 now"),
        (("--seed", "4"), "--seed 3 there, 4 now"),
        (("--size", "80"), "--size 64 there, 80 now"),
        (("--w-tv", "3", "--guidance-scale", "1"), "--guidance-scale 0 there, 1 now"),
        (("pencil sketch",), "prompts oil painting there, pencil sketch now"),
        (("--dtype", "bf16"), "dtype float32 there, bfloat16 now"),
        (("--device", "cuda"), "device cpu there, cuda now"),
        (("--models", "full"), "models set lite there, full now"),
    ],
)
def test_other_settings_than_those_of_the_sweep_in_the_folder(
    cli: Cli, made: Path, changes: tuple[str, ...], difference: str
) -> None:
    from diffstyler_cli.sample import SAMPLE

    given = ["--lambda", "0,1", "--seed", "3", "-o", "s", *QUICK]
    for flag in changes[::2] if changes[0].startswith("--") else ():
        if flag in given:
            del given[given.index(flag) : given.index(flag) + 2]
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}
    photo = () if changes[0].startswith("--") else (SAMPLE,)
    refused(cli("sweep", *photo, *changes, *given), "'s' holds a sweep with other settings", difference)
    assert before == {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}


def test_the_sweep_that_is_there_goes_on_with_the_settings_that_were_asked_for(cli: Cli, made: Path) -> None:
    for more in ((), ("--device", "cpu"), ("--dtype", "fp32")):
        code, _, err = cli("sweep", "--lambda", "0,1", "-o", "s", *QUICK, *more)
        assert (code, "2 of 2 cells are there already" in err) == (0, True), err


def test_values_of_t1_that_keep_the_photo_are_named_once(cli: Cli) -> None:
    code, _, err = cli("sweep", "--t1", "1x,5x,9x", "--lambda", "0,1", "--dry-run", *QUICK)
    assert code == 0
    assert err.count("so much of the photo that little is painted") == 1
    assert "--t1 5.0x,9.0x keep so much" in err
    assert "keep" not in cli("sweep", "--t1", "1x,2x", "--dry-run", *QUICK)[2]

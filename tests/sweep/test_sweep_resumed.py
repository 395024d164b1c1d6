"""A sweep that is there already: no models, no torch, nothing written anew; and what is redrawn where it is stale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diffstyler_cli import Stylizer
from diffstyler_cli.images import read_image
from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.sweep import run

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--cutouts", "2", "--models", "lite")
HERE = ("--device", "cpu", "--dtype", "fp32")
LINE = ("sweep", "--lambda", "0,1", "--seed", "3", "-o", "s", *QUICK)


@pytest.fixture
def made(lite_cli: Cli) -> Path:
    """A folder with a sweep of the built-in photo."""
    code, _, err = lite_cli(*LINE, *HERE)
    assert code == 0, err
    return Path("s")


@pytest.fixture
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*arguments: Any, **settings: Any) -> Any:
        raise AssertionError("the models were loaded")

    monkeypatch.setattr(Stylizer, "load", load)


def states(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix}


@pytest.mark.parametrize("machine", [(), HERE])
def test_a_finished_sweep_needs_no_models_and_nothing_is_written_anew(
    lite_cli: Cli, made: Path, without_models: None, machine: tuple[str, ...]
) -> None:
    before = states(made)
    code, out, err = lite_cli(*LINE, *machine)
    if not machine:  # the commands of the cells are other ones: those without --device
        before = {
            **before,
            **{name: time for name, time in states(made).items() if "manifest" in name or "html" in name},
        }
    assert (code, "2 of 2 cells are there already." in err) == (0, True), err
    assert sorted(out.split()) == ["s/grid.png", "s/index.html", "s/manifest.csv", "s/manifest.json"]
    assert states(made) == before
    document = json.loads(lite_cli(*LINE, *machine, "--json")[1])
    assert [cell["status"] for cell in document["cells"]] == ["done", "done"]
    assert document["models"] is None, "none was loaded"
    assert (document["plan"]["device"], document["plan"]["dtype"]) == ("cpu", "fp32"), "what made it"


@pytest.mark.usefixtures("without_models")
def test_a_missing_or_older_page_is_drawn_anew_from_the_cells(lite_cli: Cli, made: Path) -> None:
    page = (made / "index.html").read_bytes()
    (made / "index.html").unlink()
    os.utime(made / "grid.png", ns=(1, 1))
    assert lite_cli(*LINE, *HERE)[0] == 0
    assert (made / "index.html").read_bytes() == page, "the scores of the photo are in the manifest"
    assert (made / "grid.png").stat().st_mtime_ns > 1


def test_a_missing_or_damaged_cell_is_made(lite_cli: Cli, made: Path) -> None:
    cell = sorted((made / "cells").iterdir())[1]
    cell.write_bytes(cell.read_bytes()[:-40])
    grid = (made / "grid.png").stat().st_mtime_ns
    code, _, err = lite_cli(*LINE)
    assert (code, "1 of 2 cells are there already." in err) == (0, True), err
    assert read_image(cell).original_size == (78, 52)
    assert (made / "grid.png").stat().st_mtime_ns > grid


@pytest.mark.usefixtures("without_models")
@pytest.mark.parametrize("more", [("--dtype", "bf16"), ("--models", "full"), ("--lambda", "0,0.5")])
def test_another_sweep_than_the_finished_one_is_refused_as_before(
    lite_cli: Cli, made: Path, more: tuple[str, ...]
) -> None:
    line = [word for word in LINE if word not in ("--lambda", "0,1")] if more[0] == "--lambda" else list(LINE)
    if more[0] == "--models":
        line = line[:-2]
    assert lite_cli(*line, *more)[0] == 2


def test_other_models_than_those_that_made_it_are_found_out_and_refused(
    lite_cli: Cli, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((made / "manifest.json").read_bytes())
    manifest["sweep"]["models"]["art"] = "0" * 64
    (made / "manifest.json").write_text(json.dumps(manifest))
    code, _, err = lite_cli(*LINE, *HERE)
    assert (code, "models art 000" in err) == (2, True), err


def test_a_process_that_finds_a_finished_sweep_imports_no_torch(made: Path) -> None:
    code = (
        "import sys\nfrom diffstyler_cli.cli.app import run\n"
        f"code = run({list(map(str, (*LINE, '-q')))!r})\n"
        "assert 'torch' not in sys.modules\nsys.exit(code)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "s/index.html" in done.stdout


# --- beside it -------------------------------------------------------------------------------------------------------
def test_cells_that_differ_in_recolouring_are_sampled_once_and_are_what_stylize_makes(
    lite_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    whole = run.run_sampling

    def sample(networks: Any, subjects: Any, conditions: Any, objectives: Any, *rest: Any) -> Any:
        for event in whole(networks, subjects, conditions, objectives, *rest):
            if getattr(event, "pred", None) is not None:
                sizes.append(event.pred.shape[0])
            yield event

    monkeypatch.setattr(run, "run_sampling", sample)
    axes = ("--lambda", "0.2,1", "--keep-color", "0,0.5,1")
    code, _, err = lite_cli("sweep", *axes, "-o", "k", "--seed", "3", *QUICK, *HERE)
    assert code == 0, err
    assert sizes == [2, 2], "two steps of two pictures"
    cells = json.loads(Path("k/manifest.json").read_bytes())["cells"]
    pictures = {read_image(Path("k", cell["file"])).fingerprint for cell in cells}
    assert len(pictures) == 6
    assert [(read_recipe(Path("k", c["file"])) or {})["settings"]["keep_color"] for c in cells] == [
        0,
        0,
        0.5,
        0.5,
        1,
        1,
    ]
    assert lite_cli("sweep", *axes, "-o", "one", "--seed", "3", "--batch", "1", *QUICK, *HERE)[0] == 0
    for cell in (cells[2], cells[5]):
        values = [
            f"--{name.replace('lam', 'lambda').replace('_', '-')}={value}" for name, value in cell["values"].items()
        ]
        photo = str(Path(run.__file__).parents[1] / "images" / "data" / "macaws.jpg")
        code, _, err = lite_cli(
            "stylize", photo, "oil painting", *values, "--seed", "3", "-o", "a.png", "--force", *QUICK, *HERE
        )
        assert code == 0, err
        assert read_image(Path("a.png")).fingerprint == read_image(Path("one", cell["file"])).fingerprint


@pytest.mark.parametrize(
    ("flag", "value", "first", "second"),
    [("--size", "128,256", "128", "256"), ("--size", "64:256:64", "64", "256"), ("--tile", "64, 128", "64", "128")],
)
def test_several_values_of_what_all_cells_share_are_answered_with_what_to_type(
    lite_cli: Cli, flag: str, value: str, first: str, second: str
) -> None:
    code, out, err = lite_cli("sweep", flag, value)
    assert (code, out) == (2, "")
    assert f"all cells of a sweep have one {flag}" in err
    assert f"Sweep with {flag} {first}, and again, with another -o, with {flag} {second}." in err


def test_the_working_size_is_the_size_of_the_cells(lite_cli: Cli) -> None:
    code, _, err = lite_cli("sweep", "--lambda", "0,1", "--working-size", "64", "--dry-run", "--models", "lite")
    assert (code, "2 pictures of 78 x 52 pixels" in err) == (0, True), err

"""`diffstyler sweep` from the command line: what it prints, its exit codes, kill -9, the menu at its end."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from diffstyler_cli.cli.stylize.menu import sweep_words
from diffstyler_cli.cli.stylize.request import Request
from diffstyler_cli.cli.sweep.menu import closer
from diffstyler_cli.cli.sweep.request import SweepRequest
from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.images import read_image
from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.sample import SAMPLE
from diffstyler_cli.sweep import run
from diffstyler_cli.sweep.around import around
from diffstyler_cli.sweep.axes import parse_values
from diffstyler_cli.t1 import T1

QUICK = ("--size", "64", "--steps", "2", "--cutouts", "2", "--device", "cpu", "--dtype", "fp32", "--models", "lite")
FILES = ["cells", "grid.png", "index.html", "manifest.csv", "manifest.json"]


@pytest.fixture
def cli(lite_cli: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    return lite_cli


def shown(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_without_photo_and_prompt_the_sample_is_swept_and_the_command_shown_makes_nothing_twice(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    code, out, err = cli("sweep", "--lambda", "0:1:0.5", *QUICK)
    folder = tmp_path / "macaws-oil-painting-sweep"
    assert code == 0, err
    assert sorted(out.splitlines()) == [f"{folder.name}/{name}" for name in FILES if name != "cells"]
    assert "Steve Kelly" in err
    assert "3 pictures of 78 x 52 pixels (3 x 1), 1 free diffusions" in err
    assert shown(folder) == FILES
    assert [path.name for path in sorted((folder / "cells").iterdir())] == [
        "1-lambda-0.png", "2-lambda-0.5.png", "3-lambda-1.png",
    ]  # fmt: skip
    times = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    again = ("sweep", "--lambda", "0:1:0.5", "-o", folder.name, *QUICK)
    code, out, err = cli(*again)
    assert (code, "3 of 3 cells are there already." in err) == (0, True)
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    code, _, err = cli("sweep", "--lambda", "0:1:0.25", "-o", folder.name, *QUICK)
    assert code == 2
    assert "--lambda 0,0.5,1 there, 0,0.25,0.5,0.75,1 now" in err
    assert "--force" in err


def test_a_name_made_here_is_numbered_where_another_or_a_finished_sweep_is(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    first = ("sweep", str(SAMPLE), "mosaic", "--lambda", "0,1", *QUICK)
    names = ["macaws-mosaic-sweep", "macaws-mosaic-sweep-2", "macaws-mosaic-sweep-3"]
    (tmp_path / names[0]).mkdir()
    (tmp_path / names[0] / "mine.txt").write_text("not a sweep's")
    assert cli(*first, "--seed", "1")[0] == 0
    assert shown(tmp_path / names[1]) == FILES
    # unfinished, of the same settings: it goes on there, also without saying its seed
    (next((tmp_path / names[1] / "cells").iterdir())).unlink()
    (tmp_path / names[1] / "index.html").unlink()
    code, out, err = cli(*first, "--seed", "2")
    assert (code, f"{names[2]}/index.html" in out) == (0, True), "another seed is another sweep"
    code, out, err = cli(*first)
    assert (code, f"{names[1]}/index.html" in out) == (0, True)
    assert "1 of 2 cells are there already." in err
    assert "--seed 1 " in err.partition("Same again: ")[2], "the seed is said"
    code, out, _ = cli(*first, "--seed", "1")
    assert (code, "macaws-mosaic-sweep-4/" in out) == (0, True), "both are finished"
    assert (tmp_path / names[0] / "mine.txt").exists()


def test_a_sweep_of_a_frame_says_so_in_its_cells_and_its_command(cli: Callable[..., Any], tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    code, _, err = cli("sweep", "a.gif", "oil painting", "--lambda", "0,1", "--frame", "2", *QUICK)
    assert code == 0, err
    assert "--frame 2" in err
    assert "first is used" not in err
    for path in (tmp_path / "a-oil-painting-sweep" / "cells").iterdir():
        assert (read_recipe(path) or {})["input"]["frame"] == 2


def test_a_dry_run_says_what_it_would_cost_and_writes_nothing(cli: Callable[..., Any], tmp_path: Path) -> None:
    code, out, err = cli("sweep", "--lambda", "0,1", "--t1", "1x,2x", "--dry-run", "--json", *QUICK)
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "diffstyler.sweep/1"
    assert document["plan"]["cells"] == 4
    assert document["plan"]["free_diffusions"] == 2
    assert document["plan"]["evaluations"]["photo"] == 2 * 2 + 2 * 2 * 2
    assert (document["error"], list(tmp_path.iterdir())) == (None, [])
    assert "4 pictures" in err


def test_a_dry_run_loads_no_models_and_names_the_files_of_the_run(cli: Callable[..., Any], tmp_path: Path) -> None:
    axes = ("--lambda", "0,1", "--seed", "1:2", "--prompt", "oil", "--prompt", "woodcut")
    arguments = ("sweep", str(SAMPLE), *axes, "-o", "s", *QUICK)
    code, planned, err = cli(*arguments, "--dry-run")
    assert (code, list(tmp_path.iterdir())) == (0, []), err
    assert "models on" not in err
    assert "lite models (lite-photo, lite-art) on cpu" in err
    assert "not measured yet" in err
    code, made, err = cli(*arguments)
    assert (code, made) == (0, planned), err
    code, out, err = cli(*arguments, "--dry-run", "--json")
    plan = json.loads(out)["plan"]
    assert plan["paths"] == planned.splitlines()
    assert plan["seconds"] > 0
    assert (plan["models"], plan["device"], plan["networks"]["art"]) == ("lite", "cpu", "lite-art")


def test_a_long_sweep_says_how_long_it_will_take_and_what_is_there_does_not_count(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {("free", 6): [1e-3], ("art", 6): [1e-3]}
    monkeypatch.setattr("diffstyler_cli.cli.speeds.read_speeds", lambda machine: slow)
    monkeypatch.setattr("diffstyler_cli.cli.sweep.pace.read_speeds", lambda machine: slow)
    arguments = ("sweep", str(SAMPLE), "oil", "--lambda", "0,1", "-o", "s", *QUICK)
    code, _, err = cli(*arguments)
    assert code == 0, err
    assert re.search(r"^About \d+ (s|min)$", err, re.M)
    assert not re.search(r"^About ", cli(*arguments)[2], re.M)


@pytest.mark.parametrize(
    ("arguments", "cells", "why"),
    [
        (["--t1", "10", "--steps", "5,8"], (2, 0), ""),
        (["--t1", "10", "--steps", "5,12"], (1, 1), "--t1 10 is 10 steps, fewer than --steps 12"),
        (["--t1", "1.0x,1.2x", "--steps", "5", "--round-trip"], (1, 1), "--t1 1.0x is --steps 5"),
        (["--t1", "3,1.5x", "--lambda", "0,1", "--steps", "5"], (2, 2), "--t1 3 is 3 steps, fewer than --steps 5"),
    ],
)
def test_values_that_exclude_each_other_are_named_and_left_out_where_others_remain(
    cli: Callable[..., Any], arguments: list[str], cells: tuple[int, int], why: str
) -> None:
    code, out, err = cli("sweep", *arguments, "--dry-run", "--json", "--size", "64", "--models", "lite")
    document = json.loads(out)
    assert (code, document["plan"]["cells"], document["plan"]["left_out"]) == (0, *cells), err
    said = [notice for notice in document["notices"] if "Left out" in notice]
    assert len(said) == bool(why)
    assert why in "".join(said)


def test_a_cell_that_cannot_be_is_empty_with_its_reason_and_the_sweep_is_complete_without_it(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ("sweep", "--t1", "1x,2x", "--round-trip", "-o", "s", "--json", *QUICK)
    code, out, err = cli(*arguments)
    assert code == 0, err
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_bytes())
    assert manifest["complete"]
    left, made = manifest["cells"]
    assert (left["status"], made["status"], left["command"]) == ("impossible", "done", "")
    assert left["error"] == "--round-trip has no way to go: --t1 1.0x is --steps 2."
    assert left["error"] in (tmp_path / "s" / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "s" / "cells").iterdir()] == ["2-t1-2.0x.png"]
    assert "1 of 1 cells are there already." in cli(*arguments)[2]
    code, out, _ = cli("inspect", str(tmp_path / "s"))
    assert (code, "1 done, 1 impossible" in out) == (0, True)


def test_equal_values_are_named_and_their_picture_is_made_once(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []
    whole = run.run_sampling

    def sample(*arguments: Any) -> Any:
        made.extend(config.t1 for config in arguments[5])
        return whole(*arguments)

    monkeypatch.setattr(run, "run_sampling", sample)
    code, out, err = cli("sweep", "--t1", "1.0x,1.05x,2x", "-o", "s", "--json", *QUICK)
    assert code == 0, err
    document = json.loads(out)
    assert "--t1 1.0x = 1.05x (2 steps)." in " ".join(document["notices"])
    assert made == ["1.0x", "2.0x"]
    assert [cell["status"] for cell in document["cells"]] == ["done"] * 3
    first, same, other = sorted((tmp_path / "s" / "cells").iterdir())
    recipes = [read_recipe(path) or {} for path in (first, same)]
    assert [recipe["settings"]["t1"] for recipe in recipes] == ["1.0x", "1.05x"]
    pictures = [read_image(path).fingerprint for path in (first, same, other)]
    assert pictures[0] == pictures[1] != pictures[2]
    same.unlink()
    assert "2 of 3 cells are there already." in cli("sweep", "--t1", "1.0x,1.05x,2x", "-o", "s", *QUICK)[2]
    assert read_image(same).fingerprint == pictures[0]


def test_a_cell_that_fails_is_exit_6_an_empty_cell_and_made_by_the_next_run(
    cli: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from diffstyler_cli.errors import NumericalError

    whole = run.make_objective

    def objective(parts: Any, subject: Any, conditions: Any, config: StylizeConfig) -> Any:
        if config.t1 == "2.0x":
            raise NumericalError("The content loss is NaN.")
        return whole(parts, subject, conditions, config)

    with monkeypatch.context() as patch:
        patch.setattr(run, "make_objective", objective)
        code, out, err = cli("sweep", "--t1", "1x,2x", "-o", "s", "--json", *QUICK)
    assert code == 6
    document = json.loads(out)
    assert "1 of 2 cells failed: The content loss is NaN." in document["error"]["message"]
    assert [cell["status"] for cell in document["cells"]] == ["done", "failed"]
    assert "Cell 2 failed: The content loss is NaN." in err
    assert shown(tmp_path / "s") == FILES
    assert cli("sweep", "--t1", "1x,2x", "-o", "s", "-q", *QUICK)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lambda", "0:1"], "Try --lambda 0:1:0.25."),
        (["--lambda", "0:2:1"], "outside [0, 1]"),
        (["a.png", "a prompt", "--prompt", "another"], "exclude each other"),
        (["--batch", "0"], "--batch 0 is outside [1, 10000]"),
        (["--w-content", "0,3", "--guidance-scale", "0"], "turns the losses off"),
        (["--steps", "60,70", "--t1", "50"], "must not exceed"),
        (["--round-trip", "--t1", "1.0x", "--lambda", "0,1"], "--round-trip has no way to go: --t1 1.0x is --steps"),
        (["--t1", "1.2x,200x"], "outside [1x, 100x]"),
        (["--lambda", "0:1:0.01", "--t1", "1x,1.1x,1.2x"], "--no-grid"),
        (["--prompt", "xylophonic qwertz", "--prompt", "mosaic"], "know no word"),
        (["--dry-run", "--force"], "--force has no effect"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    cli: Callable[..., Any], tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, out, err = cli("sweep", *arguments)
    assert (code, out, list(tmp_path.iterdir())) == (2, "", []), err
    assert said in " ".join(err.split())


def test_several_prompts_and_further_axes_make_several_grids(cli: Callable[..., Any], tmp_path: Path) -> None:
    axes = ("--lambda", "0,1", "--seed", "1:2", "--prompt", "oil painting", "--prompt", "woodcut:4")
    code, _, err = cli("sweep", str(SAMPLE), *axes, "-o", "s", "-q", *QUICK)
    assert (code, err) == (0, "")
    assert shown(tmp_path / "s") == ["cells", "grid-1.png", "grid-2.png", "index.html", "manifest.csv", "manifest.json"]
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_bytes())
    command = shlex.split(manifest["cells"][-1]["command"])
    assert command[:4] == ["diffstyler", "stylize", str(SAMPLE), "woodcut:4"]
    assert command[command.index("--seed") + 1] == "2"


@pytest.mark.slow
def test_kill_9_at_any_moment_then_the_same_command_finishes_the_rest(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "src"
    code = "from diffstyler_cli.cli.app import main; main()"
    arguments = ["sweep", "--lambda", "0,0.5,1", "--t1", "1x,2x", "--batch", "1", "-o", "s", "--no-grid", *QUICK]
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    cells = tmp_path / "s" / "cells"
    end = time.monotonic() + 300
    while not (cells.is_dir() and len(list(cells.glob("*.png"))) >= 2):
        assert time.monotonic() < end
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in cells.glob("*.png")}
    assert 2 <= len(before) < 6
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{len(before)} of 6 cells are there already." in done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    assert len(after) == 6
    assert {name: after[name] for name in before} == before
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert len({cell["settings"]["seed"] for cell in manifest["cells"]}) == 1, "the drawn seed is kept"


def test_interrupted_it_says_what_is_kept_and_leaves_a_manifest(
    cli: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = run.run_sampling

    def sample(*arguments: Any) -> Any:
        if arguments[5][0].t1 == "2.0x":
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(run, "run_sampling", sample)
    code, out, err = cli("sweep", "--t1", "1x,2x", "-o", "s", "-q", *QUICK)
    assert (code, out) == (130, "")
    assert err == "Interrupted. Kept: 1 of 2 cells in s\nThe same command makes the rest.\n"
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_bytes())
    assert [cell["status"] for cell in manifest["cells"]] == ["done", "missing"]


def test_interrupted_before_the_first_cell_it_leaves_no_folder(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def sample(*arguments: Any) -> Any:
        assert (tmp_path / "deep" / "s" / "manifest.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_sampling", sample)
    code, _, err = cli("sweep", "--t1", "1x,2x", "-o", "deep/s", "-q", *QUICK)
    assert (code, err) == (130, "Interrupted; nothing was written.\n")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "deep" / "s").mkdir(parents=True)
    assert cli("sweep", "--t1", "1x,2x", "-o", "deep/s", "-q", *QUICK)[0] == 130
    assert list((tmp_path / "deep" / "s").iterdir()) == [], "a folder that was there stays"


# --- what is offered at the end --------------------------------------------------------------------------------------
def test_finer_values_lie_around_the_cell_and_inside_the_range() -> None:
    config = StylizeConfig(lam=1.0, t1="1.2x", steps=50, solver="iplms", seed=3)
    ranges = {"lam": (0.0, 0.5, 1.0), "t1": ("1.0x", "1.2x", "1.4x"), "solver": ("iplms", "ddim"), "seed": (3, 4)}
    assert around(ranges, config) == {
        "lam": (0.75, 0.875, 1.0), "t1": ("1.1x", "1.2x", "1.3x"), "solver": ("iplms",), "seed": (3,),
    }  # fmt: skip
    assert around({}, StylizeConfig(lam=0.8))["lam"] == (0.6, 0.8, 1.0)
    assert around({"steps": (40, 50)}, StylizeConfig(steps=50))["steps"] == (45, 50, 55)
    assert around({"steps": (1, 2)}, StylizeConfig(steps=1))["steps"] == (1, 2, 3)
    assert around({"t1": ("50", "70")}, StylizeConfig(t1="50", steps=50))["t1"] == ("50", "55", "60")


@given(
    st.integers(1, 60), st.integers(0, 4000), st.booleans(), st.booleans(), st.lists(st.integers(0, 3000), max_size=4)
)
def test_neighbours_in_t1_are_three_different_numbers_of_steps(
    T: int, more: int, multiple: bool, round_trip: bool, others: list[int]
) -> None:
    t1 = str(T1(1 + more / 1000, True)) if multiple else str(T + max(1, more))
    config = StylizeConfig(steps=T, t1=t1, round_trip=round_trip)
    assume(not config.no_round_trip())
    ranges = {"t1": tuple(dict.fromkeys([t1, *(str(T1(1 + other / 1000, True)) for other in others)]))}
    values = around(ranges, config)["t1"]
    steps = [dataclasses.replace(config, t1=value).validate().t1_steps() for value in values]
    assert len(set(steps)) == 3
    assert t1 in values
    assert not any(dataclasses.replace(config, t1=value).no_round_trip() for value in values)


def test_the_finer_sweep_is_a_command_that_parses_back() -> None:
    base = Request("photo.jpg", ("oil painting",), output="first")
    request = SweepRequest(base, {"lam": (0.0, 0.5, 1.0), "w_content": (9.0,), "size": (128,)})
    config = StylizeConfig(lam=0.5, w_content=9.0, size=128, seed=5)
    line = shlex.split(closer(request, config, ("oil painting",), Path("second")).command_line())
    assert line[:4] == ["diffstyler", "sweep", "photo.jpg", "oil painting"]
    assert parse_values("lam", line[line.index("--lambda") + 1]) == (0.25, 0.5, 0.75)
    assert [line[line.index(flag) + 1] for flag in ("--w-content", "--size", "--seed", "-o")] == [
        "9",
        "128",
        "5",
        "second",
    ]


def test_around_a_stylised_picture() -> None:
    request = Request("photo.jpg", ("mosaic",), settings={"lam": 0.4, "seed": 9, "steps": 20}, output="out.png")
    words = sweep_words(request, StylizeConfig(lam=0.4, seed=9, steps=20))
    assert words[:3] == ["sweep", "photo.jpg", "mosaic"]
    assert parse_values("lam", words[words.index("--lambda") + 1]) == (0.2, 0.4, 0.6)
    assert parse_values("t1", words[words.index("--t1") + 1]) == ("1.0x", "1.1x", "1.3x")
    given = {flag: words[words.index(flag) + 1] for flag in ("--seed", "--steps", "-o")}
    assert given == {"--seed": "9", "--steps": "20", "-o": "photo-sweep"}


def test_a_sweep_killed_before_its_first_manifest_goes_on_and_a_cell_under_anothers_name_is_made_anew(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    (folder / "cells").mkdir(parents=True)
    (folder / ".lock").touch()
    left = folder / ".diffstyler-0123456789abcdef.tmp"
    left.write_bytes(b"half a manifest")
    line = ("sweep", "--lambda", "0,1", "-o", "s", *QUICK)
    code, _, err = cli(*line)
    assert code == 0, err
    assert (shown(folder), left.exists()) == (FILES, False)
    first, second = sorted((folder / "cells").iterdir())
    first.write_bytes(second.read_bytes())
    code, _, err = cli(*line)
    assert (code, "1 of 2 cells are there already." in err) == (0, True), err
    assert first.read_bytes() != second.read_bytes()


def test_a_sweep_is_one_line_of_the_history(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    code, _, err = cli("sweep", str(SAMPLE), "oil", "--lambda", "0,1", "--seed", "1", "-o", "s", *QUICK)
    assert code == 0, err
    (row,) = json.loads(cli("inspect", "--last", "--json")[1])["pictures"]
    assert (row["kind"], row["path"], row["pictures"]) == ("sweep", str(tmp_path / "s"), 2)
    assert f"Same again: {row['command']}" in err
    assert "2 pictures of" in cli("inspect", "--last")[1]

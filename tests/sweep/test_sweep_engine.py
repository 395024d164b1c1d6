"""Cells of a sweep as jobs of an engine: what a job is, and an engine whose worker is another process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from other_process import Opening, OtherProcess, Pickling
from PIL import Image

from diffstyler_cli.batch.jobs import Job
from diffstyler_cli.cli.sweep import prepare, session
from diffstyler_cli.cli.sweep.engines import Hands
from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.errors import NumericalError
from diffstyler_cli.images import read_image
from diffstyler_cli.sweep import run
from diffstyler_cli.sweep.folder import Folder, Made
from diffstyler_cli.sweep.plan import Plan

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--cutouts", "2", "--device", "cpu", "--dtype", "fp32", "--models", "lite")
AXES = ("--lambda", "0,1", "--t1", "1x,2x", "--seed", "3")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """use(engine, parts=1): sweeps from the command line are given to it from now on."""
    whole = session.SweepSession.__init__

    def begin_with(engine: Pickling, parts: int = 1) -> None:
        def begin(self: Any, console: Any, models: Any) -> None:
            whole(self, console, models, Hands(engine, parts))

        monkeypatch.setattr(session.SweepSession, "__init__", begin)

    return begin_with


def photos() -> None:
    Image.linear_gradient("L").resize((60, 40)).convert("RGB").save("a.png")
    Image.new("RGB", (60, 40), "red").save("b.png")
    Image.linear_gradient("L").rotate(90).resize((60, 40)).save("mask.png")


def pixels(folder: str) -> dict[str, str]:
    return {path.name: read_image(path).fingerprint for path in Path(folder, "cells").iterdir()}


def rows(folder: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(Path(folder, "manifest.json").read_bytes())["cells"]
    return [{name: value for name, value in cell.items() if name != "seconds"} for cell in cells]


@pytest.mark.slow
def test_cells_that_another_process_made_are_the_same_to_the_last_bit(lite_cli: Cli, use: Callable[..., None]) -> None:
    photos()
    line = ("sweep", "a.png", "woodcut", "--style-image", "b.png", "--palette", "b.png", "--mask", "mask.png")
    assert lite_cli(*line, "--lambda", "0,1", "--seed", "3", *QUICK, "-o", "here")[0] == 0
    engine = OtherProcess()
    use(engine)
    code, _, err = lite_cli(*line, "--lambda", "0,1", "--seed", "3", *QUICK, "-o", "there")
    assert code == 0, err
    assert [job.own["cells"] for job in engine.jobs] == [[0, 1]]
    assert pixels("here") == pixels("there")
    assert rows("here") == rows("there")
    scores = [json.loads(Path(folder, "manifest.json").read_bytes())["photo_scores"] for folder in ("here", "there")]
    assert scores[0] == scores[1] != {}


def test_only_what_is_missing_is_a_job(lite_cli: Cli, use: Callable[..., None]) -> None:
    engine = Pickling()
    use(engine)
    assert lite_cli("sweep", *AXES, *QUICK, "--batch", "1", "-o", "s", "-q")[0] == 0
    assert [job.own["cells"] for job in engine.jobs] == [[0, 1], [2, 3]], "a job a free diffusion"
    before = pixels("s")
    Path("s/cells", sorted(before)[2]).unlink()
    code, _, err = lite_cli("sweep", *AXES, *QUICK, "--batch", "1", "-o", "s")
    assert (code, "3 of 4 cells are there already." in err) == (0, True), err
    assert [job.own["cells"] for job in engine.jobs[2:]] == [[2]]
    assert pixels("s") == before
    Path("s/index.html").unlink()
    manifest = json.loads(Path("s/manifest.json").read_bytes())
    Path("s/manifest.json").write_text(json.dumps({**manifest, "photo_scores": {}}))
    assert lite_cli("sweep", *AXES, *QUICK, "--batch", "1", "-o", "s")[0] == 0
    assert [job.own["cells"] for job in engine.jobs[3:]] == [[]], "the page wants the scores of the photo"
    assert json.loads(Path("s/manifest.json").read_bytes())["photo_scores"] == manifest["photo_scores"]


def test_free_diffusion_is_kept_from_one_job_to_the_next(
    lite_cli: Cli, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[Any] = []
    whole = run.run_free
    monkeypatch.setattr(run, "run_free", lambda *arguments: (began.append(1), whole(*arguments))[1])
    line = ("sweep", "-p", "woodcut", "-p", "oil", "--t1", "1x,2x", "--seed", "3", *QUICK)
    assert lite_cli(*line, "-o", "here")[0] == 0
    engine = Pickling()
    use(engine, 4)
    code, _, err = lite_cli(*line, "-o", "there")
    assert code == 0, err
    assert [job.own["cells"] for job in engine.jobs] == [[0], [2], [1], [3]], "two prompts, dealt out"
    assert len(began) == 2 + 2
    assert pixels("here") == pixels("there")
    assert "4/4 cells" in err
    assert json.loads(json.dumps(engine.outcomes[0].facts)) == engine.outcomes[0].facts


def test_an_engine_that_opens_workers_loads_the_models_there_alone(
    lite_cli: Cli, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("sweep", *AXES, *QUICK, "--batch", "1")
    assert lite_cli(*line, "-o", "here")[0] == 0
    use(Opening())
    code, out, err = lite_cli(*line, "-o", "there", "--json")
    assert code == 0, err
    assert json.loads(out)["load_seconds"] == 0, "not by who runs it"
    assert pixels("here") == pixels("there")
    assert rows("here") == rows("there")
    code, out, err = lite_cli("sweep", "-p", "xqzzy vwkrp", "-p", "oil", "-o", "t", *QUICK)
    assert (code, out) == (2, ""), "what is wrong with prompts is found out there"
    assert "xqzzy vwkrp" in err
    assert not Path("t").exists()


def test_a_photo_from_standard_input_goes_along(
    lite_cli: Cli, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos()
    photo = read_image(Path("a.png"))
    monkeypatch.setattr(prepare, "read_inputs", lambda *arguments, **how: (photo, [], None))
    use(Pickling())
    code, _, err = lite_cli("sweep", "-", "woodcut", "--lambda", "0,1", "-o", "s", "-q", *QUICK)
    assert (code, err) == (0, "")
    assert len(pixels("s")) == 2


def test_what_stops_a_worker_is_told_and_what_is_made_is_kept(lite_cli: Cli, use: Callable[..., None]) -> None:
    photos()
    engine = Pickling()
    use(engine)

    def spoil(job: Job) -> None:
        if job.number == 1:
            Path("b.png").replace("a.png")

    engine.before = spoil
    code, _, err = lite_cli("sweep", "a.png", "woodcut", *AXES, "-o", "s", "-q", *QUICK)
    assert (code, "'a.png', or a mask, is another picture for this worker." in err) == (1, True), err
    assert [cell["status"] for cell in rows("s")] == ["missing"] * 4


def test_a_cell_that_fails_elsewhere_is_empty_here_with_its_reason(
    lite_cli: Cli, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run.make_objective

    def objective(parts: Any, subject: Any, conditions: Any, config: StylizeConfig) -> Any:
        if config.t1 == "2.0x":
            raise NumericalError("The content loss is NaN.")
        return whole(parts, subject, conditions, config)

    monkeypatch.setattr(run, "make_objective", objective)
    use(Pickling())
    code, _, err = lite_cli("sweep", *AXES, "-o", "s", *QUICK)
    assert (code, "2 of 4 cells failed: The content loss is NaN." in err) == (6, True), err
    assert [(c["status"], c["error"]) for c in rows("s")[2:]] == [("failed", "The content loss is NaN.")] * 2


def test_a_worker_that_would_make_other_pictures_makes_none(lite_cli: Cli, use: Callable[..., None]) -> None:
    engine = Pickling()
    use(engine)
    engine.before = lambda job: job.own["made_by"].update(device="cuda")  # type: ignore[attr-defined]  # a dict
    code, _, err = lite_cli("sweep", *AXES, "-o", "s", "-q", *QUICK)
    assert (code, "A worker would make other pictures: device cuda there, cpu now." in err) == (1, True), err
    assert pixels("s") == {}


def test_a_folder_that_the_worker_has_elsewhere_is_found_out(
    lite_cli: Cli, use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Pickling()
    use(engine)
    monkeypatch.setattr(Folder, "keep", lambda self, *arguments: Made({}, {}, 0.0))
    code, _, err = lite_cli("sweep", *AXES, "-o", "s", "-q", *QUICK)
    assert (code, "is not in 's'" in err, "all machines share" in err) == (1, True, True), err


def test_jobs_are_dealt_out_further_where_there_are_few() -> None:
    plan = Plan(StylizeConfig(seed=1), {"lam": (0.0, 1.0), "t1": ("1x", "2x"), "prompt": ("a", "b", "c")}, ())
    whole = {cell.index for cell in plan.possible}
    shares = plan.shares(whole)
    assert len(shares) == len(plan.groups) == 2
    for parts in (1, 2, 3, 4, 5, 6, 9):
        dealt = plan.shares(whole, parts)
        assert len(dealt) == min(max(parts, 2), 6)
        assert sorted(index for share in dealt for index in share) == sorted(whole)
        for share in dealt:
            assert len({plan.cells[index].config.t1_steps() for index in share}) == 1
            prompts = [plan.cells[index].prompts for index in share]
            assert all(prompts.count(each) == 2 for each in prompts), "what differs in lambda alone stays together"
    assert plan.shares({0, 1}, 8) == [(0, 1)]
    assert plan.shares(set()) == []


def test_equal_pictures_are_one_job_however_few_there_are() -> None:
    plan = Plan(StylizeConfig(seed=1, steps=4), {"t1": ("1.0x", "1.05x"), "seed": (1, 2)}, ("a",))
    assert sorted(plan.shares({0, 1, 2, 3}, 8)) == [(0, 1), (2, 3)]
    assert sorted(plan.shares({1, 2, 3}, 8)) == [(1,), (2, 3)]

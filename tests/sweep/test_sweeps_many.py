"""Sweeps of many photos from the command line: photos, folders, what is resumed, what fails, the overview."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from other_process import Pickling
from PIL import Image
from sweep_browser import CHROMIUM, Browser

from diffstyler_cli import Stylizer
from diffstyler_cli.cli.sweep.engines import Hands
from diffstyler_cli.cli.sweep.many import session
from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.errors import NumericalError
from diffstyler_cli.images import read_image
from diffstyler_cli.sweep import run

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--cutouts", "2", "--device", "cpu", "--dtype", "fp32", "--models", "lite")
AXES = ("--lambda", "0,1", "--t1", "1x,2x", "--batch", "1")
LINE = ("woodcut", *AXES, *QUICK)
SHORT = ("woodcut", "--lambda", "0,1", "--batch", "1", *QUICK)


@pytest.fixture
def photos(lite_cli: Cli) -> Path:
    """photos/a.png, photos/b.jpg, photos/sub/c.png."""
    folder = Path("photos")
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        picture = Image.linear_gradient("L").rotate(40 * number).resize((48 + 8 * number, 40)).convert("RGB")
        picture.save(folder / name)
    return folder


def pixels(folder: Path | str) -> dict[str, str]:
    return {path.name: read_image(path).fingerprint for path in Path(folder, "cells").iterdir()}


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.usefixtures("photos")
def test_each_photo_has_its_sweep_as_if_it_were_swept_alone_and_the_overview_leads_to_them(lite_cli: Cli) -> None:
    given = ("sweep", "photos", *SHORT, "--recursive", "--seed", "5", "-o", "out")
    code, planned, err = lite_cli(*given, "--dry-run")
    assert (code, Path("out").exists()) == (0, False), err
    code, out, err = lite_cli(*given)
    assert code == 0, err
    assert out == planned == "out/a/index.html\nout/b/index.html\nout/sub/c/index.html\nout/index.html\n"
    assert "Sweeps of 3 photos, 2 pictures of each (2 x 1): 1 free diffusions" in err
    assert "3 done, in out" in err
    names = {"cells", "grid.png", "index.html", "manifest.csv", "manifest.json"}
    for name in ("a", "b", "sub/c"):
        assert {path.name for path in Path("out", name).iterdir() if path.name[0] != "."} == names
    assert lite_cli("sweep", "photos/b.jpg", *SHORT, "--seed", "5", "-o", "one")[0] == 0
    assert pixels("one") == pixels("out/b") != pixels("out/a")
    rows = [json.loads(Path(folder, "manifest.json").read_bytes()) for folder in ("one", "out/b")]
    for row in rows:
        for cell in row["cells"]:
            del cell["seconds"]
    assert rows[0] == rows[1], "commands, scores and what makes it this sweep, too"
    page = Path("out/index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]+)"', page) == ["./a/index.html", "./b/index.html", "./sub/c/index.html"]


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    "given",
    [
        ("photos/a.png", "photos/b.jpg", *SHORT),
        ("photos/*.*", *SHORT),
        ("photos", *SHORT),
        ("--from-file", "list.txt", *SHORT),
        ("photos/a.png", "photos/b.jpg", *AXES, *QUICK, "-p", "woodcut"),
    ],
)
def test_photos_are_named_as_those_of_stylize(lite_cli: Cli, given: tuple[str, ...]) -> None:
    Path("list.txt").write_text("photos/a.png\nphotos/b.jpg\n")
    code, out, err = lite_cli("sweep", *given, "-o", "out", "--dry-run")
    assert (code, out) == (0, "out/a/index.html\nout/b/index.html\nout/index.html\n"), err


def test_what_is_there_is_left_and_what_is_missing_is_made_with_the_seed_it_had(
    lite_cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("sweep", "photos", *SHORT, "-o", "out")
    assert lite_cli(*given)[0] == 0
    before = {name: pixels(f"out/{name}") for name in ("a", "b")}
    overview = Path("out/index.html").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(Stylizer, "load", None)
        code, out, err = lite_cli(*given, "--json")
    assert code == 0, err
    first, second, end = lines(out)
    assert [(row["kind"], row["status"], row["made"], row["cells"]) for row in (first, second)] == [
        ("sweep", "skipped", 2, 2)
    ] * 2
    assert (end["kind"], end["skipped"], end["models"], end["overview"]) == ("end", 2, None, "out/index.html")
    assert Path("out/index.html").stat().st_mtime_ns == overview
    Path("out/b/cells", sorted(before["b"])[1]).unlink()
    (photos / "c.png").write_bytes((photos / "sub/c.png").read_bytes())
    code, out, err = lite_cli(*given, "--json")
    assert code == 0, err
    assert {row["photo"]: row["status"] for row in lines(out)[:-1]} == {
        "photos/a.png": "skipped", "photos/b.jpg": "done", "photos/c.png": "done",
    }  # fmt: skip
    assert {name: pixels(f"out/{name}") for name in ("a", "b")} == before
    seeds = {json.loads(Path(f"out/{n}/manifest.json").read_bytes())["sweep"]["settings"]["seed"] for n in "abc"}
    assert seeds == {lines(out)[-1]["seed"]}
    # another command on one of them: the overview keeps the others
    code, out, err = lite_cli("sweep", "photos/a.png", "photos/b.jpg", *SHORT, "-o", "out")
    assert code == 0, err
    assert Path("out/index.html").read_text().count('<li class="sweep">') == 3


def test_a_photo_that_cannot_be_read_and_a_cell_that_fails_leave_the_others_alone(
    lite_cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "aa.png").write_bytes(b"<html>")
    whole = run.make_objective

    def objective(parts: Any, subject: Any, conditions: Any, config: StylizeConfig) -> Any:
        if config.t1 == "2.0x" and subject.loaded.name == "b.jpg":
            raise NumericalError("The content loss is NaN.")
        return whole(parts, subject, conditions, config)

    given = ("sweep", "photos", *LINE, "-o", "out", "--seed", "1")
    with monkeypatch.context() as patch:
        patch.setattr(run, "make_objective", objective)
        code, out, err = lite_cli(*given, "--json")
    rows = {row.get("photo"): row for row in lines(out)}
    assert code == 6, err
    assert rows["photos/a.png"]["status"] == "done"
    assert (rows["photos/aa.png"]["code"], rows["photos/aa.png"]["made"]) == (3, 0)
    assert "web page" in rows["photos/aa.png"]["error"]
    assert rows["photos/b.jpg"]["error"] == "2 of 4 cells failed: The content loss is NaN."
    assert (rows[None]["done"], rows[None]["failed"], rows[None]["error"]["code"]) == (1, 2, 6)
    assert "2 of 3 sweeps failed, the first photos/aa.png: " in rows[None]["error"]["message"]
    page = Path("out/index.html").read_text()
    assert page.count('class="empty"') == 1
    assert "2 of 4 cells failed: The content loss is NaN." in page
    assert not Path("out/aa").exists()
    (photos / "aa.png").unlink()
    assert lite_cli(*given)[0] == 0
    assert len(pixels("out/b")) == 4


def test_interrupted_it_says_what_is_kept_and_the_same_command_makes_the_rest(
    lite_cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("sweep", "photos", *LINE, "--recursive", "-o", "deep/out")
    whole, begun = run.run_sampling, 0

    def sample(*arguments: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun == 7:  # the third cell of the second photo
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_sampling", sample)
        code, out, err = lite_cli(*given, "-q")
    assert (code, out) == (130, "deep/out/a/index.html\n")
    assert err == (
        "Interrupted. Kept: 1 of 3 sweeps in deep/out, and 2 cells of 1 more\nThe same command makes the rest.\n"
    )
    made = pixels("deep/out/b")
    statuses = [cell["status"] for cell in json.loads(Path("deep/out/b/manifest.json").read_bytes())["cells"]]
    assert sorted(statuses) == ["done", "done", "missing", "missing"]
    assert not Path("deep/out/sub").exists(), "what was not begun leaves nothing"
    code, out, err = lite_cli(*given)
    assert code == 0, err
    assert "2 done, 1 there already" in err
    assert made.items() <= pixels("deep/out/b").items()


@pytest.mark.usefixtures("photos")
def test_the_cells_of_all_photos_are_jobs_of_one_engine(lite_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("sweep", "photos", *SHORT, "--t1", "1x,2x", "--seed", "5", "--mask", "alpha")
    for path in Path("photos").glob("*.*"):
        with Image.open(path) as picture:
            picture.putalpha(Image.radial_gradient("L").resize(picture.size))
            picture.save(path.with_suffix(".png"))
    Path("photos/b.jpg").unlink()
    assert lite_cli(*given, "-o", "here")[0] == 0
    engine, whole = Pickling(), session.ManySweeps.__init__
    monkeypatch.setattr(
        session.ManySweeps, "__init__", lambda self, console, models: whole(self, console, models, Hands(engine))
    )
    code, _, err = lite_cli(*given, "-o", "there")
    assert code == 0, err
    assert [(job.number, job.photo) for job in engine.jobs] == [
        (1, "photos/a.png"), (2, "photos/a.png"), (3, "photos/b.png"), (4, "photos/b.png"),
    ]  # fmt: skip
    for name in ("a", "b"):
        assert pixels(f"here/{name}") == pixels(f"there/{name}")


def test_pictures_of_earlier_sweeps_are_no_photos(lite_cli: Cli, photos: Path) -> None:
    given = ("sweep", "photos", *SHORT, "--recursive", "-o", "photos")
    assert lite_cli(*given)[0] == 0
    code, out, err = lite_cli(*given)
    assert (code, len(out.splitlines())) == (0, 4), err
    assert "9 of the photos are pictures of sweeps, and are left out." in err


# --- what is refused, before anything is written ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("photos", *SHORT), "Several sweeps need a folder to go to"),
        (("photos", *SHORT), "-o sweeps"),
        (("photos/a.png", "photos/a.jpg", *SHORT, "-o", "out"), "would both be written to 'out/a'"),
        (("photos/a.png", "photos/a.jpg", *SHORT, "-o", "out"), '--name-template "{stem}-{suffix}"'),
        (("photos/a.png", "photos/A.webp", *SHORT, "-o", "out"), "would both be written to 'out/A'"),
        (("photos", *SHORT, "--recursive", "-o", "out", "--name-template", "sub"), "would both be written"),
        (("photos", *SHORT, "--recursive", "-o", "out"), "would lie in that of 'photos/a.png'"),
        (("photos/a.png", "photos/b.jpg", *SHORT, "-o", "out", "--name-template", "{stem}.{ext}"), "has no {ext}"),
        (("photos/a.png", "photos/b.jpg", *SHORT, "-o", "out", "--preview"), "needs a terminal"),
        (("photos/a.png", *SHORT, "-o", "out", "--recursive"), "no photo is a folder"),
        (("photos/a.png", *SHORT, "-o", "out", "--from-file", "list.txt"), "--from-file names others"),
        (("photos/a.png", "gone.jpg", *SHORT, "-o", "out"), "There is no file 'gone.jpg'"),
        (("photos/a.png", "woodcut", "photos/b.jpg", *AXES, *QUICK, "-o", "out"), "The photos come first"),
        (("photos", *SHORT, "-o", "photos/a.png"), "is no folder"),
        (("photos", *SHORT, "-o", "full"), "is there, and no overview of sweeps"),
        (("photos", *SHORT, "-o", "mine"), "'mine/a' holds other files than a sweep's"),
        (("photos", *SHORT, "--w-content", "0,3", "--guidance-scale", "0", "-o", "out"), "turns the losses off"),
        (("photos", "xqzzy vwkrp", *AXES, *QUICK, "-o", "out"), "know no word"),
        (("photos", *SHORT, "--lambda", "0:1:0.002", "-o", "out"), "--no-grid"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    lite_cli: Cli, photos: Path, given: tuple[str, ...], said: str
) -> None:
    for name in ("a.jpg", "A.webp"):
        Image.new("RGB", (40, 30)).save(name)
    (photos / "a").mkdir()
    (photos / "a" / "b.png").write_bytes((photos / "a.png").read_bytes())
    for name in ("full/index.html", "mine/a/thesis.tex", "photos/a.jpg", "photos/A.webp"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"mine")
    Path("list.txt").write_text("photos/a.png\n")
    if not any(word.startswith("photos/a") or word == "photos/*.png" for word in given):
        (photos / "a.jpg").unlink()
        (photos / "A.webp").unlink()
    before = sorted(Path().rglob("*"))
    code, out, err = lite_cli("sweep", *given)
    assert (code, out) in ((2, ""), (1, "")), err
    assert said in " ".join(err.split()), err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.usefixtures("photos")
def test_other_settings_than_those_of_the_sweeps_that_are_there_are_refused_at_once(lite_cli: Cli) -> None:
    assert lite_cli("sweep", "photos", *SHORT, "-o", "out", "--seed", "1")[0] == 0
    code, out, err = lite_cli("sweep", "photos", *SHORT, "-o", "out", "--seed", "2")
    assert (code, out) == (2, "")
    assert "'out/a' holds a sweep with other settings: --seed 1 there, 2 now. So are 1 more." in err
    before = pixels("out/a")
    code, _, err = lite_cli("sweep", "photos", *SHORT, "-o", "out", "--seed", "2", "--force")
    assert code == 0, err
    assert pixels("out/a") != before


@pytest.mark.usefixtures("photos")
def test_a_photo_that_changed_is_a_failure_of_its_own(lite_cli: Cli) -> None:
    given = ("sweep", "photos", *SHORT, "-o", "out", "--seed", "1")
    assert lite_cli(*given)[0] == 0
    Image.new("RGB", (40, 30), "red").save("photos/b.jpg")
    code, out, err = lite_cli(*given, "--json")
    assert code == 6, err
    assert [row["status"] for row in lines(out)[:-1]] == ["skipped", "failed"]
    assert "photo pixels_sha256" in lines(out)[1]["error"]


@pytest.mark.usefixtures("photos")
def test_the_list_comes_from_standard_input_too(lite_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    from types import SimpleNamespace

    from diffstyler_cli.cli.sweep.many import plan

    data = SimpleNamespace(stdin=SimpleNamespace(buffer=io.BytesIO(b"photos/a.png\0photos/sub/c.png\0")))
    monkeypatch.setattr(plan, "sys", data)
    code, out, err = lite_cli("sweep", "--from-file", "-", *LINE, "-o", "out", "--dry-run")
    assert (code, out) == (0, "out/a/index.html\nout/c/index.html\nout/index.html\n"), err


@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_overview_in_a_browser_asks_for_nothing_and_opens_the_sweeps(
    lite_cli: Cli, browser: Browser, tmp_path: Path
) -> None:
    Path("p").mkdir()
    for name in ("a & <b>.png", "ünï %41#?.png"):
        Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(f"p/{name}")
    code, _, err = lite_cli("sweep", "p", *SHORT, "-o", "out")
    assert code == 0, err
    browser.look(1280, 900, "light")
    browser.requests.clear()
    browser.problems.clear()
    browser.open(tmp_path / "out" / "index.html")
    assert browser.value("document.title") == "Sweeps"
    assert browser.value("[...document.querySelectorAll('h2')].map((h) => h.textContent)") == [
        "a & <b>.png", "ünï %41#?.png",
    ]  # fmt: skip
    browser.until("[...document.images].length === 2 && [...document.images].every((i) => i.naturalWidth > 100)")
    assert browser.problems == []
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [browser.value("location.href")]
    browser.value("document.querySelectorAll('.sweep a')[1].click()")
    browser.until("document.title === 'Sweep: woodcut'")

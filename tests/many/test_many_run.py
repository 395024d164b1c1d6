"""`stylize` with many photos, from the command line to the files; the stand-in pipeline paints."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.batch.jobs import Outcome as Outcome_
from diffstyler_cli.images.metadata import read_recipe

Cli = Callable[..., Outcome]
SEED = ("--seed", "7")


@pytest.fixture
def photos(photo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/ with a.png, b.png and sub/c.png; the models say in a file of their own when they are loaded."""
    folder = photo.parent / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b.png", "sub/c.png"):
        shutil.copy(photo, folder / name)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path_factory.mktemp("log") / "loaded"))
    return folder


def loads() -> int:
    log = Path(os.environ["FAKE_LOG"])
    return len(log.read_text().splitlines()) if log.exists() else 0


def rows(folder: str = "out", kind: str = "picture") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(folder) / "manifest.jsonl").read_text().splitlines() if line]
    return [row for row in lines if row["kind"] == kind]


def pictures(folder: str = "out") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.*") if path.suffix != ".jsonl")


# --- which, and what they are called ---------------------------------------------------------------------------------
def test_photos_first_then_prompts_into_a_folder_that_is_made(cli: Cli, photos: Path) -> None:
    outcome = cli("stylize", "photos/a.png", "photos/b.png", "oil:2", "mist", "-o", "new/out", *SEED, *QUICK)
    assert outcome.code == 0, outcome.err
    assert outcome.out == b"new/out/a-oil-mist.png\nnew/out/b-oil-mist.png\n"
    assert "2/2 photos/b.png: new/out/b-oil-mist.png" in outcome.err
    assert "2 done, in new/out" in outcome.err
    recipe = read_recipe(Path("new/out/b-oil-mist.png"))
    assert recipe is not None
    assert recipe["settings"]["seed"] == 7
    assert [row["text"] for row in recipe["prompts"]] == ["oil", "mist"]
    assert loads() == 1


def test_a_folder_its_tree_and_what_is_no_photo_in_it(cli: Cli, photos: Path) -> None:
    (photos / "notes.txt").touch()
    assert cli("stylize", "photos", "oil", "-o", "flat", *QUICK).out.decode().split() == [
        "flat/a-oil.png",
        "flat/b-oil.png",
    ]
    outcome = cli("stylize", "photos", "oil", "-o", "photos/out", "--recursive", *QUICK)
    assert pictures("photos/out") == ["a-oil.png", "b-oil.png", "sub/c-oil.png"]
    assert "1 files in the folders are not named as photos" in outcome.err
    again = cli("stylize", "photos", "oil", "-o", "photos/out", "--recursive", *QUICK)
    assert "3 of 3 pictures are there already" in again.err, "results in the folder are no photos of the next run"


def test_every_prompt_by_itself_every_seed_and_the_name_as_told(cli: Cli, photos: Path) -> None:
    outcome = cli("stylize", "photos", "oil", "woodcut", "--each", "-n", "2", "-o", "out", *SEED, *QUICK)
    assert outcome.code == 0, outcome.err
    assert pictures() == [
        f"{stem}-{style}-{seed}.png" for stem in "ab" for style in ("oil", "woodcut") for seed in (7, 8)
    ]
    assert "Blending" not in outcome.err
    named = ("--name-template", "{prompt}/{n}-{stem}.{ext}", "--format", "webp", "--quality", "50")
    assert cli("stylize", "photos", "-p", "oil", "-o", "named", *named, *QUICK).code == 0
    assert pictures("named") == ["oil/1-a.webp", "oil/2-b.webp"]
    recipe = read_recipe(Path("named/oil/1-a.webp"))
    assert recipe is not None
    assert recipe["quality"] == 50


def test_a_list_of_photos_and_a_file_of_prompts(cli: Cli, photos: Path) -> None:
    Path("list").write_text("photos/a.png\n\nphotos/gone.png\n")
    Path("prompts").write_text("oil\n\n woodcut : 2\n")
    outcome = cli("stylize", "--from-file", "list", "--prompt-file", "prompts", "-o", "out", "--each", *QUICK)
    assert outcome.code == 6
    assert pictures() == ["a-oil.png", "a-woodcut.png"]
    assert [(row["status"], row.get("code")) for row in rows()] == [("done", None)] * 2 + [("failed", 3)] * 2
    assert cli("stylize", "--from-file", "list", "watercolor", "-o", "out", "--dry-run", *QUICK).code == 0


def test_prompts_of_one_photo_may_come_from_a_file(cli: Cli, photo: Path) -> None:
    Path("prompts").write_text("oil\nmist\n")
    assert cli("stylize", "photo.png", "--prompt-file", "prompts", *QUICK).out == b"photo-oil-mist.png\n"
    Path("empty").write_text("\n")
    assert cli("stylize", "photo.png", "--prompt-file", "empty").code == 2


@pytest.mark.parametrize(
    "name",
    ["a b.png", "two\nlines.png", "-x.png", "\U0001f3a8.png", "\udcff\udcfe.png", "'\"$x`.png", "~.png", "[a]*.png"],
)
def test_photos_of_any_name(cli: Cli, photos: Path, name: str) -> None:
    shutil.copy(photos / "a.png", photos / name)
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.code == 0, outcome.err
    assert len(pictures()) == 3
    assert all(row["status"] == "done" for row in rows())
    again = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert (again.code, again.out) == (0, b"")
    assert "3 of 3 pictures are there already" in again.err
    assert cli("inspect", "out").code == 0


def test_two_photos_of_one_name_are_refused_before_anything_is_made(cli: Cli, photos: Path) -> None:
    outcome = cli("stylize", "photos/a.png", "photos/sub/c.png", "oil", "-o", "out", "--name-template", "x.png")
    assert (outcome.code, outcome.out) == (2, b"")
    assert "would both be written to 'out/x.png'" in outcome.err
    assert not Path("out").exists()
    assert loads() == 0


def test_no_photo_is_written_onto(cli: Cli, photos: Path) -> None:
    before = (photos / "a.png").read_bytes()
    outcome = cli("stylize", "photos", "oil", "-o", "photos", "--name-template", "{stem}.png", "--force")
    assert outcome.code == 2
    assert "is an input file" in outcome.err
    os.symlink("../photos", "photos/link")
    assert cli("stylize", "photos", "oil", "-o", "photos/link", "--name-template", "{stem}.png", "--force").code == 2
    assert (photos / "a.png").read_bytes() == before


def test_a_dry_run_makes_loads_and_draws_nothing(cli: Cli, photos: Path) -> None:
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--dry-run", *QUICK)
    assert outcome.out.decode().split() == ["out/a-oil.png", "out/b-oil.png"]
    assert "nothing is made. 2 pictures of 2 photos to make, seed drawn" in outcome.err
    assert "not measured yet" in outcome.err
    assert not Path("out").exists()
    assert loads() == 0
    cli("stylize", "photos/a.png", "oil", "-o", "a.png", *QUICK)
    words = ("--dry-run", "--json", "--dtype", "fp32", *QUICK)  # as the stand-in computes
    document = json.loads(cli("stylize", "photos", "oil", "-o", "out", *words).out)
    assert document["plan"]["paths"] == ["out/a-oil.png", "out/b-oil.png"]
    assert document["plan"]["seconds"] is not None


# --- what is there already -------------------------------------------------------------------------------------------
def test_the_same_command_makes_what_is_missing_with_the_seed_of_the_first_run(cli: Cli, photos: Path) -> None:
    cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    first = Path("out/a-oil.png").read_bytes()
    seed = rows(kind="run")[0]["seed"]
    Path("out/b-oil.png").unlink()
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.out == b"out/b-oil.png\n"
    assert rows()[-1]["seed"] == seed
    assert Path("out/a-oil.png").read_bytes() == first
    before = loads()
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert (outcome.code, outcome.out) == (0, b"")
    assert loads() == before, "nothing to do loads no models"


def test_without_its_manifest_a_picture_is_known_by_its_recipe_and_the_photo_by_its_pixels(
    cli: Cli, photos: Path
) -> None:
    cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK)
    Path("out/manifest.jsonl").unlink()
    os.utime(photos / "a.png", (1, 1))
    outcome = cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK)
    assert (outcome.code, outcome.out) == (0, b"")
    assert [row["status"] for row in rows()] == ["done", "done"], "and is noted again"
    assert loads() == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--steps", "3"), "--steps 2 there, 3 now"),
        (("--lambda", "0.5"), "--lambda"),
        (("--prompt-weight", "2"), "prompts oil:"),
        (("--seed", "8"), "--seed 7 there, 8 now"),
        (("--models", "full", "--art-model", "lite"), ""),
    ],
)
def test_a_picture_with_other_settings_is_refused_with_the_difference(
    cli: Cli, photos: Path, more: tuple[str, ...], said: str
) -> None:
    cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK)
    before = Path("out/a-oil.png").read_bytes()
    outcome = cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK, *more)
    assert outcome.code == 2
    assert "out/a-oil.png' is there already, and another" in outcome.err
    assert said in " ".join(outcome.err.split())
    assert Path("out/a-oil.png").read_bytes() == before
    if more[0] != "--models":
        assert cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK, *more, "--force").code == 0
        assert Path("out/a-oil.png").read_bytes() != before


def test_a_photo_that_changed_and_a_file_of_somebody_else_are_differences(cli: Cli, photos: Path) -> None:
    from PIL import Image

    cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK)
    Image.new("RGB", (20, 20), "red").save(photos / "a.png")
    assert "it is of another photo" in cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK).err
    Image.new("RGB", (20, 20), "red").save("out/a-oil.png")
    assert "it carries no recipe" in cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK).err
    Path("out/a-oil.png").write_text("no picture")
    assert "it cannot be read" in cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK).err
    outcome = cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK, "--force")
    assert outcome.out == b"out/a-oil.png\n", "what is as it is asked for stays, with --force, too"


def test_pictures_without_recipes_are_known_by_the_manifest(cli: Cli, photos: Path) -> None:
    cli("stylize", "photos", "oil", "-o", "out", *SEED, *QUICK, "--no-metadata")
    assert (
        "2 of 2 pictures are there already" in cli("stylize", "photos", "oil", "-o", "out", *QUICK, "--no-metadata").err
    )


def test_a_manifest_of_nonsense_and_a_torn_line_harm_nothing(cli: Cli, photos: Path) -> None:
    Path("out").mkdir()
    Path("out/manifest.jsonl").write_bytes(b'\xff\n[]\n{"kind": 5}\n{"kind": "run", "seed": "x"}\n{"kind": "pict')
    assert cli("stylize", "photos", "oil", "-o", "out", *QUICK).code == 0
    assert Path("out/manifest.jsonl").read_bytes().count(b"\n") == 9
    assert "2 of 2 pictures are there already" in cli("stylize", "photos", "oil", "-o", "out", *QUICK).err


def test_pictures_that_were_made_here_are_no_photos_of_the_next_run(cli: Cli, photos: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(photos)
    assert cli("stylize", ".", "oil", "-o", ".", *QUICK).code == 0
    outcome = cli("stylize", "*.png", "oil", "-o", ".", *QUICK)
    assert (outcome.code, outcome.out) == (0, b"")
    assert "2 of the photos are pictures that were made here, and are left out." in outcome.err
    assert pictures(".") == ["a-oil.png", "a.png", "b-oil.png", "b.png", "sub/c.png"]
    assert cli("stylize", "a-oil.png", "b-oil.png", "oil", "-o", ".", *QUICK).code == 3


# --- what fails ------------------------------------------------------------------------------------------------------
def hostile(folder: Path) -> None:
    """Beside a.png and b.png: seven files that are no usable pictures."""
    data = (folder / "a.png").read_bytes()
    for name, content in (
        ("c-cut.png", data[: len(data) // 3]),
        ("d-empty.jpg", b""),
        ("e-page.png", b"<!doctype html><html></html>"),
        ("f-noise.jpg", bytes(range(256)) * 9),
        ("g-text.webp", b"hello"),
        ("h-pdf.png", b"%PDF-1.4"),
    ):
        (folder / name).write_bytes(content)
    os.symlink("nothing", folder / "i-link.png")


def test_good_and_hostile_files_the_good_are_made_and_the_others_recorded(cli: Cli, photos: Path) -> None:
    hostile(photos)
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.code == 6
    assert pictures() == ["a-oil.png", "b-oil.png"]
    failed = [row for row in rows() if row["status"] == "failed"]
    assert [row["code"] for row in failed] == [3] * 7
    assert all(row["error"] and row["kind_of_error"] == "InputImageError" for row in failed)
    assert "7 of 9 pictures failed" in outcome.err
    assert "Traceback" not in outcome.err


def test_what_failed_is_not_tried_again_unless_told_or_changed(cli: Cli, photos: Path) -> None:
    hostile(photos)
    cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    before = len(rows())
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.code == 6
    assert "failed before" in outcome.err
    assert len(rows()) == before
    assert loads() == 1
    shutil.copy(photos / "a.png", photos / "c-cut.png")
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.out == b"out/c-cut-oil.png\n"
    cli("stylize", "photos", "oil", "-o", "out", *QUICK, "--retry-failed")
    assert len(rows()) == before + 1 + 6


@pytest.mark.parametrize(("prompt", "code"), [("oom", 5), ("crash", 1)])
def test_a_failure_while_it_computes_is_of_one_picture(cli: Cli, photos: Path, prompt: str, code: int) -> None:
    words = ("-p", "oil", "-p", prompt, "--each", "--as-typed")
    outcome = cli("stylize", "photos", *words, "-o", "out", *QUICK)
    assert outcome.code == 6
    assert pictures() == ["a-oil.png", "b-oil.png"]
    assert [row["code"] for row in rows() if row["status"] == "failed"] == [code, code]


def test_of_several_at_once_that_fails_alone_which_does_by_itself(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "cdefgh":
        shutil.copy(photos / "a.png", photos / f"{name}.png")
    (photos / "bad.png").write_bytes(b"no picture")
    monkeypatch.setenv("FAKE_ROOM", "2")
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--batch", "4", *QUICK)
    assert outcome.code == 6, outcome.err
    assert len(pictures()) == 8
    assert [row["status"] for row in rows()].count("failed") == 1
    assert re.search(r"No memory for [34] pictures at once: going on with 2\.", outcome.err), outcome.err
    assert "--batch 4" in next(line for line in outcome.err.splitlines() if line.startswith("Same again: "))


@pytest.mark.parametrize(("value", "said"), [("0", "outside [1, 64]"), ("65", "outside"), ("many", "no"), ("", "no")])
def test_a_batch_is_a_number_or_auto(cli: Cli, photos: Path, value: str, said: str) -> None:
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--batch", value, *QUICK)
    assert (outcome.code, said in outcome.err) == (2, True), outcome.err
    assert cli("stylize", "photos", "oil", "-o", "out", "--batch", "auto", *QUICK).code == 0


def test_a_batch_of_one_photo_has_no_effect_and_is_refused(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil", "--batch", "2", *QUICK)
    assert (outcome.code, "--batch has no effect with one photo." in outcome.err) == (2, True)


def test_strict_makes_what_is_to_be_known_of_one_photo_its_failure(cli: Cli, photos: Path) -> None:
    from PIL import Image

    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(photos / "m.gif", save_all=True, append_images=frames[1:])
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--strict", *QUICK)
    assert outcome.code == 6
    assert "of several frames the first is used" in rows()[-1]["error"]
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--retry-failed", *QUICK)
    assert outcome.code == 0
    assert rows()[-1]["notes"] == ["of several frames the first is used"]


def test_a_full_disk_ends_the_run_and_is_no_failure_of_a_picture(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from diffstyler_cli.images import write

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "_write_atomically", full)
    outcome = cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    assert outcome.code == 1
    assert "the disk or quota is full" in outcome.err
    assert rows() == []
    monkeypatch.undo()
    monkeypatch.chdir(photos.parent)


# --- streams ---------------------------------------------------------------------------------------------------------
def test_json_is_a_line_a_picture_and_one_at_the_end(cli: Cli, photos: Path) -> None:
    (photos / "c.png").write_bytes(b"")
    outcome = cli("stylize", "photos", "oil", "-o", "out", "--json", *SEED, *QUICK)
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["kind"] for line in lines] == ["picture"] * 3 + ["end"]
    assert [line["status"] for line in lines[:3]] == ["done", "done", "failed"]
    assert lines[0] | {"output": "out/a-oil.png", "photo": "photos/a.png", "seed": 7} == lines[0]
    assert (lines[3]["done"], lines[3]["failed"], lines[3]["ok"], lines[3]["error"]["code"]) == (2, 1, False, 6)
    again = [
        json.loads(line) for line in cli("stylize", "photos", "oil", "-o", "out", "--json", *QUICK).out.splitlines()
    ]
    assert [line["status"] for line in again[:3]] == ["skipped", "skipped", "failed"]


def test_quiet_prints_paths_and_the_error_alone(cli: Cli, photos: Path) -> None:
    (photos / "c.png").write_bytes(b"")
    outcome = cli("stylize", "photos", "oil", "-o", "out", "-q", *QUICK)
    assert outcome.out == b"out/a-oil.png\nout/b-oil.png\n"
    assert outcome.err.splitlines()[0].startswith("error: 1 of 3 pictures failed")
    assert len(outcome.err.splitlines()) == 2


def test_the_command_that_is_printed_makes_the_same(cli: Cli, photos: Path) -> None:
    import shlex

    words = ("photos", "oil", "woodcut:2", "--each", "-n", "2", "--recursive", "--quality", "70", "--format", "jpg")
    outcome = cli("stylize", *words, "-o", "out", *QUICK)
    line = next(line for line in outcome.err.splitlines() if line.startswith("Same again: "))
    again = cli(*shlex.split(line.removeprefix("Same again: diffstyler ")))
    assert (again.code, again.out) == (0, b""), again.err
    assert "12 of 12 pictures are there already" in again.err


def test_one_entry_in_the_history_for_the_whole_run(cli: Cli, photos: Path) -> None:
    cli("stylize", "photos", "oil", "-o", "out", *QUICK)
    entries = json.loads(cli("inspect", "--last", "--json").out)["pictures"]
    assert (entries[0]["path"], entries[0]["pictures"]) == (str(Path("out").absolute()), 2)
    assert "out" in cli("inspect", "--last").out.decode()


class Elsewhere:
    """An engine whose work, jobs and outcomes all go through bytes, as those of another process do."""

    def __init__(self, together: int) -> None:
        assert together == 1

    def run(self, jobs: Any, work: Any, tell: Any) -> None:
        work = pickle.loads(pickle.dumps(work))
        for job in pickle.loads(pickle.dumps(list(jobs))):
            try:
                outcome = work.read(job)
                if not isinstance(outcome, Outcome_):
                    outcome = work.write(job, work.make(job, outcome))
            except Exception as error:
                outcome = work.failed(job, error)
            tell(pickle.loads(pickle.dumps(outcome)))


def test_another_engine_leaves_the_same_files_recipes_and_account(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile(photos)
    words = ("photos", "oil", "woodcut:2", "--each", "--style-image", "photo.png", "--strict", *SEED, *QUICK)
    here = cli("stylize", *words, "-o", "here")
    monkeypatch.setattr("diffstyler_cli.cli.stylize.many.session.LocalEngine", Elsewhere)
    there = cli("stylize", *words, "-o", "there")
    assert (here.code, there.code) == (6, 6)
    assert pictures("here") == pictures("there") != []
    for name in pictures("here"):
        recipes = [read_recipe(Path(folder) / name) or {} for folder in ("here", "there")]
        assert [recipe.pop("timings") != {} for recipe in recipes] == [True, True]
        assert recipes[0] == recipes[1]
    kept = ("file", "status", "asked", "input", "error", "seed", "prompts", "losses", "size")
    assert [[row.get(name) for name in kept] for row in rows("here")] == [
        [row.get(name) for name in kept] for row in rows("there")
    ]
    again = cli("stylize", *words, "-o", "here")
    assert (again.code, again.out) == (6, b""), "and either goes on where the other was"


# --- what has one photo in mind --------------------------------------------------------------------------------------
def test_the_name_of_a_style_is_the_style_although_a_folder_is_called_so(cli: Cli, photo: Path) -> None:
    Path("watercolor").mkdir()
    assert cli("stylize", "photo.png", "watercolor", *QUICK).out == b"photo-watercolor.png\n"
    outcome = cli("stylize", "photo.png", "./watercolor", "oil", "-o", "out")
    assert "'./watercolor' holds no picture" in outcome.err


def test_as_typed_only_the_first_argument_is_a_photo(cli: Cli, photos: Path) -> None:
    assert cli("stylize", "photo.png", "photos", "--as-typed", *QUICK).out == b"photo-photos.png\n"
    outcome = cli("stylize", "photo.png", "photos/a.png", "-p", "oil paintng", "--as-typed", "-o", "out", *QUICK)
    assert outcome.out == b"out/photo-oil-paintng.png\nout/a-oil-paintng.png\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preview-path", "p.png"], "--preview"),
        (["--open"], "--open is for one photo"),
        (["--name-template", "{stem}.jpg", "--format", "png"], "--format has no effect"),
        (["--name-template", "{stem}.xyz"], "which is no format that can be written"),
        (["--lambda", "7"], "--lambda 7 is outside"),
        (["--quality", "50"], "--quality has no effect with PNG"),
        (["--frame", "2", "--from-file", "list"], "Photos are named"),
    ],
    ids=" ".join,
)
def test_options_that_would_do_nothing_are_refused_before_models_load(
    cli: Cli, photos: Path, words: list[str], message: str
) -> None:
    outcome = cli("stylize", "photos", "oil", "-o", "out", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert loads() == 0
    assert not Path("out").exists()

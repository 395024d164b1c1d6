"""Where results go: refused before the work where they cannot go there, and never lost after it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, QUICK, Outcome, environment

Cli = Callable[..., Outcome]


def spawned(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command line in a process of its own; `options` as `subprocess.run`'s."""
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "env": environment()} | options
    return subprocess.run([sys.executable, str(FAKE_APP), *map(str, arguments)], timeout=60, **options)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("stylize", "photo.png", "oil", *QUICK, "-q", "-o", "-"), ("inspect",)])
@pytest.mark.slow
def test_standard_output_that_takes_only_a_part_is_an_error(
    photo: Path, unbuffered: str, arguments: tuple[str, ...]
) -> None:
    def small_files() -> None:  # a write beyond it takes a part, the next one none: as on a disk that fills up
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    with open("out", "wb") as out:
        done = spawned(
            *arguments, stdout=out, preexec_fn=small_files,
            env=environment(PYTHONUNBUFFERED=unbuffered, PYTHONDONTWRITEBYTECODE="1"),
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"disk is full" in done.stderr
    assert b"Traceback" not in done.stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Has something happen after the checks, while the picture is made."""
    import fake_app

    whole = fake_app.Stylizer.run

    def run(*arguments: Any, **options: Any) -> Any:
        happens()
        yield from whole(*arguments, **options)

    monkeypatch.setattr(fake_app.Stylizer, "run", run)


def test_a_picture_whose_name_was_taken_meanwhile_is_kept_under_the_next(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda: Path("a.png").write_bytes(b"another's"))
    outcome = cli("stylize", "photo.png", "oil", *QUICK, "-o", "a.png", "--json")
    document = json.loads(outcome.out)
    assert (outcome.code, [r["path"] for r in document["results"]]) == (1, ["a-2.png"])
    assert "kept as 'a-2.png'" in document["error"]["message"]
    assert "kept as 'a-2.png'" in outcome.err
    assert Path("a.png").read_bytes() == b"another's"
    assert names(photo.parent) == ["a-2.png", "a.png", "photo.png"]


def test_a_picture_whose_folder_went_meanwhile_is_kept_beside_the_photo(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").mkdir()
    meanwhile(monkeypatch, Path("out").rmdir)
    outcome = cli("stylize", "photo.png", "oil", *QUICK, "-o", "out/a.png")
    assert (outcome.code, outcome.out, "kept as 'a.png'" in outcome.err) == (1, b"", True)
    assert names(photo.parent) == ["a.png", "photo.png"]


def test_a_picture_that_standard_output_does_not_take_is_kept_beside_the_photo(photo: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = spawned("stylize", "photo.png", "oil", *QUICK, "-q", "-o", "-", stdout=full)
    assert (done.returncode, b"kept as 'photo-kept.png'" in done.stderr) == (1, True)
    assert names(photo.parent) == ["photo-kept.png", "photo.png"]


def test_what_a_killed_save_left_goes_with_the_next_run_but_never_what_a_living_one_writes(
    cli: Cli, photo: Path
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from diffstyler_cli.images.write import _temporary\n"
        "with _temporary(Path(), b'half', None) as path: print(path, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True) for _ in range(2)]
    dead, living = (process.stdout.readline().strip() for process in running if process.stdout)
    running[0].kill()
    running[0].wait()
    Path(".diffstyler-notes.tmp").write_text("not ours")
    try:
        assert cli("stylize", "photo.png", "oil", *QUICK, "-o", "a.png").code == 0
        assert names(photo.parent) == sorted([".diffstyler-notes.tmp", living, "a.png", "photo.png"])
        assert dead != living
    finally:
        for process in running:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "gone/../a.png"), "'gone/..' does not exist"),
        (("--preview-path", "gone/a.png"), "give another with --preview-path"),
        (("-o", "a" * 300 + ".png"), "name too long"),
        (("-o", "wide.webp", "--original-size"), "WEBP holds at most 16383 pixels"),
    ],
)
def test_a_place_that_takes_no_picture_is_refused_before_models_load(
    cli: Cli, photo: Path, arguments: tuple[str, ...], message: str
) -> None:
    from PIL import Image

    Image.new("RGB", (17_000, 8)).save("wide.png")
    outcome = cli("stylize", "wide.png", "oil", *QUICK, *arguments)
    assert (outcome.code, "models on" in outcome.err) == (1, False)
    assert message.lower() in outcome.err.lower()
    assert "Unexpected" not in outcome.err


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((65_501, 8), ("-o", "a.jpg", "--original-size"), "JPEG holds at most 65500 pixels a side; this is 65501 x 8"),
        ((1600, 100), ("-o", "a.webp", "--size", "4096"), "WEBP holds at most 16383 pixels a side; this is 16384 x"),
    ],
)
def test_a_result_that_is_too_large_for_its_format_is_refused_before_the_run(
    cli: Cli, photo: Path, shape: tuple[int, int], arguments: tuple[str, ...], message: str
) -> None:
    from PIL import Image

    Image.new("RGB", shape).save("wide.png")
    outcome = cli("stylize", "wide.png", "oil", *QUICK, *arguments)
    assert (outcome.code, "models on" in outcome.err) == (1, False)
    assert message in outcome.err
    assert names(photo.parent) == ["photo.png", "wide.png"]


def test_a_picture_without_any_folder_of_its_own_left_is_kept_in_the_temporary_one(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("in", "out", "temporary"):
        Path(folder).mkdir()
    photo.rename("in/photo.png")
    monkeypatch.setattr(tempfile, "tempdir", str(photo.parent / "temporary"))

    def gone() -> None:
        Path("in/photo.png").unlink()
        Path("in").rmdir()
        Path("out").rmdir()

    meanwhile(monkeypatch, gone)
    outcome = cli("stylize", "in/photo.png", "oil", *QUICK, "-o", "out/a.jpg", "--json")
    kept = photo.parent / "temporary" / "a.jpg"
    assert (outcome.code, f"kept as {str(kept)!r}" in outcome.err) == (1, True)
    assert [r["path"] for r in json.loads(outcome.out)["results"]] == [str(kept)]
    shown = cli("inspect", kept, "--command")
    assert shown.code == 0
    assert names(photo.parent) == ["temporary"]


def test_plot_onto_an_existing_file_names_its_own_option(cli: Cli, photo: Path) -> None:
    assert cli("stylize", "photo.png", "oil", *QUICK, "-o", "a.png").code == 0
    outcome = cli("inspect", "a.png", "--plot", "photo.png")
    assert outcome.code == 2
    assert "with --plot, or --force" in outcome.err


def make(*made: str) -> Path:
    """The folder "s" with these: names that end in "/" are folders."""
    folder = Path("s")
    folder.mkdir()
    for name in made:
        (folder / name).mkdir() if name.endswith("/") else (folder / name).write_bytes(b"other")
    return folder


@pytest.mark.parametrize(
    "made",
    [("notes.txt",), ("cells/", "cells/holiday.png"), ("cells",), ("manifest.json",), (".diffstyler-notes.tmp",)],
    ids=" ".join,
)
def test_a_folder_of_other_files_is_refused_for_a_sweep_before_models_load(
    cli: Cli, photo: Path, made: tuple[str, ...]
) -> None:
    make(*made)
    outcome = cli("sweep", "photo.png", "oil", "--lambda", "0,1", "-o", "s", *QUICK)
    assert (outcome.code, "models on" in outcome.err, len(outcome.err.splitlines())) == (2, False, 2), outcome.err


@pytest.mark.parametrize("kind", ["file", "loop", "dangling", "long"])
def test_a_path_that_can_be_no_sweeps_folder_is_refused_before_models_load(cli: Cli, photo: Path, kind: str) -> None:
    place = Path("a" * 300 if kind == "long" else "s")
    if kind == "file":
        place.write_bytes(b"")
    elif kind != "long":
        place.symlink_to("s" if kind == "loop" else "nowhere")
    for more in ((), ("--dry-run",)):
        outcome = cli("sweep", "photo.png", "oil", "--lambda", "0,1", "-o", place, *QUICK, *more)
        assert outcome.code in (1, 2)
        assert len(outcome.err.splitlines()) == 2
        assert not any(word in outcome.err for word in ("models on", "Unexpected")), outcome.err


def test_a_sweeps_folder_in_use_is_refused_before_models_load(cli: Cli, photo: Path) -> None:
    code = "import time; from filelock import FileLock\nwith FileLock('s/.lock'): print(flush=True); time.sleep(60)"
    make()
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            outcome = cli("sweep", "photo.png", "oil", "--lambda", "0,1", "-o", "s", *QUICK)
        finally:
            other.kill()
    assert (outcome.code, "Another sweep is writing" in outcome.err, "models on" in outcome.err) == (2, True, False)


@pytest.mark.parametrize(
    "options",
    [("--log-file", "photo.png"), ("--log-file", "./a.png", "-o", "a.png"),
     ("--log-file", "p.png", "--preview-path", "p.png"), ("--log-file", "style.png", "--style-image", "style.png:2")],
)  # fmt: skip
def test_a_log_is_never_appended_to_another_file_of_the_run(cli: Cli, photo: Path, options: tuple[str, ...]) -> None:
    Path("style.png").write_bytes(photo.read_bytes())
    before = photo.read_bytes()
    outcome = cli("stylize", "photo.png", "oil", *QUICK, *options)
    assert (outcome.code, "--log-file" in outcome.err) == (2, True)
    assert (photo.read_bytes(), Path("style.png").read_bytes()) == (before, before)
    assert names(photo.parent) == ["photo.png", "style.png"]


@pytest.mark.parametrize(("line", "code"), [("- oil <&-", 3), ("photo.png oil -o - >&-", 2)])
def test_a_closed_stream_that_is_needed_is_two_lines(photo: Path, line: str, code: int) -> None:
    shell = ["sh", "-c", f'"$0" "$1" stylize {line}', sys.executable, str(FAKE_APP)]
    done = subprocess.run(shell, capture_output=True, env=environment(), timeout=60)
    assert (done.returncode, len(done.stderr.splitlines()), b"is closed" in done.stderr) == (code, 2, True)

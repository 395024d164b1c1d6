"""No output of a run lands on one of its inputs, on another output, or on a file of the program's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.cli import places

Cli = Callable[..., Outcome]
OIL = ("stylize", "photo.png", "oil", *QUICK)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(outcome: Outcome, *words: str) -> None:
    """Wrong usage, said in two lines before models were loaded."""
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (2, b"", 2), outcome.err
    assert "models on" not in outcome.err
    assert all(word in outcome.err for word in words), outcome.err


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A configuration file, with a cache and weights in folders beside the photo."""
    path = tmp_path / "config.toml"
    path.write_text('[cache]\ndir = "cache"\n[weights.art]\npath = "art.png"\n')
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(path))
    return path


@pytest.mark.parametrize("link", ["itself", "symbolic", "hard", "other way"])
@pytest.mark.parametrize("kind", ["photo", "style", "weights", "configured"])
@pytest.mark.parametrize("option", ["-o", "--preview-path"])
def test_a_picture_is_never_written_onto_an_input(
    cli: Cli, photo: Path, config: Path, kind: str, link: str, option: str
) -> None:
    files = {"photo": "photo.png", "style": "style.png", "weights": "clip.png", "configured": "art.png"}
    for name in ("style.png", "clip.png", "art.png"):
        Path(name).write_bytes(photo.read_bytes())
    target = Path(files[kind])
    if link == "symbolic":
        Path("out.png").symlink_to(target)
    elif link == "hard":
        Path("out.png").hardlink_to(target)
    elif link == "other way":
        Path("folder").mkdir()
    output = {"itself": target, "other way": f"folder/../{target}"}.get(link, "out.png")
    before = contents(photo.parent)
    outcome = cli(*OIL, "--style-image", "style.png", "--clip-weights", "clip.png", option, output, "--force")
    refused(outcome, "is an input file")
    assert contents(photo.parent) == before


def test_a_preview_is_never_one_of_several_pictures(cli: Cli, photo: Path) -> None:
    refused(cli(*OIL, "-n", "3", "-o", "a.png", "--preview-path", "./a-2.png"), "--preview-path", "is the output")
    assert contents(photo.parent).keys() == {"photo.png"}


def test_where_names_ignore_case_two_cases_are_one_file(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "CASELESS", True)
    refused(cli(*OIL, "-o", "a.png", "--preview-path", "A.png"), "--preview-path", "is the output")
    refused(cli(*OIL, "-o", "caf\xe9.png", "--log-file", "CAFE\u0301.PNG"), "--log-file")
    monkeypatch.setattr(places, "CASELESS", False)
    assert cli(*OIL, "-o", "a.png", "--preview-path", "A.png").code == 0


# --- the log ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    ["photo.png", "style.png", "clip.bin", "link", "a-1.png", "a-3.png", "config.toml", "art.png", "other.bin",
     "cache/art/record.json", "cache/locks/new.lock", "swept/manifest.csv", "swept/cells/1.png", "swept/grid-1.png"],
)  # fmt: skip
def test_a_log_is_opened_on_no_other_file(cli: Cli, photo: Path, config: Path, log: str) -> None:
    for name in ("style.png", "clip.bin", "art.png", "other.bin", "cache/art/record.json", "swept/manifest.csv",
                 "swept/cells/1.png", "swept/manifest.json"):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"text" if name.endswith(("json", "csv")) else photo.read_bytes())
    Path("cache/locks").mkdir()
    Path("link").symlink_to("photo.png")
    before = contents(photo.parent)
    line = (*OIL, "--style-image", "style.png:2", "--clip-weights", "clip.bin", "-n", "3", "-o", "a.png", "--force")
    refused(cli(*line, "--log-file", log), f"--log-file {log} is")
    assert contents(photo.parent) == before


@pytest.mark.parametrize("count", ["1", "3"])
def test_automatic_names_go_round_the_log(cli: Cli, photo: Path, count: str) -> None:
    log = Path("photo-oil.png" if count == "1" else "photo-oil-2.png")
    assert cli(*OIL, "-n", count, "--log-file", log).code == 0
    assert log.read_text().count("written:") == int(count)
    pictures = [name for name in contents(photo.parent) if name not in (str(log), "photo.png")]
    assert len(pictures) == int(count)


def test_a_log_goes_on_where_it_ended_and_into_any_text(cli: Cli, photo: Path) -> None:
    log = Path("run.log")
    log.write_text("notes \u65e5" * 700)
    for name in ("a.png", "b.png"):
        assert cli(*OIL, "-o", name, "--log-file", log).code == 0
    assert log.read_text().count("written:") == 2
    assert log.read_text().startswith("notes")
    assert cli(*OIL, "-o", "c.png", "--log-file", "/dev/null").code == 0


@pytest.mark.parametrize("log", ["s/run.log", "s", "link/run.log", "s/cells/1.log"])
def test_no_log_is_begun_in_the_folder_that_a_sweep_is_given(cli: Cli, photo: Path, log: str) -> None:
    Path("s/cells").mkdir(parents=True)
    Path("link").symlink_to("s")
    line = ("sweep", "photo.png", "oil", "--lambda", "0,1", *QUICK, "-o", "s")
    refused(cli(*line, "--log-file", log), f"--log-file {log}")
    assert contents(photo.parent).keys() == {"photo.png"}


def test_the_log_of_a_download_is_no_file_of_its_cache(cli: Cli, photo: Path) -> None:
    record = Path("kept/photo/record.json")
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    refused(cli("download", "--list", "--cache-dir", "kept", "--log-file", record), "--log-file")
    assert record.read_text() == "{}"
    assert cli("download", "--list", "--cache-dir", "kept", "--log-file", "kept/run.log").code == 0


@pytest.mark.parametrize("option", ["--plot", "-o"])
def test_the_log_of_inspect_is_not_what_it_writes(cli: Cli, photo: Path, option: str) -> None:
    assert cli(*OIL, "-o", "a.png").code == 0
    more = ("--replay",) if option == "-o" else ()
    refused(cli("inspect", "a.png", *more, option, "b.png", "--force", "--log-file", "b.png"), "--log-file")
    assert not Path("b.png").exists()


# --- inspect and sweeps ----------------------------------------------------------------------------------------------


def test_a_replay_is_not_written_onto_the_picture_that_it_replays(cli: Cli, photo: Path) -> None:
    assert cli(*OIL, "-o", "a.png", "--seed", "1").code == 0
    Path("b.png").symlink_to("a.png")
    before = contents(photo.parent)
    for output in ("a.png", "b.png"):
        refused(cli("inspect", "a.png", "--replay", "-o", output, "--force"), "is an input file")
    outcome = cli("inspect", "a.png", "--replay", "-o", "photo.png", "--force")
    assert (outcome.code, "'photo.png' is an input file" in outcome.err) == (2, True)
    refused(cli("inspect", "a.png", "--plot", "b.png", "--force"), "is an input file")
    assert contents(photo.parent) == before


@pytest.mark.parametrize("kind", ["photo", "style", "weights"])
@pytest.mark.parametrize("link", [False, True])
def test_an_input_in_the_sweeps_own_folder_is_neither_deleted_nor_replaced(
    cli: Cli, photo: Path, kind: str, link: bool
) -> None:
    cell = Path("s/cells/1-lambda-0.png")
    cell.parent.mkdir(parents=True)
    cell.write_bytes(photo.read_bytes())
    manifest = {"schema": "diffstyler.sweep/1", "sweep": {"settings": {}}, "cells": [{"file": "cells/1-lambda-0.png"}]}
    Path("s/manifest.json").write_text(json.dumps(manifest))
    given: Any = cell
    if link:
        given = Path("link.png")
        given.symlink_to(cell)
    more = {"style": ("--style-image", given), "weights": ("--art-weights", given)}.get(kind, ())
    image = given if kind == "photo" else "photo.png"
    outcome = cli("sweep", image, "oil", "--lambda", "0,1", *QUICK, "-o", "s", "--force", *more)
    refused(outcome, f"{str(given)!r} is in the sweep's own folder")
    assert os.path.getsize(cell) == os.path.getsize("photo.png")

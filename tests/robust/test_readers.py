"""What is read has a bound, beyond which it is refused at once: rows of docs/robustness.md that no other test has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome
from PIL import Image, PngImagePlugin

from diffstyler_cli import config_file
from diffstyler_cli.images import read_recipe
from diffstyler_cli.sweep import manifest
from diffstyler_cli.weights import cache

Cli = Callable[..., Outcome]
SWEEP = ("sweep", "photo.png", "oil", "--lambda", "0,1", "-o", "s", *QUICK)


def sparse(path: Path, size: int) -> None:
    """A file of `size` bytes that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)


def short(outcome: Outcome, code: int) -> str:
    """What is said in two lines of bounded length."""
    assert (outcome.code, len(outcome.err.splitlines())) == (code, 2), outcome.err
    assert len(outcome.err) < 4000
    return outcome.err


@pytest.mark.parametrize("kind", ["long", "pipe", "folder", "deep"])
def test_a_manifest_is_a_file_of_bounded_size(cli: Cli, photo: Path, kind: str) -> None:
    path = Path("s/manifest.json")
    path.parent.mkdir()
    if kind == "long":
        sparse(path, manifest.LARGEST + 1)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_text('{"schema": "diffstyler.sweep/1", "sweep": ' + "[" * 100_000)
    assert "cannot be read" in short(cli("inspect", "s"), 3)
    assert "cannot be read" in short(cli(*SWEEP), 2)


@pytest.mark.parametrize(
    "sweep",
    [
        {"prompts": ["x" * 10**6], "settings": {}},
        {"settings": {f"s{i}": "y" * 1000 for i in range(1000)}},
        {"settings": {"seed": 10**300, "n" * 10**6: [0] * 10**5}},
        {"settings": [], "models": [1], "photo": 3},
        [],
    ],
    ids=["long", "many", "huge", "odd", "none"],
)
def test_whatever_a_manifest_says_the_difference_is_told_in_two_short_lines(cli: Cli, photo: Path, sweep: Any) -> None:
    Path("s").mkdir()
    Path("s/manifest.json").write_text(json.dumps({"schema": "diffstyler.sweep/1", "sweep": sweep, "cells": []}))
    short(cli(*SWEEP), 2)


def test_a_configuration_file_has_at_most_a_megabyte(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse(Path("config.toml"), config_file.LARGEST + 1)
    monkeypatch.setenv("DIFFSTYLER_CONFIG", "config.toml")
    assert "is no file of at most 1,048,576 bytes" in short(cli("stylize", "photo.png", "oil", *QUICK), 2)
    Path("config.toml").unlink()
    os.mkfifo("config.toml")
    assert "is no file of at most" in short(cli("download", "--list"), 2)


@pytest.mark.parametrize("kind", ["long", "pipe"])
def test_a_record_of_the_cache_has_at_most_a_megabyte(cli: Cli, photo: Path, kind: str) -> None:
    record = Path("cache/photo/record.json")
    sparse(record, cache.LARGEST_RECORD + 1)
    if kind == "pipe":
        record.unlink()
        os.mkfifo(record)
    outcome = cli("download", "--list", "--cache-dir", "cache", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["components"][0]["cached"] is None


def test_a_recipe_of_more_than_16_mb_is_none(photo: Path) -> None:
    text = '{"schema": "diffstyler/1", "version": "' + "x" * (17 << 20) + '"}'
    info = PngImagePlugin.PngInfo()
    info.add_itxt("diffstyler", text)
    Image.new("RGB", (4, 4)).save("plain.png", pnginfo=info)
    assert os.path.getsize("plain.png") > len(text)
    assert read_recipe(Path("plain.png")) is None


def test_a_folder_to_import_from_is_walked_without_waiting(cli: Cli, photo: Path) -> None:
    Path("weights").mkdir()
    os.mkfifo("weights/clip.pt")
    Path("weights/vgg.pth").symlink_to("vgg.pth")
    Path("weights/around").symlink_to(".")
    Path("weights/a.pth").write_bytes(b"no weights")
    outcome = cli("download", "--from", "weights", "--cache-dir", "cache")
    assert (outcome.code, "No file below weights is one of the components" in outcome.err) == (4, True), outcome.err

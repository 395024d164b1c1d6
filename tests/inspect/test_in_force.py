"""`inspect --config`: every setting in force, and where it comes from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import Outcome, environment

Cli = Callable[..., Outcome]

CONFIG = """
[cache]
dir = "/data/cache"

[weights.photo]
source = ["https://me:secret@h.example/cc12m_1_cfg.pth", "/mnt/x.pth"]

[weights.clip]
path = "/data/clip.safetensors"

[preset.soft]
lambda = 0.7

[preset.bad]
lambda = 7
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(CONFIG)
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(path))
    monkeypatch.setenv("COLUMNS", "200")
    return path


def rows(cli: Cli) -> dict[str, Any]:
    outcome = cli("inspect", "--config", "--json")
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def named(group: list[dict[str, Any]], name: str) -> list[tuple[Any, str]]:
    return [(row["value"], row["origin"]) for row in group if row["name"] == name]


def test_each_value_says_who_gave_it(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFSTYLER_ART_WEIGHTS", "/env/art.pth")
    found = rows(cli)
    assert named(found["places"], "configuration file") == [(str(config), "DIFFSTYLER_CONFIG")]
    assert named(found["places"], "cache") == [("/data/cache", f"{config}: cache.dir")]
    assert named(found["places"], "history")[0][1] == "XDG_STATE_HOME"
    assert named(found["weights"], "art.path") == [("/env/art.pth", "DIFFSTYLER_ART_WEIGHTS")]
    assert named(found["weights"], "clip.path") == [("/data/clip.safetensors", f"{config}: weights.clip.path")]
    sources = named(found["weights"], "photo.source")
    assert sources[:2] == [
        ("https://h.example/cc12m_1_cfg.pth", f"{config}: weights.photo.source"),
        ("/mnt/x.pth", f"{config}: weights.photo.source"),
    ]
    assert {origin for _, origin in sources[2:]} == {"built in"}
    (lam,) = (row for row in found["defaults"] if row["name"] == "--lambda")
    assert (lam["value"], lam["full"], lam["origin"]) == (0.9, 0.8, "built in")
    soft, bad = found["presets"]
    assert (soft["value"], soft["settings"], soft["origin"]) == (
        "--lambda 0.7", {"lam": 0.7}, f"{config}: preset.soft",
    )  # fmt: skip
    assert "--lambda 7 is outside" in bad["error"]


def test_the_environment_goes_before_the_file(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", "/env/cache")
    monkeypatch.setenv("DIFFSTYLER_PHOTO_SOURCE", "hub:me/copy/x.pth")
    found = rows(cli)
    assert named(found["places"], "cache") == [("/env/cache", "DIFFSTYLER_CACHE_DIR")]
    assert named(found["weights"], "photo.source")[0] == ("hub:me/copy/x.pth", "DIFFSTYLER_PHOTO_SOURCE")


def test_secrets_are_never_shown(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_pa55word")
    monkeypatch.setenv("https_proxy", "me:pa55word@proxy.example:80")
    monkeypatch.setenv("HTTP_PROXY", "http://me:pa55@word@proxy.example:80")
    monkeypatch.setenv("DIFFSTYLER_VGG_SOURCE", "https://me:pa55word@h.example/v.pth")
    report = cli("inspect", "--config").out.decode()
    document = cli("inspect", "--config", "--json").out.decode()
    for shown in (report, document):
        assert "pa55word" not in shown
        assert "word@" not in shown
        assert "HF_TOKEN" in shown
        assert "proxy.example:80" in shown


def test_variables_that_mean_nothing_are_marked(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFSTYLER_CASHE_DIR", "\x1b[31m")
    report = cli("inspect", "--config").out.decode()
    assert "did you mean DIFFSTYLER_CACHE_DIR?" in report
    assert "\x1b" not in report


def test_a_broken_configuration_is_an_error_of_two_lines(cli: Cli, config: Path) -> None:
    config.write_text("[weights.photo]\nurl = 3")
    outcome = cli("inspect", "--config")
    assert (outcome.code, outcome.out) == (2, b"")
    assert f"{config}: weights.photo: there is no setting 'url'" in outcome.err


def test_it_takes_no_file_and_no_torch(cli: Cli, photo: Path) -> None:
    assert "--config takes no FILE" in cli("inspect", "photo.png", "--config").err
    assert "exclude each other" in cli("inspect", "--styles", "--config").err
    code = (
        "import sys\nfrom diffstyler_cli.cli.app import run\nrun(['inspect', '--config'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert (done.returncode, "Defaults" in done.stdout) == (0, True), done.stderr

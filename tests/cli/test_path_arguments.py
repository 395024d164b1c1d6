"""Paths as people type them: "~", a file called "-", a file whose name begins like an option."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def test_a_tilde_that_no_shell_has_expanded_is_the_home_folder(cli: Cli, photo: Path, home: Path) -> None:
    shutil.copy(photo, home / "in.png")
    shutil.copy(photo, home / "style.png")
    words = ["--style-image", "~/style.png:2", "-o", "~/out.png", "--preview-path=~/p.png", "--log-file=~/run.log"]
    outcome = cli("stylize", "~/in.png", *words, *QUICK)
    assert outcome.code == 0, outcome.err
    assert outcome.out.decode().strip() == str(home / "out.png")
    assert {path.name for path in home.iterdir()} == {"in.png", "style.png", "out.png", "p.png", "run.log"}
    found = json.loads(cli("inspect", "~/out.png", "--json").out)
    assert found["files"][0]["recipe"]["style_images"][0]["name"] == "style.png"
    assert cli("inspect", "~/out.png", "--plot", "~/plot.png").code == 0
    assert (home / "plot.png").is_file()


def test_a_user_that_there_is_not_is_a_name_like_any_other(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", "~nobody-of-that-name/in.png", "oil")
    assert (outcome.code, outcome.err.splitlines()[0]) == (3, "error: in.png does not exist.")


def test_a_file_called_minus_is_not_a_stream(cli: Cli, photo: Path) -> None:
    shutil.copy(photo, "-")
    outcome = cli("stylize", "./-", "oil", "-o", "out.png", *QUICK)
    assert outcome.code == 0, outcome.err
    assert Path("out.png").is_file()
    assert "Traceback" not in cli("inspect", "./-").err


def test_a_file_that_begins_like_an_option_is_named_in_the_advice(cli: Cli, photo: Path) -> None:
    shutil.copy(photo, "-x.png")
    outcome = cli("stylize", "-x.png", "oil")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == "For the file of that name write ./-x.png"
    assert cli("stylize", "./-x.png", "oil", *QUICK).code == 0


def test_a_file_address_is_the_path_that_it_names(cli: Cli, photo: Path, home: Path) -> None:
    shutil.copy(photo, home / "a b.png")
    address = f"file://{home}/a%20b.png"
    outcome = cli(
        "stylize", address, "oil", "--style-image", f"{address}:2", "-o", f"file://localhost{home}/out.png", *QUICK
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.decode().strip() == str(home / "out.png")
    line = next(line for line in outcome.err.splitlines() if line.startswith("Same again"))
    assert f"'{home}/a b.png' oil" in line
    assert cli("inspect", f"FILE://{home}/out.png").code == 0


def test_a_file_whose_name_is_like_an_address_is_that_file(cli: Cli, photo: Path) -> None:
    for folder in ("file:", "http:"):
        Path(folder).mkdir()
        shutil.copy(photo, f"{folder}/a%20b.png")
        assert cli("stylize", f"{folder}/a%20b.png", "oil", "-o", f"{folder[:-1]}.png", *QUICK).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["download", "--cache-dir", "~/cache", "--list"],
        ["download", "--from", "~/old", "--cache-dir", "~/cache"],
        ["inspect", "~/out.png", "--command", "--photo", "~/in.png", "-o", "~/again.png"],
        ["stylize", "~/in.png", "oil", "--photo-weights", "~/gone.safetensors"],
    ],
    ids=" ".join,
)
def test_no_path_keeps_its_tilde(cli: Cli, photo: Path, home: Path, arguments: list[str]) -> None:
    shutil.copy(photo, home / "in.png")
    (home / "old").mkdir()
    assert cli("stylize", home / "in.png", "oil", "-o", home / "out.png", *QUICK).code == 0
    outcome = cli(*arguments)
    assert "~/" not in outcome.out.decode() + outcome.err
    assert not Path("~").exists()

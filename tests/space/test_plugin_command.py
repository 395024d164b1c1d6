"""Networks of other packages on the command line: the example of docs/networks.md, and packages that do not fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from plugin_packages import HALVES, MODULE, PYPROJECT, Install, entry

from diffstyler_cli.sample import SAMPLE

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[2] / "src"
QUICK = ("--models", "lite", "--size", "64", "--steps", "2", "--seed", "1", "--cutouts", "1")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `diffstyler` in a process of its own, in whose path the packages in `sites` are."""
    with Image.open(SAMPLE) as sample:
        sample.save(tmp_path / "photo.png")

    def call(*arguments: str, sites: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, (SOURCES, *sites)))
        return subprocess.run(
            [sys.executable, "-m", "diffstyler_cli", *arguments],
            env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    return call


def test_a_picture_by_the_example_is_made_looked_at_and_made_again(install: Install, run: Run) -> None:
    site = install("site", PYPROJECT, MODULE)
    made = run("stylize", "photo.png", "woodcut", "--art-model", "grey", *QUICK, "-o", "out.png", sites=(site,))
    assert (made.returncode, made.stdout) == (0, "out.png\n"), made.stderr
    assert "--art-model grey" in made.stderr
    seen = run("inspect", "out.png", "--json", sites=(site,))
    model = json.loads(seen.stdout)["files"][0]["recipe"]["models"]["art"]
    assert (model["name"], model["source"]) == ("grey", "package grey-networks 1.0")
    again = run("inspect", "out.png", "--replay", "--json", sites=(site,))
    assert json.loads(again.stdout)["replay"]["identical"], again.stderr


def test_without_the_package_its_name_is_not_known(run: Run) -> None:
    done = run("stylize", "photo.png", "woodcut", "--art-model", "grey", *QUICK, "-o", "out.png")
    assert done.returncode in (2, 4)
    assert "grey" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "module", "code", "words"),
    [
        ("grey_networks:pair", f"import dataclasses\n{MODULE}{HALVES}", 2, "cannot be mixed"),
        ("grey_networks:load", "raise RuntimeError('no GPU here')", 4, "RuntimeError: no GPU here"),
        ("grey_networks:load", "def load():\n    return 3\n", 4, "returned int and no network"),
    ],
)
def test_what_does_not_fit_or_does_not_load_is_said_in_two_lines(
    install: Install, run: Run, target: str, module: str, code: int, words: str
) -> None:
    site = install("site", entry("odd", target), module)
    done = run("stylize", "photo.png", "woodcut", "--art-model", "odd", *QUICK, "-o", "out.png", sites=(site,))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr

"""The numbers of docs/robustness.md are of whole rows: a run of some of a row's tests leaves them as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import robustness

FILE = """
import os
from collections import Counter

import pytest

@pytest.mark.parametrize("part", [1, 2])
def test_pictures(part, counting, tried):
    tried("pictures", Counter(read=(100 if counting else 1) * part))

def test_of_the_same_file():
    assert "SPOILT" not in os.environ

def test_skipped():
    pytest.skip("needs a network")
"""
BEFORE = {"pictures": {"read": 7}, "recipes": {"shown": 5}}


@pytest.fixture
def count(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], str]]:
    """count(*arguments): the numbers after a run of FILE with them, and what it said."""
    row = robustness.Row("files", "what holds", ("test_them.py",))
    monkeypatch.setattr(robustness, "ROWS", {"pictures": row, "recipes": row})
    for name, file in {"NUMBERS": "numbers.json", "PAGE": "page.md"}.items():
        monkeypatch.setattr(robustness, name, pytester.path / file)
    monkeypatch.setattr(robustness, "TESTS", pytester.path / "tests")
    monkeypatch.delenv("CI", raising=False)
    Path("numbers.json").write_text(json.dumps(BEFORE))
    Path("tests").mkdir()
    Path("tests/test_them.py").write_text(FILE)
    pytester.makeini("[pytest]\naddopts = -q -p no:cacheprovider\nmarkers = gpu")

    def run(*arguments: str) -> tuple[dict[str, Any], str]:
        done = pytester.runpytest_inprocess("-p", "counting", *arguments)
        return json.loads(Path("numbers.json").read_text()), done.stdout.str()

    return run


def test_a_run_of_all_of_them_replaces_the_row_and_no_other(count: Callable[..., Any]) -> None:
    numbers, said = count("--count-robustness", "tests")
    assert numbers == {"pictures": {"read": 300}, "recipes": {"shown": 5}}
    assert "stay as they were" not in said
    assert "| 300 |" in Path("page.md").read_text()


@pytest.mark.parametrize(
    "some",
    [
        ("-k", "pictures"),
        ("tests/test_them.py::test_pictures",),
        ("--deselect", "tests/test_them.py::test_pictures[2]"),
    ],
)
def test_a_run_of_some_of_them_keeps_the_numbers_and_says_so(count: Callable[..., Any], some: tuple[str, ...]) -> None:
    numbers, said = count("--count-robustness", *some)
    assert numbers == BEFORE
    assert "pictures: the numbers stay as they were" in said


def test_so_does_a_run_in_which_one_of_them_fails(count: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOILT", "1")
    numbers, said = count("--count-robustness", "tests")
    assert numbers == BEFORE
    assert "1 of its tests did not pass or did not run, tests/test_them.py::test_of_the_same_file among them" in said


def test_a_run_that_does_not_count_tries_fewer_and_keeps_nothing(count: Callable[..., Any]) -> None:
    numbers, said = count("tests")
    assert numbers == BEFORE
    assert "3 pictures" in said
    assert not Path("page.md").exists()

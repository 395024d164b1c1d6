"""Every line of mistakes.txt is run, and docs/mistakes.md is made of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import Outcome
from mistakes import TABLE, Row, before_models, rows, table
from PIL import Image


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.typed)
def test_what_is_typed_does_what_the_transcript_says(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("photo.jpg", "b.jpg"):
        Image.new("RGB", (40, 30), "teal").save(name)
    outcome = cli(*shlex.split(row.typed)[1:])
    assert (before_models(outcome.err), outcome.code) == (row.said, row.code)
    assert outcome.out.decode().splitlines() == row.printed
    written = {path.name for path in tmp_path.iterdir()} - {"photo.jpg", "b.jpg", "cache"}
    assert written == (set(row.printed) if row.code == 0 else set())


def test_an_error_is_two_lines_and_the_second_says_what_next() -> None:
    for row in rows():
        assert len(row.said) == 2 or row.code == 0, row.typed
        assert row.said == [] or row.code == 0 or row.said[0].startswith("error: ")


def test_the_table_in_docs_is_current() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "Run python tests/cli/mistakes.py"

"""Every fault, run; and docs/faults.md says what was seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import HEAD, SCENARIOS, TABLE, row
from world import CONTENT

from skips import can_mount


@pytest.mark.parametrize("fault", SCENARIOS)
def test_a_fault_does_what_the_table_says(fault: str, tmp_path: Path) -> None:
    if "(mounted)" in fault and not can_mount():
        pytest.skip("may not mount: this machine lets nobody")
    rows = TABLE.read_text(encoding="utf-8").splitlines()
    assert str(row(fault, tmp_path)) in rows, "Run python tests/download/faults.py"


def test_the_table_has_these_faults_and_no_others() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert text.startswith(HEAD.format(size=f"{len(CONTENT):,}"))
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    assert rows[1:] == list(SCENARIOS)

"""docs/terminal.md shows the command line as it is now: every row and hint in it is the present one.

A change of a menu fails here until `python tests/docs/transcripts.py` was run.
"""

from __future__ import annotations

import re

import pytest
from transcripts import DOCUMENT

from diffstyler_cli.cli.stylize.menu import MENU
from diffstyler_cli.cli.stylize.questions import TYPE_IT
from diffstyler_cli.cli.sweep.menu import FINER, KEEP, LARGER, OPEN
from diffstyler_cli.models.lite.styles import STYLES

TEXT = DOCUMENT.read_text(encoding="utf-8")
ROWS = {
    "What next?": [*(row.label for row in MENU), "done"],
    "Which style?": [*(style.names[0] for style in STYLES), TYPE_IT],
    "the sweep's": [*(row.partition("  (")[0] for row in (OPEN, KEEP, LARGER, FINER)), "done"],
}


@pytest.mark.parametrize("menu", ROWS)
def test_a_menu_in_the_transcripts_has_the_rows_of_the_present_one(menu: str) -> None:
    shown = [
        [row.partition("  (")[0] for row in re.findall(r"^ [ »] {1,2}\d{1,2}  (.*)$", block, re.M)]
        for block in re.findall(r"^```text\n(.*?)^```$", TEXT, re.M | re.S)
    ]
    assert any(sorted(rows) == sorted(ROWS[menu]) for rows in shown), f"run tests/docs/transcripts.py: {menu}"

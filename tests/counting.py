"""How tests count what they try for docs/robustness.md: `tried` says what became of it, `counting` how much it is.

`pytest -m "not gpu" --count-robustness` keeps the numbers; what it is without is said in `robustness`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

import robustness


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[str, Counter[str]], None]:
    """tried(row, outcomes): what became of what the test tried, for a row of docs/robustness.md."""

    def tell(row: str, outcomes: Counter[str]) -> None:
        assert row in robustness.ROWS
        record_property("outcomes", (row, dict(outcomes)))

    return tell


@pytest.fixture
def counting(request: pytest.FixtureRequest) -> bool:
    """Whether this run tries all that docs/robustness.md counts; any other tries a few thousand, new ones each time."""
    return bool(request.config.getoption("--count-robustness"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--count-robustness", action="store_true", help="keep what was counted in docs/robustness.json")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What tests have counted by `tried`, added up."""
    found = robustness.counted(terminalreporter.getreports("passed"))
    if config.getoption("--count-robustness"):
        kinds = ("passed", "skipped", "xfailed", "xpassed")
        done = {report.nodeid for kind in kinds for report in terminalreporter.getreports(kind)}
        missing = robustness.missing(found, done)
        robustness.keep({row: outcomes for row, outcomes in found.items() if row not in missing})
        for row, tests in missing.items():
            words = f"{row}: the numbers stay as they were, for {len(tests)} of its tests did not pass or did not run,"
            terminalreporter.line(f"{words} {tests[0]} among them")
    for row, outcomes in found.items():
        if not robustness.ROWS[row].each_test:
            terminalreporter.section(f"{outcomes.total():,} {row}")
            for what, count in outcomes.most_common():
                terminalreporter.line(f"{count:7,}  {what}")

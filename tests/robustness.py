"""What was tried against the program, how often, and what happened: `python tests/robustness.py` writes the page of it.

Tests say what became of what they tried by the fixture `tried`: `pytest -m "not gpu" --count-robustness`, of any test
files, keeps the numbers of those rows whose tests were all there in docs/robustness.json, and makes docs/robustness.md
of them. Without that option fewer files are damaged, others each time. Of other rows the tests themselves are counted,
which `python tests/robustness.py` does. `--check` fails where page and numbers differ.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
NUMBERS, PAGE = DOCS / "robustness.json", DOCS / "robustness.md"
MOST = 6
"""Outcomes of a row that the page tells."""
HELD = "what each test asserts"


@dataclass(frozen=True)
class Row:
    """One kind of attempt.

    Args:
        what: is tried.
        promise: that must hold each time, or the test fails.
        files: of the tests, below tests/.
        each_test: whether the tests are what is counted; else they say what became of what they tried.
    """

    what: str
    promise: str
    files: tuple[str, ...]
    each_test: bool = False


ROWS = {
    "pictures": Row(
        "damaged, spliced and made-up picture files, colour profiles among them",
        "read, or refused in one line that says why and one that says what next",
        ("images/test_hostile_pictures.py",),
    ),
    "recipes": Row(
        "recipes with values of any kind in any place",
        "shown on printable lines of bounded length, what does not fit left out and named; a command line, or why not",
        ("inspect/test_recipe.py",),
    ),
    "weights": Row(
        "weight files with bytes changed, cut out, doubled or put in, old and new formats",
        "read, or refused in one line, within seconds and bounded memory; no code in them is run",
        ("weights/test_bounds.py",),
    ),
    "kills": Row(
        "`kill -9` each time that stylize or sweep opens, fills, syncs, links, renames or removes a file",
        "nothing under a final name is half written; the same command again completes it and clears up",
        ("robust/test_attempts.py",),
    ),
    "full disk": Row(
        "stylize and sweep on a disk of so many bytes (a small file system, or a limit on the size of files)",
        "exit code 1 and a message that says so, or done; nothing half written; a finished picture is kept elsewhere",
        ("robust/test_attempts.py",),
    ),
    "downloads": Row(
        "faults of servers, connections, caches and disks while a component is fetched ([each of them](faults.md))",
        "resumed, fetched from the next source, or refused; never a wrong file taken for the component",
        ("download/test_faults.py",),
        each_test=True,
    ),
    "signals": Row(
        "Ctrl-C, SIGTERM and closed pipes at any moment",
        "the documented exit code; finished pictures kept and named",
        ("cli/test_interruptions.py", "streams/test_streams.py"),
        each_test=True,
    ),
    "paths": Row(
        "paths and names: links, other locales, bytes that are no UTF-8, outputs onto inputs, folders that go away",
        "found again by name; refused before models load where one place would have two uses; no picture lost",
        ("cli/test_places.py", "cli/test_path_arguments.py", "cli/test_command_outputs.py", "inspect/test_names.py",
         "cli/test_pasted_commands.py"),
        each_test=True,
    ),
    "mistakes": Row(
        "mistakes on the command line: values out of range, options without effect, words that mean nothing",
        "exit code 2 before models load, in two lines with the flag that helps",
        ("cli/test_command_errors.py", "cli/test_prompt_arguments.py", "cli/test_long_values.py",
         "sweep/test_sweep_refusals.py"),
        each_test=True,
    ),
}  # fmt: skip

HEAD = """\
# What was tried to break it

<!-- Made by `python tests/robustness.py` of docs/robustness.json, which tests count: see there. -->

Every row is of tests that are run before a change lands: of pictures, recipes and weight files some thousands, new ones
each time; of all else, all. The numbers are those of the last run that was counted; where it says "what each test
asserts", tests were counted, all of which must pass. What must hold is asserted each time: one attempt that ends
otherwise, in a traceback above all, fails its test.

| what is tried | how often | what must hold | what happened | tests |
| --- | ---: | --- | --- | --- |
"""


def counted(reports: Iterable[Any]) -> dict[str, Counter[str]]:
    """What passed tests have tried, by row."""
    found: dict[str, Counter[str]] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == "outcomes":
                row, outcomes = value
                found.setdefault(row, Counter()).update(outcomes)
    return found


def missing(rows: Iterable[str], done: Collection[str]) -> dict[str, list[str]]:
    """The tests in the files of these rows that are not among those that were `done`; rows that lack none are left out.

    A row that is counted without them would be less than it is.
    """
    lacking = {row: [test for test in tests_of(ROWS[row].files) if test not in done] for row in rows}
    return {row: tests for row, tests in lacking.items() if tests}


def tests_of(files: Iterable[str]) -> list[str]:
    """The tests in these files that a machine without a GPU runs, each with its own values."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-n", "0", "-m", "not gpu"]
    paths = [str(TESTS / file) for file in files]
    listed = subprocess.run([*command, *paths], capture_output=True, text=True, check=True, cwd=TESTS.parent).stdout
    return [line for line in listed.splitlines() if "::" in line]


def keep(found: Mapping[str, Counter[str]]) -> None:
    """Puts the numbers in the place of older ones of the same rows, and makes the page."""
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    numbers |= {name: dict(outcomes.most_common()) for name, outcomes in found.items()}
    NUMBERS.write_text(json.dumps({name: numbers[name] for name in ROWS if name in numbers}, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(numbers), encoding="utf-8")


def page(numbers: Mapping[str, Mapping[str, int]]) -> str:
    """The page of these numbers; every row must have some."""
    lines = [HEAD]
    for name, row in ROWS.items():
        outcomes = numbers.get(name, {})
        total = sum(outcomes.values())
        told = [what if count == total else f"{count:,} {what}" for what, count in outcomes.items()]
        others = sum(list(outcomes.values())[MOST:])
        seen = "<br>".join(told[:MOST] + ([f"{others:,} in {len(told) - MOST} other ways"] if others else []))
        tests = ", ".join(f"`{file}`" for file in row.files)
        lines.append(f"| {row.what} | {total:,} | {row.promise} | {seen} | {tests} |\n")
    return "".join(lines) + BOUNDS


BOUNDS = """
## What is read, and how much of it at most

The time and the memory that a reader takes grow no faster than what it is given, and all that it is given has a bound.

| what is read | bound | beyond it | tests |
| --- | --- | --- | --- |
| photo, style image | `--max-pixels` (100 million); a shape of any length is worked on as 16:1 | exit code 3 | \
`images/test_image_reading.py` |
| photo on standard input, or from a pipe | 1 GiB | exit code 3 | `images/test_image_reading.py` |
| frames and pages, as `inspect` counts them | 1,000 | "more than 1,000" | `inspect/test_inspect_bounds.py` |
| recipe | 16 MB as JSON, packed or not; 32 deep; 64 losses, as many steps as `--steps` can be; texts as long as one \
argument | none, or the part left out and named | `robust/test_readers.py`, `images/test_image_metadata.py`, \
`inspect/test_recipe.py` |
| manifest of a sweep | 256 MiB, 32 deep, a regular file; values in messages 200 characters | `inspect`: exit code 3; \
`sweep`: 2 | `robust/test_readers.py` |
| folder of a sweep | cells of this plan alone are opened, each as a picture | others are left alone | \
`sweep/test_sweep_run.py` |
| `config.toml` | 1 MiB, a regular file | exit code 2 | `robust/test_readers.py` |
| record of the cache | 1 MiB, a regular file | as if it were not there | `robust/test_readers.py` |
| `download --from` | regular files with a weight file's suffix, each hashed once; links to folders are not followed | \
not taken | `robust/test_readers.py` |
| weight files | what the file's length allows: tensors, records, steps of a pickle | exit code 4 | \
`weights/test_bounds.py` |
| lite weights | 1 GiB | exit code 4 | `models/test_lite_files.py` |
| answers of servers | what is possible for the component | the next source | `download/test_faults.py` |
| scores of the styles | part of the package | | |
| numbers and ranges typed | digits, values, cells (10,000) | exit code 2 | `cli/test_long_values.py`, \
`sweep/test_sweep_axes.py` |
| file of `--preview-path`, the log | written, never read but for its first 4 kB | | `cli/test_places.py` |
"""


def check() -> str:
    """What is not current; "" where all is."""
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    missing = [name for name in ROWS if not sum(numbers.get(name, {}).values())]
    gone = [file for row in ROWS.values() for file in row.files if not (Path(__file__).parent / file).is_file()]
    if missing or gone or numbers.keys() - ROWS.keys():
        return f"rows without numbers: {missing}; tests that are not there: {gone}"
    return "" if PAGE.read_text(encoding="utf-8") == page(numbers) else "docs/robustness.md is not made of its numbers"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(check() or None)
    keep({name: Counter({HELD: len(tests_of(row.files))}) for name, row in ROWS.items() if row.each_test})

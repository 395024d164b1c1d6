"""Where results go: refused before the work where they cannot go there, and never lost after it."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, QUICK, Outcome, environment

Cli = Callable[..., Outcome]


def spawned(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command line in a process of its own; `options` as `subprocess.run`'s."""
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "env": environment()} | options
    return subprocess.run([sys.executable, str(FAKE_APP), *map(str, arguments)], timeout=60, **options)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("stylize", "photo.png", "oil", *QUICK, "-q", "-o", "-"), ("inspect",)])
def test_standard_output_that_takes_only_a_part_is_an_error(
    photo: Path, unbuffered: str, arguments: tuple[str, ...]
) -> None:
    def small_files() -> None:  # a write beyond it takes a part, the next one none: as on a disk that fills up
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    with open("out", "wb") as out:
        done = spawned(
            *arguments, stdout=out, preexec_fn=small_files,
            env=environment(PYTHONUNBUFFERED=unbuffered, PYTHONDONTWRITEBYTECODE="1"),
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"disk is full" in done.stderr
    assert b"Traceback" not in done.stderr

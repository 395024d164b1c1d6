from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, Outcome, Terminal, environment


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photo.png in an otherwise empty folder, which is the current one."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(path)
    return path


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfdbinary: Any) -> Iterator[Callable[..., Outcome]]:
    """Runs a command line in this process with the stand-in pipeline; nothing is a terminal."""
    import fake_app

    from diffstyler_cli.cli.app import run

    monkeypatch.setitem(sys.modules, "diffstyler_cli.pipeline.stylizer", None)
    fake_app.install()
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Outcome:
        with open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", nothing)
            code = run([str(a) for a in arguments])
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Outcome(code, out, err.decode())

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """Runs a command line in a process of its own with the stand-in pipeline; nothing is a terminal."""

    def call(*arguments: object, stdin: bytes = b"", **changes: str) -> Outcome:
        command = [sys.executable, str(FAKE_APP), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment(**changes), timeout=60)
        return Outcome(done.returncode, done.stdout, done.stderr.decode())

    return call


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Opens `Terminal`s; those still running are closed afterwards."""
    opened: list[Terminal] = []

    def open_one(*arguments: object, **options: Any) -> Terminal:
        opened.append(Terminal(*arguments, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        one.child.close(force=True)

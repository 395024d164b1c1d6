"""What tests of several parts need: reference numbers and inputs, the lite models, the command line with them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Pictures of the tests are small: more threads only get into each other's way, above all beside other workers. And
# what is computed here and in a process of its own is the same to the last bit. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor

from counting import counting, pytest_addoption, pytest_terminal_summary, tried
from skips import pytest_make_collect_report, pytest_runtest_makereport

if TYPE_CHECKING:
    from diffstyler_cli import Stylizer

__all__ = [
    "counting",
    "pytest_addoption",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "tried",
]
pytest_plugins = ["pytester"]

# What stays between runs (settings, history, speeds) is the tests' own, and so is that of the processes they start.
_HOME = tempfile.TemporaryDirectory(prefix="diffstyler-tests-")
os.environ |= {f"XDG_{kind.upper()}_HOME": f"{_HOME.name}/{kind}" for kind in ("config", "state", "cache")}

# The first call of an operation takes torch long: no deadline a single example.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.load_profile("suite")

# Started in the background by a shell or under nohup, we would hand these down as ignored to what the tests start.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)


_CACHES = itertools.count()


@pytest.fixture(autouse=True)
def cache_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test knows of the speeds that another one has measured."""
    monkeypatch.setenv("XDG_CACHE_HOME", f"{_HOME.name}/cache-{next(_CACHES)}")


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Outputs of the original implementations: "solvers" and "losses"."""
    return json.loads((Path(__file__).parent / "data" / "golden.json").read_text())


@pytest.fixture(scope="session")
def stream() -> Callable[..., Tensor]:
    """stream(name, *shape): the reference's tanh of a normal draw, float32, the same on every platform."""

    def draw(name: str, *shape: int) -> Tensor:
        values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
        return torch.tanh(torch.from_numpy(values))

    return draw


@pytest.fixture(scope="session")
def stylizer() -> Stylizer:
    """The lite models on the CPU in float32, loaded once for all tests of a worker."""
    from diffstyler_cli import Stylizer

    return Stylizer.load("lite", device="cpu", dtype="fp32")


@pytest.fixture
def lite_cli(
    stylizer: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command line in this process, in an empty folder, with lite models that are loaded already.

    Returns the exit code, standard output and standard error. Nothing is a terminal.
    """
    from diffstyler_cli import Stylizer
    from diffstyler_cli.cli.app import run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Stylizer, "load", lambda *arguments, **settings: stylizer)

    def call(*arguments: object) -> tuple[int, str, str]:
        before = signal.getsignal(signal.SIGTERM)
        with open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", nothing)
            try:
                code = run([str(a) for a in arguments])
            finally:
                signal.signal(signal.SIGTERM, before)
        return (code, *capfd.readouterr())

    return call


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter and write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_plain_user() -> Iterator[Callable[[], None]]:
    """A function that gives up root's rights until the test ends; nothing to give up for other users."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    yield lambda: os.seteuid(65534) if root else None
    if root:
        os.seteuid(0)

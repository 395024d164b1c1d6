"""With CI set, a test that is skipped for a reason that is not listed here fails: nothing is left out unseen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

MAY_SKIP = (
    "needs CUDA",  # marked gpu; CI has no such machine
    "needs ../shared",  # the originals' own lists of names and shapes, and pictures of users, not ours to publish
    "needs pillow-heif",  # the extra for HEIC: without it, only the line that names it can be tested
    "needs Ray",  # which has no wheels for the newest Python
    "needs diffusers",  # the extra for networks of others; what development installs has it
    "may not mount",  # containers without that right: a full disk is met at /dev/full as well
    "needs Linux",  # /dev/full, and memory as the kernel counts it
    "no ffmpeg here",  # for one recipe of docs/pipelines.md; large, and not to be had everywhere
    "no convert here",  # ImageMagick, likewise
    "no zsh here",  # zsh's own check of its completion script; what the script offers is tested without it
    "no fish here",  # likewise
)
"""How the reason of an expected skip begins."""


def can_mount() -> bool:
    """Whether this machine lets a test mount a file system of its own."""
    if not shutil.which("unshare"):
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Of a whole file, as `importorskip` does it."""
    report = yield
    _judge(report)
    return report


def _judge(report: Any) -> None:
    if report.skipped and os.environ.get("CI"):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if not reason.startswith(MAY_SKIP):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI for a reason that tests/skips.py does not list: {reason}"

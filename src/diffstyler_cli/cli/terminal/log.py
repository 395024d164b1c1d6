"""--log-file: what a bug report needs in one file: versions, machine, command, messages, every step, tracebacks."""

from __future__ import annotations

import faulthandler
import logging
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ...errors import OutputError
from ...version import __version__
from ...weights.registry import without_userinfo
from .shell import joined

LOG_FILE = "Append a log to FILE: versions, machine, messages, every step, tracebacks; for a bug report."
LOGGER = logging.getLogger("diffstyler_cli")
LIBRARIES = (
    "torch", "torchvision", "open_clip_torch", "Pillow", "numpy", "safetensors", "huggingface_hub", "typer", "rich"
)  # fmt: skip
ENVIRONMENT = ("DIFFSTYLER_", "HF_HUB_OFFLINE", "HF_ENDPOINT", "CUDA_VISIBLE_DEVICES", "PYTORCH_", "OMP_NUM_THREADS")
"""Beginnings of the environment variables that are logged, without passwords. HF_TOKEN must never match."""


def open_log(path: Path, arguments: Sequence[str]) -> None:
    """From now on the package's log, all warnings and a crash of the interpreter are appended to `path`.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise OutputError(f"The log {str(path)!r} cannot be written: {reason}.", "Give --log-file another.") from error
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    logging.captureWarnings(True)
    for name in ("diffstyler_cli", "py.warnings"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    if handler.stream is not None:
        faulthandler.enable(handler.stream)
    LOGGER.info("diffstyler %s: %s", __version__, joined(["diffstyler", *arguments]))
    LOGGER.info("Python %s on %s, %s CPUs", sys.version.split()[0], platform.platform(), os.cpu_count())
    LOGGER.info("%s", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))
    for name in sorted(os.environ):
        if name.startswith(ENVIRONMENT):
            LOGGER.info("%s=%s", name, without_userinfo(os.environ[name]))


def close_log() -> None:
    """Ends what `open_log` began; without it, nothing."""
    for name in ("diffstyler_cli", "py.warnings"):
        logger = logging.getLogger(name)
        for handler in [h for h in logger.handlers if isinstance(h, logging.FileHandler)]:
            if faulthandler.is_enabled():
                faulthandler.disable()
            logger.removeHandler(handler)
            handler.close()
    logging.captureWarnings(False)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, and few runs log

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"

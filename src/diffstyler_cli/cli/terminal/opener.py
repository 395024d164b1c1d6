"""Opening a result in the desktop's own program for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .console import escaped

WAIT_SECONDS = 3.0
"""How long an opener may take to say that it cannot; one that shows the file by itself goes on after that."""


def open_file(path: Path) -> str:
    """Opens a file as a double click on it would; returns why that did not work, "" where it did."""
    reason = _start(path.absolute())
    return f"{escaped(str(path))!r} cannot be opened here: {reason}." if reason else ""


def _start(path: Path) -> str:
    if sys.platform == "win32":
        try:
            os.startfile(path)
        except OSError as error:
            return error.strerror or str(error)
        return ""
    name = "open" if sys.platform == "darwin" else "xdg-open"
    opener = shutil.which(name)
    if opener is None:
        return f"there is no {name}"
    nothing = subprocess.DEVNULL
    try:
        # in a session of its own: Ctrl-C here does not close what was opened, and it cannot write to this terminal
        started = subprocess.Popen(
            [opener, str(path)], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
        code = started.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        started.returncode = 0  # it is shown until the person closes it: nobody waits for that
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return f"{name} ended with exit code {code}" if code else ""

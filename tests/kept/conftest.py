"""The tests of this folder drive the command line as those in tests/cli do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_fixtures import photo

__all__ = ["photo"]

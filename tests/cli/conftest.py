from __future__ import annotations

from cli_fixtures import cli, photo, process, terminal

__all__ = ["cli", "photo", "process", "terminal"]

"""The user's configuration file, config.toml: where it is, and its tables. What stands in them is others' to say.

`weights/settings.py` reads [cache] and [weights], `cli/presets.py` reads [preset].
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import UsageError

APP = "diffstyler"
SECTIONS = ("weights", "cache", "preset")
VARIABLE = "DIFFSTYLER_CONFIG"
EXAMPLE = "See docs/settings.md for an example."
LARGEST = 1 << 20
"""Bytes of a configuration file."""


class TableOf:
    """A TOML table that answers a wrong kind of value, or a name that means nothing, with a `UsageError`."""

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self.content = content
        self.where = where

    def __contains__(self, name: str) -> bool:
        return name in self.content

    def only(self, *names: str) -> None:
        for name in self.content:
            if name not in names:
                raise UsageError(
                    f"{self.where}: there is no setting {name[:80]!r}; known: {', '.join(names)}.", EXAMPLE
                )

    def section(self, name: str, names: tuple[str, ...] | None = None) -> TableOf:
        """The table of that name, empty if there is none; `names` are those that it may have, None for any."""
        content = self.content.get(name, {})
        shown = name if len(name) <= 80 else f"{name[:80]}..."
        if not isinstance(content, dict):
            raise UsageError(f"{self.where}: {shown} is a table, written [{shown}].", EXAMPLE)
        section = TableOf(content, f"{self.where}: {shown}" if ": " not in self.where else f"{self.where}.{shown}")
        if names is not None:
            section.only(*names)
        return section

    def text(self, name: str) -> str:
        value = self.content.get(name, "")
        if not isinstance(value, str) or "\0" in value:
            raise UsageError(f"{self.where}: {name} is a text in quotes.", EXAMPLE)
        return value

    def texts(self, name: str) -> list[str]:
        value = self.content.get(name, [])
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) and "\0" not in one for one in listed):
            raise UsageError(f"{self.where}: {name} is a text in quotes or a list of them.", EXAMPLE)
        return listed


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the file is looked for: as the environment says, or in the platform's folder of configurations."""
    from platformdirs import user_config_path  # most runs of --help need none

    return Path(environment.get(VARIABLE) or user_config_path(APP, appauthor=False) / "config.toml")


def read_config(environment: Mapping[str, str] = os.environ) -> TableOf:
    """The whole file, empty if there is none.

    Raises:
        UsageError: it cannot be read, is no TOML, or has a section that means nothing.
    """
    file = config_path(environment)
    table = TableOf(_read(file, given=bool(environment.get(VARIABLE))), str(file))
    table.only(*SECTIONS)
    return table


def _read(file: Path, *, given: bool) -> dict[str, Any]:
    try:
        if file.exists() and not file.is_dir() and (not file.is_file() or file.stat().st_size > LARGEST):
            raise UsageError(f"The configuration file {file} is no file of at most {LARGEST:,} bytes.", EXAMPLE)
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if given:
            raise UsageError(f"{VARIABLE} names {file}, which does not exist.", EXAMPLE) from None
        return {}
    except RecursionError as error:
        raise UsageError(f"The configuration file {file} cannot be read: it nests too deeply.", EXAMPLE) from error
    except (OSError, ValueError) as error:  # ValueError: what is not UTF-8 or TOML, or a number of too many digits
        why = " ".join(str(error).split())[:160]
        raise UsageError(f"The configuration file {file} cannot be read: {why}.", EXAMPLE) from error

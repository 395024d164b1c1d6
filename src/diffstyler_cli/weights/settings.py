"""What a user says of places: the cache's folder, weight files, other sources, by environment or configuration file.

An option goes before an environment variable, that before the configuration file, that before what is built in.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_config_path

from ..errors import UsageError
from ..roles import KEYS, ROLES
from .registry import FULL, ComponentSpec, Source, without_userinfo

APP = "diffstyler"
EXAMPLE = "See docs/weights.md for an example."
LARGEST = 1 << 20
"""Bytes of a configuration file."""
SOURCE_ADVICE = "Write hub:OWNER/REPO/FILE[@REVISION], https://HOST/FILE, or the path of a file."


@dataclass(frozen=True)
class Settings:
    """Where things are, for this user.

    Args:
        cache: folder of the cache.
        paths: by key of the role, files that are loaded in the place of the cached ones.
        sources: by key, tried before the built-in ones.
        sha256: by component, what its file must have in the place of the built-in hashes.
    """

    cache: Path
    paths: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    def components(self) -> tuple[ComponentSpec, ...]:
        """The table of components with this user's sources and hashes in it."""
        return tuple(
            dataclasses.replace(
                component,
                sources=(*self.sources.get(component.key, ()), *component.sources),
                sha256=(self.sha256[component.key],) if component.key in self.sha256 else component.sha256,
                own_hash=component.key in self.sha256,
            )
            for component in FULL
        )


def read_settings(
    *,
    cache: Path | None = None,
    paths: Mapping[str, Path] | None = None,
    sources: Mapping[str, tuple[Source, ...]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings in force: the arguments (options), then `environment`, then the configuration file.

    Raises:
        UsageError: a value or a name in the environment or in the file that cannot be used.
    """
    file = config_file(environment)
    content = _read(file, given=bool(environment.get("DIFFSTYLER_CONFIG")))
    table = _Table(content, str(file))
    known = table.section("weights", KEYS)
    sections = {key: known.section(key, ("path", "source", "sha256")) for key in KEYS if key in known}
    folder = cache or environment.get("DIFFSTYLER_CACHE_DIR") or table.section("cache", ("dir",)).text("dir")
    table.only("weights", "cache")

    found = dict(paths or {})
    offered: dict[str, tuple[Source, ...]] = {}
    hashes: dict[str, str] = {}
    for role in ROLES:
        key = role.key
        section = sections.get(key, _Table({}, str(file)))
        text = environment.get(role.weights_variable) or section.text("path")
        if text and key not in found:
            found[key] = _expanded(text)
        places = [section.texts("source"), [environment.get(role.source_variable, "")]]
        offered[key] = (*(sources or {}).get(key, ()), *(parse_source(p) for row in reversed(places) for p in row if p))
        if digest := section.text("sha256"):
            if not re.fullmatch("[0-9a-fA-F]{64}", digest):
                raise UsageError(f"{section.where}: sha256 {digest[:80]!r} is not 64 hexadecimal digits.", EXAMPLE)
            hashes[key] = digest.lower()
    where = _expanded(folder) if folder else user_cache_path(APP, appauthor=False)
    return Settings(where, found, {k: s for k, s in offered.items() if s}, hashes)


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration file, which need not exist."""
    return Path(environment.get("DIFFSTYLER_CONFIG") or user_config_path(APP, appauthor=False) / "config.toml")


def parse_source(text: str) -> Source:
    """A place to get a file from: "hub:owner/repo/file@revision", "https://host/file" or a path.

    Raises:
        UsageError: it is none of these.
    """
    if match := re.fullmatch(r"hub:([\w.-]+/[\w.-]+)/([^@]+?)(?:@(.+))?", text):
        return Source("hub", match[1], match[2], match[3] or "main")
    if match := re.fullmatch(r"(https?://[^/]+(?:/.*)?)/([^/]+)", text):
        return Source("url", match[1], match[2])
    path = _expanded(text)
    if "://" in text or text.startswith("hub:") or not path.name:
        raise UsageError(f"{without_userinfo(text)[:200]!r} is no place to get a file from.", SOURCE_ADVICE)
    return Source("file", str(path.parent), path.name)


def _expanded(path: str | Path) -> Path:
    """`path` with the home folder in the place of ~."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path} begins with the home folder of nobody.", "Write the path without ~.") from error


class _Table:
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

    def section(self, name: str, names: tuple[str, ...]) -> _Table:
        """The table of that name, empty if there is none; `names` are those that it may have."""
        content = self.content.get(name, {})
        if not isinstance(content, dict):
            raise UsageError(f"{self.where}: {name} is a table, written [{name}].", EXAMPLE)
        section = _Table(content, f"{self.where}: {name}" if ": " not in self.where else f"{self.where}.{name}")
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


def _read(file: Path, *, given: bool) -> dict[str, Any]:
    try:
        if file.exists() and not file.is_dir() and (not file.is_file() or file.stat().st_size > LARGEST):
            raise UsageError(f"The configuration file {file} is no file of at most {LARGEST:,} bytes.", EXAMPLE)
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if given:
            raise UsageError(f"DIFFSTYLER_CONFIG names {file}, which does not exist.", EXAMPLE) from None
        return {}
    except RecursionError as error:
        raise UsageError(f"The configuration file {file} cannot be read: it nests too deeply.", EXAMPLE) from error
    except (OSError, ValueError) as error:  # ValueError: what is not UTF-8 or TOML, or a number of too many digits
        why = " ".join(str(error).split())[:160]
        raise UsageError(f"The configuration file {file} cannot be read: {why}.", EXAMPLE) from error

"""What a user says of places: the cache's folder, weight files, other sources, by environment or configuration file.

An option goes before an environment variable, that before the configuration file, that before what is built in.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

from ..config_file import APP, EXAMPLE, read_config
from ..errors import UsageError
from ..roles import KEYS, ROLES
from .registry import FULL, ComponentSpec, Source, without_userinfo

CACHE_VARIABLE = "DIFFSTYLER_CACHE_DIR"
SOURCE_ADVICE = "Write hub:OWNER/REPO/FILE[@REVISION], https://HOST/FILE, or the path of a file."


@dataclass(frozen=True)
class Settings:
    """Where things are, for this user.

    Args:
        cache: folder of the cache.
        paths: by key of the role, files that are loaded in the place of the cached ones.
        sources: by key, tried before the built-in ones.
        sha256: by component, what its file must have in the place of the built-in hashes.
        origins: who said so, by "cache", "photo.path", "photo.source" (one a source), "photo.sha256": the name of an
            environment variable, or the file and the key in it; what options gave or is built in has none.
    """

    cache: Path
    paths: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def free_diffusion(self) -> Path:
        """Where `stylize` keeps free diffusion, for the next prompt on a photo."""
        return self.cache / "free"

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
    table = read_config(environment)
    known = table.section("weights", KEYS)
    kept = table.section("cache", ("dir",))
    origins: dict[str, tuple[str, ...]] = {}
    folder = cache or environment.get(CACHE_VARIABLE) or kept.text("dir")
    if folder and not cache:
        origins["cache"] = (CACHE_VARIABLE if environment.get(CACHE_VARIABLE) else f"{kept.where}.dir",)

    found = dict(paths or {})
    offered: dict[str, tuple[Source, ...]] = {}
    hashes: dict[str, str] = {}
    for role in ROLES:
        key = role.key
        section = known.section(key, ("path", "source", "sha256"))
        text = environment.get(role.weights_variable) or section.text("path")
        if text and key not in found:
            found[key] = _expanded(text)
            given = environment.get(role.weights_variable)
            origins[f"{key}.path"] = (role.weights_variable if given else f"{section.where}.path",)
        places = [(environment.get(role.source_variable, ""), role.source_variable)]
        places += [(place, f"{section.where}.source") for place in section.texts("source")]
        places = [(place, origin) for place, origin in places if place]
        offered[key] = (*(sources or {}).get(key, ()), *(parse_source(place) for place, _ in places))
        origins[f"{key}.source"] = tuple(origin for _, origin in places)
        if digest := section.text("sha256"):
            if not re.fullmatch("[0-9a-fA-F]{64}", digest):
                raise UsageError(f"{section.where}: sha256 {digest[:80]!r} is not 64 hexadecimal digits.", EXAMPLE)
            hashes[key] = digest.lower()
            origins[f"{key}.sha256"] = (f"{section.where}.sha256",)
    where = _expanded(folder) if folder else user_cache_path(APP, appauthor=False)
    return Settings(where, found, {k: s for k, s in offered.items() if s}, hashes, origins)


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

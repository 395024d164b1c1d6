"""Where the files of the full-size set are on this machine, and what is missing. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import WeightsError
from ...weights.cache import Cache
from ...weights.registry import STAND_IN, ComponentSpec
from ...weights.settings import Settings


@dataclass(frozen=True)
class LocalFile:
    """A component's file on this machine; `sha256` is the original's, "" where it has yet to be computed."""

    path: Path
    sha256: str
    source: str


def find_full(
    settings: Settings, art_model: str = "wikiart", *, photo: bool = True
) -> tuple[dict[str, LocalFile], list[ComponentSpec]]:
    """The files of the full set by component, given ones before cached ones, and the components that have none.

    A component that `art_model` makes unnecessary is in neither, nor is the photo network without `photo`.
    """
    cache = Cache(settings.cache)
    files: dict[str, LocalFile] = {}
    missing: list[ComponentSpec] = []
    for component in settings.components():
        if (component.key == "art" and art_model != "wikiart") or (component.key == "photo" and not photo):
            continue
        given = settings.paths.get(component.key)
        entry = cache.find(component.key)
        if given is not None:
            if given.is_file():
                files[component.key] = LocalFile(given, "", given.name)
                continue
        elif entry is not None and component.accepts(entry.source_sha256):
            files[component.key] = LocalFile(entry.path, entry.source_sha256, entry.source)
            continue
        missing.append(component)
    return files, missing


def missing_error(missing: Sequence[ComponentSpec], settings: Settings) -> WeightsError:
    """One error that names every missing component and the commands that supply them."""

    def what(component: ComponentSpec) -> str:
        path = settings.paths.get(component.key)
        return f"{component.role} {component.name} ({f'no file at {path}' if path else 'not in the cache'})"

    advice = f"Run diffstyler download, or give {' '.join(f'{component.option} PATH' for component in missing)}"
    if [component.key for component in missing] == ["art"]:
        advice += f", or do without it: diffstyler download {STAND_IN.name}, or --art-model cc12m or lite"
    return WeightsError(
        f"The full models are incomplete; missing: {', '.join(map(what, missing))}.",
        f"{advice}. The built-in models need nothing: --models lite.",
    )

"""Every network of others that is known by name, in the cache, or offered by an installed package. No torch."""

from __future__ import annotations

from typing import Any

from ...errors import WeightsError
from ...weights import snapshots
from ...weights.cache import Cache
from ...weights.registry import NETWORKS, NetworkSpec, network
from ...weights.snapshots import Snapshot
from ..plugins import Plugin
from ..plugins import networks as plugins
from .folder import read_folder


def listed(cache: Cache) -> list[dict[str, Any]]:
    """A row each, as JSON: those of the registry first, then what else is in the cache, then those of packages."""
    cached = snapshots.snapshots(cache)
    known = [(spec, next((s for s in cached if s.repository == spec.repository), None)) for spec in NETWORKS]
    rows = [_row(spec.name, spec, found) for spec, found in known]
    shown = [found for _, found in known if found is not None]
    rows += [_row(_short_name(each), network(each.repository), each) for each in cached if each not in shown]
    return rows + [_offered(plugin) for plugin in plugins().values()]


def _short_name(snapshot: Snapshot) -> str:
    known = network(snapshot.repository)
    return f"{known.name if known else snapshot.repository}@{snapshot.commit[:7]}"


def _row(name: str, spec: NetworkSpec | None, snapshot: Snapshot | None) -> dict[str, Any]:
    return {
        "name": name,
        "repository": snapshot.repository if snapshot else spec.repository if spec else None,
        "commit": snapshot.commit if snapshot else None,
        "licence": snapshot.licence if snapshot else spec.licence if spec else None,
        "size_bytes": snapshot.bytes if snapshot else spec.size if spec else None,
        "path": str(snapshot.folder) if snapshot else None,
        "files": {path: {"size": size, "sha256": sha} for path, (size, sha) in snapshot.files.items()}
        if snapshot else {},
        "package": None,
        "roles": list(spec.roles) if spec else [],
        **(_facts(snapshot) if snapshot else {}),
    }  # fmt: skip


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    """What its files say of the network; or why they cannot be read."""
    try:
        folder = read_folder(snapshot.folder)
    except WeightsError as error:
        return {"problem": error.message}
    photo = folder.conditional and folder.text is not None
    return {
        "roles": ["photo", "art"] if photo else ["art"],
        "space": folder.space or None,
        "prediction": folder.prediction,
        "native_size": folder.native_size,
        "multiple": folder.multiple * folder.factor,
        "problem": None,
    }


def _offered(plugin: Plugin) -> dict[str, Any]:
    facts = dict.fromkeys(("repository", "commit", "licence", "size_bytes", "path"))
    return {"name": plugin.name, **facts, "files": {}, "package": f"{plugin.package} {plugin.version}"}

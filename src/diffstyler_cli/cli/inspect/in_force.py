"""`inspect --config`: every setting in force, and who said so: file, environment, or nobody. Imports no torch."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from ...config import default_of, options
from ...config_file import VARIABLE, config_path
from ...errors import UsageError
from ...roles import ROLES
from ...weights.registry import without_userinfo
from ...weights.settings import CACHE_VARIABLE, Settings, read_settings
from ..history import NO_HISTORY, history_path, is_kept
from ..options import arguments, parse
from ..presets import preset_names, read_preset
from ..stylize.kept import NO_CACHE
from ..terminal.shell import joined
from ..terminal.tables import brief, fitted, section
from .job import Job

if TYPE_CHECKING:
    from rich.console import RenderableType

BUILT_IN = "built in"
HIDDEN = "set, and not shown"
OWN = (
    VARIABLE,
    CACHE_VARIABLE,
    NO_HISTORY,
    NO_CACHE,
    *(name for role in ROLES for name in (role.weights_variable, role.source_variable)),
)
"""The environment variables that are read here."""
OTHERS = (
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR", "CI", "TERM",
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
)  # fmt: skip
"""Those that libraries read, and that a run depends on."""


def show_config(job: Job) -> None:
    """The settings in force. Raises `UsageError` where the configuration file or the environment cannot be used."""
    facts = in_force(os.environ)
    job.account.fields = facts
    job.console.report(_tables(facts, job.console.paper.width))


def in_force(environment: Mapping[str, str]) -> dict[str, Any]:
    """Rows of `name`, `value` and `origin` by group, as JSON; a preset that cannot be used has its `error`."""
    settings = read_settings(environment=environment)
    file = config_path(environment)
    places = [
        _row("configuration file", file, environment.get(VARIABLE) and VARIABLE, exists=file.is_file()),
        _row("cache", settings.cache, *settings.origins.get("cache", ())),
        _row(
            "history", history_path(), environment.get("XDG_STATE_HOME") and "XDG_STATE_HOME", kept=is_kept(environment)
        ),
    ]
    return {
        "places": places,
        "weights": list(_weights(settings)),
        "presets": list(_presets(file)),
        "defaults": [
            {"name": option.flag, "value": default_of(name), "full": default_of(name, "full"), "origin": BUILT_IN}
            for name, option in options().items()
        ],
        "environment": [
            _row(name, _value(name, environment[name]), "environment", **_meaning(name))
            for name in sorted(environment)
            if name.startswith("DIFFSTYLER_") or name in OTHERS
        ],
    }


def _row(name: str, value: Path | str | None, origin: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": None if value is None else str(value), "origin": origin or BUILT_IN, **more}


def _weights(settings: Settings) -> Iterable[dict[str, Any]]:
    for component in settings.components():
        key = component.key
        if key in settings.paths:
            yield _row(f"{key}.path", settings.paths[key], *settings.origins.get(f"{key}.path", ()))
        origins = settings.origins.get(f"{key}.source", ())
        for index, source in enumerate(component.sources):
            yield _row(f"{key}.source", str(source), origins[index] if index < len(origins) else None)
        for digest in component.sha256:
            yield _row(f"{key}.sha256", digest, *settings.origins.get(f"{key}.sha256", ()))


def _presets(file: Path) -> Iterable[dict[str, Any]]:
    for name in preset_names():
        row: dict[str, Any] = {"name": name, "value": None, "settings": {}, "origin": f"{file}: preset.{name}"}
        try:
            values = {key: parse(key, text) for key, text in read_preset(name).items()}
        except UsageError as error:
            yield row | {"error": error.message}
            continue
        yield row | {"value": joined(arguments(values)), "settings": values, "error": None}


def _value(name: str, value: str) -> str:
    """What may be shown of a variable: never a token, nor name and password in an address."""
    if any(word in name.upper() for word in ("TOKEN", "PASSWORD", "SECRET")) and not name.endswith("_PATH"):
        return HIDDEN
    if name.upper().endswith("_PROXY"):  # an address, also without https:// in front
        return re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)?[^/\s]*@", r"\1", value)
    return without_userinfo(value)


def _meaning(name: str) -> dict[str, Any]:
    """Of a variable of ours that nothing reads: the one that was perhaps meant."""
    if name in OWN or name in OTHERS:
        return {"known": True}
    return {"known": False, "meant": next(iter(difflib.get_close_matches(name, OWN, n=1)), None)}


# --- tables ----------------------------------------------------------------------------------------------------------
def _tables(facts: Mapping[str, Any], width: int) -> RenderableType:
    columns = [("setting", "left", 0), ("value", "left", 0), ("from", "left", 0)]
    file = facts["places"][0]["value"]

    def near(text: str) -> str:
        """Without the folder of the configuration file, which the first row shows."""
        return brief(text.replace(f"{file}: ", f"{os.path.basename(file)}: "))

    def table(rows: Iterable[tuple[str, str | Text, str]]) -> RenderableType:
        cells = ((brief(name), value, Text(near(origin), "dim")) for name, value, origin in rows)
        return fitted(width, columns, cells)

    places = []
    for row in facts["places"]:
        absent = " (not there)" if row.get("exists") is False else ""
        absent = f" (nothing is added: {NO_HISTORY})" if row.get("kept") is False else absent
        places.append((row["name"], brief(row["value"]) + absent, row["origin"]))
    parts = [section("Places", table(places))]
    weights = [row for row in facts["weights"] if not row["name"].endswith(".sha256") or row["origin"] != BUILT_IN]
    parts.append(section("Full-size weights", table((r["name"], brief(r["value"]), r["origin"]) for r in weights)))
    if facts["presets"]:
        rows = [
            (
                f"--preset {row['name']}",
                Text(near(row["error"]), "yellow") if row["error"] else brief(row["value"] or "(nothing)"),
                row["origin"],
            )
            for row in facts["presets"]
        ]
        parts.append(section("Presets", table(rows)))
    parts.append(section("Defaults", table((r["name"], _default(r), r["origin"]) for r in facts["defaults"])))
    if facts["environment"]:
        rows = []
        for row in facts["environment"]:
            meant = f": did you mean {row['meant']}?" if row.get("meant") else ""
            value = brief(row["value"]) if row["known"] else Text(f"means nothing here{meant}", "yellow")
            rows.append((row["name"], value, row["origin"]))
        parts.append(section("Environment", table(rows)))
    return Group(*parts)


def _default(row: Mapping[str, Any]) -> str:
    def shown(value: Any) -> str:
        return "not given" if value is None else "off" if value is False else brief(value)

    own, full = shown(row["value"]), shown(row["full"])
    return own if own == full else f"{own}; {full} with the full-size models"

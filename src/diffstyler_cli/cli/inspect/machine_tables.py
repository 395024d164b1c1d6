"""What `facts.py` found, as tables: versions, devices, models, what is missing and the next command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.filesize import decimal
from rich.text import Text

from ...config import ART_MODELS
from ...models.foreign.names import short
from ..terminal.tables import brief, facts_grid, plain_table, section

if TYPE_CHECKING:
    from rich.console import RenderableType


def machine(facts: Mapping[str, Any], width: int) -> RenderableType:
    """What `machine.py` found: versions, devices, models, what is missing and the next command."""
    libraries = [f"{name} {number}" for name, number in facts["libraries"].items() if number]
    absent = [name for name, number in facts["libraries"].items() if not number]
    head = Text(f"diffstyler {facts['diffstyler']}", "bold")
    rows = [("python", f"{facts['python']} on {facts['system']}"), ("libraries", ", ".join(libraries))]
    rows.append(("not installed", ", ".join(absent)))
    parts: list[RenderableType] = [head, facts_grid(rows), _devices(facts), _lite(facts)]
    if "full" in facts["models"]:
        parts.append(_full(facts, width))
    parts += [_networks(facts), _others(facts)]
    parts += [Text(brief(problem), "yellow") for problem in facts["problems"]]
    return Group(*parts)


def _devices(facts: Mapping[str, Any]) -> RenderableType:
    if not facts["devices"]:
        return Group()
    table = plain_table(
        ("device", "left"), ("what", "left"), ("memory", "right"), ("free", "right"), ("dtypes", "left")
    )
    for device in facts["devices"]:
        cores = f", {device['cores']} cores" if device["cores"] and device["name"] == "cpu" else ""
        memory = ["–" if device[name] is None else decimal(device[name]) for name in ("memory", "free")]
        dtypes = [f"{n} (emulated, slow)" if n in device["emulated"] else n for n in device["dtypes"]]
        table.add_row(device["name"], brief(device["model"] + cores), *memory, ", ".join(dtypes))
    chosen = facts["default"]
    return section("Devices", table, Text(f"auto takes {chosen['device']} in {chosen['dtype']}: {chosen['why']}."))


def _lite(facts: Mapping[str, Any]) -> RenderableType:
    table = plain_table(("model", "left"), ("size", "right"), ("SHA-256", "left"), ("trained", "left"))
    for model in facts["models"]["lite"]:
        if model["bytes"] is None:
            table.add_row(model["role"], Text("missing: install the package again", "red"), "", "")
        else:
            digest = Text(model["sha256"][:12], "dim")
            table.add_row(model["role"], decimal(model["bytes"]), digest, brief(model["trained"] or "–"))
    return section("Lite models, built in" + _used(facts, "lite"), table)


def _full(facts: Mapping[str, Any], width: int) -> RenderableType:
    found = [part for part in facts["models"]["full"] if part["path"]]
    columns = [("model", "left"), ("name", "left"), ("state", "left"), ("size", "right")]
    table = plain_table(*columns, *([("where", "left")] if found else []))
    for part in facts["models"]["full"]:
        here = part["state"] != "missing"
        state = Text(part["state"], "green" if here else "yellow")
        size = decimal(part["bytes"] if here else part["download"])
        where = [Text(brief(part["path"] or ""), "dim")] if found else []
        table.add_row(part["key"], brief(part["name"]), state, size, *where)
    cache, gone = facts["cache"], facts["missing"]["full"]
    parts: list[RenderableType] = [table]
    place = f"{brief(cache['path'])}: {decimal(cache['bytes'])} used, {decimal(cache['free'])} free on its disk"
    if gone:
        bytes_ = sum(part["download"] for part in facts["models"]["full"] if part["key"] in gone)
        parts.append(Text(f"{len(gone)} of {len(facts['models']['full'])} are missing, {decimal(bytes_)} in all."))
    if facts["art_role"] is not None and facts["art_role"] not in ART_MODELS:
        parts.append(Text(f"The art role is played by {short(facts['art_role'])}."))
    kept = cache["free_diffusion"]
    count = "1 file" if kept["files"] == 1 else f"{kept['files']} files"
    rows = [("cache", place), ("free diffusion", f"{brief(kept['path'])}: {decimal(kept['bytes'])} in {count}")]
    return section(
        "Full-size models" + _used(facts, "full"), *parts, facts_grid([*rows, ("next", facts["next"] or "")])
    )


def _networks(facts: Mapping[str, Any]) -> RenderableType:
    left = ("network", "role", "predicts", "t", "condition")
    table = plain_table(*((name, "left") for name in left), ("size", "right"), ("multiple", "right"))
    for card in facts["networks"]:
        times = f"{card['t_min']:.3g} to {card['t_max']:.3g}"
        condition = f"{card['cond_dim']}-d text" if card["cond_dim"] else "none"
        numbers = str(card["native_size"]), str(card["multiple"])
        table.add_row(card["name"], card["role"], card["prediction"], times, condition, *numbers)
    note = Text("v = αε − σx₀; t, 0 clean to 1 noise, is clamped to the times trained on; sizes in pixels.", "dim")
    return section("Networks", table, note)


def _others(facts: Mapping[str, Any]) -> RenderableType:
    if not facts["other_networks"]:
        return Group()
    left = ("network", "roles", "works on")
    more = (("size", "right"), ("licence", "left"), ("state", "left"))
    table = plain_table(*((name, "left") for name in left), *more)
    for row in facts["other_networks"]:
        state = Text("cached" if row["path"] else row["package"] or "not here", "green" if row["path"] else "dim")
        if row.get("problem"):
            state = Text(f"cannot be used: {brief(row['problem'])}", "yellow")
        space, side = row.get("space") or "", row.get("native_size")
        cells = (row["name"], ", ".join(row.get("roles") or ()), space, side or "", row["licence"] or "")
        table.add_row(*map(brief, cells), state)
    note = Text("Networks of others, for --photo-model and --art-model: docs/networks.md.", "dim")
    return section("Networks of others", table, note)


def _used(facts: Mapping[str, Any], name: str) -> str:
    return " (what --models auto takes)" if facts["auto"] == name else ""

"""What `inspect` shows: recipes, pictures, comparisons and machines as tables. Text from files is escaped and cut."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...config import options
from ...images.describe import ORIENTATIONS, Description
from ...recipe import TOTAL, Recipe
from ..options import exact
from ..stylize.live import PHASES
from ..terminal.console import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

LONGEST = 160
"""Characters of a value from a file that are shown; --json has all of them."""
MOST = 12
"""Rows of a list from a file that are shown."""

BARS = "▁▂▃▄▅▆▇█"


# --- a picture -------------------------------------------------------------------------------------------------------
def picture(
    description: Description, recipe: Recipe | None, local: Mapping[str, str], width: int, unicode: bool
) -> RenderableType:
    """A picture file and how it was made. `local` has the SHA-256 of this machine's models by role, where known."""
    d = description
    length = "" if d.bytes is None else f", {size_of(d.bytes)}"
    about = f"{d.format}, {d.size[0]} × {d.size[1]} pixels{length}"
    head = Text.assemble((brief(str(d.path)), "bold"), "  ", (about, "dim"))
    if recipe is None:
        rows = [
            ("colours", d.mode + (f", profile {brief(d.profile)}" if d.profile else ", no colour profile")),
            ("orientation", f"{d.orientation} ({ORIENTATIONS[d.orientation]})" if d.orientation else "not stated"),
            ("frames", str(d.frames) if d.frames > 1 else ""),
            ("recipe", "none: made otherwise, with --no-metadata, or its metadata was removed since"),
        ]
        return Group(head, facts_grid(rows), "")
    parts: list[RenderableType] = [head, facts_grid(_story(recipe)), _settings(recipe, width)]
    parts += [_losses(recipe, width, unicode), _times(recipe, width, unicode), _models(recipe, local, width)]
    if recipe.unknown:
        parts.append(section("Fields of another version", facts_grid([(k, brief(v)) for k, v in _few(recipe.unknown)])))
    parts += [Text(text, "yellow") for text in warnings(recipe, local)]
    return Group(*parts)


def warnings(recipe: Recipe, local: Mapping[str, str]) -> list[str]:
    """What a person should know before they trust the recipe or make the picture again."""
    found = []
    differing = [m.role for m in recipe.models if m.sha256 and local.get(m.role, m.sha256) != m.sha256]
    if differing:
        found.append(f"The models here are not those that made it: {brief(', '.join(differing))} differ.")
    if recipe.odd:
        more = f", and {recipe.odd_count - len(recipe.odd)} more" if recipe.odd_count > len(recipe.odd) else ""
        found.append(f"Damaged, and left out above: {brief(', '.join(recipe.odd))}{more}.")
    return found


def _story(recipe: Recipe) -> list[tuple[str, str]]:
    photo, settings = recipe.photo, recipe.settings
    seconds = recipe.timings.get("total")
    made = [f"diffstyler {recipe.version or '(unknown version)'}"]
    made += [f"{recipe.model_set} models"] * bool(recipe.model_set)
    made += [str(settings[name]) for name in ("device", "dtype") if name in settings]
    made += [] if seconds is None else [f"{seconds:.1f} s"]
    rows = [("made by", brief(", ".join(made)))]
    if photo.name:
        size = f", {photo.size[0]} × {photo.size[1]}" if photo.size else ""
        rows.append(("photo", brief(photo.name) + size))
    rows += _listed("prompt", [_weighted(f'"{brief(p.text)}"', p.weight) for p in recipe.prompts])
    rows += _listed("style image", [_weighted(brief(s.name), s.weight) for s in recipe.style_images])
    if "seed" in settings:
        rows.append(("seed", brief(settings["seed"])))
    if recipe.sweep:
        scores = recipe.sweep.get("scores")
        named = [f"{brief(k, 20)} {brief(v)}" for k, v in scores.items()] if isinstance(scores, dict) else []
        rows.append(("sweep", f"cell {brief(recipe.sweep.get('cell'))}; {brief(', '.join(named))}"))
    if recipe.overflowed:
        rows.append(("overflowed", brief(f"{', '.join(recipe.overflowed)} network: went on in fp32")))
    libraries = [f"{name} {value}" for name, value in recipe.libraries.items()]
    return [*rows, ("libraries", brief(", ".join(libraries)))]


def _settings(recipe: Recipe, width: int) -> RenderableType:
    changed, plain = recipe.changed(), recipe.defaults()
    aside = {*changed, "seed", "models", "device", "dtype"}
    rest = {name: value for name, value in recipe.settings.items() if name not in aside}
    parts: list[RenderableType] = []
    if changed:
        columns = [("setting", "left", 0), ("value", "right", 0), ("default", "right", 0), ("", "left", 60)]
        rows = [
            (options()[n].flag, Text(brief(v), "bold"), brief(getattr(plain, n)), Text(options()[n].symbol, "dim"))
            for n, v in changed.items()
        ]
        parts.append(_fitted(width, columns, rows))
    words = [f"{options()[name].flag} {brief(value)}" for name, value in rest.items() if value is not False]
    if words:
        parts.append(Text(("Otherwise as" if changed else "As") + f" by default: {', '.join(words)}", "dim"))
    return section("Settings", *parts) if parts else Group()


def _losses(recipe: Recipe, width: int, unicode: bool) -> RenderableType:
    if not recipe.losses:
        return Group()
    curves, room = recipe.curves, min(24, width - 70)
    columns = [("loss", "left", 0), ("start", "right", 50), ("end", "right", 0), ("change", "right", 0)]
    columns += [("weight", "right", 60), ("gradient", "right", 60)]
    columns += [("by step", "left", 76)] if unicode and curves else []

    def row(name: str, start: float | None, end: float | None, digits: int, *more: str) -> list[str | Text]:
        change = None if start is None or end is None else end - start
        style = "" if not change else "green" if change < 0 else "red"
        numbers = [_number(start, f".{digits}f"), _number(end, f".{digits}f")]
        return [brief(name), *numbers, Text(_number(change, f"+.{digits}f"), style), *more]

    def drawn(name: str) -> Text:
        return Text(sparkline(curves.get(name, []), room), "cyan")

    rows = []
    for loss in recipe.losses[:MOST]:
        more = _number(loss.weight, "g"), _number(loss.gradient, ".3g")
        rows.append([*row(loss.name, loss.start, loss.end, 4, *more), drawn(loss.name)])
    if TOTAL in curves:
        rows.append([*row("weighted sum", curves[TOTAL][0], curves[TOTAL][-1], 2, "", ""), drawn(TOTAL)])
    return section("Losses", _fitted(width, columns, rows))


def _times(recipe: Recipe, width: int, unicode: bool) -> RenderableType:
    spent = {name: seconds for name, seconds in recipe.timings.items() if name != "total" and seconds >= 0}
    longest = max(spent.values(), default=0.0)
    if not longest:
        return Group()
    names = {"prepare": "Photo and prompts", "write": "Writing"} | PHASES
    rows = []
    for name, seconds in list(spent.items())[:MOST]:
        bar = ("█" if unicode else "#") * max(1, round(20 * (seconds / longest))) if seconds else ""
        rows.append((brief(names.get(name, name)), _number(seconds, ".2f"), Text(bar, "blue")))
    return section("Time", _fitted(width, [("phase", "left", 0), ("seconds", "right", 0), ("", "left", 60)], rows))


def _models(recipe: Recipe, local: Mapping[str, str], width: int) -> RenderableType:
    if not recipe.models:
        return Group()
    rows = []
    for model in recipe.models[:MOST]:
        here = local.get(model.role)
        said = Text("differs", "yellow") if here != model.sha256 else Text("the same", "green")
        said = Text("unknown", "dim") if here is None else said
        digest, source = Text(brief(model.sha256[:12]), "dim"), Text(brief(model.source), "dim")
        rows.append((brief(model.role), brief(model.name), digest, said, source))
    columns = [("model", "left", 0), ("name", "left", 60), ("SHA-256", "left", 0), ("here", "left", 0)]
    return section("Models", _fitted(width, [*columns, ("source", "left", 90)], rows))


# --- two pictures ----------------------------------------------------------------------------------------------------
def comparison(
    names: Sequence[str], changed: Mapping[str, tuple[Any, Any]], scores: Mapping[str, tuple[Any, Any]]
) -> RenderableType:
    """Two recipes' differences and both pictures' scores, by field."""

    def sides(title: str, rows: Mapping[str, tuple[Any, Any]], right: bool) -> RenderableType:
        table = plain_table((title, "left"), *((brief(name), "right" if right else "left") for name in names))
        for label, pair in _few(rows, 60):
            cells = [_number(v, ".4g") if isinstance(v, float) else "–" if v is None else brief(v) for v in pair]
            table.add_row(brief(label), *cells)
        return Padding(table, (1, 0, 0, 0))

    parts = [sides("recipe", changed, False)] if changed else [Text("The recipes ask for the same.")]
    return Group(*parts, *([sides("score", scores, True)] if scores else []), "")


# --- this machine ----------------------------------------------------------------------------------------------------
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
        memory = ["–" if device[name] is None else size_of(device[name]) for name in ("memory", "free")]
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
            table.add_row(model["role"], size_of(model["bytes"]), digest, brief(model["trained"] or "–"))
    return section("Lite models, built in" + _used(facts, "lite"), table)


def _full(facts: Mapping[str, Any], width: int) -> RenderableType:
    found = [part for part in facts["models"]["full"] if part["path"]]
    columns = [("model", "left"), ("name", "left"), ("state", "left"), ("size", "right")]
    table = plain_table(*columns, *([("where", "left")] if found else []))
    for part in facts["models"]["full"]:
        here = part["state"] != "missing"
        state = Text(part["state"], "green" if here else "yellow")
        size = size_of(part["bytes"] if here else part["download"])
        where = [Text(brief(part["path"] or ""), "dim")] if found else []
        table.add_row(part["key"], brief(part["name"]), state, size, *where)
    cache, gone = facts["cache"], facts["missing"]["full"]
    parts: list[RenderableType] = [table]
    place = f"{brief(cache['path'])}: {size_of(cache['bytes'])} used, {size_of(cache['free'])} free on its disk"
    if gone:
        bytes_ = sum(part["download"] for part in facts["models"]["full"] if part["state"] == "missing")
        parts.append(Text(f"{len(gone)} of {len(facts['models']['full'])} are missing, {size_of(bytes_)} in all."))
    return section(
        "Full-size models" + _used(facts, "full"), *parts, facts_grid([("cache", place), ("next", facts["next"] or "")])
    )


def _used(facts: Mapping[str, Any], name: str) -> str:
    return " (what --models auto takes)" if facts["auto"] == name else ""


# --- helpers ---------------------------------------------------------------------------------------------------------
def facts_grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values, one a line; rows without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(brief(name, 24)), Text(value))
    return grid


def brief(value: object, longest: int = LONGEST) -> str:
    """A value on one line, escaped, and cut where it is long."""
    if isinstance(value, float):
        return exact(value)
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # a whole number of thousands of digits
        text = "a number too long to show"
    if len(text) > longest:
        return f"{shown(text[:longest])}… ({len(text):,} characters)"
    return shown(text)


def size_of(count: float) -> str:
    """Bytes as a person reads them: 94 kB, 1.2 GB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB" if count < 10 else f"{count:.1f} GB"


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve in block characters, at most `width` of them; a gap where there is no number."""
    count = min(width, len(values))
    if not count:
        return ""
    picked = [values[round(i * (len(values) - 1) / max(1, count - 1))] for i in range(count)]
    finite = [v for v in picked if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    half = high / 2 - low / 2  # the whole could overflow
    tops = len(BARS) - 1
    heights = [(v / 2 - low / 2) / half * tops if half > 0 else 0.0 for v in picked]
    return "".join(BARS[round(height)] if math.isfinite(height) else " " for height in heights)


def section(title: str, *parts: RenderableType) -> RenderableType:
    """Parts under a heading."""
    return Group("", Text(title, "bold"), *parts)


def plain_table(*columns: tuple[str, str]) -> Table:
    """An empty table of columns with their names and "left" or "right"."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    for name, justify in columns:
        table.add_column(Text(brief(name, 32)), justify=justify, overflow="fold")  # type: ignore[arg-type]  # left or right
    return table


def _fitted(width: int, columns: Sequence[tuple[str, str, int]], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A table of the columns for which there is room: each has its name, side, and the width from which it is shown."""
    shown_ones = [index for index, (_, _, least) in enumerate(columns) if width >= least]
    table = plain_table(*(columns[index][:2] for index in shown_ones))
    for row in rows:
        table.add_row(*(row[index] for index in shown_ones))
    return table


def _weighted(text: str, weight: float | None) -> str:
    return text if weight is None else f"{text}, weight {exact(weight)}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:{form}}"


def _listed(name: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    rows = [(name if i == 0 else "", text) for i, text in enumerate(texts[:MOST])]
    return rows + [("", f"... and {len(texts) - MOST} more")] * (len(texts) > MOST)


def _few(table: Mapping[str, Any], most: int = MOST) -> Iterable[tuple[str, Any]]:
    yield from list(table.items())[:most]
    if len(table) > most:
        yield "...", f"and {len(table) - most} more"

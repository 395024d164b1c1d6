"""How a picture was made, and what tells two pictures apart, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.filesize import decimal
from rich.padding import Padding
from rich.text import Text

from ...config import options
from ...images.describe import MOST_FRAMES, ORIENTATIONS, Description
from ...naming import exact
from ...prompts import Prompt
from ...recipe import TOTAL, Recipe, Source
from ..stylize.live import PHASES
from ..terminal.tables import MOST, brief, facts_grid, first_few, fitted, number_text, plain_table, section

if TYPE_CHECKING:
    from rich.console import RenderableType

BARS = "▁▂▃▄▅▆▇█"


# --- a picture -------------------------------------------------------------------------------------------------------
def picture(
    description: Description, recipe: Recipe | None, local: Mapping[str, str], width: int, unicode: bool
) -> RenderableType:
    """A picture file and how it was made. `local` has the SHA-256 of this machine's models by role, where known."""
    d = description
    length = "" if d.bytes is None else f", {decimal(d.bytes)}"
    about = f"{d.format}, {d.size[0]} × {d.size[1]} pixels{length}"
    head = Text.assemble((brief(str(d.path)), "bold"), "  ", (about, "dim"))
    if recipe is None:
        rows = [
            ("colours", d.mode + (f", profile {brief(d.profile)}" if d.profile else ", no colour profile")),
            ("orientation", f"{d.orientation} ({ORIENTATIONS[d.orientation]})" if d.orientation else "not stated"),
            (
                "frames",
                f"more than {MOST_FRAMES:,}" if d.frames > MOST_FRAMES else str(d.frames) if d.frames > 1 else "",
            ),
            ("recipe", "none: made otherwise, with --no-metadata, or its metadata was removed since"),
        ]
        return Group(head, facts_grid(rows), "")
    parts: list[RenderableType] = [head, facts_grid(_story(recipe)), _settings(recipe, width)]
    parts += [_losses(recipe, width, unicode), _times(recipe, width, unicode), _models(recipe, local, width)]
    if recipe.unknown:
        parts.append(
            section("Fields of another version", facts_grid([(k, brief(v)) for k, v in first_few(recipe.unknown)]))
        )
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
    if recipe.palette:
        rows.append(("palette", brief(recipe.palette.name)))
    rows += _places(recipe)
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


def _places(recipe: Recipe) -> list[tuple[str, str]]:
    places = recipe.places

    def named(mask: Source) -> str:
        return "the photo's own transparency" if mask.own else brief(mask.name)

    def region(mask: Source, prompt: Prompt) -> str:
        return f"{named(mask)}: " + _weighted(f'"{brief(prompt.text)}"', prompt.weight)

    rows = [] if places.mask is None else [("mask", named(places.mask) + ", inverted" * places.invert_mask)]
    rows += _listed("region", [region(*pair) for pair in places.regions])
    rows += [] if places.lambda_mask is None else [("λ mask", named(places.lambda_mask))]
    return rows + [("borders", f"softened by {places.feather} pixels")] * bool(places.feather)


def _settings(recipe: Recipe, width: int) -> RenderableType:
    changed = recipe.changed()
    aside = {*changed, "seed", "models", "device", "dtype"}
    rest = {name: value for name, value in recipe.settings.items() if name not in aside}
    parts: list[RenderableType] = []
    if changed:
        columns = [("setting", "left", 0), ("value", "right", 0), ("default", "right", 0), ("", "left", 60)]
        rows = [
            (options()[n].flag, Text(brief(v), "bold"), brief(recipe.default_of(n)), Text(options()[n].symbol, "dim"))
            for n, v in changed.items()
        ]
        parts.append(fitted(width, columns, rows))
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
        numbers = [number_text(start, f".{digits}f"), number_text(end, f".{digits}f")]
        return [brief(name), *numbers, Text(number_text(change, f"+.{digits}f"), style), *more]

    def drawn(name: str) -> Text:
        return Text(sparkline(curves.get(name, []), room), "cyan")

    rows = []
    for loss in recipe.losses[:MOST]:
        more = number_text(loss.weight, "g"), number_text(loss.gradient, ".3g")
        rows.append([*row(loss.name, loss.start, loss.end, 4, *more), drawn(loss.name)])
    if TOTAL in curves:
        rows.append([*row("weighted sum", curves[TOTAL][0], curves[TOTAL][-1], 2, "", ""), drawn(TOTAL)])
    return section("Losses", fitted(width, columns, rows))


def _times(recipe: Recipe, width: int, unicode: bool) -> RenderableType:
    spent = {name: seconds for name, seconds in recipe.timings.items() if name != "total" and seconds >= 0}
    longest = max(spent.values(), default=0.0)
    if not longest:
        return Group()
    names = {"prepare": "Photo and prompts", "write": "Writing"} | PHASES
    rows = []
    for name, seconds in list(spent.items())[:MOST]:
        bar = ("█" if unicode else "#") * max(1, round(20 * (seconds / longest))) if seconds else ""
        rows.append((brief(names.get(name, name)), number_text(seconds, ".2f"), Text(bar, "blue")))
    return section("Time", fitted(width, [("phase", "left", 0), ("seconds", "right", 0), ("", "left", 60)], rows))


def _models(recipe: Recipe, local: Mapping[str, str], width: int) -> RenderableType:
    if not recipe.models:
        return Group()
    rows: list[tuple[str | Text, ...]] = []
    licensed = any(model.licence for model in recipe.models)
    for model in recipe.models[:MOST]:
        here = local.get(model.role)
        state = Text("differs", "yellow") if here != model.sha256 else Text("the same", "green")
        state = Text("unknown", "dim") if here is None else state
        digest, source = Text(brief(model.sha256[:12]), "dim"), Text(brief(model.source), "dim")
        name = model.name + (f" @{model.revision[:7]}" if model.revision else "")
        licence = [Text(brief(model.licence, 24), "dim")] if licensed else []
        rows.append((brief(model.role), brief(name), digest, state, *licence, source))
    columns = [("model", "left", 0), ("name", "left", 60), ("SHA-256", "left", 0), ("here", "left", 0)]
    columns += [("licence", "left", 70)] if licensed else []
    return section("Models", fitted(width, [*columns, ("source", "left", 90)], rows))


# --- two pictures ----------------------------------------------------------------------------------------------------
def comparison(
    names: Sequence[str], changed: Mapping[str, tuple[Any, Any]], scores: Mapping[str, tuple[Any, Any]]
) -> RenderableType:
    """Two recipes' differences and both pictures' scores, by field."""

    def sides(title: str, rows: Mapping[str, tuple[Any, Any]], right: bool) -> RenderableType:
        table = plain_table((title, "left"), *((brief(name), "right" if right else "left") for name in names))
        for label, pair in first_few(rows, 60):
            cells = [number_text(v, ".4g") if isinstance(v, float) else "–" if v is None else brief(v) for v in pair]
            table.add_row(brief(label), *cells)
        return Padding(table, (1, 0, 0, 0))

    parts = [sides("recipe", changed, False)] if changed else [Text("The recipes ask for the same.")]
    return Group(*parts, *([sides("score", scores, True)] if scores else []), "")


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


def _weighted(text: str, weight: float | None) -> str:
    return text if weight is None else f"{text}, weight {exact(weight)}"


def _listed(name: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    rows = [(name if i == 0 else "", text) for i, text in enumerate(texts[:MOST])]
    return rows + [("", f"... and {len(texts) - MOST} more")] * (len(texts) > MOST)

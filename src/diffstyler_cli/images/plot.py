"""Loss curves as a picture: one small panel a loss, since their scales have nothing in common, and a line a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SHARP = 3
"""Everything is drawn this much larger and then reduced: Pillow's lines are not smooth by themselves."""
PANEL = (400, 250)
"""Width and height of a panel in pixels, its title and axes included."""
COLUMNS = 3
MARGIN = 24
LEGEND = 34

INK, QUIET, GRID, PAPER = "#1f2933", "#6b7785", "#e4e7eb", "#ffffff"
COLOURS = ("#2166ac", "#d6604d", "#1b7837", "#762a83", "#b35806", "#01665e", "#c51b7d", "#4d4d4d")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Curves:
    """One run: the values of each loss by sampling step (NaN: unknown), and what the legend calls it."""

    name: str
    values: Mapping[str, Sequence[float]]


def plot_curves(runs: Sequence[Curves], captions: Mapping[str, str]) -> Image.Image:
    """Draws the runs' losses against the sampling step.

    Args:
        runs: at least one, each with at least one loss. Panels stand in the order in which losses first appear.
        captions: by loss, what stands small beside its name.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.values))
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    width = columns * PANEL[0] + 2 * MARGIN
    height = rows * PANEL[1] + 2 * MARGIN + LEGEND
    sheet = Image.new("RGB", (width * SHARP, height * SHARP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(names):
        left = MARGIN + index % columns * PANEL[0]
        top = MARGIN + LEGEND + index // columns * PANEL[1]
        lines = [(run.values[name], COLOURS[i % len(COLOURS)]) for i, run in enumerate(runs) if name in run.values]
        _Panel(draw, left, top).draw(name, captions.get(name, ""), lines)
    _legend(draw, [run.name for run in runs], width)
    return sheet.reduce(SHARP)


class _Panel:
    """One panel with its upper left corner at (left, top), in pixels of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        self._draw = draw
        self._box = left + 58, top + 34, left + PANEL[0] - 22, top + PANEL[1] - 40  # of the curves alone

    def draw(self, name: str, caption: str, lines: Sequence[tuple[Sequence[float], str]]) -> None:
        left, top, right, bottom = self._box
        self._text((left, top - 14), name, INK, 15, "ls")
        self._text((right, top - 14), caption, QUIET, 12, "rs")
        finite = [v for values, _ in lines for v in values if _drawable(v)]
        ticks = nice_ticks(min(finite, default=0.0), max(finite, default=1.0))
        longest = max((len(values) for values, _ in lines), default=1)
        low, high = ticks[0], ticks[-1]

        def x(step: float) -> float:
            return (left + right) / 2 if longest == 1 else left + (right - left) * (step - 1) / (longest - 1)

        def y(value: float) -> float:
            return bottom - (bottom - top) * (value - low) / (high - low)

        for tick in ticks:
            self._line([(left, y(tick)), (right, y(tick))], GRID, 1)
            self._text((left - 8, y(tick)), tick_label(tick, ticks[1] - ticks[0]), QUIET, 11, "rm")
        for step in step_ticks(longest):
            self._text((x(step), bottom + 16), str(step), QUIET, 11, "ms")
        self._text(((left + right) / 2, bottom + 32), "step", QUIET, 11, "ms")
        for values, colour in lines:
            parts = _unbroken(values)
            for part in parts:
                self._line([(x(step), y(value)) for step, value in part], colour, 2)
            for step, value in [part[-1] for part in parts if len(part) == 1 or part is parts[-1]]:
                self._dot(x(step), y(value), colour)

    def _line(self, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        if len(points) > 1:
            self._draw.line([(a * SHARP, b * SHARP) for a, b in points], colour, width * SHARP, joint="curve")

    def _dot(self, x: float, y: float, colour: str) -> None:
        self._draw.ellipse([(x - 3) * SHARP, (y - 3) * SHARP, (x + 3) * SHARP, (y + 3) * SHARP], fill=colour)

    def _text(self, place: tuple[float, float], text: str, colour: str, size: int, anchor: str) -> None:
        _write(self._draw, place, text, colour, size, anchor)


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers, the first at or below `low` and the last at or above `high`; at least two."""
    if high - low <= max(abs(low), abs(high)) * 1e-9 + 1e-30:
        pad = abs(low) * 0.1 or 0.5
        low, high = low - pad, high + pad
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next((m * size for m in (1, 2, 2.5, 5) if m * size >= rough * 0.999), 10 * size)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def tick_label(value: float, step: float) -> str:
    """A tick with as many decimals as its distance to the next one asks for."""
    if abs(value) >= 1e5 or 0 < step < 1e-4:
        return f"{value:.3g}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if f"{step:e}".startswith("2.5") else 0)
    return f"{value:.{decimals}f}"


def step_ticks(steps: int) -> list[int]:
    """The steps to be labelled: the first, the last, and round ones between that leave room."""
    if steps <= 6:
        return list(range(1, steps + 1))
    gap = next(m * 10**e for e in range(9) for m in (1, 2, 5) if m * 10**e * 5 >= steps)
    return [1, *(s for s in range(gap, steps, gap) if s >= gap / 2 + 1 and steps - s >= gap * 0.4), steps]


def _drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < 1e30


def _unbroken(values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """Runs of consecutive drawable values with their steps, counted from 1."""
    parts: list[list[tuple[int, float]]] = [[]]
    for step, value in enumerate(values, 1):
        if _drawable(value):
            parts[-1].append((step, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _legend(draw: ImageDraw.ImageDraw, names: Sequence[str], width: int) -> None:
    place = float(MARGIN + 58)
    for index, name in enumerate(names):
        short = name if len(name) <= 40 else name[:37] + "..."
        room = _font(12).getlength(short) / SHARP + 44
        if place + room > width - MARGIN and index:
            _write(draw, (place, MARGIN + 6), f"and {len(names) - index} more", QUIET, 12, "lm")
            return
        y = (MARGIN + 6) * SHARP
        draw.line([(place * SHARP, y), ((place + 20) * SHARP, y)], COLOURS[index % len(COLOURS)], 3 * SHARP)
        _write(draw, (place + 27, MARGIN + 6), short, INK, 12, "lm")
        place += room


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: str, size: int, anchor: str
) -> None:
    draw.text((place[0] * SHARP, place[1] * SHARP), text, colour, _font(size), anchor=anchor)


def _font(size: int) -> Font:
    return ImageFont.load_default(size * SHARP)

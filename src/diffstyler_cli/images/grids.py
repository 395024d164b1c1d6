"""A sweep as one picture: cells in rows and columns with the values of both axes beside them, the photo in the corner.

Labels are wrapped and, where even that is not enough, cut with an ellipsis: none leaves its box, however long.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ..errors import UsageError

LARGEST_CELL = 512
"""Longest side of a cell in the grid; the cells' own files have all their pixels."""
MOST_PIXELS = 100_000_000
LONGEST_SIDE = 16_000

INK, QUIET, EMPTY, PAPER = "#1f2933", "#6b7785", "#e9ecef", "#ffffff"
GAP = 6
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc")
"""Tried where a label has letters that Pillow's own font lacks, all but ASCII."""
_SPELT = {"λ": "lambda", "γ": "gamma", "ρ": "rho", "×": "x", "…": "...", "·": "-", "–": "-"}

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Labels:
    """What stands beside the cells: across, down, and below it all."""

    columns: Sequence[str]
    rows: Sequence[str]
    caption: str = ""


@dataclass(frozen=True)
class _Layout:
    cell: tuple[int, int]
    left: int
    top: int
    foot: int
    font: int
    size: tuple[int, int]


def check_grid(picture: tuple[int, int], columns: int, rows: int) -> None:
    """Raises `UsageError` if a grid of pictures of that size would be too large a picture itself."""
    width, height = _layout(picture, columns, rows).size
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise UsageError(
            f"The grid of {columns} x {rows} cells would have {width} x {height} pixels, more than {LONGEST_SIDE} a "
            f"side or {MOST_PIXELS // 10**6} million in all.",
            "Give fewer values, a smaller --size, or --no-grid: cells, page and manifest have no such limit.",
        )


def draw_grid(
    cell: Callable[[int, int], Image.Image | str], picture: tuple[int, int], photo: Image.Image, labels: Labels
) -> Image.Image:
    """Draws the grid.

    Args:
        cell: (row, column) -> the picture there, or a line that says why there is none. Asked for one at a time.
        picture: size of the cells' pictures.
        photo: what stands in the corner.
    """
    columns, rows = len(labels.columns), len(labels.rows)
    plan = _layout(picture, columns, rows)
    sheet = Image.new("RGB", plan.size, PAPER)
    draw = _Pen(ImageDraw.Draw(sheet), "".join([*labels.columns, *labels.rows, labels.caption]))
    width, height = plan.cell

    corner = photo.convert("RGB")
    caption = plan.font + 2 * GAP
    corner.thumbnail((plan.left - 2 * GAP, plan.top - caption), Image.Resampling.LANCZOS)
    sheet.paste(corner, ((plan.left - corner.width) // 2, plan.top - caption - corner.height + GAP))
    draw.write((GAP, plan.top - caption, plan.left - GAP, plan.top), "photo", plan.font - 2, QUIET, low=True)

    for column, label in enumerate(labels.columns):
        x = plan.left + column * (width + GAP)
        draw.write((x, GAP, x + width, plan.top), label, plan.font, INK, low=True)
    for row, label in enumerate(labels.rows):
        y = plan.top + row * (height + GAP)
        draw.write((GAP, y, plan.left - GAP, y + height), label, plan.font, INK)
        for column in range(columns):
            x = plan.left + column * (width + GAP)
            found = cell(row, column)
            if isinstance(found, str):
                sheet.paste(EMPTY, (x, y, x + width, y + height))
                draw.write((x + GAP, y, x + width - GAP, y + height), found, plan.font - 2, QUIET)
                continue
            cell_picture = found.convert("RGBA") if found.has_transparency_data else found.convert("RGB")
            cell_picture = cell_picture.resize(plan.cell, Image.Resampling.LANCZOS)
            sheet.paste(cell_picture, (x, y), cell_picture if cell_picture.mode == "RGBA" else None)
    box = (GAP, plan.size[1] - plan.foot, plan.size[0] - GAP, plan.size[1])
    draw.write(box, labels.caption, plan.font - 2, QUIET)
    return sheet


def _layout(picture: tuple[int, int], columns: int, rows: int) -> _Layout:
    scale = min(1.0, LARGEST_CELL / max(picture))
    width, height = (max(1, round(side * scale)) for side in picture)
    font = min(28, max(14, round((width * height) ** 0.5 / 14)))
    left = max(8 * font, round(0.45 * width))
    top = max(5 * font, round(0.4 * height))
    foot = 3 * font
    size = left + columns * (width + GAP), top + rows * (height + GAP) + foot
    return _Layout((width, height), left, top, foot, font, size)


class _Pen:
    """Writes labels, all in the one font that has the most of `letters`: Pillow's own has ASCII alone."""

    def __init__(self, draw: ImageDraw.ImageDraw, letters: str) -> None:
        self.draw = draw
        needed = {c for c in letters if not (c.isascii() or c.isspace())}
        found = [(name, font) for name in _FONTS if (font := _font(name, 12)) is not None] if needed else []
        lacking = {name: {c for c in needed if not _has(font, c)} for name, font in found}
        self.name = min(lacking, key=lambda name: len(lacking[name]), default=None)
        self.lacking = lacking.get(self.name, needed) if self.name else needed

    def write(self, box: tuple[int, int, int, int], text: str, size: int, colour: str, *, low: bool = False) -> None:
        """Text in the middle of `box` (left, top, right, bottom), or at its bottom; never outside of it."""
        left, top, right, bottom = box
        font: Font = (_font(self.name, size) if self.name else None) or ImageFont.load_default(size)
        text = "".join(_SPELT.get(c, "?") if c in self.lacking else c for c in text)
        pitch = round(1.3 * size)
        lines = wrap(text, right - left, max(1, (bottom - top) // pitch), lambda s: self.draw.textlength(s, font))
        y = bottom - GAP - pitch * len(lines) if low else top + (bottom - top - pitch * len(lines)) // 2
        for line in lines:
            x = left + (right - left - self.draw.textlength(line, font)) / 2
            self.draw.text((x, y), line, fill=colour, font=font)
            y += pitch


def wrap(text: str, width: float, lines: int, length: Callable[[str], float]) -> list[str]:
    """`text` in at most `lines` lines no longer than `width`; what does not fit ends in an ellipsis.

    `length` measures a line. Lines break between words, and within a word that is too long for a line of its own.
    """
    found: list[str] = []
    rest = " ".join(text.split())
    while rest:
        if length(rest) <= width:
            return [*found, rest]
        count = _fitting(rest, width, length)
        if len(found) + 1 == lines:
            tail = rest[: max(0, _fitting(rest, width - length("..."), length))].rstrip()
            return [*found, f"{tail}..." if length(f"{tail}...") <= width else ""]
        space = rest.rfind(" ", 0, count + 1)
        cut = space if space > 0 else max(1, count)
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return found


def _fitting(text: str, width: float, length: Callable[[str], float]) -> int:
    """How many characters of `text` fit, found by bisection."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(text[:middle]) <= width else (low, middle - 1)
    return low


@functools.cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has(font: ImageFont.FreeTypeFont, character: str) -> bool:
    missing = "\uffff"  # no character: every font shows its box for missing ones
    return bytes(font.getmask(character)) != bytes(font.getmask(missing))

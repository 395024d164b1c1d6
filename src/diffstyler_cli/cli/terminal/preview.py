"""The picture as it forms: in the terminal, two pixels a character cell, or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.color import Color
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from .console import Console

if TYPE_CHECKING:
    from PIL.Image import Image

FRAMES = 12
"""About how many previews a phase shows."""


def due(step: int, steps: int) -> bool:
    """Whether a preview is due after `step` of `steps` (counted from 1): about `FRAMES` times, and after the last."""
    return step == steps or step % max(1, steps // FRAMES) == 0


def why_not(console: Console) -> str:
    """Why this terminal cannot show pictures; "" where it can."""
    if not console.live:
        return "the terminal is too simple"
    if not console.unicode:
        return "the terminal's encoding has no block elements"
    if console.colors < 256:
        return f"the terminal shows {console.colors or 'no'} colours"
    return ""


class HalfBlocks:
    """A picture in upper half blocks, fitted into `columns` x `rows` cells. rich takes the nearest colours it has."""

    def __init__(self, image: Image, columns: int, rows: int) -> None:
        scale = min(columns / image.width, 2 * rows / image.height)
        self.width = max(1, round(image.width * scale))
        height = max(2, round(image.height * scale / 2) * 2)
        small = image.convert("RGB").resize((self.width, height))
        data = small.tobytes()
        pixels = [(data[i], data[i + 1], data[i + 2]) for i in range(0, len(data), 3)]
        self._rows = [pixels[i : i + self.width] for i in range(0, len(pixels), self.width)]

    def __rich_measure__(self, console: RichConsole, options: ConsoleOptions) -> Measurement:
        return Measurement(self.width, self.width)

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> Iterator[Segment]:
        for above, below in zip(self._rows[::2], self._rows[1::2], strict=True):
            for top, bottom in zip(above, below, strict=True):
                yield Segment("▀", Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom)))
            yield Segment.line()


def write_preview(image: Image, path: Path) -> None:
    """Puts the picture at `path`, atomically: a viewer never sees half a file. Raises `OutputError`."""
    from ...images.write import write_image

    write_image(image, path, None, True)

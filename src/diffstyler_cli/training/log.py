"""The log of a training stage: a line on the terminal and a row of a CSV file now and then, and its curves."""

from __future__ import annotations

import csv
from pathlib import Path


class TrainingLog:
    """Appends rows of `step` and named values to `path`; a resumed stage goes on in the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, step: int, **values: float) -> None:
        print(self.path.stem, f"step {step}", *(f"{name} {value:.4g}" for name, value in values.items()), flush=True)
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *values])
            writer.writerow([step, *(f"{value:.5g}" for value in values.values())])

    def draw(self) -> Path | None:
        """Draws the values against the logged rows as a PNG beside the log; None if there is nothing to draw."""
        from ..images.plot import Curves, plot_curves

        if not self.path.exists():
            return None
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if len(rows) < 2:
            return None
        names = [name for name in rows[0] if name != "step"]
        values = {name: [float(row[name]) for row in rows] for name in names}
        every = f"a point every {int(rows[1]['step']) - int(rows[0]['step'])} steps"
        picture = self.path.with_suffix(".png")
        plot_curves([Curves(self.path.stem, values)], dict.fromkeys(names, every)).save(picture)
        return picture

"""The log of a training stage: a line on the terminal and a row of a CSV file now and then, and its curves."""

from __future__ import annotations

import csv
import sys
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
        """Draws the values against the step, as a PNG beside the log.

        None if there are fewer than two rows, or no Matplotlib (`train` extra), which a line on stderr says.
        """
        if not self.path.exists():
            return None
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if len(rows) < 2:
            return None
        try:
            from matplotlib.figure import Figure
        except ImportError:
            print(f'{self.path} is not drawn: pip install "diffstyler-cli[train]"', file=sys.stderr, flush=True)
            return None
        names = [name for name in rows[0] if name != "step"]
        steps = [int(row["step"]) for row in rows]
        figure = Figure((5 * len(names), 3.2), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            axes.plot(steps, [float(row[name]) for row in rows])
            axes.set(title=name.replace("_", " "), xlabel="step")
            axes.grid(alpha=0.3)
        picture = self.path.with_suffix(".png")
        figure.savefig(picture)
        return picture

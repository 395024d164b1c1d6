"""`inspect --plot`: the loss curves of pictures as a picture."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputImageError
from ...images.plot import Curves, plot_curves
from ...images.write import check_output, remove_stale, write_image
from ...recipe import TOTAL
from ..terminal.console import escaped
from ..terminal.tables import MOST, brief
from .job import Job

UNITS = "weighted sum"


def draw(job: Job, path: Path) -> None:
    """Draws the loss curves of all files."""

    check_output(path, [file for file in job.files if str(file) != "-"], job.force, "--plot")
    remove_stale(path.parent)
    recipes = [(file, job.recipe(job.describe(file))) for file in job.files]
    without = [file for file, recipe in recipes if not recipe.curves]
    if without:
        raise InputImageError(
            f"The recipe of {escaped(without[0].name)} has no losses by step.",
            "It was made with --guidance-scale 0, or as a JPEG that had no room for them.",
        )
    titles = {TOTAL: UNITS}
    runs = [
        Curves(escaped(f.name), {titles.get(n, brief(n, 24)): c for n, c in list(r.curves.items())[:MOST]})
        for f, r in recipes
    ]
    captions = {}
    for loss in recipes[0][1].losses:
        if loss.weight is not None:
            captions[brief(loss.name, 24)] = f"weight {loss.weight:g}" if len(recipes) == 1 else ""
    write_image(plot_curves(runs, captions), path, None, job.force, "--plot")
    job.account.fields = {"plot": str(path), "files": [str(file) for file in job.files]}
    job.console.written(path)

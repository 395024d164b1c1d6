"""Both pictures' scores, for `inspect --compare`: from their recipes and, where the photo is there, by the models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ...errors import DiffStylerError
from ...images.describe import Description
from ...images.read import read_image
from ...recipe import TOTAL, Recipe, differences
from ..terminal.console import Console
from ..terminal.errors import explain
from .job import Job
from .request import find_photo
from .tables import comparison

Pair = tuple[float | None, float | None]
NAMES = {
    "clip": "CLIP score",
    "content": "content score",
    "ssim": "SSIM with the photo",
    "aesthetic": "aesthetic rating",
}
"""Of the scores, by their names in `sweep.scores`."""


def compare(job: Job) -> None:
    """What tells two pictures apart."""

    descriptions = [job.describe(file) for file in job.files]
    recipes = [job.recipe(description) for description in descriptions]
    changed = differences(recipes[0].data, recipes[1].data)
    numbers, notes = scores(job.console, descriptions, recipes, job.photo)
    if descriptions[0].size != descriptions[1].size:
        sizes = " and ".join(f"{width} x {height}" for width, height in (d.size for d in descriptions))
        notes.append(f"The pictures differ in size ({sizes}): scores are of both at the first one's working size.")
    if any(recipe.style_images for recipe in recipes):
        notes.append("Style images do not count in the scores: the CLIP score is that of the prompts alone.")
    job.say(notes)
    job.account.fields = {"files": [str(file) for file in job.files], "differences": changed, "scores": numbers}
    job.console.report(comparison([file.name for file in job.files], changed, numbers))


def scores(
    console: Console, descriptions: Sequence[Description], recipes: Sequence[Recipe], photo: Path | None
) -> tuple[dict[str, Pair], list[str]]:
    """Numbers of two pictures by name, and what a person should know of them.

    The last losses and the seconds are those of the recipes. The scores of `sweep.scores` are computed by the model set
    of the first, of both pictures against their own prompts, where both are of one photo and it is there.
    """
    found: dict[str, Pair] = {}
    ends = [{loss.name: loss.end for loss in recipe.losses} for recipe in recipes]
    for name in dict.fromkeys([*ends[0], *ends[1]]):
        found[f"{name} loss, last step"] = ends[0].get(name), ends[1].get(name)
    totals = [recipe.curves.get(TOTAL) for recipe in recipes]
    found["weighted sum, last step"] = _pair([total[-1] if total else None for total in totals])
    found["seconds"] = _pair([recipe.timings.get("total") for recipe in recipes])
    first, second = (recipe.photo.pixels for recipe in recipes)
    if photo is None and first != second:
        return found, ["The pictures are not of the same photo, so only what their recipes say is compared."]
    path, notes = find_photo(recipes[0], descriptions[0].path, photo)
    if path is None:
        return found, [*notes, "Without the photo only what the recipes say is compared."]
    try:
        made = _by_models(console, descriptions, recipes, path)
    except DiffStylerError as error:
        return found, [*notes, f"No scores: {explain(error).message}"]
    return made | found, notes


def _by_models(
    console: Console, descriptions: Sequence[Description], recipes: Sequence[Recipe], photo: Path
) -> dict[str, Pair]:
    with console.working("Scoring"):
        from ...config import StylizeConfig
        from ...pipeline import Stylizer
        from ...pipeline.conditions import make_conditions
        from ...pipeline.subject import make_subject
        from ...sweep.scores import Scorer

        stylizer = Stylizer.load(recipes[0].model_set or "lite", dtype="fp32")
        size = recipes[0].settings.get("size", StylizeConfig.size)
        parts, device = stylizer.components, stylizer.device
        weight = StylizeConfig.prompt_weight
        scorer = Scorer(parts, make_subject(parts, photo, size, device))
        columns = [
            scorer(read_image(description.path).rgb, make_conditions(parts, recipe.prompts, (), weight, device))
            for description, recipe in zip(descriptions, recipes, strict=True)
        ]
    return {NAMES.get(name, name): _pair([column[name] for column in columns]) for name in columns[0]}


def _pair(values: Sequence[float | None]) -> Pair:
    first, second = (value if value is not None and math.isfinite(value) else None for value in values)
    return first, second

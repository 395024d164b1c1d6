"""Both pictures' scores, for `inspect --compare`: of their recipes and, where their photos are there, by the models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DiffStylerError
from ...images.describe import Description
from ...images.read import read_image
from ...prompts import StyleImage
from ...recipe import TOTAL, Recipe, differences
from ...size import Size
from ..terminal.console import escaped
from ..terminal.errors import explain
from ..terminal.tables import brief
from .job import Job
from .request import found_by
from .tables import comparison

if TYPE_CHECKING:
    from ...pipeline import Stylizer
    from ...pipeline.style_images import StylePicture

Pair = tuple[float | None, float | None]
NAMES = {
    "clip": "CLIP score",
    "content": "content score",
    "ssim": "SSIM with the photo",
    "aesthetic": "aesthetic rating",
}
"""Of the scores, by their names in `sweep.scores`."""


@dataclass(frozen=True)
class Side:
    """One of the two pictures, with what it is scored against where that is there."""

    description: Description
    recipe: Recipe
    photo: Path | None
    styles: Sequence[StylePicture]

    @property
    def size(self) -> int | str:
        """The size that was asked for."""
        size: int | str = self.recipe.settings.get("size", self.recipe.default_of("size"))
        return size


def compare(job: Job) -> None:
    """What tells two pictures apart."""
    notes: list[str] = []
    descriptions = [job.describe(file) for file in job.files]
    sides = [_side(description, job.recipe(description), job, notes) for description in descriptions]
    if descriptions[0].size != descriptions[1].size:
        sizes = " and ".join(f"{width} x {height}" for width, height in (d.size for d in descriptions))
        notes.append(f"The pictures differ in size ({sizes}).")
    changed = differences(sides[0].recipe.data, sides[1].recipe.data)
    numbers = _by_recipes(sides)
    try:
        numbers = _by_models(job, sides, notes) | numbers
    except DiffStylerError as error:
        notes.append(f"No scores: {explain(error).message}")
    job.say(list(dict.fromkeys(notes)))
    job.account.fields = {"files": [str(file) for file in job.files], "differences": changed, "scores": numbers}
    job.console.report(comparison([file.name for file in job.files], changed, numbers))


def _side(description: Description, recipe: Recipe, job: Job, notes: list[str]) -> Side:
    """The picture with its own photo, or the one that is given, and those of its style images that are there."""
    from ...pipeline.style_images import read_style

    path = description.path
    photo = job.photo or found_by(recipe.photo, "photo", path, notes)
    styles = []
    for source in recipe.style_images:
        there = found_by(source, "style image", path, notes)
        if there is None:
            notes.append(f"The CLIP score of {escaped(path.name)} leaves {brief(source.name) or 'a style image'} out.")
        else:
            styles.append(read_style(StyleImage(there, source.weight), job.limit))
    return Side(description, recipe, photo if photo is not None and photo.is_file() else None, styles)


def _by_recipes(sides: Sequence[Side]) -> dict[str, Pair]:
    """The last losses and the seconds, as the recipes have them."""
    found: dict[str, Pair] = {}
    recipes = [side.recipe for side in sides]
    ends = [{loss.name: loss.end for loss in recipe.losses} for recipe in recipes]
    for name in dict.fromkeys([*ends[0], *ends[1]]):
        found[f"{name} loss, last step"] = ends[0].get(name), ends[1].get(name)
    totals = [recipe.curves.get(TOTAL) for recipe in recipes]
    found["weighted sum, last step"] = _pair([total[-1] if total else None for total in totals])
    found["seconds"] = _pair([recipe.timings.get("total") for recipe in recipes])
    return found


def _by_models(job: Job, sides: Sequence[Side], notes: list[str]) -> dict[str, Pair]:
    """The scores of `sweep.scores` by the first one's model set: each picture against its own photo, prompts and style
    images, at the size that it was made at. None of a picture whose photo is not there."""
    for side in sides:
        if side.photo is None:
            notes.append(f"Without its photo {escaped(side.description.path.name)} has the scores of its recipe alone.")
    if all(side.photo is None for side in sides):
        return {}
    first, second = sides
    if first.recipe.photo.pixels != second.recipe.photo.pixels and job.photo is None:
        notes.append("The pictures are of different photos: each is compared with its own.")
    if first.size != second.size:
        notes.append(f"Each is scored at the size that it was made at: {first.size} and {second.size}.")
    if first.recipe.model_set != second.recipe.model_set:
        notes.append(f"The scores of both are by the {first.recipe.model_set or 'lite'} models.")
    with job.console.working("Scoring"):
        from ...pipeline import Stylizer

        stylizer = Stylizer.load(first.recipe.model_set or "lite", dtype="fp32")
        columns = [_scores(stylizer, side, job.limit) for side in sides]
    names = dict.fromkeys(name for column in columns for name in column)
    return {NAMES.get(name, name): _pair([column.get(name) for column in columns]) for name in names}


def _scores(stylizer: Stylizer, side: Side, limit: int) -> dict[str, float]:
    if side.photo is None:
        return {}
    from ...pipeline.conditions import make_conditions
    from ...pipeline.subject import make_subject
    from ...sweep.scorer import Scorer

    parts, device = stylizer.components, stylizer.device
    weight = side.recipe.settings.get("prompt_weight", side.recipe.default_of("prompt_weight"))
    photo = read_image(side.photo, limit)
    working = side.recipe.settings.get("working_size", side.recipe.default_of("working_size"))
    size = Size.parse(side.size).passes(photo.original_size, working)[-1]
    subject = make_subject(parts, [photo], size, device)
    asked = [*side.recipe.prompts, *side.recipe.places.prompts]
    conditions = make_conditions(parts, asked, side.styles, weight, device)
    return Scorer(parts, subject)(read_image(side.description.path, limit).rgb, conditions)


def _pair(values: Sequence[float | None]) -> Pair:
    first, second = (value if value is not None and math.isfinite(value) else None for value in values)
    return first, second

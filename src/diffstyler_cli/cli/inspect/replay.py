"""`inspect --replay`: makes a picture again by its recipe, and says how alike the two are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...images.describe import Description
from ...images.encode import FORMATS, SUFFIXES, Saving
from ...images.metadata import stored
from ...images.write import check_output, encode_image, free_name
from ...recipe import same_but_for_time
from ..stylize.session import Session
from .facts import local_hashes
from .job import Job
from .request import at_its_quality, request_of
from .tables import warnings as doubts

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...pipeline import StylizeResult


@dataclass(frozen=True)
class Likeness:
    """How a replayed picture compares with the one in the file. Differences are of 8-bit values, over all channels."""

    identical: bool
    largest: int
    mean: float

    def sentence(self) -> str:
        if self.identical:
            return "Identical: every pixel is the same."
        return f"Not identical: values differ by {self.mean:.2f} of 255 on average, by {self.largest} at most."


def replay(job: Job) -> None:
    """Makes the picture of the one file again and compares."""
    (file,) = job.files
    assert isinstance(file, Path)  # what the command line has seen to
    description = job.describe(file)
    recipe = job.recipe(description)
    output = str(job.output) if job.output is not None else str(automatic_output(file))
    if output != "-":
        check_output(Path(output), [file], job.force)
    request, notes = request_of(recipe, file, job.photo, max_pixels=job.raised)
    job.say(notes + doubts(recipe, local_hashes(recipe)))
    found: Likeness | None = None

    def recipe_of(result: StylizeResult) -> dict[str, Any]:
        """The original's recipe where the same run gave the same pixels: then the file is the same byte for byte."""
        nonlocal found
        found = likeness(description, result.image, recipe.quality)
        before = description.recipe or {}
        return before if found.identical and same_but_for_time(stored(result.recipe), before) else result.recipe

    session = Session(job.console, job.models, recipe_of)
    job.account.kept_by = session.account.kept
    try:
        session.run(dataclasses.replace(at_its_quality(request, recipe, file, output), force=job.force))
    finally:
        job.account.fields = session.account.document(None)
    if found is not None:
        job.account.fields["replay"] = {"of": str(file), **dataclasses.asdict(found)}
        job.console.say(found.sentence(), "green" if found.identical else "yellow")


def automatic_output(picture: Path) -> Path:
    """A free name beside the picture, in its format: out.jpg -> out-replay.jpg, out-replay-2.jpg."""
    suffix = picture.suffix if picture.suffix.lower() in SUFFIXES else ".png"
    return free_name(picture.with_name(f"{picture.stem}-replay{suffix}"))


def likeness(original: Description, made: Image, quality: int | None = None) -> Likeness:
    """Compares a picture, as it would be in the original's file, with what is there."""
    from io import BytesIO

    from PIL import Image, ImageChops, ImageStat

    data = encode_image(made, original.format if original.format in FORMATS else "PNG", saving=Saving(quality))
    assert isinstance(original.path, Path)
    with Image.open(original.path) as before, Image.open(BytesIO(data)) as after:
        if before.size != after.size or before.mode != after.mode:
            return Likeness(False, 255, 255.0)
        difference = ImageChops.difference(before, after)
    largest = max(int(band.getextrema()[1]) for band in difference.split())  # type: ignore[arg-type]  # pairs
    means = ImageStat.Stat(difference).mean
    return Likeness(largest == 0, largest, sum(means) / len(means))

"""Whether a picture that is there is the one that is asked for.

The manifest says so where neither photo nor picture changed since; else the picture's recipe and the photo's pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import StylizeConfig
from ..errors import InputImageError
from ..images.metadata import read_recipe
from ..images.read import MAX_PIXELS, read_image
from ..pipeline.places import ALPHA, Places
from ..prompts import Prompt, render_prompt
from ..recipe import Recipe
from ..recipe.reading import Source
from ..remote import Place, Unreachable, is_url, place_of
from ..sweep.differences import differences
from .manifest import Known
from .states import NOW, States

SHORT = 16
"""Digits of a fingerprint that are told apart, and shown."""


class State(Enum):
    """Of a picture before the work."""

    MISSING = "missing"
    THERE = "there"
    OTHER = "other"
    """Another picture has its name."""
    FAILED = "failed"
    """It was tried, and nothing changed since."""


@dataclass(frozen=True)
class Found:
    """The state of a picture; `differences` where it is another, `code`, `message` and `advice` where it failed."""

    state: State
    differences: Sequence[str] = ()
    code: int = 0
    message: str = ""
    advice: str = ""
    noted: bool = True
    """Whether the manifest knows of it."""


@dataclass(frozen=True)
class Asked:
    """What makes a picture of a photo the one that is asked for, but for the photo.

    Args:
        table: as JSON: prompts and style images with the weights that they have, settings, models, frame, quality.
        more: what no recipe holds, for the manifest alone.
    """

    table: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        config: StylizeConfig,
        prompts: Sequence[Prompt],
        styles: Sequence[tuple[float | None, str]],
        machine: Mapping[str, Any],
        **more: Any,
    ) -> Asked:
        """Of a request.

        Args:
            styles: weight and fingerprint of each style image.
            machine: the machine's settings that are known before the models are loaded.
            more: what else a recipe holds: frame, quality, the palette's fingerprint, `places_of`; None where it is not
                asked for.
        """

        def weight(own: float | None) -> float:
            return float(config.prompt_weight if own is None else own)

        table = {
            "prompts": [render_prompt(Prompt(p.text, weight(p.weight))) for p in prompts],
            "style images": [f"{pixels}:{weight(own):g}" for own, pixels in styles],
            "settings": {**vars(config), **machine},
            **{name: value for name, value in more.items() if value is not None},
        }
        return cls(json.loads(json.dumps(table)))

    def with_more(self, **more: Any) -> Asked:
        """The same with more of what only the manifest can hold."""
        return Asked(self.table, {**self.more, **more})

    @cached_property
    def digest(self) -> str:
        """A short text that is another one for another table."""
        text = json.dumps([self.table, self.more], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differences(self, recipe: Recipe) -> list[str]:
        """What a picture's recipe has otherwise, as on a command line; of settings, those that both know."""
        settings = recipe.settings
        both = [name for name in self.table["settings"] if name in settings]
        there = {
            "prompts": [render_prompt(Prompt(p.text, float(p.weight or 0.0))) for p in recipe.prompts],
            "style images": [f"{s.pixels}:{s.weight or 0.0:g}" for s in recipe.style_images],
            "settings": {name: settings[name] for name in both},
            **({"frame": recipe.photo.frame} if recipe.photo.frame is not None else {}),
            **({"quality": recipe.quality} if recipe.quality is not None else {}),
            **({"palette": recipe.palette.pixels[:SHORT]} if recipe.palette is not None else {}),
            **({"places": places} if (places := _places_in(recipe)) else {}),
        }
        here = {**self.table, "settings": {name: self.table["settings"][name] for name in both}}
        return differences(there, here)


def places_of(places: Places, weight: float, limit: int = MAX_PIXELS) -> list[str]:
    """Masks by their pixels, regions with their prompts, as a recipe has them; `weight` is that of prompts without one.

    Raises `InputImageError`.
    """

    def pixels(mask: Any) -> str:
        return ALPHA if mask == ALPHA else read_image(Path(mask), limit).fingerprint[:SHORT]

    mask, lam = (None if given is None else pixels(given) for given in (places.mask, places.lambda_mask))
    prompts = [Prompt(p.text, float(weight if p.weight is None else p.weight)) for p in places.prompts()]
    regions = [(pixels(given), prompt) for (given, _), prompt in zip(places.regions, prompts, strict=True)]
    return _as_texts(mask, places.invert_mask, places.feather, regions, lam)


def _places_in(recipe: Recipe) -> list[str]:
    found = recipe.places

    def pixels(mask: Source) -> str:
        return ALPHA if mask.own else mask.pixels[:SHORT]

    mask, lam = (None if source is None else pixels(source) for source in (found.mask, found.lambda_mask))
    regions = [(pixels(source), Prompt(p.text, float(p.weight or 0.0))) for source, p in found.regions]
    return _as_texts(mask, found.invert_mask, found.feather, regions, lam)


def _as_texts(
    mask: str | None, invert: bool, feather: int, regions: Sequence[tuple[str, Prompt]], lam: str | None
) -> list[str]:
    rows = [("mask", mask), ("inverted", invert), ("feather", feather), ("lambda", lam)]
    rows += [(f"region {pixels}", render_prompt(prompt)) for pixels, prompt in regions]
    return [name if value is True else f"{name} {value}" for name, value in rows if value]


def look(
    photo: str,
    output: str,
    file: str,
    asked: Asked,
    known: Known,
    *,
    retry: bool = False,
    limit: int = MAX_PIXELS,
    states: States = NOW,
) -> Found:
    """The state of the picture `output` of `photo`.

    Args:
        file: its path in the folder, as the manifest has it.
        retry: whether one that failed counts as missing.
        limit: pixels of the largest photo.
        states: of photo and picture.

    Raises `Unreachable` where nobody can say.
    """
    seen, there = known.of(file), states.of(output)
    now = "" if seen is None else states.of(photo)
    same_photo = seen is not None and seen.photo == now and (bool(now) or not is_url(photo))
    if not there and not states.there(output):
        if seen is not None and seen.status == "failed" and seen.asked == asked.digest and same_photo and not retry:
            return Found(State.FAILED, code=seen.code, message=seen.error, advice=seen.advice)
        return Found(State.MISSING)
    ours = seen is not None and seen.status == "done" and seen.output == there != ""
    if ours and seen is not None and seen.asked == asked.digest and same_photo:
        return Found(State.THERE)
    return _by_recipe(place_of(photo), place_of(output), asked, limit)


def _by_recipe(photo: Place, output: Place, asked: Asked, limit: int) -> Found:
    try:
        data = read_recipe(output)
    except Unreachable:
        raise
    except InputImageError as error:
        return Found(State.OTHER, [f"it cannot be read: {error.message.rstrip('.')}"])
    if data is None:
        return Found(State.OTHER, ["it carries no recipe of this program's"])
    recipe = Recipe(data)
    found = asked.differences(recipe)
    try:
        frame = asked.table.get("frame")
        pixels = read_image(photo, limit, frame).fingerprint
    except Unreachable:
        raise
    except Exception:  # the job will say what is wrong with the photo
        return Found(State.MISSING if not found else State.OTHER, found)
    if recipe.photo.pixels != pixels:
        found.insert(0, "it is of another photo")
    return Found(State.OTHER, found) if found else Found(State.THERE, noted=False)

"""From a recipe back to the request that makes the same picture."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from ...errors import DiffStylerError, InputImageError, UsageError
from ...images.encode import FORMATS, SUFFIXES
from ...images.read import read_image
from ...models.foreign.names import HERE
from ...naming import name_of
from ...pipeline.places import ALPHA, Places
from ...prompts import Prompt, StyleImage, parse_style_image, render_prompt
from ...recipe import PlacesRead, Recipe, Source
from ...remote import Place
from ..stylize.masks import mask_word
from ..stylize.request import Request, check, without_idle
from ..terminal.console import escaped
from ..terminal.tables import brief

STREAM = "stdin"
"""The name that a photo from standard input has in a recipe."""


def request_of(
    recipe: Recipe,
    picture: Place,
    photo: Path | None = None,
    *,
    check_pixels: bool = True,
    max_pixels: int | None = None,
) -> tuple[Request, list[str]]:
    """The request that makes the picture again, and what a person should know of it.

    Only what differs from this version's defaults is in it, besides seed, models, device and dtype.

    Args:
        picture: the file that carries the recipe; the photo is looked for beside it, then in the current folder.
        photo: where the photo is instead; another photo is stylised in the same way.
        max_pixels: the person's own --max-pixels; what the recipe says of sizes raises no limit.
        check_pixels: read the photo and style images to see whether they are those of the recipe.

    Raises:
        InputImageError: the recipe does not say what it takes to make a picture.
    """
    parts = ("settings", "prompts", "style_images", "palette", "places")
    damaged = [name for name in recipe.odd if name.startswith(parts)]
    if damaged or not (recipe.prompts or recipe.style_images or recipe.places.regions):
        what = f"{brief(', '.join(damaged))} cannot be used" if damaged else "it names no prompt"
        raise InputImageError(
            f"The recipe of {escaped(picture.name)} is damaged: {what}.", f"See diffstyler inspect {escaped(picture)}."
        )
    notes: list[str] = []
    image = str(photo) if photo else _find(recipe.photo, "photo", picture, notes, check_pixels)
    if check_pixels and photo and str(photo) != "-" and not _may_be(photo, recipe.photo):
        notes.append(f"{escaped(photo)} is not the photo that the picture was made of.")
    plain = recipe.settings.get("prompt_weight", recipe.default_of("prompt_weight"))
    here = {name: recipe.settings[name] for name in ("seed", "models", "device", "dtype") if name in recipe.settings}
    try:
        request = Request(
            image=image,
            prompts=tuple(
                render_prompt(Prompt(p.text, None if p.weight == plain else p.weight)) for p in recipe.prompts
            ),
            style_images=tuple(_style(source, picture, plain, notes, check_pixels) for source in recipe.style_images),
            palette=_find(recipe.palette, "palette", picture, notes, check_pixels) if recipe.palette else None,
            places=_places(recipe.places, picture, plain, notes, check_pixels),
            settings=recipe.changed() | here | _folders(recipe, picture, notes),
            frame=None if photo and photo.name != recipe.photo.name else recipe.photo.frame,
            max_pixels=max_pixels,
        )
        request = without_idle(request)
        check(request)
    except UsageError as error:
        raise InputImageError(
            f"The recipe of {escaped(picture.name)} is damaged: {escaped(error.message)}",
            f"See diffstyler inspect {escaped(picture)}.",
        ) from error
    strange = [name for name in recipe.unknown if name.startswith("settings.")]
    if strange:
        notes.append(f"Settings of another version are left out: {brief(', '.join(strange))}.")
    if any(model.source.startswith("file") for model in recipe.models):
        notes.append("The weights were files of its maker's: give them with --photo-weights and friends.")
    return request, notes


def _folders(recipe: Recipe, picture: Place, notes: list[str]) -> dict[str, str]:
    """Where the folders of networks are that the recipe names: beside the picture, or in this folder."""
    found: dict[str, str] = {}
    for setting in ("photo_model", "art_model"):
        name = recipe.settings.get(setting, "")
        if not name.startswith((HERE, "/", "~", "..")):
            continue
        last = name_of(name.removeprefix(HERE))
        if not name.startswith(HERE) or Path(last).name != last:
            raise UsageError(f"{setting} {brief(name)} is no name of a folder.", "")
        beside = [picture.with_name(last)] if isinstance(picture, Path) else []
        places = [*beside, Path(last)]
        there = next((place for place in places if place.is_dir()), None)
        if there is None:
            role = setting.partition("_")[0]
            notes.append(
                f"The {role} network was the folder {escaped(last)} of its maker's: put it beside the picture, or here."
            )
        found[setting] = str(there) if there is not None and os.path.isabs(there) else f"{HERE}{there or last}"
    return found


def found_by(source: Source, what: str, picture: Place, notes: list[str]) -> Path | None:
    """The picture that `source` names, where it is there with the same pixels; else None, and `notes` says why."""
    path = Path(_find(source, what, picture, notes, True))
    return path if path.is_file() and _may_be(path, source) else None


def at_its_quality(request: Request, recipe: Recipe, picture: Place, output: str | None) -> Request:
    """The request with its output; where the picture's format comes out again, at the quality that its recipe names."""
    request = dataclasses.replace(request, output=output)
    suffix, file = picture.suffix.lower(), output is not None and output != "-" and not Path(output).is_dir()
    kind = SUFFIXES.get(suffix)
    if recipe.quality is None or kind is None or not FORMATS[kind].lossy:
        return request
    if file and SUFFIXES.get(Path(str(output)).suffix.lower()) != kind:
        return request
    return dataclasses.replace(request, quality=recipe.quality, format=None if file else suffix[1:])


def _find(source: Source, what: str, picture: Place, notes: list[str], check_pixels: bool) -> str:
    """The path of the picture that `source` names, by its pixels where the recipe has their hash."""
    if source.name == STREAM:
        give = "give --photo PATH, or pipe it in" if what == "photo" else "pipe it in, or name its file"
        notes.append(f"The {what} came from standard input: {give}.")
        return "-"
    name = name_of(Path(source.name).name)
    if (not name or name == "image" or name in (".", "..")) and what == "palette":
        notes.append("The recipe does not name the palette: put its file in the place of PALETTE.")
        return "PALETTE"
    if not name or name == "image" or name in (".", ".."):
        if "mask" in what:
            notes.append(f"The recipe does not name the {what}: put its file in the place of MASK.")
            return "MASK"
        notes.append(f"The recipe does not name the {what}: give --photo PATH.")
        return "PHOTO"
    places = [*([picture.with_name(name)] if isinstance(picture, Path) else []), Path(name)]
    found = [place for place in places if os.path.isfile(place)]
    right = [place for place in found if not check_pixels or _may_be(place, source)]
    if right:
        return str(right[0])
    if found:
        notes.append(f"{escaped(found[0])} is not the {what} that the picture was made of: its pixels differ.")
        return str(found[0])
    where = "give --photo PATH" if what == "photo" else "put it there"
    notes.append(
        f"The {what} {escaped(Path(source.name).name)} is neither beside the picture nor in this folder: {where}."
    )
    return name


def _style(source: Source, picture: Place, plain: float, notes: list[str], check_pixels: bool) -> str:
    path = _find(source, "style image", picture, notes, check_pixels)
    weight = None if source.weight == plain else source.weight
    text = render_prompt(Prompt(path, weight))
    return text if parse_style_image(text) == StyleImage(Path(path), weight) else path


def _places(found: PlacesRead, picture: Place, plain: float, notes: list[str], check_pixels: bool) -> Places:
    """The places of the request, their masks found as the photo is."""

    def path(source: Source, what: str) -> str:
        return ALPHA if source.own else mask_word(_find(source, what, picture, notes, check_pixels))

    regions = [
        (path(mask, "region's mask"), render_prompt(Prompt(p.text, None if p.weight == plain else p.weight)))
        for mask, p in found.regions
    ]
    mask = None if found.mask is None else path(found.mask, "mask")
    lam = None if found.lambda_mask is None else path(found.lambda_mask, "λ mask")
    return Places(mask, found.invert_mask, found.feather, tuple(regions), lam)


def _may_be(path: Path, source: Source) -> bool:
    """Whether the picture at `path` has the pixels of `source`, as far as both can be known."""
    try:
        return not source.pixels or read_image(path, frame=source.frame).fingerprint == source.pixels
    except DiffStylerError:  # what is wrong with it is said by the run
        return True

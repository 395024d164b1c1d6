"""The options that say where: --mask, --region and --lambda-mask, from the command line and back to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Annotated

from ...errors import UsageError
from ...naming import cut
from ...pipeline.places import ALPHA, MOST_FEATHER, Places
from ...prompts import path_of
from ..options import REGION_FLAG, option, readable, whole
from ..terminal.shell import joined
from .typed import is_picture_name, no_word

PANEL = "Places"
MASK = "Where to stylise: a picture of the photo's shape, white for yes; or alpha, the photo's own transparency."
INVERT_MASK = "Stylise what is black in the mask, and keep what is white."
FEATHER = "Soften the borders of all masks by N pixels of the photo, to either side."
REGION = (
    "A prompt for a part of the photo, white in the mask; repeatable. The other prompts have the rest; without any, "
    "the rest stays the photo."
)
LAMBDA_MASK = "λ for each place, in the place of --lambda: from black, 0 (art network), to white, 1 (photo network)."

Mask = Annotated[str | None, option(PANEL, MASK, "--mask", takes="FILE|alpha")]
InvertMask = Annotated[bool, option(PANEL, INVERT_MASK, "--invert-mask")]
Feather = Annotated[str | None, option(PANEL, FEATHER, "--feather", takes=f"1..{MOST_FEATHER}")]
Regions = Annotated[list[str] | None, option(PANEL, REGION, REGION_FLAG, takes="MASK PROMPT")]
LambdaMask = Annotated[str | None, option(PANEL, LAMBDA_MASK, "--lambda-mask", takes="FILE")]


def places_of(
    mask: str | None, invert: bool, feather: str | None, regions: Sequence[str] | None, lambda_mask: str | None
) -> Places:
    """What the options ask for. Raises `UsageError` for a region without a prompt, and for what makes no sense."""
    places = Places(
        None if mask is None else mask_path(mask),
        invert,
        0 if feather is None else whole("--feather", feather, low=1, high=MOST_FEATHER, example=8),
        tuple(map(_region, regions or ())),
        None if lambda_mask is None else mask_path(lambda_mask),
    )
    return places.check()


def mask_path(text: str) -> str:
    """A mask's path as a shell would have given it."""
    return path_of(text) if text != ALPHA else text


def mask_word(path: str) -> str:
    """The word that names the file at `path`, whatever it is called."""
    return f"./{path}" if path == ALPHA or (path.startswith("-") and path != "-") else path


def given(places: Places) -> list[object]:
    """Every mask, as given; None for one that is not."""
    return [places.mask, *(mask for mask, _ in places.regions), places.lambda_mask]


def files(places: Places) -> Iterator[tuple[str, str]]:
    """Option and path of every mask that is a file."""
    flags = ("--mask", *[REGION_FLAG] * len(places.regions), "--lambda-mask")
    for flag, mask in zip(flags, given(places), strict=True):
        if mask is not None and (mask != ALPHA or flag == "--lambda-mask") and mask != "-":
            yield flag, str(mask)


def prompts(places: Places) -> tuple[str, ...]:
    """The prompts of the regions, as given."""
    return tuple(str(prompt) for _, prompt in places.regions)


def with_prompts(places: Places, texts: Sequence[str]) -> Places:
    """The places with other prompts for their regions."""
    regions = tuple((mask, text) for (mask, _), text in zip(places.regions, texts, strict=True))
    return dataclasses.replace(places, regions=regions)


def words(places: Places) -> list[str]:
    """The options that ask for the same."""
    found: list[str] = []
    if places.mask is not None:
        found += ["--mask", _word(places.mask)]
    found += ["--invert-mask"] * places.invert_mask
    if places.feather:
        found += ["--feather", str(places.feather)]
    for mask, prompt in places.regions:
        found += [REGION_FLAG, _word(mask), str(prompt)]
    if places.lambda_mask is not None:
        found += ["--lambda-mask", mask_word(str(places.lambda_mask))]
    return found


def check(places: Places) -> None:
    """Raises `UsageError` for what makes no sense, for a region's prompt without a word, and for one that is a file."""
    places.check()
    for (mask, _), prompt in zip(places.regions, places.prompts(), strict=True):
        if is_picture_name(prompt.text):
            swapped = not is_picture_name(str(mask)) and mask != ALPHA
            raise UsageError(
                f"{REGION_FLAG} takes a mask and then a prompt: {cut(prompt.text)} is a picture.",
                f"Did you mean: {joined([REGION_FLAG, prompt.text, str(mask)])}"
                if swapped
                else 'Say the style in words, as in --region sky.png "oil painting".',
            )
        if not any(character.isalnum() for character in prompt.text):
            raise no_word(prompt)
        if prompt.weight == 0:
            raise UsageError(
                f"The prompt {cut(prompt.text)} of a region has the weight 0, so it asks for nothing.",
                "Give it another weight, or leave the region out.",
            )


def _word(mask: object) -> str:
    return ALPHA if mask == ALPHA else mask_word(str(mask))


def _region(value: str) -> tuple[str, str]:
    mask, mark, prompt = value.partition("\0")
    if not mark or not mask:
        raise UsageError(f"{REGION_FLAG} takes a mask and a prompt.", 'As in --region sky.png "oil painting".')
    return mask_path(mask), readable(prompt)

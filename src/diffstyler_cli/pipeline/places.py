"""What differs from place to place of a photo: a mask, regions with prompts of their own, a map of λ.

Each is a grey picture of the photo's shape. Importing this loads neither torch nor Pillow; `ground.py` makes tensors of
it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from ..config import StylizeConfig
from ..errors import InputImageError, UsageError
from ..naming import cut
from ..prompts import Prompt, parse_prompt

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from ..images import LoadedImage, Source
    from ..recipe.schema import PlaceRows

    Given: TypeAlias = Source | LoadedImage
    Array = np.ndarray[Any, np.dtype[np.float32]]

ALPHA = "alpha"
"""In the place of a mask's file: the photo's own transparency, what is opaque being white."""
MOST_FEATHER = 1000
SHAPES_AGREE = 0.01
"""How far the shape of a mask may be from the photo's, and still be it."""


@dataclass(frozen=True)
class Places:
    """What is asked for at which places; masks as files, encoded bytes, pictures, what was read of one, or `ALPHA`.

    Args:
        mask: white is stylised, black stays the photo, grey is between.
        invert_mask: black is stylised, white stays the photo.
        feather: by how many pixels of the photo all borders are softened, to either side.
        regions: masks, each with its own prompt. Where they overlap they blend; the other prompts have the rest, and
            without any the rest stays the photo.
        lambda_mask: λ of each place, from black, 0 (the art network), to white, 1 (the photo network).
    """

    mask: Given | None = None
    invert_mask: bool = False
    feather: int = 0
    regions: Sequence[tuple[Given, str | Prompt]] = ()
    lambda_mask: Given | None = None

    def __bool__(self) -> bool:
        return self != Places()

    def prompts(self) -> list[Prompt]:
        """Those of the regions. Raises `UsageError`."""
        return [prompt if isinstance(prompt, Prompt) else parse_prompt(prompt) for _, prompt in self.regions]

    def check(self) -> Places:
        """Returns self; raises `UsageError` for what makes no sense, whatever the pictures are."""
        if self.invert_mask and self.mask is None:
            raise UsageError("--invert-mask has no effect without --mask.", "Give a mask, or leave --invert-mask out.")
        if self.feather and self.mask is None and not self.regions and self.lambda_mask is None:
            raise UsageError(
                "--feather has no effect without --mask, --region or --lambda-mask.", "Leave --feather out."
            )
        if not 0 <= self.feather <= MOST_FEATHER:
            raise UsageError(f"--feather {self.feather} is outside [1, {MOST_FEATHER}].", "Try --feather 8.")
        return self


NOWHERE = Places()
"""Every place is like the others."""


@dataclass(frozen=True)
class PlaceMap:
    """A mask that was read: `grey` has mode L and the photo's size; `fingerprint` is None for `ALPHA`."""

    name: str
    fingerprint: str | None
    grey: Image


@dataclass(frozen=True)
class PlaceMaps:
    """`Places` that were read, at the size of their photo; `mask`, `regions` and `lam` with soft borders."""

    mask: PlaceMap | None
    invert_mask: bool
    feather: int
    regions: tuple[tuple[PlaceMap, Prompt], ...]
    lam: PlaceMap | None
    rest: bool
    """Whether there is a prompt or style image for what no region has."""
    notes: tuple[str, ...]
    """What a person should know of the masks' files."""
    remarks: tuple[str, ...]
    """What a person should know of what the masks ask for."""

    @property
    def prompts(self) -> list[Prompt]:
        """Those of the regions."""
        return [prompt for _, prompt in self.regions]

    @cached_property
    def inside(self) -> Image | None:
        """What is stylised, mode L, at the photo's size; None for everything."""
        return _inside(self.mask, [] if self.rest else [region for region, _ in self.regions])

    def composed(self, picture: Image, photo: LoadedImage) -> Image:
        """`picture` (RGB) where it is stylised, over the photo's own pixels, at the size of `picture`."""
        from PIL import Image

        from ..images import resized

        inside = self.inside
        if inside is None:
            return picture
        below = resized(photo.rgb, picture.size, photo.alpha)
        return Image.composite(picture, below, inside.resize(picture.size, Image.Resampling.BILINEAR))

    @cached_property
    def mean_lambda(self) -> float | None:
        """The mean of the map of λ, which is 0 or 1 only where all of it is; None without one."""
        if self.lam is None:
            return None
        from PIL import ImageStat

        return float(ImageStat.Stat(self.lam.grey).mean[0]) / 255

    def counted(self, config: StylizeConfig) -> StylizeConfig:
        """The settings by which `forecast` counts."""
        return config if self.mean_lambda is None else dataclasses.replace(config, lam=self.mean_lambda)

    def record(self, weights: Sequence[float | None]) -> PlaceRows:
        """The part of a recipe; `weights` are those of the regions' prompts."""
        from msgspec import UNSET

        from ..recipe.schema import MaskRow, PlaceRows, RegionRow

        def row(found: PlaceMap | None) -> Any:
            return UNSET if found is None else MaskRow(name=found.name, pixels_sha256=found.fingerprint)

        regions = [
            RegionRow(name=found.name, pixels_sha256=found.fingerprint, text=prompt.text, weight=weight)
            for (found, prompt), weight in zip(self.regions, weights, strict=True)
        ]
        return PlaceRows(
            mask=row(self.mask),
            invert_mask=self.invert_mask or UNSET,
            feather=self.feather or UNSET,
            regions=regions or UNSET,
            lambda_mask=row(self.lam),
        )


def taken(
    places: Places | PlaceMaps | None, settings: Mapping[str, Any]
) -> tuple[Places | PlaceMaps | None, dict[str, Any]]:
    """The places with those fields of `Places` that are among `settings`, and the other settings."""
    names = [field.name for field in dataclasses.fields(Places) if field.name in settings]
    others = {name: value for name, value in settings.items() if name not in names}
    if not names:
        return places, others
    if isinstance(places, PlaceMaps):
        raise UsageError(f"The masks are read already: {', '.join(names)} cannot be given beside them.", "")
    return dataclasses.replace(places or NOWHERE, **{name: settings[name] for name in names}), others


def read_places(places: Places, photo: LoadedImage, *, rest: bool, max_pixels: int | None = None) -> PlaceMaps | None:
    """Reads the masks, and brings them to the photo's size; None where nothing is asked for.

    Args:
        rest: whether there is a prompt or style image for what no region has.
        max_pixels: of a mask; by default as of any picture.

    Raises:
        UsageError: an option without effect, a prompt that has no place, transparency of an opaque photo.
        InputImageError: a mask cannot be read, has another shape than the photo, or leaves nothing to stylise.
    """
    from PIL import ImageOps

    if not places.check():
        return None
    prompts = places.prompts()
    notes: list[str] = []

    def read(given: Given | None, flag: str, *, invert: bool = False) -> PlaceMap | None:
        return None if given is None else _read(given, flag, photo, places.feather, invert, max_pixels, notes)

    mask = read(places.mask, "--mask", invert=places.invert_mask)
    lam = read(places.lambda_mask, "--lambda-mask")
    read_regions = [read(given, "--region") for given, _ in places.regions]
    regions = [region for region in read_regions if region is not None]
    for region in regions:
        if _is_black(region.grey):
            raise InputImageError(
                f"The region {cut(region.name)} is black everywhere: its prompt has no place.", "White is where it is."
            )
    if rest and regions and _is_black(ImageOps.invert(_sum(regions))):
        raise UsageError(
            "The regions are the whole photo: no place is left for the prompts beside them.",
            "Leave those prompts out, or make the regions smaller.",
        )
    inside = _inside(mask, [] if rest else regions)
    if inside is not None and _is_black(inside):
        what = f"{cut(mask.name)} leaves" if mask is not None else "The regions leave"
        raise InputImageError(
            f"{what} nothing to stylise: all of it is {'white' if places.invert_mask else 'black'}."
            if mask is not None and _is_black(mask.grey)
            else f"{what} nothing to stylise: no region is inside of the mask.",
            "--invert-mask turns it round." if mask is not None else "White is what is stylised.",
        )
    remarks = []
    if mask is not None and _is_black(ImageOps.invert(mask.grey)):
        remarks.append("the mask changes nothing: all of the picture is inside of it")
    pairs = tuple(zip(regions, prompts, strict=True))
    return PlaceMaps(
        mask, places.invert_mask, places.feather, pairs, lam, rest, tuple(dict.fromkeys(notes)), tuple(remarks)
    )


def fitted(grey: Image, size: tuple[int, int]) -> Array:
    """H×W in [0, 1], at `size` (width, height); what is 0 or 1 round about stays exactly that."""
    import numpy as np
    from PIL import Image

    values = np.asarray(grey.convert("F").resize(size, Image.Resampling.BILINEAR), np.float32) / 255
    rounded: Array = values.clip(0, 1).round(6)
    return rounded


def _read(
    given: Given, flag: str, photo: LoadedImage, feather: int, invert: bool, max_pixels: int | None, notes: list[str]
) -> PlaceMap:
    from PIL import ImageChops, ImageFilter, ImageOps
    from PIL.Image import Resampling

    from ..images import MAX_PIXELS, LoadedImage, read_image

    size = photo.rgb.size
    if isinstance(given, str) and given == ALPHA and flag != "--lambda-mask":
        if photo.alpha is None:
            raise UsageError(
                f"{flag} {ALPHA}: the photo has no transparency.",
                f"Give a mask's file; one that is called so is ./{ALPHA}.",
            )
        name, fingerprint, grey = ALPHA, None, photo.alpha
    else:
        limit = MAX_PIXELS if max_pixels is None else max_pixels
        loaded = given if isinstance(given, LoadedImage) else read_image(given, limit)
        notes += loaded.notes
        name, fingerprint, grey = loaded.name, loaded.fingerprint, loaded.rgb.convert("L")
        if loaded.alpha is not None:
            grey = ImageChops.multiply(grey, loaded.alpha)
        if not _agree(grey.size, size):
            raise _other_shape(name, grey.size, size)
    if grey.size != size:
        grey = grey.resize(size, Resampling.BILINEAR)
    if invert:
        grey = ImageOps.invert(grey)
    if feather:
        grey = grey.filter(ImageFilter.GaussianBlur(feather / 2))
    return PlaceMap(name, fingerprint, grey)


def _agree(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have one shape, as nearly as whole pixels allow."""
    small, large = sorted((one, other))
    width = large[0] * small[1] / large[1]
    height = large[1] * small[0] / large[0]
    return abs(small[0] - width) <= max(1, SHAPES_AGREE * width) or abs(small[1] - height) <= max(
        1, SHAPES_AGREE * height
    )


def _other_shape(name: str, size: tuple[int, int], photo: tuple[int, int]) -> InputImageError:
    turned = _agree((size[1], size[0]), photo)
    return InputImageError(
        f"The mask {cut(name)} has another shape than the photo: {size[0]} x {size[1]}, the photo "
        f"{photo[0]} x {photo[1]}.",
        "Turn it: masks are of the photo as it is seen, upright." if turned else "Make one of the photo's own size.",
    )


def _inside(mask: PlaceMap | None, regions: Sequence[PlaceMap]) -> Image | None:
    """Where the mask and any of the regions are; None for everywhere."""
    from PIL import ImageChops

    greys = [mask.grey] if mask is not None else []
    greys += [_sum(regions)] if regions else []
    return None if not greys else greys[0] if len(greys) == 1 else ImageChops.multiply(*greys)


def _sum(maps: Sequence[PlaceMap]) -> Image:
    from PIL import ImageChops

    total = maps[0].grey
    for each in maps[1:]:
        total = ImageChops.add(total, each.grey)
    return total


def _is_black(grey: Image) -> bool:
    return grey.getextrema()[1] == 0

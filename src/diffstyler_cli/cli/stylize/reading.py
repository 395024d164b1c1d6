"""The pictures that a request names, read; and what of the photo goes into the file of the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputImageError
from ...remote import place_of
from ..terminal.notices import Notices
from .request import Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...images import LoadedImage, Saving
    from ...pipeline.places import PlaceMaps
    from ...pipeline.style_images import StylePicture


def read_inputs(
    request: Request, notices: Notices, *, rest: bool = False
) -> tuple[LoadedImage, list[StylePicture], PlaceMaps | None]:
    """The photo, the style images and the masks, read; what a person should know of them is said.

    `rest`: there are prompts for what no region has, though the request has none. Raises `InputImageError`, and
    `UsageError` as `read_places`.
    """
    source = read_photo(request, notices)
    styles = read_styles(request, notices)
    return source, styles, read_masks(request, source, notices, rest=rest)


def read_photo(request: Request, notices: Notices) -> LoadedImage:
    """As `read_inputs`, the photo alone."""
    from ...images import kept, read_image, squeezed

    photo = "-" if request.image in (None, "-") else place_of(str(request.image))
    source = read_image(photo, _limit(request), request.frame)
    notices.add(source.notes, InputImageError)
    if request.keep_exif and not kept(source.exif, everything=request.keep_exif == "all"):
        notices.add("the photo has no such EXIF data to keep")
    if isinstance(request.settings.get("size", 0), int):
        notices.add([line for line in [squeezed(source.original_size)] if line])
    return source


def read_styles(request: Request, notices: Notices) -> list[StylePicture]:
    """As `read_inputs`, the style images alone."""
    from ...pipeline.style_images import read_style

    styles = [read_style(style, _limit(request)) for style in request.parsed_style_images()]
    for style in styles:
        notices.add(style.loaded.notes, InputImageError)
    return styles


def read_masks(request: Request, photo: LoadedImage, notices: Notices, *, rest: bool = False) -> PlaceMaps | None:
    """As `read_inputs`, the masks alone, for a photo."""
    from ...pipeline.places import read_places

    rest = rest or bool(request.prompts or request.style_images)
    places = read_places(request.places, photo, rest=rest, max_pixels=_limit(request))
    if places is not None:
        notices.add(places.notes, InputImageError)
        notices.add(places.remarks)
    return places


def read_palette(request: Request, notices: Notices) -> LoadedImage | None:
    """The picture of --palette, as `read_inputs` reads the photo."""
    from ...images import read_image

    if request.palette is None:
        return None
    palette = read_image(Path(request.palette), _limit(request))
    notices.add(palette.notes, InputImageError)
    return palette


def _limit(request: Request) -> int:
    from ...images import MAX_PIXELS

    return MAX_PIXELS if request.max_pixels is None else request.max_pixels


def saving_of(request: Request, photo: LoadedImage, picture: Image) -> Saving:
    """What the file has beside picture and recipe: as many pixels an inch as print the picture at the photo's size."""
    from ...images import Saving, kept

    exif = kept(photo.exif, everything=request.keep_exif == "all") if request.keep_exif else {}
    scale = picture.width / photo.original_size[0]
    dpi = (photo.dpi[0] * scale, photo.dpi[1] * scale) if photo.dpi else None
    return Saving(request.quality, exif, dpi)

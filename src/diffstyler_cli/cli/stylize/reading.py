"""The pictures that a request names, read; and what of the photo goes into the file of the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputImageError
from ..terminal.notices import Notices
from .request import Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...images import LoadedImage, Saving
    from ...pipeline.style_images import StylePicture


def read_inputs(request: Request, notices: Notices) -> tuple[LoadedImage, list[StylePicture]]:
    """The photo and the style images, read; what a person should know of them is said. Raises `InputImageError`."""
    return read_photo(request, notices), read_styles(request, notices)


def read_photo(request: Request, notices: Notices) -> LoadedImage:
    """As `read_inputs`, the photo alone."""
    from ...images import kept, read_image, squeezed

    photo = "-" if request.image in (None, "-") else Path(str(request.image))
    source = read_image(photo, _limit(request), request.frame)
    notices.add(source.notes, InputImageError)
    if request.keep_exif and not kept(source.exif, everything=request.keep_exif == "all"):
        notices.add("the photo has no such EXIF data to keep")
    if not request.settings.get("original_size"):
        notices.add([line for line in [squeezed(source.original_size)] if line])
    return source


def read_styles(request: Request, notices: Notices) -> list[StylePicture]:
    """As `read_inputs`, the style images alone."""
    from ...pipeline.style_images import read_style

    styles = [read_style(style, _limit(request)) for style in request.parsed_style_images()]
    for style in styles:
        notices.add(style.loaded.notes, InputImageError)
    return styles


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

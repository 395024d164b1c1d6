"""What a picture file is, without decoding more of it than that takes."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from .. import remote
from ..remote import Place, Url
from .metadata import recipe_in
from .opening import MAX_PIXELS, opened

ORIENTATIONS = {
    1: "upright",
    2: "mirrored",
    3: "upside down",
    4: "upside down and mirrored",
    5: "turned left and mirrored",
    6: "turned left",
    7: "turned right and mirrored",
    8: "turned right",
}
"""How the stored pixels lie, by the value of the EXIF tag 0x0112."""


MOST_FRAMES = 1000
"""Frames are counted up to here; one more stands for any number more."""


@dataclass(frozen=True)
class Description:
    """A picture file.

    Args:
        path: where it is.
        bytes: length of the file; None of standard input.
        format, mode: as Pillow names them.
        size: (width, height) as stored, before orientation.
        frames: number of frames; 1 for a still picture.
        orientation: EXIF tag 0x0112, 1 to 8; None where the file has none that makes sense.
        profile: what the ICC profile calls itself; "damaged" for one that cannot be read, "" for none.
        recipe: the recipe embedded in it, or None.
    """

    path: Place
    bytes: int | None
    format: str
    mode: str
    size: tuple[int, int]
    frames: int
    orientation: int | None
    profile: str
    recipe: dict[str, Any] | None


def describe(path: Place, max_pixels: int = MAX_PIXELS) -> Description:
    """Describes the picture at `path`, "-" being standard input. Raises `InputImageError` if it is none."""
    with opened(path, max_pixels) as file:
        image = file.image
        return Description(
            path=path,
            bytes=_length(path),
            format=image.format or "?",
            mode=image.mode,
            size=image.size,
            frames=_frames(image),
            orientation=_orientation(image),
            profile=_profile(image.info.get("icc_profile")),
            recipe=recipe_in(image),
        )


def _length(path: Place) -> int | None:
    if isinstance(path, Url):
        return remote.length(path)
    return None if str(path) == "-" else path.stat().st_size


def _frames(image: Image.Image) -> int:
    """How many frames it has; of a TIFF or GIF, whose frames have to be walked, at most `MOST_FRAMES` + 1."""
    if image.format not in ("TIFF", "GIF"):
        return int(getattr(image, "n_frames", 1))
    skip = getattr(image, "_seek", None)  # image.seek would paint every frame of a GIF
    if not getattr(image, "is_animated", False) or skip is None:
        return 1
    arguments = () if image.format == "TIFF" else (False,)
    count = 1
    try:
        while count <= MOST_FRAMES:
            skip(count, *arguments)
            count += 1
    except (EOFError, ValueError, OSError, SyntaxError):  # the last one, or one that is damaged
        pass
    image.seek(0)
    return count


def _orientation(image: Image.Image) -> int | None:
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # a hostile EXIF block raises nearly every type
        return None
    return value if isinstance(value, int) and value in ORIENTATIONS else None


def _profile(data: object) -> str:
    if not isinstance(data, bytes) or not data:
        return ""
    from PIL import ImageCms

    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(data))).strip() or "without a name"
    except Exception:  # littlecms and Pillow answer hostile profiles with several types
        return "damaged"

"""What of a photo's EXIF data a picture made of it keeps, if a person asks for it.

Never its orientation, its thumbnail, its sizes and the maker's own note: they are wrong for the picture, or nobody can
say what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from PIL import ExifTags, Image, TiffTags

Kept: TypeAlias = Mapping[int, Any]
"""Values by tag; those of the tags `ExifTags.IFD.Exif` and `ExifTags.IFD.GPSInfo` are tables of their own."""

_B = ExifTags.Base
_DATE_AND_CAMERA = {_B.Make, _B.Model, _B.DateTime, _B.Artist, _B.Copyright}
_DATE_AND_EXPOSURE = {
    _B.ExposureTime, _B.FNumber, _B.ExposureProgram, _B.ISOSpeedRatings, _B.SensitivityType, _B.DateTimeOriginal,
    _B.DateTimeDigitized, _B.OffsetTime, _B.OffsetTimeOriginal, _B.OffsetTimeDigitized, _B.ShutterSpeedValue,
    _B.ApertureValue, _B.BrightnessValue, _B.ExposureBiasValue, _B.MaxApertureValue, _B.SubjectDistance,
    _B.MeteringMode, _B.LightSource, _B.Flash, _B.FocalLength, _B.SubsecTime, _B.SubsecTimeOriginal,
    _B.SubsecTimeDigitized, _B.ExposureMode, _B.WhiteBalance, _B.DigitalZoomRatio, _B.FocalLengthIn35mmFilm,
    _B.SceneCaptureType, _B.LensSpecification, _B.LensMake, _B.LensModel,
}  # fmt: skip
_WORDS = {_B.ImageDescription, _B.Software, _B.HostComputer, _B.Rating, _B.RatingPercent, _B.XPTitle, _B.XPComment,
          _B.XPAuthor, _B.XPKeywords, _B.XPSubject}  # fmt: skip
_NEVER = {_B.MakerNote, _B.UserComment, _B.ColorSpace, _B.ExifImageWidth, _B.ExifImageHeight, _B.ExifVersion,
          _B.ExifInteroperabilityOffset, _B.RelatedSoundFile}  # fmt: skip
_ASCII = 2


def kept(data: bytes, *, everything: bool) -> Kept:
    """The part of EXIF data that is kept: date, camera, exposure and author; with `everything` also the place, the
    words and the serial numbers. Empty where there is nothing of that, or the data are damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
        own, camera, place = dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif)), dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # a hostile EXIF block raises nearly every type
        return {}
    wanted = _DATE_AND_CAMERA | _WORDS if everything else _DATE_AND_CAMERA
    found: dict[int, Any] = {tag: _as_it_is(tag, value) for tag, value in own.items() if tag in wanted}
    inner = {t: v for t, v in camera.items() if (t not in _NEVER if everything else t in _DATE_AND_EXPOSURE)}
    if inner:
        found[ExifTags.IFD.Exif] = inner
    if everything and place:
        found[ExifTags.IFD.GPSInfo] = place
    return found


def built(kept: Kept, camera: Mapping[int, Any]) -> bytes:
    """EXIF data of what is kept, with `camera` on top in the table `ExifTags.IFD.Exif`. Values that cannot be written
    are left out."""
    try:
        return _built(kept, camera)
    except Exception:  # of values that were read from hostile data nobody knows what they are
        return _built({tag: value for tag, value in kept.items() if isinstance(value, (str, bytes))}, camera)


def _built(kept: Kept, camera: Mapping[int, Any]) -> bytes:
    exif = Image.Exif()
    for tag, value in kept.items():
        exif[tag] = value
    inner = {**kept.get(ExifTags.IFD.Exif, {}), **camera}
    if inner:
        exif[ExifTags.IFD.Exif] = inner
    return exif.tobytes()


def _as_it_is(tag: int, value: Any) -> Any:
    """A text with its bytes as they are: Pillow reads them as Latin-1 and would write them as ASCII."""
    if isinstance(value, str) and TiffTags.lookup(tag).type == _ASCII:
        return value.encode("latin-1", "replace")
    return value

"""From any Pillow mode and colour profile to 8-bit sRGB and a separate alpha channel."""

from __future__ import annotations

import dataclasses
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from .tiff import Samples

Array = np.ndarray[Any, np.dtype[Any]]

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_HIDDEN = (255, 255, 255)
_PLAIN = Samples()
_DARK = 4095  # 12 bits: where 16-bit pictures end that were never scaled


class _UnfitProfile(Exception):
    """A sound profile, of other colours than the image has."""


def to_srgb(image: Image.Image, notes: list[str], samples: Samples = _PLAIN) -> tuple[Image.Image, Image.Image | None]:
    """Split a loaded image into sRGB (mode RGB) and alpha (mode L; None where everything is opaque).

    16-bit, 32-bit and float greyscale are scaled to 8 bits; an embedded ICC profile is applied. What was guessed or
    ignored is appended to `notes`; `samples` says of numbers what Pillow's mode does not. Fully transparent pixels
    become white: what was hidden cannot shape the picture.
    """
    profile = image.info.get("icc_profile")
    base, alpha = _split_alpha(image, notes, samples)
    rgb = _apply_profile(base, profile, notes).convert("RGB")
    if alpha is not None:
        low = alpha.getextrema()[0]
        if low == 255:
            return rgb, None
        if low == 0:
            rgb.paste(_HIDDEN, mask=alpha.point(lambda a: 255 * (a == 0)))
    return rgb, alpha


def image_of(
    colours: Array, alpha: Array | None, samples: Samples, premultiplied: bool, notes: list[str]
) -> Image.Image:
    """A picture of mode L, LA, RGB or RGBA from samples of any type: `colours` H×W or H×W×3, `alpha` H×W."""
    if alpha is None:
        return Image.fromarray(_eight_bits(colours, samples, notes))
    opacity = Image.fromarray(_eight_bits(alpha, dataclasses.replace(samples, white_is_zero=False), []))
    if premultiplied:
        divisor = np.maximum(alpha.astype(np.float64), 1e-30)
        colours = (colours / (divisor if colours.ndim == 2 else divisor[..., None])).clip(0, 1)
        samples = Samples(white_is_zero=samples.white_is_zero)
    picture = Image.fromarray(_eight_bits(colours, samples, notes))
    picture.putalpha(opacity)
    return picture


def _split_alpha(image: Image.Image, notes: list[str], samples: Samples) -> tuple[Image.Image, Image.Image | None]:
    """The colour part in mode L, RGB, CMYK or LAB, and the alpha channel if the image can have one."""
    mode = image.mode
    if mode[0] in "IF":
        return _to_8_bit(image, notes, samples)
    if mode in ("P", "PA"):
        image = image.convert("RGBA")
    elif mode == "1" and isinstance(image.info.get("transparency"), int):  # older Pillows do not heed it
        white = image.info["transparency"] > 0
        grey = image.convert("L")
        return grey, grey.point(lambda value: 0 if (value > 0) == white else 255)
    elif mode in ("1", "L", "RGB") and "transparency" in image.info:
        image = _keyed(image)
    elif mode in ("La", "RGBa"):
        image = image.convert(mode[:-1] + "A")
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB"), None
    return image, None


def _keyed(image: Image.Image) -> Image.Image:
    """Turn the one transparent colour of a PNG (tRNS) into alpha; 16-bit files name it in 16 bits, pixels have 8."""
    key = image.info["transparency"]
    if isinstance(key, tuple) and max(key) > 255:  # of an animation; others have alpha by now
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image.convert("RGBA")


def _to_8_bit(image: Image.Image, notes: list[str], samples: Samples) -> tuple[Image.Image, Image.Image | None]:
    """Greyscale of more than 8 bits to L."""
    values: Array = np.asarray(image)
    key = image.info.get("transparency")
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
    if samples.unsigned and values.dtype == np.int32:
        values = values.view(np.uint32)
    elif image.format in ("PNG", "PPM") and values.dtype == np.int32:
        values = values.clip(0, 65535).astype(np.uint16)
    return Image.fromarray(_eight_bits(values, samples, notes)), alpha


def _eight_bits(values: Array, samples: Samples, notes: list[str]) -> Array:
    """Numbers of any type as 8-bit ones. Files of 32 bits do not say their range, so it is read off the values."""
    eight = _scaled(values, samples, notes)
    return 255 - eight if samples.white_is_zero else eight


def _scaled(values: Array, samples: Samples, notes: list[str]) -> Array:
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        full = (1 << (samples.bits or 8 * values.dtype.itemsize)) - 1
        most = samples.maximum or full
        brightest = int(values.max())
        if most == 65535 and 0 < brightest <= _DARK and not samples.white_is_zero:
            notes.append(f"its brightest value is {brightest:,} of {most:,}: it is read as dark as that is")
        table: Array = np.round(np.arange(full + 1).clip(0, most) * (255 / most)).astype(np.uint8)
        found: Array = table[values.clip(0, full)]
        return found
    values = np.where(np.isfinite(values), values, 0)
    low, high = float(values.min()), float(values.max())
    tops = [1.0] * (values.dtype.kind == "f") + [255.0, 65535.0] + [2.0**32 - 1] * (values.dtype == np.uint32)
    white = float(samples.maximum or next((top for top in tops if high <= top), 0.0))
    values = values.astype(np.float32 if values.dtype.itemsize <= 4 and values.dtype.kind == "f" else np.float64)
    if low < 0 or not white:
        notes.append(f"pixel values from {low:g} to {high:g} are stretched to black and white")
        values, white = values - low, max(high - low, 1e-30)
    scaled: Array = np.round(values * (255 / white)).clip(0, 255).astype(np.uint8)
    return scaled


def _apply_profile(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Colours of mode L, RGB, CMYK or LAB to sRGB by `profile`; a profile that cannot be used costs a note, no more."""
    if not profile and image.mode != "LAB":
        if image.mode == "CMYK":
            notes.append("CMYK without a colour profile: colours are approximate")
        return image
    try:
        source = ImageCms.createProfile("LAB") if image.mode == "LAB" else BytesIO(profile or b"")
        opened = ImageCms.ImageCmsProfile(source)
        mode = _PROFILE_MODES.get(opened.profile.xcolor_space.strip())
        if mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if mode != image.mode:
            raise _UnfitProfile(f"it is for {opened.profile.xcolor_space.strip()!a}, the image is {image.mode}")
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "RGB" and _changes_nothing(transform):
            return image
        return ImageCms.applyTransform(image, transform) or image
    except Exception as error:  # little-cms, its wrapper and the profile parser raise many types
        reason = error if isinstance(error, _UnfitProfile) else "it is damaged"
        notes.append(f"the colour profile cannot be used ({reason}): colours are taken as sRGB")
        return image


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether an RGB transform moves no colour by more than rounding: sRGB under one of its many names."""
    ramp = np.linspace(0, 255, 9).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(ramp, ramp, ramp), -1).reshape(9, 81, 3)
    moved = ImageCms.applyTransform(Image.fromarray(lattice), transform)
    return moved is not None and bool(np.abs(np.asarray(moved).astype(int) - lattice).max() <= 1)

"""A finished picture at a larger size, with the detail that the photo has there and the picture could not hold.

As in guided filtering (He, Sun & Tang 2013), the picture is locally an affine function of the photo, q = a·p + b. Here
only the slope a is taken from that fit: what the photo has beyond the picture's pixels, times a, is added to the
enlarged picture, whose own strokes stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from .tensors import resized

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

RADIUS = 4
"""Of the window of the fit, in the small picture's pixels."""
NOISE = 32.0
"""Variance of the photo, in 8-bit steps squared, below which there is nothing to fit."""
STEEPEST = 1.5
"""Largest slope; none is below 0, where light and dark are exchanged."""
ROWS = 256
"""Rows of the result that are computed at once."""


def enlarged(picture: Image.Image, photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`picture` (RGB) of a `photo` (RGB, any larger size) at `size` (width, height).

    Beside the result, memory is that of a few hundred rows. Where nothing is larger, it is plain resizing.
    """
    if size[0] <= picture.width or size[1] <= picture.height:
        return picture.resize(size, Image.Resampling.LANCZOS)
    import numpy as np

    guide = resized(photo, size)
    low = guide.resize(picture.size, Image.Resampling.BOX)
    slope = Image.fromarray(_slope(_light(picture), _light(low)))
    # as floating point, whose resampling does not depend on the rows that are taken at once
    own, lows = ([band.convert("F") for band in image.split()] for image in (picture, low))
    result = Image.new("RGB", size)
    scale = picture.height / size[1]
    for top in range(0, size[1], ROWS):
        rows = min(ROWS, size[1] - top)
        box = (0.0, top * scale, float(picture.width), min((top + rows) * scale, float(picture.height)))

        def taken(image: Image.Image, how: Image.Resampling, box: Any = box, rows: int = rows) -> Array:
            return np.asarray(image.resize((size[0], rows), how, box=box))

        gain = taken(slope, Image.Resampling.BILINEAR)
        guides = guide.crop((0, top, size[0], top + rows)).split()
        bands = [
            taken(band, Image.Resampling.BICUBIC) + gain * (np.asarray(fine) - taken(coarse, Image.Resampling.BICUBIC))
            for band, coarse, fine in zip(own, lows, guides, strict=True)
        ]
        values = np.stack(bands, -1).round().clip(0, 255).astype(np.uint8)
        result.paste(Image.fromarray(values), (0, top))
    return result


def _slope(picture: Array, photo: Array) -> Array:
    """The slope of the picture's lightness by the photo's in a window around each pixel, H×W."""
    import numpy as np

    mean_photo, mean = _mean(photo), _mean(picture)
    covariance = _mean(photo * picture) - mean_photo * mean
    variance = _mean(photo * photo) - mean_photo * mean_photo
    slope: Array = (covariance / (variance + NOISE)).clip(0, STEEPEST).astype(np.float32)
    return slope


def _light(image: Image.Image) -> Array:
    import numpy as np

    return np.asarray(image.convert("L"), np.float64)


def _mean(values: Array) -> Array:
    """Over the window around each pixel, which ends at the border."""
    import numpy as np

    sums = values
    for axis in (0, 1):
        length = sums.shape[axis]
        total = np.concatenate([np.zeros_like(sums.take([0], axis)), sums.cumsum(axis)], axis)
        first = np.arange(length) - RADIUS
        start, stop = first.clip(0, length), (first + 2 * RADIUS + 1).clip(0, length)
        shape = [-1 if a == axis else 1 for a in (0, 1)]
        sums = (total.take(stop, axis) - total.take(start, axis)) / (stop - start).reshape(shape)
    return sums

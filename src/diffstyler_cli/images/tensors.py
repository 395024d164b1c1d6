"""Between pictures and tensors: sizes to work at, resizing that leaves out what is hidden, alpha put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from ..size import MAX_ASPECT

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

_TRUSTED = 0.02  # opacity from which on a pixel's own colour counts alone


def squeezed(size: tuple[int, int]) -> str:
    """A line for a picture that is longer than `MAX_ASPECT`, as its result will be unless it gets its size; or ""."""
    aspect = max(size) / min(size)
    if aspect <= MAX_ASPECT:
        return ""
    longer = f"{aspect:.0f}:1" if size[0] > size[1] else f"1:{aspect:.0f}"
    squeezed_to = f"{MAX_ASPECT}:1" if size[0] > size[1] else f"1:{MAX_ASPECT}"
    return f"the photo's shape, {longer}, is squeezed to {squeezed_to}: --size original keeps it"


def resized(rgb: Image.Image, size: tuple[int, int], alpha: Image.Image | None = None) -> Image.Image:
    """`rgb` at `size` (width, height) by Lanczos; under `alpha`, if given, each pixel counts as much as it is seen.

    What is fully transparent leaves no trace in the colours beside it, and comes out white.
    """
    if rgb.size == size:
        return rgb
    if alpha is None:
        return rgb.resize(size, Image.Resampling.LANCZOS)
    import numpy as np

    weight = np.asarray(alpha, np.float32)
    total = _fitted(weight, size, Image.Resampling.LANCZOS)
    seen = total > 0.5
    divisor = np.where(seen, total, 1)
    bands = [
        _fitted(np.asarray(band, np.float32) * weight, size, Image.Resampling.LANCZOS) / divisor for band in rgb.split()
    ]
    colours = _filled(np.stack(bands, -1) * seen[..., None], seen.astype(np.float32))
    hidden = np.asarray(alpha.resize(size, Image.Resampling.LANCZOS)) == 0
    return Image.fromarray(np.where(hidden[..., None], 255, colours.round().clip(0, 255)).astype(np.uint8))


def spread(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    """`rgb` with the colours of what is seen carried on into what is hidden, so that resizing brings no foreign ones.

    Both have the same size. Colours are averaged over ever larger blocks until something is seen.
    """
    import numpy as np

    weight = np.asarray(alpha, np.float32) / 255
    colours = np.asarray(rgb, np.float32) * weight[..., None]
    return Image.fromarray(_filled(colours, weight).round().clip(0, 255).astype(np.uint8))


def _filled(colours: Array, weight: Array) -> Array:
    """H×W×3 from colours multiplied by their weights H×W."""
    import numpy as np

    plain: Array = colours / np.maximum(weight, 1e-6)[..., None]
    if min(weight.shape) == 1 or weight.min() >= _TRUSTED:
        return plain
    height, width = weight.shape
    half = -(-width // 2), -(-height // 2)
    halves = [_fitted(band, half, Image.Resampling.BOX) for band in (*np.moveaxis(colours, -1, 0), weight)]
    wider = _filled(np.stack(halves[:3], -1), halves[3])
    wide = [_fitted(band, (width, height), Image.Resampling.BILINEAR) for band in np.moveaxis(wider, -1, 0)]
    trust = (weight / _TRUSTED).clip(0, 1)[..., None]
    mixed: Array = plain * trust + np.stack(wide, -1) * (1 - trust)
    return mixed


def _fitted(values: Array, size: tuple[int, int], how: Image.Resampling) -> Array:
    import numpy as np

    return np.asarray(Image.fromarray(np.ascontiguousarray(values, np.float32)).resize(size, how))


def to_tensor(
    rgb: Image.Image, size: tuple[int, int], multiple: int = 1, alpha: Image.Image | None = None
) -> tuple[Tensor, tuple[int, int]]:
    """Resize to `size` (width, height), as `resized`, and pad right and below by reflection up to a multiple of
    `multiple`.

    Returns a float32 tensor 1×3×H×W in [-1, 1], and `size`, which `to_image` needs to cut the padding off.
    """
    import numpy as np
    import torch

    width, height = size
    padding = ((0, -height % multiple), (0, -width % multiple), (0, 0))
    pixels = np.pad(np.asarray(resized(rgb, size, alpha)), padding, mode="reflect")
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(torch.float32).div(127.5).sub(1).contiguous(), size


def to_image(tensor: Tensor, size: tuple[int, int] | None = None) -> Image.Image:
    """A picture (mode RGB) from a tensor 3×H×W or 1×3×H×W in about [-1, 1], cut to `size` (width, height) if given."""
    import torch

    pixels = tensor.detach().reshape(tensor.shape[-3:])
    if size is not None:
        pixels = pixels[:, : size[1], : size[0]]
    pixels = pixels.to(device="cpu", dtype=torch.float32).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def restore_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """`image` (RGB) under `alpha`, resized to fit, as RGBA; `image` itself if `alpha` is None."""
    if alpha is None:
        return image
    fitted = alpha if alpha.size == image.size else alpha.resize(image.size, Image.Resampling.LANCZOS)
    result = image.convert("RGBA")
    result.putalpha(fitted)
    return result

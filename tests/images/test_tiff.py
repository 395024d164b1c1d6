"""TIFF: the numbers mean what the file says, what is missing is missed, and a sound file is never called damaged."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import check_message, gradient, rgb_profile, saved
from PIL import Image
from tiff_files import pixels_file, tiff_file, twelve_bits

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image

RGB = np.asarray(gradient(21, 14))
GREY = np.asarray(gradient(21, 14).convert("L"))
ALPHA = np.tile(np.linspace(1, 254, 21).round().astype(np.uint8), (14, 1))


def differ(data: bytes, expected: Any) -> int:
    loaded = read_image(data)
    assert loaded.notes == []
    assert loaded.alpha is None
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, -1)
    return int(np.abs(np.asarray(loaded.rgb).astype(int) - expected).max())


def as_type(values: Any, kind: str) -> Any:
    """8-bit values in the range of another type."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return (values / 255).astype(dtype)
    return (values.astype(np.uint64) * ((2 ** (8 * dtype.itemsize) - 1) // 255)).astype(dtype)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f2", "f4", "f8"])
def test_grey_of_every_depth_where_0_is_black_or_white(kind: str, order: str) -> None:
    assert differ(pixels_file(as_type(GREY, kind), 1, order=order), GREY) <= 1
    assert differ(pixels_file(as_type(255 - GREY, kind), 0, order=order), GREY) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f2", "f4", "f8"])
def test_rgb_of_every_depth(kind: str, order: str) -> None:
    assert differ(pixels_file(as_type(RGB, kind), 2, order=order), RGB) <= 1


@pytest.mark.parametrize("layout", [{}, {"rows": 5}, {"tile": (16, 16)}], ids=["one strip", "strips", "tiles"])
@pytest.mark.parametrize("planes", [False, True], ids=["together", "planes"])
@pytest.mark.parametrize(
    "packed", [{}, {"deflate": True}, {"deflate": True, "predictor": 2}], ids=["plain", "deflate", "2"]
)
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_every_layout(kind: str, packed: dict[str, Any], planes: bool, layout: dict[str, Any]) -> None:
    samples = np.concatenate([as_type(RGB, kind), as_type(ALPHA, kind)[..., None]], -1)
    loaded = read_image(pixels_file(samples, 2, extra=[2], planes=planes, **packed, **layout))
    assert loaded.notes == []
    assert loaded.alpha is not None
    assert np.abs(np.asarray(loaded.alpha).astype(int) - ALPHA).max() <= 1
    assert np.abs(np.asarray(loaded.rgb).astype(int) - RGB).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_predictor_of_floats(order: str) -> None:
    assert differ(pixels_file(as_type(RGB, "f4"), 2, deflate=True, predictor=3, rows=4, order=order), RGB) <= 1
    assert differ(pixels_file(as_type(GREY, "f2"), 1, deflate=True, predictor=3, tile=(16, 16), order=order), GREY) <= 1


def test_a_predictor_that_is_no_number_is_refused_in_words() -> None:
    data = pixels_file(as_type(RGB, "f4"), 2, deflate=True, predictor=3)
    entry = data.index(struct.pack("<HHI", 317, 3, 1))
    with pytest.raises(InputImageError, match="predictor 0") as caught:
        read_image(data[:entry] + struct.pack("<HHII", 317, 1, 8, 0) + data[entry + 12 :])
    check_message(caught.value)


def test_big_tiff() -> None:
    assert differ(pixels_file(as_type(RGB, "f4"), 2, big=True), RGB) <= 1
    assert differ(pixels_file(RGB, 2, big=True, rows=4), RGB) == 0
    with pytest.raises(InputImageError, match="not supported: BigTIFF, high bytes first"):
        read_image(pixels_file(RGB, 2, big=True, order=">"))


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_grey_with_alpha_and_premultiplied_colours(kind: str) -> None:
    grey = np.stack([as_type(GREY, kind), as_type(ALPHA, kind)], -1)
    for samples, photometric, extra, expected in [
        (grey, 1, 2, np.repeat(GREY[..., None], 3, -1)),
        (np.concatenate([_times(RGB, ALPHA, kind), as_type(ALPHA, kind)[..., None]], -1), 2, 1, RGB),
    ]:
        loaded = read_image(pixels_file(samples, photometric, extra=[extra]))
        assert loaded.alpha is not None
        assert np.abs(np.asarray(loaded.alpha).astype(int) - ALPHA).max() <= 1
        seen = ALPHA > 100  # what is almost transparent has few bits of colour left
        assert np.abs(np.asarray(loaded.rgb).astype(int) - expected)[seen].max() <= {"u1": 3, "u2": 2, "f4": 1}[kind]


def _times(colours: Any, alpha: Any, kind: str) -> Any:
    product = colours / 255 * (alpha / 255)[..., None]
    if np.dtype(kind).kind == "f":
        return product.astype(kind)
    return (product * (2 ** (8 * np.dtype(kind).itemsize) - 1)).round().astype(kind)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_12_bits_packed(photometric: int, order: str) -> None:
    values = GREY.astype(int) * 4095 // 255
    tags = {256: 21, 257: 14, 258: 12, 259: 1, 262: photometric, 277: 1, 278: 14}
    data = tiff_file([twelve_bits(values if photometric else 4095 - values)], tags, order=order)
    assert differ(data, GREY) <= 1


def test_12_bits_in_16_are_scaled_where_the_file_says_so_and_else_said_to_be_dark() -> None:
    values = (GREY.astype(int) * 4095 // 255).astype(np.uint16)
    assert differ(pixels_file(values, 1, more={281: 4095}), GREY) <= 1
    assert differ(pixels_file(4095 - values, 0, more={281: 4095}), GREY) <= 1
    colours = (RGB.astype(int) * 4095 // 255).astype(np.uint16)
    assert differ(pixels_file(colours, 2, more={281: [4095] * 3}), RGB) <= 1
    for data in (pixels_file(colours, 2), pixels_file(colours, 2, deflate=True)):
        (note,) = read_image(data).notes
        assert "brightest value is below" in note
    loaded = read_image(pixels_file(values, 1))
    assert "brightest value is" in loaded.notes[0]
    assert np.asarray(loaded.rgb).max() <= 16


def test_signed_numbers_are_stretched_with_a_note() -> None:
    for kind in ("i2", "i4"):
        loaded = read_image(pixels_file(GREY.astype(kind) - 100, 1))
        assert "stretched" in loaded.notes[0]
        expected = (GREY.astype(float) - GREY.min()) * 255 / (int(GREY.max()) - int(GREY.min()))
        assert np.abs(np.asarray(loaded.rgb)[..., 0] - expected).max() <= 1


def test_orientation_and_profile_count_in_files_that_pillow_does_not_read() -> None:
    loaded = read_image(pixels_file(as_type(RGB, "f4"), 2, more={274: 6}))
    assert loaded.original_size == (14, 21)
    assert np.abs(np.asarray(loaded.rgb.transpose(Image.Transpose.ROTATE_90)).astype(int) - RGB).max() <= 1
    linear = read_image(saved(Image.new("RGB", (4, 4), (55, 55, 55)), "TIFF", icc_profile=rgb_profile()))
    assert np.asarray(linear.rgb)[0, 0] == pytest.approx((128,) * 3, abs=1)


def test_8_bit_lab_and_16_bit_cmyk() -> None:
    from PIL import ImageCms

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(gradient(21, 14), to_lab)
    assert lab is not None
    assert np.abs(np.asarray(read_image(saved(lab, "TIFF")).rgb).astype(int) - RGB).mean() <= 2
    inks = np.zeros((4, 4, 4), np.uint16)
    inks[..., 0] = inks[..., 2] = 65535
    (note,) = read_image(pixels_file(inks, 5)).notes
    assert "approximate" in note


# --- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (pixels_file(RGB.astype(np.uint16), 9), "ICC Lab, 3 samples of 16 bits, uncompressed"),
        (pixels_file(as_type(RGB, "f4"), 2, more={259: 5}), "RGB, 3 samples of 32 floating-point bits, LZW"),
        (pixels_file(RGB, 2, more={259: 34712}), "JPEG 2000"),
        (pixels_file(RGB, 2, more={259: 12345}), "compression 12345"),
        (pixels_file(RGB, 6, more={530: [2, 2]}), "YCbCr, subsampled, uncompressed"),
        (pixels_file(RGB.astype(np.uint64), 2), "RGB, 3 samples of 64 bits"),
    ],
)
def test_a_sound_file_of_another_kind_is_not_called_damaged(data: bytes, what: str) -> None:
    with pytest.raises(InputImageError) as caught:
        read_image(data)
    check_message(caught.value)
    assert "of a kind that is not supported" in caught.value.message
    assert what in caught.value.message


@pytest.mark.parametrize("raw", [{262: 32803}, {50706: [1, 4, 0, 0]}])
def test_a_camera_raw_is_never_its_thumbnail(raw: dict[int, Any]) -> None:
    for data in (pixels_file(RGB[..., :1] if 262 in raw else RGB, 2, more=raw), _with_subifd()):
        with pytest.raises(InputImageError, match="camera raw"):
            read_image(data)


def _with_subifd() -> bytes:
    thumbnail = pixels_file(RGB, 2, more={330: 70_000})
    second = tiff_file([b"\0" * 10], {256: 5, 257: 1, 258: 16, 262: 32803})[8:]
    return thumbnail.ljust(70_000, b"\0") + second


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("layout", [{"rows": 3}, {"tile": (16, 16)}])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_blocks_beyond_the_end_of_the_file_are_missed(
    kind: str, deflate: bool, layout: dict[str, Any], planes: bool
) -> None:
    data = pixels_file(as_type(RGB, kind), 2, deflate=deflate, planes=planes, **layout)
    read_image(data)
    for missing in (1, len(data) // 3):
        with pytest.raises(InputImageError, match=r"is cut short: [\d,]+ of [\d,]+ (strips|tiles) are not in the file"):
            read_image(data[:-missing])


@pytest.mark.parametrize("deflate", [False, True])
def test_fewer_blocks_than_the_picture_needs(deflate: bool) -> None:
    whole = pixels_file(RGB, 2, rows=3, deflate=deflate)
    taller = pixels_file(RGB, 2, rows=3, deflate=deflate, more={257: 30})
    assert read_image(whole).original_size == (21, 14)
    with pytest.raises(InputImageError, match="5 of 10 strips are there"):
        read_image(taller)
    with pytest.raises(InputImageError, match="1 of 4 tiles are there"):
        read_image(pixels_file(RGB[:, :16], 2, tile=(16, 16), deflate=deflate, more={256: 32, 257: 32}))


def test_the_pages_of_a_file_are_its_frames(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for compression in (None, "tiff_lzw"):
        buffer = io.BytesIO()
        pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression=compression)
        assert read_image(buffer.getvalue(), frame=3).rgb.getpixel((0, 0)) == (0, 0, 255)
        with pytest.raises(InputImageError, match="no frame 4"):
            read_image(buffer.getvalue(), frame=4)

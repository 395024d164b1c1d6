from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import textwrap
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from image_files import (
    GREY,
    GREY_ALPHA,
    RGB,
    SEEDS,
    check_message,
    cmyk_profile,
    gradient,
    grey_profile,
    png_chunk,
    png_file,
    rgb_profile,
    saved,
)
from PIL import Image, ImageCms, ImageDraw

from diffstyler_cli.errors import InputImageError, UsageError
from diffstyler_cli.images import (
    LoadedImage,
    check_output,
    read_image,
    resized,
    restore_alpha,
    spread,
    to_image,
    to_tensor,
)
from diffstyler_cli.size import working_size


def colours(loaded: LoadedImage) -> list[tuple[int, ...]]:
    return [tuple(int(v) for v in pixel) for pixel in np.asarray(loaded.rgb).reshape(-1, 3)]


def differ(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a).astype(int) - np.asarray(b)).max())


# --- not an image ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "photo.png is empty (zero bytes)."),
        (b"<!DOCTYPE html><html>", "photo.png is a web page (HTML)"),
        (b"\xef\xbb\xbf\n <HTML lang=en>", "photo.png is a web page (HTML)"),
        (b"<svg xmlns='...'/>", "photo.png is a vector drawing (SVG)"),
        (b"<?xml version='1.0'?>\n<svg/>", "photo.png is a vector drawing (SVG)"),
        (b"%PDF-1.7", "photo.png is a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "photo.png is PostScript"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "photo.png is a video or another kind of file"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif\0\0\1\0meta", "photo.png is cut short"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "photo.png is damaged"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "photo.png is a camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "photo.png is a camera raw"),
        (b"hello", "photo.png is not an image"),
        (b"\0" * 1000, "photo.png is not an image"),
        (b"\x89PNG\r\n\x1a\n", "photo.png is damaged or cut short"),
        (b"\xff\xd8\xff", "photo.png is damaged or cut short"),
    ],
)
def test_what_is_no_image_is_named_with_advice(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(InputImageError) as caught:
        read_image(path)
    assert caught.value.message.startswith(message)
    assert caught.value.advice
    assert "\n" not in caught.value.message + caught.value.advice


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_refused(format: str) -> None:
    data = saved(Image.effect_noise((64, 64), 90).convert("RGB"), format)
    for share in (0.1, 0.4, 0.9) if format != "JPEG" else (0.1, 0.4):  # more of a JPEG is read, see test_cut_files
        with pytest.raises(InputImageError, match=r"cut short|damaged"):
            read_image(data[: int(len(data) * share)])


def test_a_pillow_without_avif_is_named_with_the_oldest_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(gradient(), "AVIF")
    monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    with pytest.raises(InputImageError, match="an AVIF image, which this Pillow cannot read") as caught:
        read_image(data)
    assert "Pillow 11.3 or newer" in caught.value.advice
    with pytest.raises(UsageError, match="cannot write AVIF"):
        check_output(Path("a.avif"))


def test_missing_file_folder_and_impossible_names(tmp_path: Path) -> None:
    for source, message in [
        (tmp_path / "no.png", "no.png does not exist."),
        (tmp_path, f"{tmp_path.name} is a folder, not an image."),
        (tmp_path / "a\0b.png", "a?b.png does not exist."),
        (tmp_path / ("x" * 300 + ".png"), "x" * 300 + ".png cannot be read: File name too long."),
        (tmp_path / "\x1b[31m\n\udcff.png", "?[31m??.png does not exist."),
    ]:
        with pytest.raises(InputImageError) as caught:
            read_image(source)
        assert caught.value.message == message


def test_a_link_in_circles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    with pytest.raises(InputImageError, match="cannot be read"):
        read_image(tmp_path / "a.png")


def test_an_unreadable_file_is_refused(open_folder: Path, as_plain_user: Callable[[], None]) -> None:
    path = open_folder / "photo.png"
    gradient().save(path)
    path.chmod(0)
    as_plain_user()
    with pytest.raises(InputImageError, match="permission denied"):
        read_image(path)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
@example(b"P6 0 0 255\n")
@example(b"P6 99999999 99999999 255\n")
def test_any_bytes_are_an_image_or_refused(data: bytes) -> None:
    try:
        loaded = read_image(data)
    except InputImageError as error:
        check_message(error)
    else:
        assert loaded.rgb.mode == "RGB"


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=8),
    st.integers(0, 9),
)
def test_a_damaged_file_is_an_image_or_refused(seed: bytes, edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(seed)
    for place, value in edits:
        data[place % min(len(data), 1 + place // 7)] = value
    try:
        read_image(bytes(data[: len(data) - cut * cut]), max_pixels=1_000_000)
    except InputImageError as error:
        check_message(error)


# --- size ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 10000), (10000, 1)])
def test_extreme_shapes_are_read_and_become_tensors(size: tuple[int, int]) -> None:
    loaded = read_image(saved(Image.new("RGB", size, (10, 20, 30)), "PNG"))
    assert loaded.original_size == size
    work = working_size(size, 64)
    tensor, _ = to_tensor(loaded.rgb, work, 64)
    assert min(work) >= 16
    assert tensor.shape[-2] % 64 == tensor.shape[-1] % 64 == 0
    assert to_image(tensor, work).getcolors() == [(work[0] * work[1], (10, 20, 30))]


def test_too_many_pixels_are_refused_before_decoding_and_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    bomb = png_file(b"", 60_000, 60_000, RGB, 8)
    for data in (bomb, saved(Image.new("1", (11_000, 10_000)), "PNG")):
        with pytest.raises(InputImageError, match="more than 100,000,000 pixels") as caught:
            read_image(data)
        assert "--max-pixels" in caught.value.advice
    assert capfd.readouterr() == ("", "")


def test_max_pixels_is_exact_and_replaces_pillows_own_limit() -> None:
    data = saved(Image.new("1", (20, 10)), "PNG")
    assert read_image(data, max_pixels=200).original_size == (20, 10)
    with pytest.raises(InputImageError):
        read_image(data, max_pixels=199)
    with pytest.raises(InputImageError):
        read_image(Image.new("L", (20, 10)), max_pixels=199)
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 10
    try:
        assert read_image(data).original_size == (20, 10)
        assert Image.MAX_IMAGE_PIXELS == 10
    finally:
        Image.MAX_IMAGE_PIXELS = before


def test_an_oversized_text_is_refused() -> None:
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 5_000_000))
    with pytest.raises(InputImageError, match=r"damaged|oversized"):
        read_image(png_file(b"\0\0\0", 1, 1, GREY, extra=text))


def test_warnings_logs_and_libtiff_stay_off_stderr() -> None:
    code = """
        import io
        from PIL import Image
        from diffstyler_cli.images import read_image
        from diffstyler_cli.errors import InputImageError
        buffer = io.BytesIO()
        Image.new("RGB", (40, 40)).save(buffer, "TIFF", compression="tiff_lzw")
        data = bytearray(buffer.getvalue())
        for place in range(len(data)):
            for value in (0, 1, 9, 255):
                broken = data[:]
                broken[place] = value
                try:
                    read_image(bytes(broken), max_pixels=10**5)
                except InputImageError:
                    pass
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("original", "size", "expected"),
    [
        ((4000, 3000), 256, (296, 222)),
        ((100, 100), 256, (256, 256)),
        ((1, 10000), 256, (64, 1024)),
        ((1, 1), 64, (64, 64)),
    ],
)
def test_working_size_keeps_area_and_shape(original: tuple[int, int], size: int, expected: tuple[int, int]) -> None:
    assert working_size(original, size) == expected


@given(st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)), st.integers(64, 4096))
def test_working_size_is_near_the_asked_area(original: tuple[int, int], size: int) -> None:
    width, height = working_size(original, size)
    assert min(width, height) >= 16
    assert 1 / 17 < width / height < 17
    assert abs(width * height / size**2 - 1) < 0.04


# --- orientation -----------------------------------------------------------------------------------------------------


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """How a camera stores `image` beside this orientation: the inverse of what the tag says."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return image if inverse is None else image.transpose(inverse)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_all_orientations_give_equal_tensors(format: str) -> None:
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(format, {})
    loaded = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        if format in ("JPEG", "AVIF"):  # lossy: flat blocks survive exactly
            picture = Image.new("L", (2, 3))
            picture.putdata([10, 60, 110, 160, 210, 250])
            picture = picture.resize((16, 24), Image.Resampling.NEAREST)
        else:
            picture = gradient(13, 7)
        loaded.append(read_image(saved(stored(picture, orientation), format, exif=exif, **options)))
    tensors = [to_tensor(item.rgb, working_size(item.original_size, 64), 16)[0] for item in loaded]
    assert all(item.original_size == loaded[0].original_size for item in loaded)
    assert all(bool((tensor == tensors[0]).all()) for tensor in tensors)
    assert len({item.rgb.tobytes() for item in loaded}) == 1


def test_orientation_turns_alpha_too_and_damaged_exif_costs_a_note() -> None:
    picture = gradient(8, 4).convert("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = read_image(saved(picture, "PNG", exif=exif))
    assert loaded.alpha is not None
    assert loaded.alpha.size == loaded.rgb.size == (4, 8)
    assert loaded.alpha.getpixel((3, 0)) == 0
    broken = read_image(saved(gradient(), "PNG", exif=b"Exif\0\0XX*\0garbage"))
    assert broken.notes == ["the EXIF data are damaged: the picture is taken as upright"]


# --- modes -----------------------------------------------------------------------------------------------------------


def test_16_bit_greyscale_is_scaled_not_clipped() -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    expected = [(0, 0, 0), (100, 100, 100), (255, 255, 255)]
    for format in ("PNG", "TIFF"):
        assert colours(read_image(saved(Image.fromarray(values), format))) == expected
    assert colours(read_image(b"P5 3 1 65535\n" + values.astype(">u2").tobytes())) == expected
    for mode in ("I;16", "I;16B", "I;16L"):
        pixels = values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
        assert colours(read_image(Image.frombytes(mode, (3, 1), pixels))) == expected


def test_16_bit_rgb_and_transparency() -> None:
    row = b"\0" + struct.pack(">6H", 65535, 0, 32768, 1, 2, 300)
    key = png_chunk(b"tRNS", struct.pack(">3H", 65535, 0, 32768))
    assert colours(read_image(png_file(row, 2, 1, RGB))) == [(255, 0, 128), (0, 0, 1)]
    keyed = read_image(png_file(row, 2, 1, RGB, extra=key))
    assert keyed.alpha is not None
    assert list(keyed.alpha.tobytes()) == [0, 255]
    assert colours(keyed) == [(255, 255, 255), (0, 0, 1)]
    grey = read_image(
        png_file(b"\0" + struct.pack(">2H", 40000, 40001), 2, 1, GREY, extra=png_chunk(b"tRNS", b"\x9c\x40"))
    )
    assert grey.alpha is not None
    assert list(grey.alpha.tobytes()) == [0, 255]
    both = read_image(png_file(b"\0" + struct.pack(">2H", 40000, 32768), 1, 1, GREY_ALPHA))
    assert both.alpha is not None
    assert list(both.alpha.tobytes()) == [128]


@pytest.mark.parametrize(
    ("values", "expected", "noted"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255], False),
        ([0.0, 100.0, 255.0], [0, 100, 255], False),
        ([0.0, 25700.0, 65535.0], [0, 100, 255], False),
        ([-10.0, 0.0, 30.0], [0, 64, 255], True),
        ([0.0, float("nan"), float("inf")], [0, 0, 0], False),
        ([0.0, 25e4, 1e6], [0, 64, 255], True),
    ],
)
def test_float_and_32_bit_images_find_their_range(values: list[float], expected: list[int], noted: bool) -> None:
    loaded = read_image(saved(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert [c[0] for c in colours(loaded)] == expected
    assert bool(loaded.notes) == noted
    if float("inf") not in values and max(values) > 1:
        assert [c[0] for c in colours(read_image(Image.fromarray(np.array([values], np.int32))))] == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F"])
def test_every_mode_becomes_opaque_rgb(mode: str) -> None:
    loaded = read_image(Image.new(mode, (5, 4)))
    assert (loaded.rgb.mode, loaded.rgb.size, loaded.alpha) == ("RGB", (5, 4), None)


@pytest.mark.parametrize("mode", ["LA", "La", "RGBA", "RGBa", "PA"])
def test_every_mode_with_alpha_keeps_it(mode: str) -> None:
    loaded = read_image(Image.new(mode, (5, 4)))
    assert loaded.alpha is not None
    assert loaded.alpha.getextrema() == (0, 0)
    assert loaded.rgb.getcolors() == [(20, (255, 255, 255))]


def test_palette_with_transparency_and_opaque_alpha() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    loaded = read_image(saved(palette, "PNG", transparency=b"\x40\xff"))
    assert loaded.alpha is not None
    assert list(loaded.alpha.tobytes()) == [0x40, 255]
    assert colours(loaded) == [(255, 0, 0), (0, 0, 255)]
    assert read_image(saved(palette, "PNG", transparency=0)).alpha is not None
    assert read_image(saved(Image.new("RGBA", (2, 2), "red"), "PNG")).alpha is None
    assert colours(read_image(saved(Image.new("1", (1, 1), 1), "PNG"))) == [(255, 255, 255)]
    assert colours(read_image(saved(Image.new("LA", (1, 1), (7, 9)), "PNG"))) == [(7, 7, 7)]


def test_cmyk_is_read_and_said_to_be_approximate() -> None:
    loaded = read_image(saved(Image.new("CMYK", (8, 8), (255, 0, 255, 0)), "JPEG"))
    red, green, blue = colours(loaded)[0]
    assert green > 200
    assert max(red, blue) < 50
    assert "approximate" in loaded.notes[0]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_used_and_a_note_says_so(format: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    loaded = read_image(saved(first, format, save_all=True, append_images=[second]))
    assert differ(loaded.rgb, first) <= 2
    assert loaded.notes == ["of several frames the first is used"]
    assert read_image(saved(first, format)).notes == []


def test_a_cameras_second_picture_is_no_news() -> None:
    data = saved(gradient(), "MPO", save_all=True, append_images=[gradient(8, 8)])
    loaded = read_image(data)
    assert (loaded.original_size, loaded.notes) == ((24, 16), [])


# --- colour profiles -------------------------------------------------------------------------------------------------


def test_another_profile_is_converted_to_srgb() -> None:
    grey = Image.new("RGB", (4, 4), (55, 55, 55))
    linear = read_image(saved(grey, "PNG", icc_profile=rgb_profile(gamma=1.0)))
    assert colours(linear)[0] == pytest.approx((128, 128, 128), abs=1)  # sRGB's curve at 55/255 of the light
    swapped = read_image(saved(Image.new("RGB", (4, 4), "red"), "PNG", icc_profile=rgb_profile(2.2, (1, 0, 2))))
    assert colours(swapped)[0] == pytest.approx((0, 255, 0), abs=3)
    assert linear.notes == swapped.notes == []


def test_grey_and_cmyk_and_lab_profiles() -> None:
    grey = Image.new("L", (4, 4), 55)
    assert colours(read_image(saved(grey, "PNG", icc_profile=grey_profile())))[0] == pytest.approx((128,) * 3, abs=1)
    assert colours(read_image(saved(grey, "PNG", icc_profile=rgb_profile())))[0] == pytest.approx((128,) * 3, abs=1)
    sixteen = Image.fromarray(np.full((2, 2), 55 * 257, np.uint16))
    assert colours(read_image(saved(sixteen, "PNG", icc_profile=grey_profile())))[0] == pytest.approx((128,) * 3, abs=1)
    ink = read_image(saved(Image.new("CMYK", (8, 8)), "TIFF", icc_profile=cmyk_profile()))
    assert (colours(ink)[0], ink.notes) == ((255, 255, 255), [])
    lab = read_image(saved(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"))
    assert colours(lab)[0] == pytest.approx((255, 255, 255), abs=1)


def test_srgb_under_any_name_changes_nothing() -> None:
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),):
        loaded = read_image(saved(gradient(), "PNG", icc_profile=profile))
        assert differ(loaded.rgb, gradient()) == 0


def test_alpha_and_palette_keep_their_profile() -> None:
    picture = Image.new("RGBA", (4, 4), (55, 55, 55, 99))
    loaded = read_image(saved(picture, "PNG", icc_profile=rgb_profile()))
    assert loaded.alpha is not None
    assert loaded.alpha.getextrema() == (99, 99)
    assert colours(loaded)[0] == pytest.approx((128, 128, 128), abs=1)
    palette = read_image(saved(Image.new("RGB", (4, 4), (55, 55, 55)).quantize(), "PNG", icc_profile=rgb_profile()))
    assert colours(palette)[0] == pytest.approx((128, 128, 128), abs=1)


def test_a_broken_or_unfit_profile_costs_a_note() -> None:
    for profile in (b"garbage", rgb_profile()[:200], grey_profile(), cmyk_profile()):
        loaded = read_image(saved(gradient(), "PNG", icc_profile=profile))
        assert differ(loaded.rgb, gradient()) == 0
        assert "profile cannot be used" in loaded.notes[0]


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([rgb_profile(), grey_profile(), cmyk_profile()]),
    st.lists(st.tuples(st.integers(), st.integers(0, 255))),
)
def test_any_profile_leaves_a_picture(profile: bytes, edits: list[tuple[int, int]]) -> None:
    data = bytearray(profile)
    for place, value in edits:
        data[place % len(data)] = value
    assert read_image(saved(gradient(), "PNG", icc_profile=bytes(data))).rgb.size == (24, 16)


# --- sources ---------------------------------------------------------------------------------------------------------


class Stdin:
    closed = False

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("-", Path("-")):
        monkeypatch.setattr(sys, "stdin", Stdin(saved(gradient(), "PNG")))
        loaded = read_image(source)
        assert (loaded.name, loaded.original_size) == ("stdin", (24, 16))
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    with pytest.raises(InputImageError, match="stdin is empty"):
        read_image("-")
    monkeypatch.setattr(sys, "stdin", Stdin(b"", terminal=True))
    with pytest.raises(UsageError, match="terminal"):
        read_image("-")


def test_named_pipes_are_read_and_endless_ones_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(saved(gradient(), "PNG"),))
    writer.start()
    assert read_image(pipe).original_size == (24, 16)
    writer.join()
    monkeypatch.setattr("diffstyler_cli.images.source.MAX_STREAM_BYTES", 2**20)
    with pytest.raises(InputImageError, match="zero is longer than"):
        read_image(Path("/dev/zero"))


def test_a_pillow_image_is_read_and_left_alone() -> None:
    picture = gradient().convert("RGBA")
    picture.putalpha(0)
    before = picture.tobytes()
    loaded = read_image(picture)
    loaded.rgb.putpixel((0, 0), (0, 0, 0))
    assert picture.tobytes() == before
    closed = Image.open(io.BytesIO(saved(gradient(), "PNG")[:-40]))
    with pytest.raises(InputImageError, match=r"image is cut short|damaged"):
        read_image(closed)


def test_nothing_of_the_files_metadata_clings_to_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    gradient().save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", comment=b"secret", dpi=(300, 300))
    assert read_image(path).rgb.info == {}


def test_threads_may_read_at_once() -> None:
    data, found = saved(gradient(), "PNG"), []

    def work() -> None:
        with warnings.catch_warnings():
            found.append(read_image(data).original_size)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(24, 16)] * 8


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: ru_maxrss has other units elsewhere")
def test_a_large_photo_is_held_at_most_twice(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((4000, 3000)).convert("RGB").save(path, exif=exif, icc_profile=rgb_profile())
    code = f"""
        import resource
        from diffstyler_cli.images import read_image
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        read_image({str(path)!r}, 10**9).rgb.resize((8, 8))
        print(peak())
    """
    small = code.replace(repr(str(path)), repr(str(tmp_path / "small.jpg")))
    with Image.open(path) as image:
        image.resize((40, 30)).save(tmp_path / "small.jpg", exif=exif, icc_profile=rgb_profile())
    large_peak, small_peak = (
        float(subprocess.run([sys.executable, "-c", textwrap.dedent(c)], capture_output=True, check=True).stdout)
        for c in (code, small)
    )
    one_copy = 4000 * 3000 * 4 / 2**20  # Pillow keeps 4 bytes a pixel
    assert large_peak - small_peak < 2.3 * one_copy


# --- tensors ---------------------------------------------------------------------------------------------------------


def test_a_picture_survives_the_way_to_a_tensor_and_back() -> None:
    picture = gradient(37, 23)
    tensor, size = to_tensor(picture, (37, 23), 16)
    assert tuple(tensor.shape) == (1, 3, 32, 48)
    assert -1 <= float(tensor.min()) < float(tensor.max()) <= 1
    assert bool((tensor[..., 22 + 5, :] == tensor[..., 22 - 5, :]).all())
    assert differ(to_image(tensor, size), picture) == 0
    assert differ(to_image(tensor[0].double() * 1.0, size), picture) == 0
    assert to_image(tensor).size == (48, 32)
    assert to_image(tensor * 9).getextrema() == ((0, 255),) * 3


def test_the_colour_under_full_transparency_never_bleeds_into_the_edge() -> None:
    for hidden in ((0, 255, 0, 0), (255, 255, 255, 0), (0, 0, 0, 0)):
        disc = Image.new("RGBA", (600, 600), hidden)
        ImageDraw.Draw(disc).ellipse((60, 60, 540, 540), fill=(90, 0, 0, 255))
        loaded = read_image(saved(disc, "PNG"))
        assert loaded.alpha is not None
        small = resized(loaded.rgb, (128, 128), loaded.alpha)
        edge = np.asarray(loaded.alpha.resize((128, 128), Image.Resampling.LANCZOS))
        seen = np.asarray(small)[(edge >= 2) & (edge < 200)]
        assert len(seen) > 100
        assert np.abs(seen.astype(int) - (90, 0, 0)).max() <= 1
        assert small.getpixel((0, 0)) == (255, 255, 255)
        tensor, _ = to_tensor(loaded.rgb, (128, 128), 16, loaded.alpha)
        assert differ(to_image(tensor, (128, 128)), small) == 0
        # and back to the photo's size, as a result goes
        large = spread(small, Image.fromarray(edge)).resize((600, 600), Image.Resampling.LANCZOS)
        visible = np.asarray(loaded.alpha) > 0
        assert np.abs(np.asarray(large)[visible].astype(int) - (90, 0, 0)).max() <= 45
        assert np.abs(np.asarray(large)[visible].astype(int) - (90, 0, 0)).mean() <= 0.1


def test_alpha_is_laid_over_a_result_of_another_size() -> None:
    alpha = Image.new("L", (10, 10), 128)
    result = restore_alpha(gradient(24, 16), alpha)
    assert (result.mode, result.size, result.getchannel("A").getextrema()) == ("RGBA", (24, 16), (128, 128))
    assert restore_alpha(result, None) is result


def test_reading_and_inspecting_do_not_import_torch() -> None:
    code = "import sys, diffstyler_cli.images, diffstyler_cli.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def broken_chunk() -> bytes:
    """A PNG whose second piece of pixels has no name."""
    data = saved(Image.frombytes("RGB", (200, 200), np.random.default_rng(0).bytes(120_000)), "PNG")
    second = data.rindex(b"IDAT")
    return data[:second] + b"\x01\xff\\'" + data[second + 4 :]


def short_extension() -> bytes:
    """A GIF whose second frame's transparency and time are in one byte."""
    data = saved(gradient(), "GIF", save_all=True, append_images=[gradient().rotate(180)], duration=40)
    place = data.rindex(b"!\xf9\x04")
    return data[:place] + b"!\xf9\x01\x05\0" + data[place + 8 :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (short_extension(), "its header makes no sense"),
        (b"P5 \xff9 8 255 ", "a number in its header is none"),
        (b"Image type: RGB image\r\nImage size (x*y): 2\x00*16\r\n\0", "a number in its header is none"),
        (b"P5 " + b"1\xe9" * 40 + b" 8 255 ", "Token too long in file header"),
        (broken_chunk(), "broken PNG file"),
    ],
)
def test_what_a_decoder_says_is_shown_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(InputImageError) as caught:
        read_image(data)
    check_message(caught.value)
    assert caught.value.message == f"image is damaged or of an unsupported kind: {reason}."

"""HEIC through pillow-heif, where it is installed; without it, the line that says how to get it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from image_files import check_message, gradient
from PIL import Image

from diffstyler_cli.errors import InputImageError, UsageError
from diffstyler_cli.images import read_image
from diffstyler_cli.images.describe import describe

heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")


def heic(path: Path, *images: Image.Image, **options: object) -> Path:
    file = heif.HeifFile()
    for image in images:
        file.add_from_pillow(image)
    file.save(path, quality=-1, chroma=444, **options)
    return path


def test_a_picture_is_read_and_pillow_is_left_as_it_is(tmp_path: Path) -> None:
    path = heic(tmp_path / "a.jpg", gradient(64, 48))  # by what it holds, not by its name
    loaded = read_image(path)
    assert (loaded.original_size, loaded.notes, loaded.alpha) == ((64, 48), [], None)
    assert np.abs(np.asarray(loaded.rgb).astype(int) - np.asarray(gradient(64, 48))).mean() <= 2
    assert "HEIF" not in Image.OPEN
    found = describe(path)
    assert (found.format, found.size, found.frames) == ("HEIF", (64, 48), 1)


def test_alpha_is_exact(tmp_path: Path) -> None:
    picture = gradient(64, 48)
    picture.putalpha(Image.linear_gradient("L").resize((64, 48)))
    loaded = read_image(heic(tmp_path / "a.heic", picture))
    assert loaded.alpha is not None
    assert (np.asarray(loaded.alpha) == np.asarray(picture.getchannel("A"))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_counts_once(tmp_path: Path, orientation: int) -> None:
    picture = gradient(64, 48)
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)  # fmt: skip
    stored = picture if inverse is None else picture.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.heic"  # as a telephone writes it: both in the boxes and in EXIF
    heif.encode("RGB", stored.size, stored.tobytes(), path, quality=-1, chroma=444, exif=exif.tobytes())
    assert (orientation == 1) != (b"irot" in path.read_bytes() or b"imir" in path.read_bytes())
    loaded = read_image(path)
    assert loaded.original_size == (64, 48)
    assert np.abs(np.asarray(loaded.rgb).astype(int) - np.asarray(picture)).mean() <= 2


def test_frames_and_the_main_one(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue")]
    path = heic(tmp_path / "a.heic", *pictures, primary_index=1)
    loaded = read_image(path)
    assert loaded.rgb.getpixel((9, 9)) == pytest.approx((0, 255, 0), abs=3)
    assert loaded.notes == ["of several frames the main one is used"]
    third = read_image(path, frame=3)
    assert (third.notes, third.rgb.getpixel((9, 9))) == ([], pytest.approx((0, 0, 255), abs=3))
    with pytest.raises(InputImageError, match="has no frame 4"):
        read_image(path, frame=4)
    with pytest.raises(UsageError, match="holds one picture"):
        read_image(heic(tmp_path / "b.heic", pictures[0]), frame=1)


def test_too_many_pixels_cut_and_damaged_files_are_refused(tmp_path: Path) -> None:
    data = heic(tmp_path / "a.heic", gradient(64, 48)).read_bytes()
    with pytest.raises(InputImageError, match="more than 100 pixels"):
        read_image(data, max_pixels=100)
    with pytest.raises(InputImageError, match="is cut short"):
        read_image(data[: len(data) * 2 // 3])
    for place in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        try:
            read_image(bytes(damaged), max_pixels=10_000)
        except InputImageError as error:
            check_message(error)


def test_without_pillow_heif_the_message_names_the_extra(tmp_path: Path) -> None:
    path = heic(tmp_path / "a.heic", gradient(64, 48))
    code = f"""
        import sys
        sys.modules["pillow_heif"] = None
        from pathlib import Path
        from diffstyler_cli.images import read_image
        from diffstyler_cli.errors import InputImageError
        try:
            read_image(Path({str(path)!r}))
        except InputImageError as error:
            print(error.message, error.advice)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "HEIC image, which needs pillow-heif" in done.stdout
    assert "diffstyler-cli[heif]" in done.stdout

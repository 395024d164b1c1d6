"""Files of which a part is missing: a JPEG is read if half of its rows are there; others are refused in clear words."""

from __future__ import annotations

import numpy as np
import pytest
from image_files import gradient, saved
from PIL import Image

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image, read_recipe, write_image

PHOTO = gradient(160, 240)


def largest(image: Image.Image, rows: slice) -> int:
    return int(np.abs(np.asarray(image).astype(int)[rows] - np.asarray(PHOTO)[rows]).max())


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_is_read_with_one_notice(mode: str, progressive: bool) -> None:
    whole = saved(PHOTO.convert(mode), "JPEG", quality=95, progressive=progressive)
    assert not any("cut short" in note for note in read_image(whole).notes)
    for data in (whole[:-2], whole[:-1]):
        loaded = read_image(data)
        assert sum("cut short" in note for note in loaded.notes) == 1
        assert np.abs(np.asarray(loaded.rgb).astype(int) - np.asarray(read_image(whole).rgb)).max() <= 2


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_missing_rows_are_counted_and_the_others_are_right(mode: str) -> None:
    whole = saved(PHOTO.convert(mode), "JPEG", quality=95)
    original = np.asarray(read_image(whole).rgb).astype(int)
    counted = []
    for share in (0.95, 0.9, 0.75):
        loaded = read_image(whole[: int(len(whole) * share)])
        (note,) = loaded.notes
        missing = int(note.split("the last ")[1].split(" ")[0])
        assert "of 240 rows are missing" in note
        assert loaded.original_size == (160, 240)
        assert np.abs(np.asarray(loaded.rgb) - original)[: 240 - missing - 16].max() <= 2
        assert (np.asarray(loaded.rgb)[-1, -4:] == 128).all()
        counted.append(missing)
    assert counted == sorted(counted)
    assert counted[-1] > counted[0]


def test_a_jpeg_with_fewer_than_half_of_its_rows_is_refused() -> None:
    whole = saved(PHOTO, "JPEG", quality=95)
    with pytest.raises(InputImageError, match=r"is cut short: \d+ of 240 rows are there, fewer than half"):
        read_image(whole[: len(whole) * 2 // 5])


def test_a_progressive_jpeg_is_read_from_its_second_scan_on() -> None:
    noise = Image.effect_noise((160, 240), 60).convert("RGB")
    whole = saved(noise, "JPEG", progressive=True)
    loaded = read_image(whole[: len(whole) // 2])
    assert loaded.notes == ["the file is cut short: fine detail is missing"]
    assert np.asarray(loaded.rgb)[-8:].std() > 1  # down to the last row
    second = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 1)
    with pytest.raises(InputImageError, match="cut short"):
        read_image(whole[: second - 10])


def test_an_end_marker_in_a_thumbnail_is_not_the_end_and_what_follows_the_end_does_not_count() -> None:
    thumbnail = saved(gradient(16, 16), "JPEG")
    whole = saved(PHOTO, "JPEG", comment=thumbnail)
    assert "end marker" in read_image(whole[:-2]).notes[0]
    assert read_image(whole + b"a camera's own data").notes == []
    assert read_image(saved(PHOTO, "MPO", save_all=True, append_images=[gradient(8, 8)])).notes == []


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "PNG", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_other_formats_say_that_they_are_cut_short(format: str, share: float) -> None:
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = saved(noise, format, **({"lossless": True} if format == "WEBP" else {}))
    with pytest.raises(InputImageError, match="is cut short"):
        read_image(whole[: int(len(whole) * share)])


def test_a_cut_picture_of_ours_still_has_its_recipe(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "a.jpg"
    write_image(PHOTO, path, {"seed": 1})
    assert (read_recipe(path.read_bytes()[:-2]) or {})["seed"] == 1

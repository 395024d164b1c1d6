from __future__ import annotations

import errno
import io
import os
import resource
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import gradient, saved
from PIL import Image

from diffstyler_cli.errors import OutputError, UsageError
from diffstyler_cli.images import (
    Saving,
    automatic_name,
    check_output,
    encode_image,
    kept,
    output_format,
    read_image,
    read_recipe,
    write_image,
    write_numbered,
)
from diffstyler_cli.images.boxes import colour_code
from diffstyler_cli.images.profiles import srgb_profile
from diffstyler_cli.recipe import SCHEMA

FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"]


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# --- names and checks ------------------------------------------------------------------------------------------------


def test_the_suffix_names_the_format() -> None:
    names = {"png": "PNG", "JPG": "JPEG", "jpeg": "JPEG", "WebP": "WEBP", "Avif": "AVIF", "tif": "TIFF", "TIFF": "TIFF"}
    assert {suffix: output_format(f"a.{suffix}") for suffix in names} == names
    for path in ("a.gif", "a", "a.png.txt", ".png"):
        with pytest.raises(UsageError, match="suffix"):
            output_format(path)


def test_automatic_names_are_safe_and_free(tmp_path: Path) -> None:
    def name(photo: str | None, *words: str) -> str:
        return automatic_name(None if photo is None else Path(photo), words, tmp_path).name

    assert name("in/photo.jpg", "oil painting") == "photo-oil-painting.png"
    assert name(None, "Ukiyo-e print", "misty morning") == "picture-ukiyo-e-print-misty-morning.png"
    assert name("photo.jpg", "../../etc/passwd\0; rm -rf ~") == "photo-etc-passwd-rm-rf.png"
    assert name("фото.jpg", "масляная живопись") == "фото-масляная-живопись.png"
    assert name("a\nb.jpg", "🎨") == "a-b-style.png"
    (tmp_path / "photo-oil-painting.png").touch()
    (tmp_path / "photo-oil-painting-2.png").symlink_to("nowhere")
    assert name("photo.jpg", "oil painting") == "photo-oil-painting-3.png"


@given(st.text(max_size=300), st.text(max_size=300))
def test_an_automatic_name_stays_in_its_folder(stem: str, prompt: str) -> None:
    path = automatic_name(Path("x" + stem.replace("/", "").replace("\0", "") + ".jpg"), [prompt], Path("/nowhere"))
    assert path.parent == Path("/nowhere")
    assert path.suffix == ".png"
    assert len(os.fsencode(path.name.encode(errors="replace"))) < 240


def test_outputs_are_checked_before_the_work(tmp_path: Path) -> None:
    check_output(tmp_path / "new.png", [tmp_path / "missing.jpg", Path("-")])
    (tmp_path / "old.png").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    check_output(tmp_path / "old.png", force=True)
    check_output(tmp_path / "dangling.png", force=True)
    for path, force, kind, message in [
        (tmp_path / "old.png", False, UsageError, "exists"),
        (tmp_path / "dangling.png", False, UsageError, "exists"),
        (tmp_path / "folder.png", True, UsageError, "not a regular file"),
        (tmp_path / "new.bmp", True, UsageError, "suffix"),
        (tmp_path / "no" / "new.png", False, OutputError, "does not exist"),
        (tmp_path / "old.png" / "new.png", False, OutputError, "does not exist"),
        (tmp_path / "a\0b.png", False, OutputError, "cannot be written"),
    ]:
        with pytest.raises(kind, match=message) as caught:
            check_output(path, force=force)
        assert caught.value.advice
    assert files(tmp_path) == ["dangling.png", "folder.png", "old.png"]


def test_an_input_is_never_the_output_whatever_leads_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "photo.png"
    photo.touch()
    (tmp_path / "soft.png").symlink_to(photo)
    (tmp_path / "hard.png").hardlink_to(photo)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for path in (photo, tmp_path / "soft.png", tmp_path / "hard.png", Path("photo.png"), tmp_path / "sub/../photo.png"):
        for given_input in (photo, tmp_path / "soft.png"):
            with pytest.raises(UsageError, match="is an input file"):
                check_output(path, [tmp_path / "other.png", given_input], force=True)


def test_a_folder_that_may_not_be_written_to(open_folder: Path, as_plain_user: Callable[[], None]) -> None:
    open_folder.chmod(0o555)
    as_plain_user()
    with pytest.raises(OutputError, match="may not be written to"):
        check_output(open_folder / "new.png")
    with pytest.raises(OutputError, match="Permission denied"):
        write_image(gradient(), open_folder / "new.png")


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "AVIF", "tiff"])
def test_a_picture_is_written_whole_with_the_umasks_permissions(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    before = os.umask(0o027)
    try:
        assert write_image(gradient(), path, {"seed": 1}) == []
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert files(tmp_path) == [path.name]
    with Image.open(path) as image:
        assert image.format == output_format(path)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - np.asarray(gradient())).mean() < 4


def test_without_force_nothing_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists") as caught:
        write_image(gradient(), path)
    assert "--force" in caught.value.advice
    assert path.read_bytes() == b"precious"
    assert files(tmp_path) == ["a.png"]


def test_force_replaces_the_file_behind_a_link_and_keeps_its_permissions(tmp_path: Path) -> None:
    path, link = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(b"old")
    path.chmod(0o600)
    link.symlink_to(path)
    write_image(gradient(), link, force=True)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Image.open(path) as image:
        assert image.size == (24, 16)


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_of_two_writers_only_one_gets_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def refuse(*_: Any) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def work(shade: int) -> None:
        start.wait()
        try:
            write_image(Image.new("L", (4, 4), shade), tmp_path / "a.png")
            outcomes.append(str(shade))
        except OutputError:
            outcomes.append("exists")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = [o for o in outcomes if o != "exists"]
    assert len(winner) == 1
    with Image.open(tmp_path / "a.png") as image:
        assert image.convert("L").getpixel((0, 0)) == int(winner[0])
    assert files(tmp_path) == ["a.png"]


def test_numbered_writers_all_get_a_name(tmp_path: Path) -> None:
    threads = [threading.Thread(target=write_numbered, args=(gradient(), tmp_path / "a.png")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(tmp_path) == ["a-2.png", "a-3.png", "a-4.png", "a-5.png", "a-6.png", "a.png"]
    assert write_numbered(gradient(), tmp_path / "b.webp") == (tmp_path / "b.webp", [])
    with pytest.raises(OutputError, match="folder does not exist"):
        write_numbered(gradient(), tmp_path / "no" / "a.png")


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_failing_disk_leaves_nothing_and_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, force: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "a.png"
    if force:
        path.write_bytes(b"old")
    with pytest.raises(OutputError, match="Input/output error" if number == errno.EIO else "disk or quota is full"):
        write_image(gradient(), path, force=force)
    assert files(tmp_path) == (["a.png"] if force else [])
    assert not force or path.read_bytes() == b"old"


def test_a_real_limit_on_file_size_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = Image.effect_noise((200, 200), 99)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match="disk or quota is full"):
            write_image(noise, tmp_path / "a.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(gradient(), tmp_path / "a.png")
    assert files(tmp_path) == []


def test_a_kill_in_mid_write_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from PIL import Image
        from diffstyler_cli.images import write_image
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        write_image(Image.new("RGB", (9, 9)), Path({str(tmp_path)!r}) / "a.png", force=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -9
    assert all(name.startswith(".diffstyler-") for name in files(tmp_path))


def test_a_missing_folder_and_an_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        write_image(gradient(), tmp_path / "no" / "a.png")
    with pytest.raises(UsageError, match="suffix"):
        write_image(gradient(), tmp_path / "a.bmp")


# --- what the files hold ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_equal_pictures_give_equal_bytes_without_metadata(format: str) -> None:
    picture = gradient()
    picture.info = {"icc_profile": b"x" * 200, "comment": b"secret", "exif": b"Exif\0\0secret", "dpi": (9, 9)}
    data = encode_image(picture, format)
    assert data == encode_image(gradient(), format)
    assert b"secret" not in data
    assert b"xxxx" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert not image.getexif().get_ifd(0x8769)
        assert image.info.get("icc_profile") == (srgb_profile() if format in ("JPEG", "WEBP", "TIFF") else None)


def test_png_is_marked_as_srgb_and_jpeg_is_not_subsampled() -> None:
    assert b"sRGB\0" in encode_image(gradient(), "PNG")
    with Image.open(io.BytesIO(encode_image(gradient(), "JPEG"))) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_alpha_is_kept_or_laid_on_white_with_a_note(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    for suffix in ("png", "webp", "avif", "tiff"):
        assert write_image(picture, tmp_path / f"a.{suffix}") == []
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.getchannel("A").getextrema() == (128, 128)
    (note,) = write_image(picture, tmp_path / "a.jpg")
    assert "white" in note
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getpixel((8, 8)) == pytest.approx((255, 127, 127), abs=3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("format", FORMATS)
def test_every_mode_can_be_written(mode: str, format: str) -> None:
    with Image.open(io.BytesIO(encode_image(Image.new(mode, (3, 2)), format))) as image:
        assert image.size == (3, 2)


def test_a_format_too_small_for_the_picture_says_so() -> None:
    for format, side in [("WEBP", 16_384), ("JPEG", 65_501), ("AVIF", 32_769)]:
        with pytest.raises(OutputError, match="holds at most") as caught:
            encode_image(Image.new("L", (side, 1)), format)
        assert ".png" in caught.value.advice
        if format != "AVIF":  # it takes long
            encode_image(Image.new("L", (1, side - 1)), format)
    assert saved(gradient(), "PNG") != encode_image(gradient(), "PNG")


@pytest.mark.parametrize("format", FORMATS)
def test_every_file_says_that_its_colours_are_srgb_and_is_read_back_as_it_was(format: str) -> None:
    data = encode_image(gradient(), format, {"seed": 1})
    loaded = read_image(data)
    assert loaded.notes == []
    difference = np.abs(np.asarray(loaded.rgb).astype(int) - np.asarray(gradient()))
    assert difference.mean() <= (0 if format in ("PNG", "TIFF") else 4)
    if format == "AVIF":
        assert colour_code(io.BytesIO(data)) == (1, 13, True)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_quality_is_that_of_the_file(format: str) -> None:
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    low, usual, high = (len(encode_image(noise, format, saving=Saving(quality=q))) for q in (20, None, 100))
    assert low < usual < high


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_pixels_per_inch_are_written(format: str) -> None:
    with Image.open(io.BytesIO(encode_image(gradient(), format, saving=Saving(dpi=(300, 300))))) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    with Image.open(io.BytesIO(encode_image(gradient(), format))) as image:
        assert "dpi" not in image.info or format == "TIFF"


# --- EXIF data that are kept -----------------------------------------------------------------------------------------

CAMERA, EXPOSURE, PLACE = 0x8769, 33434, 0x8825


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[306], exif[274], exif[270], exif[282] = "Canon", "2020:01:02 03:04:05", 6, "my child at home", 72.0
    exif[CAMERA] = {36867: "2020:01:02 03:04:05", EXPOSURE: 0.008, 37500: b"maker's note", 42033: "serial", 40962: 4000}
    exif[PLACE] = {1: "N", 2: (50.0, 3.0, 2.0)}
    return exif


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("recipe", [None, {"seed": 1}], ids=["bare", "with recipe"])
def test_date_and_camera_are_kept_and_the_place_only_where_all_is(format: str, recipe: dict[str, Any] | None) -> None:
    photo = read_image(saved(gradient(), "JPEG", exif=camera_exif()))
    for everything in (False, True):
        data = encode_image(gradient(), format, recipe, Saving(kept=kept(photo.exif, everything=everything)))
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            inner, place = exif.get_ifd(CAMERA), exif.get_ifd(PLACE)
        assert (exif[271], exif[306]) == ("Canon", "2020:01:02 03:04:05")
        assert (inner[36867], float(inner[EXPOSURE])) == ("2020:01:02 03:04:05", pytest.approx(0.008))
        assert exif.get(274, 1) == 1
        assert not {37500, 40962} & set(inner)
        assert (exif.get(270), inner.get(42033), place.get(1)) == (
            ("my child at home", "serial", "N") if everything else (None, None, None)
        )
        assert read_image(data).original_size == (24, 16)
        assert read_recipe(data) == (None if recipe is None else {"schema": SCHEMA, **recipe})
        assert b"maker's note" not in data


def test_names_keep_their_bytes_and_damaged_data_are_nothing() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x3b\0\2\0\0\0\6\0\0\0\x1a\0\0\0\0Jos\xc3\xa9\0"
    photo = read_image(saved(gradient(), "JPEG", exif=exif))
    assert "José".encode() in encode_image(gradient(), "JPEG", saving=Saving(kept=kept(photo.exif, everything=False)))
    assert kept(b"Exif\0\0garbage", everything=True) == {}
    assert kept(b"", everything=True) == {}


def test_exif_data_that_a_jpeg_has_no_room_for_are_left_out_with_a_note(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270] = "x" * 70_000
    everything = Saving(kept=kept(exif.tobytes(), everything=True))
    (note,) = write_image(gradient(), tmp_path / "a.jpg", saving=everything)
    assert "too long" in note
    assert write_image(gradient(), tmp_path / "a.png", saving=everything) == []
    (note,) = write_image(gradient(), tmp_path / "b.jpg", {"seed": 1}, saving=everything)
    assert read_recipe(tmp_path / "b.jpg") is None

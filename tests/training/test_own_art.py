"""A person fits the art network to a folder of their own pictures, and paints with it."""

from __future__ import annotations

import csv
import importlib.util
import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from PIL import Image

from diffstyler_cli import Stylizer
from diffstyler_cli.errors import UsageError, WeightsError
from diffstyler_cli.models.lite.architecture import WEIGHTS
from diffstyler_cli.training import data
from diffstyler_cli.training.__main__ import main

TINY = {"size": 64, "steps": 2, "seed": 3}


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m diffstyler_cli.training`, in this process, which has torch already."""
    command, out, err, code = ["training", *arguments, "--threads", "1"], io.StringIO(), io.StringIO(), 0
    with patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "mine" / "deeper"
    folder.mkdir(parents=True)
    for k, size in enumerate(((300, 300), (640, 320), (200, 280))):
        Image.effect_noise(size, 90 + k).convert("RGB").save(folder / f"{k}.png")
    (folder / "notes.txt").write_text("no picture")
    return tmp_path / "mine"


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_an_art_network(pictures: Path, tmp_path: Path, stylizer: Stylizer) -> None:
    work = tmp_path / "work"
    options = ("--data", str(pictures), "--work", str(work), "--from", "lite", "--batch", "4", "--crop", "32")
    done = train("art", *options, "--steps", "25")
    assert done.returncode == 0, done.stderr
    weights = work / "art.safetensors"
    assert f"--art-weights {weights}" in done.stdout
    own = Stylizer.load("auto", device="cpu", dtype="fp32", weights={"art": weights})
    assert own.name == "lite"
    photo = Image.radial_gradient("L").convert("RGB")
    a, b = (s.stylize(photo, "oil painting", lam=0.3, **TINY) for s in (own, stylizer))
    assert a.image.tobytes() != b.image.tobytes()
    assert a.recipe["models"]["art"]["source"] == "file art.safetensors"
    assert a.recipe["models"]["art"]["sha256"] != b.recipe["models"]["art"]["sha256"]
    assert a.recipe["models"]["photo"] == b.recipe["models"]["photo"]

    again = train("art", *options, "--steps", "50")  # goes on where it was
    assert again.returncode == 0, again.stderr
    with (work / "art.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["25", "50"]
    assert all(0 < float(row["loss"]) < 3 for row in rows)
    if importlib.util.find_spec("matplotlib"):
        with Image.open(work / "art.png") as curves:
            assert curves.size[0] > 300
    else:
        assert "diffstyler-cli[train]" in again.stderr


def test_pictures_are_upright_and_transparent_ones_lie_on_white(tmp_path: Path) -> None:
    """As in `diffstyler stylize`: EXIF orientation and alpha are heeded."""
    picture = Image.new("RGB", (256, 256), "black")
    picture.paste("red", (0, 0, 256, 40))
    turned = picture.getexif()
    turned[0x0112] = 6  # to be turned a quarter clockwise
    picture.save(tmp_path / "a.jpg", exif=turned, quality=95)
    Image.new("RGBA", (256, 256), (0, 0, 0, 0)).save(tmp_path / "b.png")
    first, second = data.own_pictures(tmp_path).images
    assert [tuple(first[128, column] > 128) for column in (5, 250)] == [(False,) * 3, (True, False, False)]
    assert second.min() == 255


def test_files_that_cannot_be_read_are_named_and_left_out(pictures: Path, tmp_path: Path) -> None:
    (pictures / "page.jpg").write_text("<html>no picture</html>")
    whole = (pictures / "deeper" / "0.png").read_bytes()
    (pictures / "cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "empty.webp").touch()
    options = ("--data", str(pictures), "--work", str(tmp_path / "work"), "--from", "lite", "--batch", "2")
    done = train("art", *options, "--crop", "32", "--steps", "1")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Left out ")]
    assert [
        str(pictures / name) in line for name, line in zip(("cut.png", "empty.webp", "page.jpg"), lines, strict=True)
    ]
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_readable_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff damaged")
    done = train("art", "--data", str(tmp_path), "--work", str(tmp_path / "work"), "--from", "lite")
    assert done.returncode == 2
    left_out, error = done.stderr.splitlines()
    assert left_out.startswith(f"Left out {tmp_path / 'a.jpg'}: ")
    assert error == f"none of the 1 pictures in {tmp_path} can be read"


def test_a_stage_without_what_it_needs_says_so(tmp_path: Path) -> None:
    done = train("photo", "--data", str(tmp_path), "--work", str(tmp_path / "work"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"no training shards in {tmp_path / 'work' / 'data'}: run the stage data first\n"


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    done = train("art", "--data", str(tmp_path), "--work", str(tmp_path / "work"), "--from", "lite")
    assert done.returncode == 2
    assert done.stderr.startswith("no picture (.jpg")


def test_weights_of_another_role_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"photo\.safetensors"):
        Stylizer.load("lite", device="cpu", weights={"art": WEIGHTS / "photo.safetensors"})


def test_a_file_without_a_vocabulary_is_no_encoder() -> None:
    with pytest.raises(WeightsError, match=r"photo\.safetensors"):
        Stylizer.load("lite", device="cpu", weights={"clip": WEIGHTS / "photo.safetensors"})


def test_an_option_without_effect_is_refused(tmp_path: Path) -> None:
    done = train("features", "--data", str(tmp_path), "--work", str(tmp_path / "work"), "--from", "lite")
    assert (done.returncode, "--from has no effect on features" in done.stderr) == (2, True)


def test_a_file_that_is_no_lite_component_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "x.safetensors"
    other.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        Stylizer.load("lite", device="cpu", weights={"art": other})


def test_the_lite_set_has_one_art_network() -> None:
    with pytest.raises(UsageError, match="--art-model is for the full set"):
        Stylizer.load("lite", device="cpu", art_model="cc12m")

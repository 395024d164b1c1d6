"""--frame, --format, --quality and --keep-exif: what they do to the file, and what the recipe says of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome
from PIL import Image

from diffstyler_cli.images import read_recipe

Cli = Callable[..., Outcome]


def animation(path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(("name", "format"), [("jpg", "JPEG"), ("WEBP", "WEBP"), ("avif", "AVIF"), ("tiff", "TIFF")])
def test_format_names_what_goes_to_standard_output_and_automatic_files(
    cli: Cli, photo: Path, name: str, format: str
) -> None:
    done = cli("stylize", photo, "oil", *QUICK, "--format", name, "-o", "-")
    assert done.code == 0, done.err
    with Image.open(io.BytesIO(done.out)) as image:
        assert image.format == format
    assert read_recipe(done.out) is not None
    done = cli("stylize", photo, "oil", *QUICK, "--format", name, "-n", "2", "-q")
    assert done.code == 0, done.err
    names = [f"photo-oil-{n}.{name.lower()}" for n in (1, 2)]
    assert [Path(line).name for line in done.out.decode().split()] == names


def test_quality_is_in_the_file_the_recipe_and_the_command(cli: Cli, photo: Path) -> None:
    assert cli("stylize", photo, "oil", *QUICK, "-o", "a.jpg", "--seed", "1", "--quality", "30").code == 0
    assert cli("stylize", photo, "oil", *QUICK, "-o", "b.jpg", "--seed", "1").code == 0
    assert Path("a.jpg").stat().st_size < Path("b.jpg").stat().st_size
    recipe = read_recipe(Path("a.jpg"))
    assert recipe is not None
    assert recipe["quality"] == 30
    assert "quality" not in (read_recipe(Path("b.jpg")) or {})
    command = cli("inspect", "a.jpg", "--command").out.decode()
    assert "--format jpg --quality 30" in command
    assert "-o c.jpg --quality 30" in cli("inspect", "a.jpg", "--command", "-o", "c.jpg").out.decode()
    assert "quality" not in cli("inspect", "a.jpg", "--command", "-o", "c.png").out.decode()
    done = cli("inspect", "a.jpg", "--replay")
    assert "Identical" in done.err, done.err
    assert Path("a-replay.jpg").stat().st_size == pytest.approx(Path("a.jpg").stat().st_size, abs=40)  # timings differ


def test_exif_is_kept_only_where_asked_and_the_photo_is_not_taken_for_its_value(cli: Cli, photo: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[0x8825] = "Canon", {1: "N"}
    Image.new("RGB", (40, 30)).save("camera.jpg", exif=exif, dpi=(300, 300))
    found = {}
    for name, options in {"no": [], "some": ["--keep-exif"], "all": ["--keep-exif=all"]}.items():
        done = cli("stylize", *options, "camera.jpg", "oil", *QUICK, "-o", f"{name}.jpg", "--json")
        assert done.code == 0, done.err
        with Image.open(f"{name}.jpg") as image:
            kept = image.getexif()
            found[name] = kept.get(271), kept.get_ifd(0x8825).get(1), round(image.info["dpi"][0])
        (row,) = json.loads(done.out)["results"]
        assert all(option in row["command"].split() for option in options)
    assert found == {"no": (None, None, 240), "some": ("Canon", None, 240), "all": ("Canon", "N", 240)}  # 32 of 40 wide


def test_without_exif_a_notice_says_that_nothing_is_kept(cli: Cli, photo: Path) -> None:
    assert "no such EXIF data" in cli("stylize", photo, "oil", *QUICK, "-o", "a.jpg", "--keep-exif").err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quality", "50"], "--quality has no effect with PNG"),
        (["--quality", "50", "-o", "-"], "--quality has no effect with PNG"),
        (["--quality", "50", "-o", "a.tif"], "--quality has no effect with TIFF"),
        (["--quality", "0", "-o", "a.jpg"], "--quality 0 is outside [1, 100]"),
        (["--format", "bmp"], "--format 'bmp' cannot be written"),
        (["--format", "png", "-o", "a.png"], "--format has no effect beside -o FILE"),
        (["--keep-exif=gps"], "--keep-exif='gps' is nothing that can be kept"),
        (["--frame", "0"], "--frame 0 is outside [1, 1000]"),
        (["--frame", "1"], "--frame 1 has no effect: photo.png holds one picture"),
        (["-o", "a.bmp"], "End -o in .png, .jpg, .webp, .avif or .tiff"),
    ],
)
def test_options_that_make_no_sense_are_refused(cli: Cli, photo: Path, options: list[str], message: str) -> None:
    done = cli("stylize", photo, "oil", *QUICK, *options)
    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize("suffix", ["gif", "tiff", "webp", "png", "avif"])
def test_a_frame_is_read_recorded_and_replayed(cli: Cli, photo: Path, suffix: str) -> None:
    animation(Path(f"a.{suffix}"))
    assert "first is used" in cli("stylize", f"a.{suffix}", "oil", *QUICK, "-o", "first.png").err
    done = cli("stylize", f"a.{suffix}", "oil", *QUICK, "-o", "third.png", "--frame", "3")
    assert done.code == 0, done.err
    assert "frame" not in done.err.replace("--frame 3", "")
    recipe = read_recipe(Path("third.png"))
    assert recipe is not None
    assert recipe["input"]["frame"] == 3
    with Image.open("third.png") as image:
        red, green, blue = image.getpixel((16, 12))
    assert blue > max(red, green)
    assert "--frame 3" in cli("inspect", "third.png", "--command").out.decode()
    assert "Identical" in cli("inspect", "third.png", "--replay").err
    done = cli("stylize", f"a.{suffix}", "oil", *QUICK, "--frame", "4")
    assert (done.code, "has no frame 4" in done.err) == (3, True)


def test_a_panorama_is_said_to_be_squeezed_unless_it_keeps_its_size(cli: Cli, photo: Path) -> None:
    Image.new("RGB", (750, 10)).save("wide.png")
    assert "75:1, is squeezed to 16:1" in cli("stylize", "wide.png", "oil", *QUICK).err
    assert "squeezed" not in cli("stylize", "wide.png", "oil", *QUICK, "--original-size").err

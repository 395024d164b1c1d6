"""What is outside of a mask is the photo, pixel by pixel; what is in the mask's way is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops
from place_files import SIZE, at, pixels

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.errors import InputImageError, UsageError
from diffstyler_cli.images import read_image, resized
from diffstyler_cli.pipeline.places import Places, read_places

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--seed", "1", "--models", "lite")
PLAIN = ("--guidance-scale", "0")


def changed(picture: str, photo: Image.Image) -> np.ndarray:
    """Which pixels are not the photo's."""
    return (pixels(picture) != pixels(photo)).any(-1)


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--original-size",),
        ("--guidance-scale", "0"),
        ("--solver", "prk"),
        ("--noise-iters", "1"),
        ("--round-trip", "--t1", "2x", "--guide", "both"),
    ],
    ids=str,
)
def test_outside_of_a_mask_every_pixel_is_the_photos(photo: Path, lite_cli: Cli, more: tuple[str, ...]) -> None:
    code, _, err = lite_cli("stylize", "photo.png", "woodcut", "--mask", "disc.png", *QUICK, *more, "-o", "out.png")
    assert code == 0, err
    picture = Image.open("out.png")
    assert ("--original-size" in more) == (picture.size == SIZE)
    differs = changed("out.png", resized(read_image(photo).rgb, picture.size))
    outside = at("disc.png", picture.size) == 0
    assert outside.mean() > 0.5
    assert not differs[outside].any()
    assert differs[at("disc.png", picture.size) == 255].mean() > 0.8


def test_at_the_photos_own_size_its_pixels_are_those_of_the_file(lite_cli: Cli, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save("photo.png")
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 20, 64))
    mask.save("mask.png")
    assert lite_cli("stylize", "photo.png", "oil painting", "--mask", "mask.png", *QUICK, *PLAIN, "-o", "o.png")[0] == 0
    assert Image.open("o.png").size == (64, 64)
    differs = changed("o.png", Image.open("photo.png"))
    assert not differs[:, 20:].any()
    assert differs[:, :20].mean() > 0.8


def test_in_every_pass_and_while_it_forms_the_outside_is_the_photo(stylizer: Stylizer, photo: Path) -> None:
    from diffstyler_cli import Progress

    config = StylizeConfig(seed=1, steps=4, working_size=64, size=128, guidance_scale=0.0)
    for event in stylizer.run("photo.png", "woodcut", config, mask="disc.png"):
        picture = event.preview() if isinstance(event, Progress) and event.pred is not None else None
        picture = event.result.image if not isinstance(event, Progress) else picture
        if picture is not None:
            own = pixels(resized(read_image(photo).rgb, picture.size))
            outside = at("disc.png", picture.size) == 0
            assert np.abs(pixels(picture) - own)[outside].max() <= 1


def test_what_is_drawn_inside_is_that_of_no_other_picture(lite_cli: Cli, photo: Path) -> None:
    """The photo beside it is seen: it is not the picture without a mask, cut out."""
    for name, more in (("plain.png", ()), ("masked.png", ("--mask", "disc.png"))):
        assert lite_cli("stylize", "photo.png", "woodcut", *more, *QUICK, *PLAIN, "-o", name)[0] == 0
    inside = at("disc.png", Image.open("plain.png").size) == 255
    assert (pixels("plain.png") != pixels("masked.png")).any(-1)[inside].any()


def test_an_inverted_mask_keeps_what_is_white(photo: Path, lite_cli: Cli) -> None:
    line = ("stylize", "photo.png", "woodcut", "--mask", "disc.png", *QUICK, *PLAIN)
    assert lite_cli(*line, "--invert-mask", "-o", "inverted.png")[0] == 0
    ImageChops.invert(Image.open("disc.png")).save("ring.png")
    assert lite_cli(*line[:4], "ring.png", *QUICK, *PLAIN, "-o", "ring-out.png")[0] == 0
    assert (pixels("inverted.png") == pixels("ring-out.png")).all()
    size = Image.open("inverted.png").size
    differs = changed("inverted.png", resized(read_image(photo).rgb, size))
    assert not differs[at("disc.png", size) == 255].any()
    assert differs[at("disc.png", size) == 0].mean() > 0.8


def test_a_feathered_border_goes_from_one_picture_to_the_other(photo: Path, lite_cli: Cli) -> None:
    line = ("stylize", "photo.png", "woodcut", "--mask", "left.png", *QUICK, *PLAIN, "--original-size")
    assert lite_cli(*line, "--feather", "8", "-o", "soft.png")[0] == 0
    places = read_places(Places(mask="left.png", feather=8), read_image(photo), rest=True)
    assert places is not None
    assert places.inside is not None
    soft = np.asarray(places.inside)[SIZE[1] // 2]
    assert (np.diff(soft.astype(int)) <= 0).all()
    assert (soft[0], soft[-1]) == (255, 0)
    assert 10 < ((soft > 5) & (soft < 250)).sum() < 20, "about 8 pixels to either side"
    differs = changed("soft.png", read_image(photo).rgb)
    assert not differs[np.asarray(places.inside) == 0].any()


def test_the_photos_own_transparency_is_a_mask_and_stays(photo: Path, lite_cli: Cli) -> None:
    hidden = Image.open("photo.png").convert("RGB")
    hidden.putalpha(Image.open("disc.png"))
    hidden.save("cut.png")
    code, _, err = lite_cli("stylize", "cut.png", "woodcut", "--mask", "alpha", *QUICK, *PLAIN, "-o", "out.png")
    assert code == 0, err
    picture = Image.open("out.png")
    assert np.array_equal(
        np.asarray(picture.getchannel("A")),
        np.asarray(Image.open("disc.png").resize(picture.size, Image.Resampling.LANCZOS)),
    )
    recipe = json.loads(lite_cli("inspect", "out.png", "--json")[1])["files"][0]["recipe"]
    assert recipe["places"] == {"mask": {"name": "alpha", "pixels_sha256": None}}
    assert "--mask alpha" in lite_cli("inspect", "out.png", "--command")[1]
    code, out, err = lite_cli("inspect", "out.png", "--replay", "--json")
    assert json.loads(out)["replay"]["identical"], err


def test_a_file_called_alpha_is_a_file(photo: Path, lite_cli: Cli) -> None:
    Path("alpha").write_bytes(Path("disc.png").read_bytes())
    code, _, err = lite_cli("stylize", "photo.png", "woodcut", "--mask", "./alpha", *QUICK, *PLAIN, "-o", "out.png")
    assert code == 0, err
    assert "--mask ./alpha" in err
    assert "--mask ./alpha" in lite_cli("inspect", "out.png", "--command")[1]


def test_grey_colour_and_transparency_of_a_mask_count(photo: Path) -> None:
    def centre(mask: Image.Image) -> int:
        places = read_places(Places(mask=mask), read_image(photo), rest=True)
        assert places is not None
        assert places.mask is not None
        return int(places.mask.grey.getpixel((36, 28)))  # type: ignore[arg-type]  # of one channel

    assert centre(Image.new("L", SIZE, 100)) == 100
    assert centre(Image.new("RGB", SIZE, (255, 0, 0))) == 76
    assert centre(Image.new("LA", SIZE, (200, 128))) == 100
    assert centre(Image.new("1", SIZE, 1)) == 255
    assert centre(Image.new("I;16", SIZE, 0x8080)) == 128


@pytest.mark.parametrize("size", [(144, 112), (36, 28), (73, 56), (9, 7), (720, 560)])
def test_a_mask_of_another_size_and_the_same_shape_is_resized(photo: Path, size: tuple[int, int]) -> None:
    places = read_places(Places(mask=Image.new("L", size, 255)), read_image(photo), rest=True)
    assert places is not None
    assert places.inside is not None
    assert places.inside.size == SIZE
    assert places.inside.getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("size", "advice"), [((56, 72), "Turn it"), ((64, 64), "the photo's own size"), ((80, 56), "own size")]
)
def test_a_mask_of_another_shape_is_refused_with_both_sizes(
    photo: Path, lite_cli: Cli, size: tuple[int, int], advice: str
) -> None:
    Image.new("L", size, 255).save("other.png")
    for option in (("--mask", "other.png"), ("--region", "other.png", "woodcut"), ("--lambda-mask", "other.png")):
        code, out, err = lite_cli("stylize", "photo.png", "mist", *option, *QUICK)
        assert (code, out) == (3, "")
        assert f"'other.png' has another shape than the photo: {size[0]} x {size[1]}, the photo 72 x 56." in err
        assert advice in err
        assert "loaded" not in err


def test_masks_are_of_the_photo_as_it_is_seen(photo: Path) -> None:
    turned = Image.open("photo.png").transpose(Image.Transpose.ROTATE_90)
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned back
    turned.save("turned.jpg", exif=exif)
    seen = read_image("turned.jpg")
    assert seen.rgb.size == SIZE
    mask = Image.open("left.png")
    sideways = mask.transpose(Image.Transpose.ROTATE_90)
    sideways.save("sideways.png", exif=exif)
    for given in ("left.png", "sideways.png"):
        places = read_places(Places(mask=given), seen, rest=True)
        assert places is not None
        assert places.inside is not None
        assert np.array_equal(np.asarray(places.inside), np.asarray(mask))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--mask", "none.png"), 3, "none.png does not exist"),
        (("--mask", "text.png"), 3, "text.png is not an image"),
        (("--mask", "black.png"), 3, "'black.png' leaves nothing to stylise: all of it is black"),
        (("--mask", "white.png", "--invert-mask"), 3, "'white.png' leaves nothing to stylise: all of it is white"),
        (("--region", "black.png", "woodcut"), 3, "'black.png' is black everywhere"),
        (("--region", "white.png", "woodcut"), 2, "no place is left for the prompts"),
        (("--region", "left.png", "woodcut", "--region", "right.png", "mist"), 2, "no place is left for the prompts"),
        (("--mask", "alpha"), 2, "--mask alpha: the photo has no transparency"),
        (("--region", "alpha", "woodcut"), 2, "--region alpha: the photo has no transparency"),
        (("--invert-mask",), 2, "--invert-mask has no effect without --mask"),
        (("--region", "left.png", "woodcut", "--invert-mask"), 2, "--invert-mask has no effect without --mask"),
        (("--feather", "3"), 2, "--feather has no effect without"),
        (("--mask", "disc.png", "--feather", "0"), 2, "--feather 0 is outside [1, 1000]"),
        (("--mask", "disc.png", "--feather", "soft"), 2, "--feather 'soft' is not a whole number"),
        (("--lambda-mask", "left.png", "--lambda", "0.5"), 2, "--lambda has no effect beside --lambda-mask"),
        (("--region", "left.png"), 2, "--region takes a mask and a prompt"),
        (("--region",), 2, "--region takes a mask and a prompt"),
        (("--region", "left.png", "..."), 2, "The prompt '...' has no word"),
        (("--region", "left.png", "cubism:0"), 2, "'cubism' of a region has the weight 0"),
        (("--region", "woodcut", "left.png"), 2, "Did you mean: --region left.png woodcut"),
        (("--mask", "https://example.org/m.png"), 2, "--mask takes a file"),
        (("--region", "https://example.org/m.png", "mist"), 2, "--region takes a file"),
        (("--region", "left.png", "xyzzyq"), 2, "know no word"),
        (("--mask", "white.png", "--strict"), 2, "the mask changes nothing"),
        (("--mask", "-", "--region", "-", "cubism"), 2, 'Standard input ("-") can be read once'),
        (("--mask", "two.gif", "--strict"), 3, "of several frames the first is used"),
        (("--mask", "disc.png", "-o", "disc.png", "--force"), 2, "disc.png"),
        (("--region", "left.png", "mist", "-o", "left.png", "--force"), 2, "left.png"),
        (("--lambda-mask", "left.png", "--log-file", "left.png"), 2, "another file of this run"),
        (("--region", "left.png", "mist", "--log-file", "left.png"), 2, "another file of this run"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused(photo: Path, lite_cli: Cli, options: tuple[str, ...], code: int, words: str) -> None:
    Path("text.png").write_text("no picture at all")
    Image.new("L", SIZE, 0).save("black.png")
    Image.new("L", SIZE, 255).save("white.png")
    frames = [Image.new("L", SIZE, shade) for shade in (255, 0)]
    frames[0].save("two.gif", save_all=True, append_images=frames[1:])
    before = {path: path.read_bytes() for path in Path().iterdir()}
    found, out, err = lite_cli("stylize", "photo.png", "watercolor", *QUICK, *options)
    assert (found, out) == (code, ""), err
    assert words in err
    assert len(err.splitlines()) <= 3
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_mask_that_is_white_everywhere_is_said_to_change_nothing(photo: Path, lite_cli: Cli) -> None:
    Image.new("L", SIZE, 255).save("white.png")
    code, _, err = lite_cli("stylize", "photo.png", "woodcut", "--mask", "white.png", "--dry-run", *QUICK)
    assert code == 0
    assert "the mask changes nothing" in err


def test_what_python_is_told_of_misuse(stylizer: Stylizer, photo: Path) -> None:
    with pytest.raises(UsageError, match="invert-mask"):
        stylizer.stylize("photo.png", "woodcut", size=64, invert_mask=True)
    with pytest.raises(InputImageError, match="another shape"):
        stylizer.stylize("photo.png", "woodcut", size=64, mask=Image.new("L", (64, 64)))
    places = read_places(Places(mask="disc.png"), read_image(photo), rest=True)
    with pytest.raises(UsageError, match="read already: feather"):
        stylizer.stylize("photo.png", "woodcut", size=64, places=places, feather=3)

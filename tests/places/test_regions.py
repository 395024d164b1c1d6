"""Prompts for parts of a photo, and λ by place: what they come to, what they cost, and that they are found again."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from place_files import SIZE, at, pixels

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.images import read_image, read_recipe, resized
from diffstyler_cli.pipeline.forecast import sampling_evaluations
from diffstyler_cli.pipeline.ground import Ground
from diffstyler_cli.pipeline.places import PlaceMaps, Places, read_places

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--size", "64", "--steps", "2", "--seed", "1", "--models", "lite")
PLAIN = ("--guidance-scale", "0")
SMALL = StylizeConfig(size=64, steps=3, seed=1)


def maps(rest: bool = False, **given: Any) -> PlaceMaps:
    found = read_places(Places(**given), read_image("photo.png"), rest=rest)
    assert found is not None
    return found


def ground(places: PlaceMaps, size: tuple[int, int] = SIZE, padded: tuple[int, int] = SIZE) -> Ground:
    return Ground(places, size, torch.zeros(1, 3, padded[1], padded[0]))


# --- what belongs to whom --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rest", [False, True])
def test_every_place_belongs_to_someone_and_overlaps_blend(photo: Path, rest: bool) -> None:
    half = Image.new("L", SIZE, 128)
    found = ground(maps(rest, regions=[("left.png", "woodcut"), (half, "cubism"), ("disc.png", "mosaic")]))
    assert found.weights is not None
    torch.testing.assert_close(found.weights.sum(0), torch.ones(SIZE[1], SIZE[0]))
    assert bool((found.weights >= 0).all())
    left, right, both = found.weights[..., 2, 2], found.weights[..., 2, 70], found.weights[..., 28, 30]
    share = 128 / 255
    if rest:
        torch.testing.assert_close(left, torch.tensor([0, 1 / (1 + share), share / (1 + share), 0]))
        torch.testing.assert_close(right, torch.tensor([1 - share, 0, share, 0]))
        torch.testing.assert_close(both[0], torch.tensor(0.0))
    else:
        torch.testing.assert_close(right, torch.tensor([0.0, 1, 0]))
        torch.testing.assert_close(both, torch.tensor([1, share, 1]) / (2 + share))


def test_without_another_prompt_the_rest_is_the_photo_exactly(photo: Path, lite_cli: Cli) -> None:
    code, _, err = lite_cli("stylize", "photo.png", "--region", "disc.png", "woodcut", *QUICK, "-o", "out.png")
    assert code == 0, err
    picture = Image.open("out.png")
    differs = (pixels("out.png") != pixels(resized(read_image(photo).rgb, picture.size))).any(-1)
    assert not differs[at("disc.png", picture.size) == 0].any()
    assert differs[at("disc.png", picture.size) == 255].mean() > 0.8


def test_a_mask_bounds_regions_and_the_rest_alike(photo: Path) -> None:
    for rest, outside in ((True, (60, 28)), (False, (60, 28))):
        found = maps(rest, mask="left.png", regions=[("disc.png", "woodcut")])
        assert found.inside is not None
        assert found.inside.getpixel(outside) == 0
        assert found.inside.getpixel((30, 28)) == 255
        assert found.inside.getpixel((2, 2)) == (255 if rest else 0)


def test_the_maps_go_on_into_the_padding_as_the_photo_does(photo: Path) -> None:
    found = ground(maps(mask="left.png", lambda_mask="right.png"), (72, 56), (80, 64))
    assert found.lam is not None
    assert found.lam.shape == (1, 1, 64, 80)
    assert torch.equal(found.lam[..., :56, 72:], found.lam[..., :56, 63:71].flip(-1))
    x, way = torch.ones(2, 3, 64, 80), torch.full((1, 3, 64, 80), -1.0)
    found.begin()
    found.keep(way, 0.25)
    settled = found.settled(x, 0.25)
    assert bool((settled[..., :36] == 1).all())
    assert bool((settled[..., 36:72] == -1).all())


# --- what is drawn ---------------------------------------------------------------------------------------------------
def test_a_region_that_is_the_whole_photo_is_a_prompt(stylizer: Stylizer, photo: Path) -> None:
    whole = Image.new("L", SIZE, 255)
    for settings in ({}, {"guide": "both", "distance": "spherical"}):
        config = dataclasses.replace(SMALL, **settings)  # type: ignore[arg-type]
        one = stylizer.stylize("photo.png", "woodcut:2", config)
        other = stylizer.stylize("photo.png", (), config, regions=[(whole, "woodcut:2")])
        assert np.abs(pixels(one.image) - pixels(other.image)).max() <= 2
        first, second = one.losses[0]["instruction"], other.losses[0]["instruction"]
        assert second.value == pytest.approx(first.value, rel=1e-3)


def test_each_region_is_drawn_by_its_own_prompt(stylizer: Stylizer, photo: Path) -> None:
    """Without losses, which see the whole: left of the border as the one prompt would have it, right as the other."""
    config = dataclasses.replace(SMALL, guidance_scale=0.0, lam=1.0, steps=2)
    prompts = ("woodcut:5", "pop art:5")
    alone = [pixels(stylizer.stylize("photo.png", prompt, config).image) for prompt in prompts]
    regions = [("left.png", prompts[0]), ("right.png", prompts[1])]
    both = pixels(stylizer.stylize("photo.png", (), config, regions=regions).image)
    width = both.shape[1]
    for own, other, columns in ((0, 1, slice(0, width // 4)), (1, 0, slice(-width // 4, None))):
        near, far = (float(np.abs(both - alone[k])[:, columns].mean()) for k in (own, other))
        assert near < 0.4 * far, (near, far)


def test_a_map_of_one_lambda_is_that_lambda(stylizer: Stylizer, photo: Path) -> None:
    for grey in (0, 51, 255):
        mask = Image.new("L", SIZE, grey)
        one = stylizer.stylize("photo.png", "woodcut", SMALL, lam=grey / 255)
        other = stylizer.stylize("photo.png", "woodcut", SMALL, lambda_mask=mask)
        assert np.abs(pixels(one.image) - pixels(other.image)).max() <= (1 if 0 < grey < 255 else 0)


def test_lambda_differs_from_place_to_place(stylizer: Stylizer, photo: Path) -> None:
    config = dataclasses.replace(SMALL, guidance_scale=0.0, steps=2)
    ends = [pixels(stylizer.stylize("photo.png", "woodcut", config, lam=lam).image) for lam in (0.0, 1.0)]
    mixed = pixels(stylizer.stylize("photo.png", "woodcut", config, lambda_mask="left.png").image)
    quarter = mixed.shape[1] // 4
    for own, other, columns in ((1, 0, slice(0, quarter)), (0, 1, slice(-quarter, None))):
        near, far = (float(np.abs(mixed - ends[k])[:, columns].mean()) for k in (own, other))
        assert near < 0.4 * far, (near, far)


# --- what it costs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("prompts", "given", "weights", "regions"),
    [
        (["watercolor"], {"regions": [("left.png", "woodcut:2")]}, [None], [2.0]),
        (["watercolor:1"], {"regions": [("left.png", "woodcut:1"), ("disc.png", "cubism:1")]}, [1.0], [1.0, 1.0]),
        ([], {"regions": [("left.png", "woodcut:1")]}, [], [1.0]),
        ([], {"regions": [("left.png", "woodcut:1"), ("disc.png", "cubism")]}, [], [1.0, None]),
        (["watercolor"], {"mask": "left.png", "lambda_mask": "right.png"}, [None], []),
        (["watercolor"], {"lambda_mask": "white.png"}, [None], []),
        (["watercolor"], {"lambda_mask": "black.png"}, [None], []),
    ],
    ids=str,
)
def test_evaluations_are_counted_before(
    stylizer: Stylizer, photo: Path, prompts: list[str], given: dict[str, Any], weights: Any, regions: Any
) -> None:
    from collections import Counter

    for name, shade in (("black.png", 0), ("white.png", 255)):
        Image.new("L", SIZE, shade).save(name)
    counts: Counter[str] = Counter()
    parts = stylizer.components
    free = SMALL.steps
    handles = [
        network.register_forward_hook(lambda module, inputs, output: counts.update({module.role: len(inputs[0])}))
        for network in (parts.photo, parts.art)
    ]
    try:
        stylizer.stylize("photo.png", prompts, SMALL, **given)
    finally:
        for handle in handles:
            handle.remove()
    found = maps(bool(prompts), **given)
    told = sampling_evaluations(found.counted(SMALL), weights, regions)
    assert (counts["photo"] - free, counts["art"]) == (told.photo, told.art)


# --- recipes, commands, replay ---------------------------------------------------------------------------------------
EVERYTHING = (
    "--mask", "disc.png", "--invert-mask", "--feather", "2", "--region", "left.png", "woodcut:2",
    "--region", "right.png", "pop art", "--lambda-mask", "left.png",
)  # fmt: skip


def test_the_recipe_says_all_and_makes_it_again(photo: Path, lite_cli: Cli) -> None:
    code, out, err = lite_cli("stylize", "photo.png", *EVERYTHING, *QUICK, "-o", "out.png", "--json")
    assert code == 0, err
    recipe = read_recipe(Path("out.png")) or {}
    hashes = {name: read_image(f"{name}.png").fingerprint for name in ("disc", "left", "right")}

    def mask(name: str) -> dict[str, str]:
        return {"name": f"{name}.png", "pixels_sha256": hashes[name]}

    assert recipe["places"] == {
        "mask": mask("disc"),
        "invert_mask": True,
        "feather": 2,
        "regions": [
            {**mask("left"), "text": "woodcut", "weight": 2.0},
            {**mask("right"), "text": "pop art", "weight": StylizeConfig.prompt_weight},
        ],
        "lambda_mask": mask("left"),
    }
    document = json.loads(out)
    assert document["results"][0]["recipe"]["places"] == recipe["places"]
    assert document["results"][0]["prompts"] == ["woodcut:2", "pop art"]
    for line in (document["results"][0]["command"], lite_cli("inspect", "out.png", "--command")[1]):
        words = shlex.split(line)
        start = words.index("--mask")
        assert tuple(words[start : start + len(EVERYTHING)]) == EVERYTHING
    report = lite_cli("inspect", "out.png")[1]
    assert "disc.png, inverted" in report
    assert 'left.png: "woodcut", weight 2' in report
    assert "softened by 2 pixels" in report

    code, out, err = lite_cli("inspect", "out.png", "--replay", "--json")
    assert json.loads(out)["replay"]["identical"], err
    assert Path("out-replay.png").read_bytes() == Path("out.png").read_bytes()
    assert lite_cli("inspect", "--compare", "out.png", "out-replay.png")[0] == 0

    Image.new("L", SIZE, 255).save("right.png")
    notes = lite_cli("inspect", "out.png", "--command")[2]
    assert "right.png is not the region's mask that the picture was made of: its pixels differ." in notes
    Path("disc.png").unlink()
    notes = lite_cli("inspect", "out.png", "--command")[2]
    assert "The mask disc.png is neither beside the picture nor in this folder" in notes


@pytest.mark.parametrize(
    "places",
    [
        {"mask": {"name": "\x1b]0;m\x07", "pixels_sha256": 7}},
        {"mask": 3},
        {"regions": [{"name": "left.png", "pixels_sha256": "0"}]},
        {"feather": 10**9},
        {"invert_mask": True},
    ],
    ids=str,
)
def test_damaged_places_of_a_recipe_are_refused_in_two_lines(photo: Path, lite_cli: Cli, places: Any) -> None:
    from diffstyler_cli.images import write_image

    assert lite_cli("stylize", "photo.png", "woodcut", "--mask", "disc.png", *QUICK, "-o", "out.png")[0] == 0
    recipe = {**(read_recipe(Path("out.png")) or {}), "places": places}
    write_image(Image.open("out.png"), Path("bad.png"), recipe)
    assert lite_cli("inspect", "bad.png")[0] == 0
    code, out, err = lite_cli("inspect", "bad.png", "--command")
    assert (code, out) == (3, "")
    assert "damaged" in err
    assert "\x1b" not in err


def test_prompts_of_regions_are_read_and_named_like_others(photo: Path, lite_cli: Cli) -> None:
    line = ("stylize", "photo.png", "--region", "left.png", "Holzschnitt", "--dry-run", *QUICK)
    code, out, err = lite_cli(*line)
    assert (code, out) == (0, "photo-woodcut.png\n"), err
    assert '"Holzschnitt" is taken for "woodcut".' in err
    line = ("stylize", "photo.png", "--as-typed", "--region=left.png", "-- cubism", *QUICK, *PLAIN, "-o", "out.png")
    code, out, err = lite_cli(*line)
    assert code == 0, err
    assert shlex.split(err.splitlines()[-1])[5:8] == ["--region", "left.png", "-- cubism"]


# --- sweeps ----------------------------------------------------------------------------------------------------------
def test_every_cell_of_a_sweep_has_the_same_places(photo: Path, lite_cli: Cli) -> None:
    art = ("photo.png", "cubism")
    own = ("--mask", "disc.png", "--region", "left.png", "woodcut:2", "--feather", "1")
    quick = (*QUICK, "--guidance-scale", "0", "--no-grid")
    code, _, err = lite_cli(
        "sweep", "photo.png", "cubism", *own, "--lambda", "0.4,1", *quick, "-o", "s", "--batch", "1"
    )
    assert code == 0, err
    for row in json.loads(Path("s/manifest.json").read_text())["cells"]:
        words = shlex.split(row["command"])[1:]
        assert lite_cli(*words, "--device", "cpu", "--dtype", "fp32", "-o", "alone.png", "--force")[0] == 0
        assert (pixels("alone.png") == pixels(f"s/{row['file']}")).all()
        assert (read_recipe(Path("s") / row["file"]) or {})["places"]["mask"]["name"] == "disc.png"
    assert "woodcut:2" in Path("s/index.html").read_text()

    Image.linear_gradient("L").resize(SIZE).save("disc.png")
    code, _, err = lite_cli("sweep", *art, *own, "--lambda", "0.4,1", *quick, "-o", "s")
    assert code == 2
    assert "places mask" in err
    assert "--force to start over" in err
    Path("disc.png").rename("s/disc.png")
    code, _, err = lite_cli(
        "sweep", "photo.png", "cubism", "--mask", "s/disc.png", *quick, "--lambda", "0,1", "-o", "s"
    )
    assert code == 2
    assert "in the sweep's own folder" in err


def test_cells_made_together_keep_the_photo_outside(photo: Path, lite_cli: Cli) -> None:
    own = ("--mask", "disc.png", "--region", "left.png", "woodcut")
    code, _, err = lite_cli("sweep", "photo.png", "cubism", *own, "--lambda", "0,0.5,1", *QUICK, "--no-grid", "-o", "s")
    assert code == 0, err
    cells = [pixels(str(path)) for path in sorted(Path("s/cells").iterdir())]
    size = cells[0].shape[1::-1]
    own_pixels, outside = pixels(resized(read_image(photo).rgb, size)), at("disc.png", size) == 0
    assert all((cell == own_pixels).all(-1)[outside].all() for cell in cells)
    assert (cells[0] != cells[2]).any(-1)[~outside].mean() > 0.5


def test_a_sweep_with_a_map_of_lambda_has_no_axis_of_it(photo: Path, lite_cli: Cli) -> None:
    line = ("sweep", "photo.png", "cubism", "--lambda-mask", "left.png", "--dry-run", *QUICK)
    code, out, err = lite_cli(*line, "--lambda", "0,1")
    assert (code, out) == (2, "")
    assert "--lambda has no effect beside --lambda-mask" in err
    code, out, err = lite_cli(*line, "--json")
    assert code == 0, err
    assert "Nothing is varied: this is --t1 1.0x,1.2x,1.6x." in err
    assert json.loads(out)["plan"]["cells"] == 3


def test_prompts_to_compare_have_what_no_region_has(photo: Path, lite_cli: Cli) -> None:
    line = ("sweep", "photo.png", "-p", "cubism", "-p", "woodcut", "--dry-run", "--json", *QUICK)
    code, out, err = lite_cli(*line, "--region", "left.png", "mosaic")
    assert code == 0, err
    regioned = json.loads(out)["plan"]["evaluations"]["photo"]
    assert regioned == json.loads(lite_cli(*line)[1])["plan"]["evaluations"]["photo"] + 2 * 2


def test_the_menus_sweep_around_a_picture_keeps_its_places() -> None:
    from diffstyler_cli.cli.stylize.menu import sweep_words
    from diffstyler_cli.cli.stylize.request import Request

    places = Places(mask="alpha", regions=(("-l.png", "cubism"),), lambda_mask="l.png")
    words = sweep_words(Request("photo.png", ("woodcut",), places=places), StylizeConfig())
    assert "--lambda" not in words
    assert "--t1" in words
    line = ["--mask", "alpha", "--region", "./-l.png", "cubism", "--lambda-mask", "l.png"]
    start = words.index("--mask")
    assert words[start : start + len(line)] == line

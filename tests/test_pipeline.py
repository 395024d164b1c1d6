"""The Python API with the real lite models, at sizes that take a moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from diffstyler_cli import Finished, Progress, StylizeConfig, Stylizer
from diffstyler_cli.errors import InputImageError, NumericalError, UsageError
from diffstyler_cli.images import to_tensor

PHOTO = Path(__file__).parents[1] / "docs" / "pictures" / "macaws.jpg"
SMALL = {"size": 64, "steps": 3, "cutouts": 2, "seed": 7}


SKETCH = SMALL | {"t1": "5"}


@pytest.fixture(scope="module")
def sketch(stylizer: Stylizer) -> bytes:
    return stylizer.stylize(PHOTO, "pencil sketch", **SKETCH).image.tobytes()


def pixels(image: Image.Image) -> torch.Tensor:
    return to_tensor(image, image.size)[0]


def test_returns_a_picture_in_the_photos_shape_with_losses_and_recipe(stylizer: Stylizer) -> None:
    result = stylizer.stylize(PHOTO, ["oil painting"], **SMALL)
    assert result.image.size == (78, 52)  # 384×256 at about 64×64 pixels
    assert len(result.losses) == 3
    assert list(result.losses[0]) == ["instruction", "content", "nce", "aesthetic", "tv"]
    ends = (result.losses[0], result.losses[-1])
    assert all(term.grad_norm and term.grad_norm > 0 for terms in ends for term in terms.values())
    assert [result.losses[1][name].grad_norm for name in result.losses[1]] == [None] * 5
    assert result.recipe["settings"]["seed"] == result.seed == 7
    assert json.loads(json.dumps(result.recipe)) == result.recipe
    assert set(result.recipe["models"]) == {"photo", "art", "encoder", "features", "aesthetic"}


def test_a_seed_gives_the_same_pixels_and_another_seed_others(stylizer: Stylizer) -> None:
    setting = SMALL | {"fresh_noise": 0.5}
    first, again = (stylizer.stylize(PHOTO, "watercolor", **setting).image for _ in range(2))
    other = stylizer.stylize(PHOTO, "watercolor", **(setting | {"seed": 8})).image
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_an_undrawn_seed_is_drawn_and_recorded(stylizer: Stylizer) -> None:
    result = stylizer.stylize(PHOTO, "watercolor", **(SMALL | {"seed": None, "guidance_scale": 0.0}))
    assert result.recipe["settings"]["seed"] == result.seed >= 0


def test_iterator_yields_every_step_with_a_preview(stylizer: Stylizer) -> None:
    *events, last = stylizer.run(PHOTO, ["woodcut"], **SMALL, t1="5", round_trip=True, noise_iters=2)
    assert isinstance(last, Finished)
    assert last.result.image.size == (78, 52)
    assert all(isinstance(event, Progress) for event in events)
    assert [e.phase for e in events] == ["free"] * 7 + ["noise"] * 2 + ["sample"] * 3
    assert [e.step for e in events if e.phase == "sample"] == [1, 2, 3]
    assert events[-1].preview().size == (78, 52)
    assert events[-1].losses is not None
    with pytest.raises(ValueError, match="no prediction"):
        events[0].preview()


@pytest.mark.parametrize("name", ["models", "art_model", "device", "dtype"])
def test_a_setting_of_the_machine_is_no_setting_of_a_picture(stylizer: Stylizer, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is a setting of the loaded models") as caught:
        stylizer.stylize(PHOTO, "woodcut", **{name: "cpu"})
    assert f"Stylizer.load({name}=...)" in caught.value.advice


def test_without_guidance_and_style_the_photo_comes_back(stylizer: Stylizer) -> None:
    """λ = 1 and weight 0 make sampling the reverse of free diffusion."""
    settings = {"lam": 1.0, "prompt_weight": 0.0, "fresh_noise": 0.0, "guidance_scale": 0.0, "solver": "iplms"}
    config = StylizeConfig(size=128, steps=20, t1="2x", seed=0).with_overrides(settings)
    result = stylizer.stylize(PHOTO, "oil painting", config)
    photo = Image.open(PHOTO).resize(result.image.size, Image.Resampling.LANCZOS)
    assert (pixels(result.image) - pixels(photo)).abs().mean() < 0.08


@pytest.mark.parametrize(
    "changed",
    [
        {"lam": 0.2}, {"t1": "2x"}, {"prompt_weight": 8.0}, {"fresh_noise": 0.8}, {"steps": 4}, {"solver": "pie"},
        {"round_trip": True, "t1": "5"}, {"noise_iters": 2}, {"guidance_scale": 0.3}, {"guide": "both"},
        {"guide": "none"},
        {"w_instruction": 0.0}, {"w_content": 0.0}, {"w_nce": 0.0}, {"w_aesthetic": 0.0}, {"w_tv": 0.0},
        {"distance": "spherical"}, {"cutouts": 3}, {"size": 72}, {"keep_color": 0.5},
    ],
    ids=lambda c: "-".join(c),
)  # fmt: skip
def test_every_setting_changes_the_picture(stylizer: Stylizer, sketch: bytes, changed: dict[str, object]) -> None:
    after = stylizer.stylize(PHOTO, "pencil sketch", **(SKETCH | changed)).image
    assert sketch != after.tobytes()


def test_prompts_blend_and_weights_count(stylizer: Stylizer) -> None:
    runs = [["woodcut"], ["woodcut", "watercolor"], ["woodcut", "watercolor:1"], ["watercolor"]]
    pictures = [stylizer.stylize(PHOTO, prompts, **SMALL).image.tobytes() for prompts in runs]
    assert len(set(pictures)) == 4


def test_a_style_image_stands_in_for_a_prompt(stylizer: Stylizer, tmp_path: Path) -> None:
    style = tmp_path / "style.png"
    Image.effect_mandelbrot((96, 96), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(style)
    result = stylizer.stylize(PHOTO, style_images=[f"{style}:2"], **SMALL)
    (recorded,) = result.recipe["style_images"]
    assert (recorded["name"], recorded["weight"]) == ("style.png", 2.0)
    with pytest.raises(UsageError, match="no prompt"):
        stylizer.stylize(PHOTO, **SMALL)


def test_alpha_is_restored_on_top(stylizer: Stylizer) -> None:
    photo = Image.open(PHOTO).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    image = stylizer.stylize(photo, "mosaic", **SMALL).image
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema()[0] < 10


def test_unknown_words_are_named_with_the_nearest_styles(stylizer: Stylizer) -> None:
    (notice,) = stylizer.check_prompts(["watercolor of zebras"])
    assert '"zebras"' in notice
    assert "watercolor" in notice
    assert stylizer.check_prompts(["oil painting", "by van gogh"]) == []
    with pytest.raises(UsageError, match="no word") as caught:
        stylizer.check_prompts(["xylophonic qwertz"])
    assert "Nearest known styles" in caught.value.advice
    with pytest.raises(UsageError) as caught:
        stylizer.check_prompts(["waterclour"])
    assert "watercolor" in caught.value.advice


def test_bad_settings_and_pictures_are_refused_by_type(stylizer: Stylizer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no setting 'lambda_'"):
        stylizer.stylize(PHOTO, "mosaic", lambda_=0.5)
    with pytest.raises(UsageError, match="outside"):
        stylizer.stylize(PHOTO, "mosaic", lam=1.5)
    with pytest.raises(UsageError, match="must not exceed"):
        stylizer.stylize(PHOTO, "mosaic", steps=50, t1="40")
    with pytest.raises(InputImageError):
        stylizer.stylize(tmp_path / "missing.png", "mosaic")


def test_nan_from_a_network_stops_and_names_the_step(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    art = stylizer.components.art
    whole = art.forward
    monkeypatch.setattr(art, "forward", lambda x, t, cond=None: whole(x, t) * float("nan"))
    with pytest.raises(NumericalError, match=r"Step 1 of 3: The art network returned NaN"):
        stylizer.stylize(PHOTO, "mosaic", **SMALL)


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, diffstyler_cli; sys.exit(bool({'torch', 'PIL', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

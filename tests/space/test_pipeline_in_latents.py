"""The whole method in a space of its own: pixels folded two by two, in which everything must come out as in pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from diffstyler_cli import Finished, Progress, StylizeConfig, Stylizer
from diffstyler_cli.images import read_image, to_image
from diffstyler_cli.models.base import ComponentInfo, Components, Drawer, VelocityNetwork
from diffstyler_cli.models.codec import PIXELS
from diffstyler_cli.pipeline.conditions import make_conditions
from diffstyler_cli.pipeline.sampling import make_objective, run_free, run_sampling
from diffstyler_cli.pipeline.subject import make_subject, make_subjects
from diffstyler_cli.sample import SAMPLE

pytestmark = pytest.mark.slow

SIZE = (96, 64)
SMALL: dict[str, Any] = {
    "size": 78, "steps": 3, "seed": 7, "cutouts": 2, "fresh_noise": 0.0, "t1": "2x", "guidance_scale": 0.5,
}  # fmt: skip
"""New noise is drawn in the shape of the latents: of it a folded picture has another. And far up in the noise the
losses' gradient makes much of the last bit of every float."""


class Folded:
    """Latents are the pixels of 2×2 places each, exactly. Counts its calls."""

    channels = 12
    factor = 2

    def __init__(self) -> None:
        self.calls: list[str] = []

    def encode(self, pixels: Tensor) -> Tensor:
        self.calls.append("encode")
        return functional.pixel_unshuffle(pixels, 2)

    def decode(self, latents: Tensor) -> Tensor:
        self.calls.append("decode")
        return functional.pixel_shuffle(latents, 2)

    def look(self, latents: Tensor) -> Tensor:
        self.calls.append("look")
        return functional.pixel_shuffle(latents, 2)

    def preview(self, latents: Tensor) -> Tensor:
        self.calls.append("preview")
        return functional.pixel_shuffle(latents, 2)


class InFolds(VelocityNetwork):
    """A network of pixels on folded ones. Notes what it was told, and whether a gradient was wanted."""

    def __init__(self, network: VelocityNetwork, **facts: Any) -> None:
        facts = {"multiple": network.multiple // 2, "channels": 12, "space": "folds", **facts}
        super().__init__(dataclasses.replace(network.card, **facts))
        self.network = network
        self.told: list[Tensor | None] = []
        self.graded = 0
        self.widest = 0

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        self.told.append(cond)
        self.graded += x.requires_grad and torch.is_grad_enabled()
        self.widest = max(self.widest, *x.shape[-2:])
        v: Tensor = self.network(functional.pixel_shuffle(x, 2), t, cond)
        return functional.pixel_unshuffle(v, 2)


def folded(parts: Components, **facts: Any) -> Stylizer:
    codec = Folded()
    info = ComponentInfo("folded", 1, "0" * 64, "a test")
    photo, art = (Drawer(InFolds(network, **facts), info, codec) for network in (parts.photo, parts.art))
    return Stylizer(parts.with_networks("cpu", photo, art), torch.device("cpu"), torch.float32)


@pytest.fixture
def photo() -> Image.Image:
    return Image.open(SAMPLE).convert("RGB").resize(SIZE)


@pytest.fixture
def folds(stylizer: Stylizer) -> Stylizer:
    return folded(stylizer.components)


def codec_of(stylizer: Stylizer) -> Folded:
    codec = stylizer.components.codec
    assert isinstance(codec, Folded)
    return codec


def network_of(stylizer: Stylizer, role: str) -> InFolds:
    network = getattr(stylizer.components, role)
    assert isinstance(network, InFolds)
    return network


def mask(*boxes: tuple[int, int, int, int]) -> Image.Image:
    grey = Image.new("L", SIZE)
    for box in boxes:
        ImageDraw.Draw(grey).rectangle(box, fill=255)
    return grey


def differ(one: Image.Image, other: Image.Image) -> float:
    """By how many of 255 levels, in the mean; at most 8 anywhere, or more than that."""
    assert one.size == other.size
    away = np.abs(np.asarray(one, int) - np.asarray(other, int))
    return float(away.mean()) if away.max() <= 8 else float(away.max())


SAME = 0.1
"""Rounding that the losses' gradient made something of."""


LEFT, DISC = mask((0, 0, 47, 63)), mask((20, 10, 69, 49))


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ({"guide": "art"}, {}),
        ({"guide": "both"}, {}),
        ({"guide": "none"}, {}),
        ({"guidance_scale": 0.0, "solver": "iplms", "round_trip": True, "t1": "5"}, {}),
        ({"noise_iters": 2}, {}),
        ({"size": 157, "working_size": 78}, {}),
        ({"size": 314, "working_size": 78, "steps": 2}, {}),
        ({"size": 200, "working_size": 200, "tile": 128, "steps": 2, "guidance_scale": 0.0}, {}),
        ({}, {"mask": DISC}),
        ({}, {"regions": [(LEFT, "woodcut"), (DISC, "mosaic")]}),
        ({"guide": "none"}, {"lambda_mask": LEFT}),
        ({"keep_color": 1.0}, {"mask": DISC, "regions": [(LEFT, "woodcut")]}),
    ],
    ids=lambda given: "-".join(given),
)
def test_a_picture_comes_out_as_in_pixels(
    stylizer: Stylizer, folds: Stylizer, photo: Image.Image, settings: dict[str, Any], places: dict[str, Any]
) -> None:
    run = SMALL | settings | places
    expected, found = (each.stylize(photo, "oil painting", **run) for each in (stylizer, folds))
    assert differ(expected.image, found.image) <= SAME
    assert differ(expected.image, photo.resize(expected.image.size)) > 20
    for one, other in zip(expected.losses, found.losses, strict=True):
        for name, term in one.items():
            assert other[name].value == pytest.approx(term.value, rel=1e-3, abs=1e-4)


def test_tiles_are_of_latents(folds: Stylizer, photo: Image.Image) -> None:
    large = SMALL | {"size": 200, "working_size": 200, "steps": 1}
    folds.stylize(photo, "oil painting", **large | {"tile": 128})
    assert network_of(folds, "photo").widest <= 64
    folds.stylize(photo, "oil painting", **large)
    assert network_of(folds, "photo").widest == 128


def test_previews_are_pictures(stylizer: Stylizer, folds: Stylizer, photo: Image.Image) -> None:
    shown = []
    for each in (stylizer, folds):
        events = list(each.run(photo, "oil painting", **SMALL))
        seen = [e.preview() for e in events if isinstance(e, Progress) and e.pred is not None]
        assert isinstance(events[-1], Finished)
        shown.append(seen)
    assert len(shown[0]) == 3
    assert all(differ(*pair) <= SAME for pair in zip(*shown, strict=True))
    assert codec_of(folds).calls.count("preview") == 3


def test_nobody_who_looks_costs_no_preview(folds: Stylizer, photo: Image.Image) -> None:
    folds.stylize(photo, "oil painting", **SMALL)
    assert "preview" not in codec_of(folds).calls


def test_several_lambdas_are_one_batch_in_latents_too(stylizer: Stylizer, folds: Stylizer, photo: Image.Image) -> None:
    config = StylizeConfig().with_overrides(SMALL)
    configs = [dataclasses.replace(config, lam=lam) for lam in (0.2, 0.9)]
    pictures = []
    for each in (stylizer, folds):
        parts = each.components
        subjects = make_subjects(parts, [read_image(photo)], config, each.device)
        conditions = make_conditions(parts, "mosaic", (), 1.4, each.device)
        objectives = [make_objective(parts, subject, conditions, config) for subject in subjects]
        *_, free = run_free(each.networks, subjects, config)
        *_, last = run_sampling(each.networks, subjects, conditions, objectives, [free.x], configs, {})
        assert isinstance(last, Finished)
        pictures.append([result.image for result in last.results])
    assert all(differ(*pair) <= SAME for pair in zip(*pictures, strict=True))
    assert differ(*pictures[1]) > 10


@pytest.mark.parametrize(
    ("settings", "looks", "graded"),
    [
        ({"guidance_scale": 0.0}, 0, (0, 0)),
        ({"guide": "none"}, 3, (0, 0)),
        ({"guide": "art"}, 3, (0, 3)),
        ({"guide": "both"}, 3, (3, 3)),
    ],
)
def test_gradients_go_where_they_must_and_nowhere_else(
    folds: Stylizer, photo: Image.Image, settings: dict[str, Any], looks: int, graded: tuple[int, int]
) -> None:
    """Without guidance no loss is read; guided past the networks, only the decoder is differentiated."""
    folds.stylize(photo, "oil painting", **SMALL | settings)
    assert codec_of(folds).calls.count("look") == looks
    assert (network_of(folds, "photo").graded, network_of(folds, "art").graded) == graded
    assert codec_of(folds).calls.count("decode") == 1  # the result
    assert codec_of(folds).calls.count("encode") == 1  # the photo


def test_a_pass_enlarges_pictures_not_latents(folds: Stylizer, photo: Image.Image) -> None:
    folds.stylize(photo, "oil painting", **SMALL | {"size": 157, "working_size": 78})
    calls = [call for call in codec_of(folds).calls if call in ("encode", "decode")]
    assert calls == ["encode", "encode", "decode", "encode", "decode"]


def test_what_only_touches_a_latent_is_drawn(stylizer: Stylizer, photo: Image.Image) -> None:
    """A mask's odd border: the latents at it are drawn, and the blending is that of the pixels."""
    folds = folded(stylizer.components)
    odd = mask((21, 11, 68, 48))
    found = folds.stylize(photo, "oil painting", mask=odd, **SMALL).image
    changed = (np.asarray(found, int) != np.asarray(photo, int)).any(-1)
    inside = np.asarray(odd) > 0
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.9


def test_the_size_fits_the_space(folds: Stylizer, photo: Image.Image) -> None:
    """Height and width are multiples of the codec's factor times the networks' own."""
    loaded = read_image(photo)
    subject = make_subject(folds.components, [loaded], (50, 35), folds.device)
    assert subject.pixels.shape == (1, 3, 48, 64)
    assert subject.x0.shape == (1, 12, 24, 32)
    assert to_image(folds.components.codec.decode(subject.x0), (50, 35)).size == (50, 35)
    # networks that take any size do not keep the losses from reading means of 2×2
    anything = dataclasses.replace(folds.components, codec=PIXELS, **_of_any_size(folds.components))
    large = make_subject(anything, [loaded], (1029, 1021), folds.device)
    assert large.reduction == 2
    assert large.pixels.shape == (1, 3, 1024, 1032)


def _of_any_size(parts: Components) -> dict[str, VelocityNetwork]:
    return {role: InFolds(getattr(parts, role).network, multiple=1) for role in ("photo", "art")}

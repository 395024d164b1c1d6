"""A training picture and the noise of its photograph: cut alike, and noise that leads back to the photograph."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diffstyler_cli.diffusion.schedule import t_grid
from diffstyler_cli.diffusion.solvers import sample
from diffstyler_cli.models.lite.load import load_lite
from diffstyler_cli.training import diffusion
from diffstyler_cli.training.data import TrainingSet, seeded_noise
from diffstyler_cli.training.diffusion import Batches
from diffstyler_cli.training.pictures.grid import PERIOD

SIDE = 96


def art_batches(samples: TrainingSet, noise: torch.Tensor | None) -> Batches:
    return Batches("art", samples, None, noise, 0, crop=32, batch=4)


@pytest.fixture
def samples() -> TrainingSet:
    """A photograph, a picture made from it, and an artwork; red and green say where in the picture a pixel lies."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image = np.stack([rows, columns, 0 * rows], 2).astype(np.uint8)
    return TrainingSet(
        np.stack([image, image + 100, image]),
        np.array(["photo", "woodcut", "woodcut"]),
        np.array(["photo", "painted", "art"]),
        np.array([0, 0, -1]),
        np.array([-1, 5, -1]),
        np.array(["a.jpg", "a.jpg", "b.jpg"]),
    )


def test_a_picture_and_its_noise_are_cut_at_the_same_place(
    samples: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion, "COUPLED_SHARE", 1.0)
    monkeypatch.setattr(diffusion, "FRESH_NOISE", (0.0, 0.0))
    noise = torch.from_numpy(samples.images[:1]).permute(0, 3, 1, 2).half()
    batches = art_batches(samples, noise)
    corners = set()
    for _ in range(60):
        x, eps = batches.crop_and_noise(1, torch.zeros(3, 32, 32))
        assert torch.equal((x * 255).round() - 100, eps)
        corners.add((int(eps[0, 0, 0]), int(eps[1, 0, 0])))
    assert len(corners) > 20
    assert all(place % PERIOD == 0 for corner in corners for place in corner)


def test_a_picture_gets_the_noise_that_it_was_painted_by(samples: TrainingSet) -> None:
    """Alone, where its photograph was not carried through free diffusion, and else as the fresh share."""
    own = torch.from_numpy(seeded_noise(5, SIDE).astype(np.float32)).permute(2, 0, 1)
    batches = art_batches(samples, None)
    for _ in range(10):
        x, eps = batches.crop_and_noise(1, torch.zeros(3, 32, 32))
        top, left = (round(float(x[c, 0, 0]) * 255) - 100 for c in (0, 1))
        assert torch.equal(eps, own[:, top : top + 32, left : left + 32])
    coupled = art_batches(samples, torch.zeros(1, 3, SIDE, SIDE).half())
    shares = {float(coupled.crop_and_noise(1, own[:, :32, :32])[1].std()) for _ in range(20)}
    assert min(shares) > 0.9 * diffusion.FRESH_NOISE[0]
    assert max(shares) < 1.1


def test_artworks_get_noise_at_random(samples: TrainingSet) -> None:
    noise = torch.ones(1, 3, SIDE, SIDE).half()
    batches = art_batches(samples, noise)
    eps = torch.randn(3, 32, 32)
    assert all(torch.equal(batches.crop_and_noise(2, eps)[1], eps) for _ in range(20))


def test_free_noise_leads_back_to_the_photograph() -> None:
    side, steps = 64, diffusion.INVERSION_STEPS[0]
    yy, xx = np.mgrid[:side, :side] / side
    picture = np.stack([255 * xx, 255 * yy, 200 * (np.hypot(xx - 0.5, yy - 0.5) < 0.3)], 2).astype(np.uint8)
    samples = TrainingSet(
        picture[None], np.array(["photo"]), np.array(["photo"]), np.array([2]), np.array([-1]), np.array(["a.jpg"])
    )
    net = load_lite("cpu").photo
    counted = []
    noise = diffusion.learnable_noise(net, samples, 0, lambda *numbers: counted.append(numbers), device="cpu")
    assert (noise.shape, counted) == ((3, 3, side, side), [(1, 1)])
    assert not noise[:2].any()
    assert 0.05 < float(noise[2].float().std()) < 1.5

    def null(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return net(x, t.clamp(net.t_min, net.t_max))

    x0 = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        *_, last = sample(null, noise[2:].float(), t_grid(steps), steps, "dpmpp_2m")
    assert float((last.x - x0).abs().mean()) < 0.15

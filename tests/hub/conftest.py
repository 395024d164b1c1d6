"""Networks of others: folders that diffusers wrote, and a Hub on loopback that has them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "download"))

from folders import save_latents, save_pixels
from hub_world import FINE_TUNE, LATENTS, PIXELS, Folders, HubWorld
from servers import Server


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Written once; tests that change them take a copy."""
    pytest.importorskip("diffusers", reason="needs diffusers")
    place = tmp_path_factory.mktemp("networks")
    return Folders(
        save_pixels(place / "pixels"), save_latents(place / "latents"), save_latents(place / "fine-tune", seed=1)
    )


@pytest.fixture
def folders(saved: Folders, tmp_path: Path) -> Folders:
    """Copies in the current test's folder."""
    return Folders(*(shutil.copytree(path, tmp_path / path.name) for path in vars(saved).values()))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HubWorld]:
    with Server() as hub, Server() as store:
        Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(tmp_path / "photo.png")
        (tmp_path / "config.toml").touch()
        yield HubWorld(tmp_path, hub, store)


@pytest.fixture
def stocked(world: HubWorld, saved: Folders) -> HubWorld:
    """The same with the three networks on the Hub, beside files that nobody needs."""
    noise = {"README.md": b"# Card", "unet/diffusion_pytorch_model.bin": b"pickle", "v1-5-pruned.ckpt": b"pickle",
             "unet/diffusion_pytorch_model.fp16.safetensors": b"half"}  # fmt: skip
    world.offer(PIXELS, saved.pixels, "mit", {"diffusion_pytorch_model.bin": b"pickle", "README.md": b"# Card"})
    world.offer(LATENTS, saved.latents, "creativeml-openrail-m", noise)
    world.offer(FINE_TUNE, saved.fine_tune)
    return world

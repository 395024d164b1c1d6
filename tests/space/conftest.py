"""A small random network of diffusers, and packages that are installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from plugin_packages import Install, build
from torch import Tensor


@pytest.fixture(scope="session")
def unet() -> Callable[[Tensor, Tensor | int], Tensor]:
    """A small random `UNet2DModel` that predicts 3×16×16, with weights of a trained one's size."""
    diffusers = pytest.importorskip("diffusers", reason="needs diffusers")
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=16, in_channels=3, out_channels=3, block_out_channels=(8, 16), layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
    )  # fmt: skip
    network.eval().requires_grad_(False)
    return network


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Has pip install a package of one module into a folder of its own, and puts that into the path."""

    def into(folder: str, pyproject: str, module: str, name: str = "grey_networks") -> Path:
        wheel, target = build(tmp_path / f"{folder}-wheel", pyproject, name, module), tmp_path / folder
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
        subprocess.run([*command, str(target), str(wheel)], check=True, capture_output=True, text=True)
        monkeypatch.syspath_prepend(str(target))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return target

    return into

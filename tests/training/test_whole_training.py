"""The whole recipe of training, on a handful of pictures: every stage by its command, and a picture in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli.models.lite.files import read_weights
from diffstyler_cli.models.lite.load import load_lite
from diffstyler_cli.roles import ROLES
from diffstyler_cli.training.data import ART_STYLES, held_out

pytest.importorskip("cv2", reason="OpenCV of the train extra is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two artworks of each style and two photographs, none of them held out."""
    rng = np.random.default_rng(0)
    folders = [tmp_path / "data" / "art" / style for style in ART_STYLES]
    for folder in [*folders, tmp_path / "data" / "photos"]:
        folder.mkdir(parents=True)
        names = [n for n in (f"{folder.name}_{k}.png" for k in range(40)) if not held_out(Path(n))][:2]
        for name in names:
            small = rng.integers(0, 255, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(small).resize((260, 260), Image.Resampling.BICUBIC).save(folder / name)
    return tmp_path / "data"


def test_every_stage_runs_and_its_weights_load(data: Path, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "weights"

    def stage(name: str, *options: str) -> str:
        command = [
            sys.executable,
            "-m",
            "diffstyler_cli.training",
            name,
            "--data",
            str(data),
            "--work",
            str(work),
            "--threads",
            "1",
        ]
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    small = ("--batch", "8", "--crop", "32")
    stage("data")
    stage("encoder", "--minutes", "0.1")
    stage("features", "--minutes", "0.1")
    assert "on the right side" in stage("aesthetic")
    stage("photo", "--steps", "25", *small)
    assert "noise 4 of 4" in stage("noise")
    assert "photo step 50" in stage("photo", "--steps", "50", *small)
    stage("art", "--steps", "25", *small)
    stage("export", "--out", str(out))
    assert sorted(path.stem for path in out.iterdir()) == sorted(role.name for role in ROLES)
    assert read_weights(out / "photo.safetensors")[1]["steps"] == "50"
    parts = load_lite("cpu", out)
    assert parts.encoder.unknown_words("woodcut of a spaceship") == ["spaceship"]

"""The full-size set, from files as the originals come to a picture: minutes, 10 GB of disk, 8 GB of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from diffstyler_cli.models.full import load as full
from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.digest import sha256
from diffstyler_cli.weights.registry import FULL, spec

sys.path.insert(0, str(Path(__file__).parent / "models"))

from test_original_networks import GOLDEN, assert_golden, golden_inputs, golden_weights

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full size")]  # whose files are made once
MAIN = "from diffstyler_cli.cli.app import main; main()"


def diffstyler(place: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | place, capture_output=True, text=True, timeout=3000)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A cache filled by `download --from` with the reference's weights in the networks and random ones elsewhere."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "originals").mkdir()
    torch.manual_seed(0)
    rows = []
    for component in FULL:
        path = folder / "originals" / component.file
        if component.key in ("photo", "art"):
            torch.save(golden_weights(full.build(component.key)), path)
        else:
            maker = {"clip": full.ClipEncoder, "vgg": full.Vgg19Features, "aesthetic": full.LinearAesthetic}
            state = full.weights_of(component.key, maker[component.key]()).state_dict()
            save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
        if component.sha256:
            rows.append(f'[weights.{component.key}]\nsha256 = "{sha256(path)}"\n')
    (folder / "config.toml").write_text("".join(rows))
    place = {
        "DIFFSTYLER_CONFIG": str(folder / "config.toml"),
        "DIFFSTYLER_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    done = diffstyler(place, "download", "--from", folder / "originals", "--fp32")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(FULL)
    for component in FULL:
        (folder / "originals" / component.file).unlink()
    return place


@pytest.mark.parametrize("key", ["photo", "art"])
def test_the_reference_values_come_back_through_the_files(place: dict[str, str], key: str) -> None:
    entry = Cache(Path(place["DIFFSTYLER_CACHE_DIR"])).find(key)
    network = full.build(key)
    full.load_file_strict(network, entry.path, key, full.SELECT[key], full._place(network, "cpu", torch.float32))
    name = spec(key).name
    with torch.inference_mode():
        assert_golden(network.eval()(*golden_inputs(name)), GOLDEN[name])


def test_a_picture_is_made_on_the_cpu(place: dict[str, str], tmp_path: Path) -> None:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photo.png")
    done = diffstyler(
        place, "stylize", tmp_path / "photo.png", "oil painting", "-o", tmp_path / "out.png", "--models", "full",
        "--device", "cpu", "--dtype", "fp32", "--steps", 2, "--size", 64, "--cutouts", 2, "--seed", 1, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["models"] == "full"
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (64, 64)

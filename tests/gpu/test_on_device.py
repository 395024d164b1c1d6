"""The lite and the full-size networks on a GPU; what is measured goes into the report of tests/gpu/check."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sets import DEVICE, QUICK, SIZE, STEPS, build, dtypes, full, lite

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.images import LoadedImage, read_image, to_tensor
from diffstyler_cli.sample import SAMPLE
from diffstyler_cli.sweep import run
from diffstyler_cli.sweep.folder import Folder
from diffstyler_cli.sweep.plan import Plan
from diffstyler_cli.sweep.run import Runner
from diffstyler_cli.sweep.standing import Standing

CONFIG = StylizeConfig(size=SIZE, steps=STEPS, cutouts=2, seed=7)
FULL = StylizeConfig.defaults("full").with_overrides({"size": SIZE, "steps": STEPS, "cutouts": 2, "seed": 7})
ERROR = {"fp16": 0.01, "bf16": 0.05}
"""How much v may differ from float32's, relative to its norm."""
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def photo() -> LoadedImage:
    return read_image(SAMPLE)


@pytest.fixture(scope="module")
def on_device() -> Stylizer:
    return lite("fp32")


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Bytes that torch has had on the device at most since the test began; 0 on a CPU."""
    cuda = DEVICE == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield lambda: torch.cuda.max_memory_allocated() if cuda else 0
    if cuda:
        torch.cuda.empty_cache()


def pixels(image: Image.Image) -> torch.Tensor:
    """1×3×H×W in 0 to 255, up to an offset."""
    return 127.5 * to_tensor(image.convert("RGB"), image.size)[0]


def test_the_device_is_reported(on_device: Stylizer, photo: LoadedImage) -> None:
    recipe = on_device.stylize(photo, "watercolor", CONFIG).recipe
    assert (recipe["settings"]["device"], recipe["settings"]["dtype"]) == (DEVICE, "fp32")
    assert all(p.device.type == DEVICE for p in on_device.components.photo.parameters())
    command = [sys.executable, "-m", "diffstyler_cli", "inspect", "--json"]
    facts = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert any(device["name"].startswith(DEVICE) for device in facts["devices"])
    assert DEVICE in ("cpu", facts["default"]["device"])


@pytest.mark.parametrize("scale", [0.0, CONFIG.guidance_scale], ids=["free", "guided"])
def test_lite_paints_what_it_paints_on_the_cpu(
    on_device: Stylizer, photo: LoadedImage, record_property: Record, scale: float
) -> None:
    """In float32. Guidance magnifies rounding."""
    config = dataclasses.replace(CONFIG, guidance_scale=scale)
    here, there = (s.stylize(photo, "oil painting", config).image for s in (on_device, lite("fp32", "cpu")))
    difference = float((pixels(here) - pixels(there)).abs().mean())
    record_property("mean difference of 255", difference)
    assert difference <= (4.0 if scale else 1.0)


@pytest.mark.parametrize("dtype", dtypes())
def test_lite_in_low_precision_is_near_float32(
    on_device: Stylizer, photo: LoadedImage, record_property: Record, dtype: str
) -> None:
    config = dataclasses.replace(CONFIG, guidance_scale=0.0)
    low = lite(dtype)
    here, there = (s.stylize(photo, "oil painting", config).image for s in (low, on_device))
    difference = float((pixels(here) - pixels(there)).abs().mean())
    record_property("mean difference of 255", difference)
    assert difference <= 6.0
    assert low.notices == []


@pytest.mark.parametrize("role", ["photo", "art"])
def test_full_size_networks_in_low_precision_are_near_float32(role: str, record_property: Record) -> None:
    torch.manual_seed(1)
    x, t = torch.randn(2, 3, SIZE, SIZE, device=DEVICE), torch.tensor([0.3, 0.8], device=DEVICE)
    network = build()[role].eval()
    with torch.inference_mode():
        exact = network(x, t)
    assert exact.isfinite().all()
    del network
    for dtype in dtypes():
        network = getattr(full(dtype).components, role)
        with torch.inference_mode():
            v = network(x, t)
        error = float((v - exact).norm() / exact.norm())
        record_property(f"{dtype} relative error", error)
        assert v.dtype == torch.float32
        assert error <= ERROR[dtype]


@pytest.mark.parametrize("dtype", ["fp32", *dtypes()])
def test_a_full_size_picture(photo: LoadedImage, record_property: Record, peak: Callable[[], int], dtype: str) -> None:
    stylizer = full(dtype)
    result = stylizer.stylize(photo, "oil painting", FULL)
    record_property("seconds", result.recipe["timings"]["total"])
    record_property("peak bytes", peak())
    assert pixels(result.image).isfinite().all()
    record_property("gradient norms", {name: term.grad_norm for name, term in result.losses[0].items()})
    assert result.losses[0]["tv"].grad_norm > 0
    assert (result.recipe["settings"]["dtype"], result.recipe["settings"]["device"]) == (dtype, DEVICE)


# --- sweeps ----------------------------------------------------------------------------------------------------------
LAMBDAS = (0.0, 0.4, 1.0)


def swept(
    stylizer: Stylizer, photo: LoadedImage, folder: Path, config: StylizeConfig, lambdas: Any, batch: int
) -> Runner:
    plan = Plan(config, {"lam": lambdas}, ("oil painting",))
    place = Folder(folder)
    with place.claimed({"dtype": "float32", **plan.description()}):
        standing = Standing(plan, place, photo, stylizer.networks.machine)
        standing.resume()
        runner = Runner(standing, stylizer, (), batch)
        for _ in runner.run():
            pass
    return runner


def cell(runner: Runner, index: int) -> torch.Tensor:
    return pixels(Image.open(runner.folder.path / runner.plan.cells[index].file))


@pytest.mark.parametrize("scale", [0.0, CONFIG.guidance_scale], ids=["free", "guided"])
def test_a_batch_of_a_sweep_is_what_single_runs_make(
    on_device: Stylizer, photo: LoadedImage, tmp_path: Path, record_property: Record, scale: float
) -> None:
    config = dataclasses.replace(CONFIG, guidance_scale=scale)
    runner = swept(on_device, photo, tmp_path / "sweep", config, LAMBDAS, len(LAMBDAS))
    differences = []
    for made in runner.plan.cells:
        alone = on_device.stylize(photo, made.prompts, made.config).image
        differences.append(float((cell(runner, made.index) - pixels(alone)).abs().mean()))
    record_property("mean differences of 255", differences)
    assert max(differences) <= (4.0 if scale else 1.0)


def test_a_batch_that_finds_no_memory_is_halved_until_it_does(
    on_device: Stylizer, photo: LoadedImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    """On a GPU with real memory, of which this process may take what one cell needs and some more."""
    config = dataclasses.replace(CONFIG, size=SIZE if QUICK else 512, steps=2)
    lambdas = tuple(k / 7 for k in range(8))
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        on_device.stylize(photo, "oil painting", config)
        one, total = torch.cuda.max_memory_reserved(), torch.cuda.mem_get_info()[1]
        torch.cuda.empty_cache()
        record_property("peak bytes of one cell", one)
        torch.cuda.set_per_process_memory_fraction(min(1.0, 2.2 * one / total))
    else:
        whole = run.run_sampling

        def sample(*arguments: Any) -> Any:
            if len(arguments[5]) > 2:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return whole(*arguments)

        monkeypatch.setattr(run, "run_sampling", sample)
    try:
        runner = swept(on_device, photo, tmp_path / "sweep", config, lambdas, len(lambdas))
    finally:
        if DEVICE == "cuda":
            torch.cuda.set_per_process_memory_fraction(1.0)
    record_property("batch in the end", runner.batch)
    assert len(runner.made) == len(lambdas)
    assert runner.batch < len(lambdas)
    assert "No memory for 8 cells at once" in runner.notices[0]

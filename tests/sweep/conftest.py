"""Sweeps at sizes that take a moment, with the built-in models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance
from sweep_browser import Browser
from sweep_settings import SMALL

from diffstyler_cli.cli.stylize.request import Request
from diffstyler_cli.cli.sweep.request import SweepRequest
from diffstyler_cli.config import MachineConfig, StylizeConfig
from diffstyler_cli.errors import NumericalError
from diffstyler_cli.images import LoadedImage, read_image
from diffstyler_cli.sample import SAMPLE
from diffstyler_cli.sweep.folder import Folder
from diffstyler_cli.sweep.plan import Plan
from diffstyler_cli.sweep.standing import Standing


@pytest.fixture(scope="session")
def photo() -> LoadedImage:
    return read_image(SAMPLE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a worker."""
    with Browser() as opened:
        yield opened


@pytest.fixture
def sweep(stylizer: Any, photo: LoadedImage, tmp_path: Path) -> Callable[..., Any]:
    """sweep(ranges) -> a `Runner` that has run, its folder below the test's own; keywords as `Runner`'s."""
    from diffstyler_cli.sweep.run import Runner

    def run(
        ranges: dict[str, Sequence[Any]], prompts: Sequence[str] = ("oil painting",), config: StylizeConfig = SMALL,
        batch: int | None = None, limit: int | None = None,
    ) -> Runner:  # fmt: skip
        plan = Plan(config, ranges, prompts)
        folder = Folder(tmp_path / "sweep")
        with folder.claimed({"dtype": "float32", **plan.description()}):
            standing = Standing(plan, folder, photo, stylizer.networks.machine)
            standing.resume()
            runner = Runner(standing, stylizer, (), batch)
            for progress in runner.run():
                if limit is not None and len(runner.made) >= limit and progress.phase == "made":
                    break
        return runner

    return run


@pytest.fixture
def drawn(tmp_path: Path, photo: LoadedImage) -> Callable[..., Path]:
    """drawn(ranges) -> the folder of a sweep whose pictures are stand-ins: reports can be tested without networks."""
    from diffstyler_cli.sweep import report

    def draw(
        ranges: dict[str, Sequence[Any]], prompts: Sequence[str] = ("oil painting",), failed: Sequence[int] = (),
        size: tuple[int, int] = (78, 52),
    ) -> Path:  # fmt: skip
        plan = Plan(StylizeConfig(seed=7), ranges, prompts)
        folder = Folder(tmp_path / "drawn")

        class Drawn(Standing):
            result_size = size

        standing = Drawn(
            plan, folder, photo, MachineConfig("lite", None, "cpu", "fp32"),
            photo_scores={"clip": 18.0, "content": 1.0, "ssim": 1.0, "aesthetic": 5.0},
        )  # fmt: skip
        request = SweepRequest(Request("my photo.jpg"), ranges)
        losses = {"instruction": 0.7, "content": 0.3}
        recipe = {"losses": {n: {"final": {"value": v}} for n, v in losses.items()}, "timings": {"total": 3.2}}
        with folder.claimed({"dtype": "float32"}):
            for cell in plan.cells:
                if cell.index in failed:
                    standing.failed[cell.index] = NumericalError("Step 1 of 2: The art network returned NaN.")
                    continue
                share = (cell.column + 1) / plan.shape[0]
                scores = {
                    "clip": 20 + share,
                    "content": 0.9 - 0.4 * share - 0.1 * cell.row,
                    "ssim": 0.4,
                    "aesthetic": 5.0,
                }
                picture: Image.Image = ImageEnhance.Color(photo.rgb.resize(size)).enhance(2 * share)
                standing.made[cell.index] = folder.keep(cell, picture, recipe, scores)
        rows = report.rows(standing, request.command_of)
        report.write(standing, rows, grid=True)
        return folder.path

    return draw

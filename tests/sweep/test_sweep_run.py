"""The real pipeline: cells against `stylize`, shared work, what fails, what runs out of memory, what is resumed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sweep_settings import SMALL

from diffstyler_cli.errors import NumericalError, OutputError, UsageError
from diffstyler_cli.images import LoadedImage, to_tensor
from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.sweep import run
from diffstyler_cli.sweep.differences import differences
from diffstyler_cli.sweep.folder import Folder

LAMBDAS = (0.0, 0.4, 1.0)
TOLERANCE = 1.0
"""Of 255, on average, in float32: how a cell may differ from the same `stylize` run, as docs/sweep.md promises."""


def pixels(image: Image.Image) -> torch.Tensor:
    return 127.5 * to_tensor(image.convert("RGB"), image.size)[0]


def cell_pixels(runner: Any, index: int) -> torch.Tensor:
    return pixels(Image.open(runner.folder.path / runner.plan.cells[index].file))


def counted(monkeypatch: pytest.MonkeyPatch, network: Any) -> list[int]:
    """Batch sizes of the network's calls from now on."""
    sizes: list[int] = []
    whole = network.forward

    def forward(x: Any, t: Any, cond: Any = None) -> Any:
        sizes.append(x.shape[0])
        return whole(x, t, cond)

    monkeypatch.setattr(network, "forward", forward)
    return sizes


@pytest.mark.parametrize("changed", [{"noise_iters": 1, "fresh_noise": 0.4}, {"guide": "both"}, {"guide": "none"}])
def test_a_cell_is_the_same_stylize_run(
    sweep: Callable[..., Any], stylizer: Any, photo: LoadedImage, changed: dict[str, Any]
) -> None:
    runner = sweep({"lam": LAMBDAS}, config=dataclasses.replace(SMALL, **changed))
    for cell in runner.plan.cells:
        alone = stylizer.stylize(photo, cell.prompts, cell.config)
        difference = (cell_pixels(runner, cell.index) - pixels(alone.image)).abs()
        assert difference.mean() <= TOLERANCE
        made = runner.made[cell.index].losses
        assert {n: pytest.approx(v.value, rel=0.02, abs=1e-4) for n, v in alone.losses[-1].items()} == made
    assert (cell_pixels(runner, 0) - cell_pixels(runner, 1)).abs().mean() > 2 * TOLERANCE, "λ does more than rounding"


def test_without_guidance_which_magnifies_rounding_no_pixel_differs_visibly(
    sweep: Callable[..., Any], stylizer: Any, photo: LoadedImage
) -> None:
    runner = sweep({"lam": LAMBDAS}, config=dataclasses.replace(SMALL, guidance_scale=0.0, steps=6))
    for cell in runner.plan.cells:
        alone = stylizer.stylize(photo, cell.prompts, cell.config)
        assert (cell_pixels(runner, cell.index) - pixels(alone.image)).abs().max() <= 1.001


def test_made_one_at_a_time_a_cell_is_the_same_run_to_the_last_bit(
    sweep: Callable[..., Any], stylizer: Any, photo: LoadedImage
) -> None:
    runner = sweep({"lam": (0.3, 1.0), "t1": ("1x", "2x")}, batch=1)
    for cell in runner.plan.cells:
        alone = stylizer.stylize(photo, cell.prompts, cell.config)
        assert torch.equal(cell_pixels(runner, cell.index), pixels(alone.image))
        assert runner.made[cell.index].losses == {name: term.value for name, term in alone.losses[-1].items()}


def test_free_diffusion_is_run_once_a_row_and_networks_are_called_once_for_all_lambdas(
    sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, art = (counted(monkeypatch, getattr(stylizer.components, role)) for role in ("photo", "art"))
    runner = sweep({"lam": LAMBDAS, "t1": ("1x", "2x"), "prompt": ("oil painting", "watercolor")})
    free = [1] * SMALL.steps
    # λ = 0 has no photo share; the others take two passes, ∅ and the prompt, in one call
    assert photo == 2 * (free + 2 * [4] * SMALL.steps)
    assert art == 4 * [3] * SMALL.steps
    assert sum(photo) == runner.plan.evaluations().photo
    assert sum(art) == runner.plan.evaluations().art
    texts = {read_recipe(runner.folder.path / c.file)["sweep"]["plan"] for c in runner.plan.cells}  # type: ignore[index]
    assert len(texts) == 1


def test_what_is_there_is_not_made_again_and_what_is_damaged_is(
    sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = {"lam": LAMBDAS, "t1": ("1x", "2x")}
    first = sweep(ranges, limit=3)
    assert len(first.made) == 3
    torn = first.folder.path / first.plan.cells[1].file
    torn.write_bytes(torn.read_bytes()[:-40])
    (torn.parent / ".diffstyler-0123456789abcdef.tmp").write_bytes(b"half a picture")
    kept = (first.folder.path / first.plan.cells[0].file).stat().st_mtime_ns
    second = sweep(ranges)
    assert second.standing.resumed == 2
    assert len(second.made) == 6
    assert (first.folder.path / first.plan.cells[0].file).stat().st_mtime_ns == kept
    assert second.made[0] == first.made[0]
    assert not list(torn.parent.glob(".*.tmp"))
    photo = counted(monkeypatch, stylizer.components.photo)
    assert sweep(ranges).standing.resumed == 6
    assert photo == []


def test_one_cell_that_fails_leaves_its_mates_alone(
    sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run.run_sampling

    def sample(*arguments: Any) -> Any:
        if any(config.lam == 0.4 for config in arguments[5]):
            raise NumericalError("The art network returned NaN.")
        return whole(*arguments)

    monkeypatch.setattr(run, "run_sampling", sample)
    runner = sweep({"lam": LAMBDAS})
    assert set(runner.made) == {0, 2}
    assert [str(error) for error in runner.failed.values()] == ["The art network returned NaN."]
    monkeypatch.undo()
    assert set(sweep({"lam": LAMBDAS}).made) == {0, 1, 2}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
@pytest.mark.slow
def test_the_batch_is_halved_where_memory_runs_out(
    sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole, sizes = run.run_sampling, []

    def sample(*arguments: Any) -> Any:
        sizes.append(len(arguments[5]))
        if sizes[-1] > 1:
            raise error
        return whole(*arguments)

    monkeypatch.setattr(run, "run_sampling", sample)
    runner = sweep({"lam": (*LAMBDAS, 0.2), "t1": ("1x", "2x")})
    assert sizes == [4, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert len(runner.made) == 8
    assert "going on with 1" in runner.notices[-1]


def test_no_memory_for_one_cell_and_no_place_to_write_stop_the_sweep(
    sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*arguments: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_sampling", none)
        with pytest.raises(MemoryError):
            sweep({"lam": LAMBDAS})

    def full(*arguments: Any) -> Any:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(Folder, "keep", full)
    with pytest.raises(OutputError):
        sweep({"lam": LAMBDAS})


def test_the_batch_is_as_given(sweep: Callable[..., Any], stylizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    art = counted(monkeypatch, stylizer.components.art)
    sweep({"lam": LAMBDAS}, batch=2)
    assert art == [2] * SMALL.steps + [1] * SMALL.steps


def test_scores_are_highest_for_the_photo_itself(sweep: Callable[..., Any]) -> None:
    runner = sweep({"lam": (0.0, 1.0)})
    photo = runner.standing.photo_scores
    assert photo["content"] == pytest.approx(1, abs=1e-4)
    assert photo["ssim"] == pytest.approx(1, abs=1e-4)
    for made in runner.made.values():
        assert list(made.scores) == ["clip", "content", "ssim", "aesthetic"]
        assert made.scores["content"] < photo["content"]
        assert made.scores["ssim"] < photo["ssim"]


# --- whose folder it is ----------------------------------------------------------------------------------------------
IDENTITY = {"version": "1", "settings": {"steps": 20, "lam": 0.5}, "axes": {"t1": ["1x", "2x"]}, "prompts": ["a"]}


def claim(path: Path, identity: dict[str, Any] = IDENTITY, force: bool = False) -> Folder:
    folder = Folder(path)
    with folder.claimed(identity, force=force):
        manifest = {"schema": "diffstyler.sweep/1", "sweep": folder.identity, "cells": [{"file": "cells/1.png"}]}
        folder.write("manifest.json", json.dumps(manifest).encode())
    return folder


def test_another_sweep_in_the_folder_is_refused_with_the_difference_and_replaced_by_force(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sweep"
    claim(path)
    claim(path)
    (path / "cells" / "1.png").write_bytes(b"")
    (path / "cells" / "mine.txt").write_bytes(b"")
    changed = {**IDENTITY, "settings": {"steps": 30, "lam": 0.5}, "axes": {"t1": ["1x"]}}
    with pytest.raises(UsageError, match=r"--steps 20 there, 30 now; --t1 1x,2x there, 1x now") as caught:
        claim(path, changed)
    assert "--force" in caught.value.advice
    assert (path / "cells" / "1.png").exists()
    claim(path, changed, force=True)
    assert [child.name for child in (path / "cells").iterdir()] == ["mine.txt"]


def test_folders_that_are_no_sweeps_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(UsageError, match="other files"):
            claim(tmp_path, force=force)
    with pytest.raises(UsageError, match="not a folder"):
        claim(tmp_path / "thesis.tex")
    claim(tmp_path / "sweep")
    (tmp_path / "sweep" / "manifest.json").write_bytes(b"\xff{")
    with pytest.raises(UsageError, match="cannot be read"):
        claim(tmp_path / "sweep")


def test_two_at_once_in_one_folder(tmp_path: Path) -> None:
    folder = claim(tmp_path / "sweep")
    with folder.claimed(IDENTITY), pytest.raises(UsageError, match="Another sweep is writing"):
        claim(tmp_path / "sweep")


def test_a_hostile_manifest_cannot_make_force_remove_other_files(tmp_path: Path) -> None:
    path = tmp_path / "sweep"
    claim(path)
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"mine")
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["cells"] = [{"file": "../victim.png"}, {"file": str(victim)}, {"file": ".."}, {}, 7]
    (path / "manifest.json").write_text(json.dumps(manifest))
    claim(path, force=True)
    assert victim.exists()


def test_differences_are_named_as_options() -> None:
    found = differences({"settings": {"lam": 0.5}, "photo": {"name": "a"}}, {"settings": {"lam": 0.25}, "dtype": "x"})
    assert found == ["--lambda 0.5 there, 0.25 now", "dtype none there, x now", "photo name a there, none now"]

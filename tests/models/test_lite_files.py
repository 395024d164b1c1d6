"""Lite files of somebody else: a wrong one is a `WeightsError` before anything is painted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from diffstyler_cli.cli.app import run
from diffstyler_cli.models.lite import files
from diffstyler_cli.models.lite.architecture import WEIGHTS

pytestmark = pytest.mark.skipif(not list(WEIGHTS.glob("*.safetensors")), reason="the lite models are not trained yet")
SOURCE = Path(__file__).parents[2] / "src"
IDS, ROWS = "token_embedding.ids", "token_embedding.rows"


def stylized(tmp_path: Path, encoder: dict[str, Tensor]) -> int:
    """The exit code of `stylize` with that as its encoder."""
    save_file(encoder, tmp_path / "encoder.safetensors", {"models": "lite"})
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    words = ["--models", "lite", "--size", "64", "--steps", "2", "--device", "cpu", "-o", str(tmp_path / "out.png")]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        given = ["--clip-weights", str(tmp_path / "encoder.safetensors")]
        return run(["stylize", str(tmp_path / "photo.png"), "oil painting", *words, *given])
    finally:
        signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ids, rows: (ids + 1_000_000, rows),
        lambda ids, rows: (ids - 1_000_000, rows),
        lambda ids, rows: (torch.where(ids == ids[1], ids[0], ids), rows),
        lambda ids, rows: (ids.float(), rows),
        lambda ids, rows: (ids.bool(), rows),
        lambda ids, rows: (ids[None], rows),
        lambda ids, rows: (ids[:-1], rows),
        lambda ids, rows: (ids, rows[:, 0].clone()),
        lambda ids, rows: (ids, rows[:, :-1].contiguous()),
        lambda ids, rows: (ids, rows.int()),
        lambda ids, rows: (ids.new_zeros(()), rows),
    ],
    ids=[
        "too large",
        "negative",
        "twice",
        "float",
        "bool",
        "2-d",
        "too few",
        "1-d rows",
        "narrow",
        "integer",
        "scalar",
    ],
)
def test_a_wrong_vocabulary_is_an_error_of_the_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> None:
    encoder, _ = files.read_weights(WEIGHTS / "encoder.safetensors")
    ids, rows = spoil(encoder[IDS], encoder[ROWS])
    assert stylized(tmp_path, encoder | {IDS: ids.contiguous(), ROWS: rows}) == 4
    lines = capsys.readouterr().err.strip().splitlines()
    assert "encoder.safetensors" in " ".join(lines)
    assert "Traceback" not in " ".join(lines)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 1000)
    save_file({"a": torch.zeros(1000)}, tmp_path / "x.safetensors")
    with pytest.raises(files.WeightsError, match="more than 1,000 bytes"):
        files.read_weights(tmp_path / "x.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are kept by Linux alone")
@pytest.mark.parametrize("megabytes", [400, 1500])  # with more, a thread of torch's own may be what meets the limit
def test_a_limit_on_memory_is_out_of_memory_wherever_it_strikes(tmp_path: Path, megabytes: int) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20},) * 2)\n"
        "from diffstyler_cli.cli.app import main; main()"
    )
    words = ["stylize", "photo.png", "oil", "--models", "lite", "--size", "64", "--steps", "2", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"}
        | {name: os.environ[name] for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME")},
    )  # fmt: skip
    assert done.returncode in (0, 5), done.stderr  # 0 with a torch that needs less

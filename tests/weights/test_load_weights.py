"""Foreign files of weights: every wrong one is a `WeightsError` with a message and advice, and runs nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from diffstyler_cli.errors import WeightsError
from diffstyler_cli.weights import load
from diffstyler_cli.weights.digest import sha256
from diffstyler_cli.weights.load import load_strict, read_state

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def refused(path: Path, match: str) -> None:
    with pytest.raises(WeightsError, match=match) as caught:
        read_state(path)
    assert caught.value.advice
    assert "\n" not in caught.value.message


@pytest.fixture(params=["pth", "legacy", "safetensors", "nested", "misnamed"])
def good(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / {"safetensors": "x.safetensors", "misnamed": "x.pth"}.get(request.param, "x.pt")
    if request.param in ("safetensors", "misnamed"):
        save_file(STATE, path)
    else:
        content = {"state_dict": STATE, "epoch": 3} if request.param == "nested" else STATE
        torch.save(content, path, _use_new_zipfile_serialization=request.param != "legacy")
    return path


def test_every_format_gives_its_tensors(good: Path) -> None:
    state = read_state(good)
    assert set(state) == set(STATE)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_refused(good: Path, keep: float) -> None:
    content = good.read_bytes()
    good.write_bytes(content[: int(len(content) * keep)])
    refused(good, "damaged|empty")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"not weights at all", "damaged"),
        (b"PK\x03\x04" + bytes(200), "damaged"),
        (b"\xff" * 4096, "damaged"),
        (bytes(4096), "damaged"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", "damaged"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    refused(path, match)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.pth", "does not exist")
    refused(tmp_path, "cannot be read")


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_that_would_run_code_runs_nothing(tmp_path: Path, new_format: bool) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    torch.save({"weight": Hostile(marker)}, path, _use_new_zipfile_serialization=new_format)
    refused(path, "asks to run code")
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_program_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    refused(path, "TorchScript")


@pytest.mark.parametrize(
    "content",
    [
        [torch.zeros(1)],
        {},
        torch.zeros(3),
        {"weight": [1, 2]},
        {3: torch.zeros(1)},
        {"weight": torch.zeros(2, device="meta")},
        {"weight": torch.zeros(2, 2).to_sparse()},
    ],
    ids=["list", "empty", "tensor", "value", "key", "meta", "sparse"],
)
def test_anything_but_a_table_of_plain_tensors_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    refused(path, "no table of tensors|more than plain tensors")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), value=st.integers(0, 255), tail=st.binary(max_size=20))
def test_damaged_bytes_raise_nothing_but_weights_errors(good: Path, place: float, value: int, tail: bytes) -> None:
    content = bytearray(good.read_bytes())
    content[int(place * (len(content) - 1))] = value
    path = good.with_name("damaged.pth")
    path.write_bytes(content + tail)
    try:
        state = read_state(path)
    except WeightsError:
        return
    assert all(isinstance(tensor, Tensor) for tensor in state.values())


def test_matching_weights_load_into_the_modules_own_dtype() -> None:
    module = nn.Linear(3, 2)
    load_strict(module, {name: tensor.half() for name, tensor in STATE.items()}, "the layer")
    assert torch.equal(module.weight, STATE["weight"])
    assert module.weight.dtype == torch.float32


def test_a_module_without_memory_takes_the_tensors_themselves() -> None:
    module = nn.Linear(3, 2, device="meta")
    load_strict(module, STATE, "the layer")
    assert module.weight.data_ptr() == STATE["weight"].data_ptr()


@pytest.mark.parametrize(
    ("state", "match"),
    [
        ({"weight": STATE["weight"]}, "missing: bias"),
        ({**STATE, "extra": torch.zeros(1)}, "unexpected: extra"),
        ({**STATE, "bias": torch.zeros(5)}, "bias is 5, not 2"),
        ({**STATE, "weight": torch.zeros(3, 2)}, "weight is 3×2, not 2×3"),
        ({**STATE, "bias": torch.zeros(2, dtype=torch.complex64)}, "bias is of complex64"),
        ({**STATE, "bias": torch.zeros(2, dtype=torch.int64)}, "bias is of int64"),
        ({**STATE, **{f"x{n}": torch.zeros(1) for n in range(9)}}, "x0, x1, x2 and 6 more"),
    ],
)
def test_weights_that_do_not_match_are_named(state: dict[str, Tensor], match: str) -> None:
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(WeightsError, match=match) as caught:
        load_strict(module, state, "the layer")
    assert caught.value.message.startswith("the layer")
    assert caught.value.advice
    assert torch.equal(module.weight, before)


def test_all_kinds_of_mismatch_come_in_one_message() -> None:
    with pytest.raises(WeightsError, match=r"missing: weight; unexpected: w; wrong: bias is 3, not 2"):
        load_strict(nn.Linear(3, 2), {"w": torch.zeros(1), "bias": torch.zeros(3)}, "the layer")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"abc" * 100_000)
    assert sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(WeightsError, match="cannot be read"):
        sha256(tmp_path / "none")


# --- a few tensors at a time -----------------------------------------------------------------------------------------
class Tall(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5)))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("lot", [1, 100, 10_000])
def test_a_file_loads_in_lots_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, lot: int
) -> None:
    monkeypatch.setattr(load, "LOT", lot)
    monkeypatch.setattr(load, "PICKLE_LOT", lot)
    original = Tall()
    path = tmp_path / f"x{suffix}"
    state = {f"model.{name}": tensor for name, tensor in original.state_dict().items()} | {"rest": torch.zeros(2)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)

    def select(state):
        return {name.removeprefix("model."): value for name, value in state.items() if name != "rest"}

    with torch.device("meta"):
        module = Tall()
    load.load_file_strict(module, path, "it", select, lambda name, tensor: tensor.double())
    assert all(torch.equal(p, original.state_dict()[name].double()) for name, p in module.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_does_not_match_changes_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    save_file(STATE, path) if suffix == ".safetensors" else torch.save(STATE, path)
    module = nn.Linear(3, 3)
    before = module.weight.clone()
    with pytest.raises(WeightsError, match="weight is 2×3, not 3×3, bias is 2, not 3"):
        load.load_file_strict(module, path, "it", dict, lambda name, tensor: tensor)
    assert torch.equal(module.weight, before)


def test_hashing_counts_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(10_000_000))
    counts: list[int] = []
    sha256(tmp_path / "x", counts.append)
    assert sum(counts) == 10_000_000
    assert len(counts) > 1

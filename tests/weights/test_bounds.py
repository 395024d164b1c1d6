"""Files that ask for more than they hold, or for code, are refused at once, before a parser sees them."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import resource
import struct
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffstyler_cli.errors import WeightsError
from diffstyler_cli.models.choose import is_lite
from diffstyler_cli.models.lite.files import read_weights
from diffstyler_cli.weights import bounds
from diffstyler_cli.weights.load import read_state

SOURCE = Path(__file__).parents[2] / "src"
SECONDS = 5.0
"""Time that a refusal may take on a busy machine; what it keeps off took half a minute, or for ever."""
CODE = "is a pickle that asks to run code; it was refused and nothing was run."


def refused(path: Path, match: str) -> WeightsError:
    began = time.monotonic()
    with pytest.raises(WeightsError, match=match) as caught:
        read_state(path)
    assert time.monotonic() - began < SECONDS
    assert caught.value.advice
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400 + len(str(path))
    return caught.value


def archive(path: Path, program: bytes, *, compressed: bool = False, **more: bytes) -> Path:
    """A zip archive as torch.save writes it, with a pickle of our own in it."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("x/data.pkl", program)
        file.writestr("x/version", b"3\n")
        for name, content in more.items():
            file.writestr(f"x/{name}", content)
    return path


def deep(levels: int) -> bytes:
    """A table whose key is a tuple of twice the same tuple of twice the same one, and so on."""
    return b"\x80\x02}" + b"K\x01" + b"q\x00h\x00\x86" * levels + b"K\x01s."


# --- more than there is ----------------------------------------------------------------------------------------------
def test_a_record_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("x/data.pkl", "w") as record:
        for _ in range(256):
            record.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "compressed")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_records_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.zeros(100_000)}, path)
    content = path.read_bytes()
    place = content.rfind((400_000).to_bytes(4, "little"))  # its size in the directory
    path.write_bytes(content[:place] + (4_000_000).to_bytes(4, "little") + content[place + 4 :])
    refused(path, "damaged")


@pytest.mark.parametrize("levels", [22, 40, 400])
def test_a_tuple_shared_many_levels_deep_is_neither_hashed_nor_shown(tmp_path: Path, levels: int) -> None:
    refused(archive(tmp_path / "x.pth", deep(levels)), "nests more than|holds more than plain")
    assert (tmp_path / "x.pth").stat().st_size < 4000


def test_a_shallow_one_is_no_name_of_a_tensor_either(tmp_path: Path) -> None:
    refused(archive(tmp_path / "x.pth", deep(3)), "holds more than plain tensors")


@pytest.mark.parametrize(
    "steps", [b"N0" * 600_000, b"(" * 600_000, b"}" * 600_000, b"X\xff\xff\xff\xffabc", b"\x8a\xff" + bytes(9)]
)
def test_a_program_without_end_is_left(tmp_path: Path, steps: bytes) -> None:
    refused(archive(tmp_path / "x.pth", b"\x80\x02" + steps + b"."), "damaged")
    (tmp_path / "y.pth").write_bytes(b"\x80\x02" + steps + b".")
    refused(tmp_path / "y.pth", "damaged")


@pytest.mark.parametrize("new", [True, False])
def test_a_tensor_beyond_its_numbers_is_refused(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.zeros(7)}, path, _use_new_zipfile_serialization=new)
    content = path.read_bytes()
    size = b"K\x07\x85"  # the shape (7,), before the strides
    assert content.count(size) == 1
    path.write_bytes(content.replace(size, b"K\x09\x85"))
    if new:
        with zipfile.ZipFile(io.BytesIO(content)) as old:
            members = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w") as file:
            for name, member in members.items():
                file.writestr(name, member.replace(size, b"K\x09\x85"))
    refused(path, "beyond its numbers")


def test_an_older_file_without_its_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-2000])
    refused(path, "lacks numbers")


def header(path: Path, content: bytes) -> Path:
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    return path


@pytest.mark.parametrize("lite", [False, True])
def test_a_safetensors_header_without_end_is_not_parsed(tmp_path: Path, lite: bool) -> None:
    entries = ",".join(f'"{n}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for n in range(bounds.TENSORS + 1))
    many = header(tmp_path / "many", f"{{{entries}}}".encode())
    long = header(tmp_path / "long", b'{"__metadata__":{"a":"' + b"x" * (11 << 20) + b'"}}')
    nested = header(tmp_path / "deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    for path, match in ((many, "lists more than"), (long, "are read at most"), (nested, "damaged")):
        refused(path, match)
        assert not is_lite(path)
        with pytest.raises(WeightsError, match=match):
            read_weights(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        refused(path, "a device or a pipe")
        assert not is_lite(path)


# --- code ------------------------------------------------------------------------------------------------------------
class Calls:
    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("function", [os.mkdir, eval, getattr, subprocess.run, torch.load, torch.hub.load])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_every_pickle_that_asks_for_code_gets_the_same_two_lines(
    tmp_path: Path, function: Callable[..., Any], protocol: int
) -> None:
    evil = {"a": Calls(function, str(tmp_path / "made"))}
    path = tmp_path / "x.pth"
    path.write_bytes(pickle.dumps(evil, protocol=protocol))
    errors = {(error := refused(path, CODE)).message: error.advice}
    archive(path, pickle.dumps(evil, protocol=protocol))
    errors |= {(error := refused(path, CODE)).message: error.advice}
    if protocol >= 2:
        torch.save(evil, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        errors |= {(error := refused(path, CODE)).message: error.advice}
    assert len(errors) == 1
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02(K\x01K\x02o.",
        b"\x80\x02(S'x'\nios\nmkdir\n.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02K\x01)R.",
        b"\x80\x02K\x01)b.",
        b"cos\nsystem\n(S'true'\ntR.",
    ],
    ids=["obj", "inst", "extension", "calls a number", "builds a number", "protocol 0"],
)
def test_rarer_ways_of_asking_for_code_too(tmp_path: Path, program: bytes) -> None:
    refused(archive(tmp_path / "x.pth", program), CODE)


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_harmless_file_of_a_newer_protocol_is_not_accused(tmp_path: Path, protocol: int) -> None:
    torch.save({"a": torch.zeros(3), "b": torch.zeros(2)}, tmp_path / "x.pth", pickle_protocol=protocol)
    assert "torch.save" in refused(tmp_path / "x.pth", "has a step").advice


# --- what is right ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("new", [True, False])
def test_a_whole_training_checkpoint_still_loads(tmp_path: Path, new: bool) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.zeros(2, 1, 3, 3)).sum().backward()
    optimizer.step()
    table = torch.zeros(4, 6)
    beside = {
        "views": [table[1:].T, table],
        "b": b"raw",
        "s": {1, 2},
        "d": torch.float16,
        "z": torch.Size([2]),
        "n": None,
    }
    content = {"state_dict": module.state_dict(), "optimizer": optimizer.state_dict(), **beside}
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=new)
    state = read_state(tmp_path / "x.pth")
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())


# --- anything --------------------------------------------------------------------------------------------------------
def mutated(content: bytes, chance: random.Random) -> bytes:
    """`content` with bytes changed, cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place, length = chance.randrange(len(data)), chance.choice((1, 1, 4, 40))
        kind = chance.randrange(5)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            del data[place : place + length]
        elif kind == 2:
            data[place:place] = data[place : place + length]
        elif kind == 3:
            data[place:place] = chance.randbytes(length)
        else:
            data[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)))
        if not data:
            break
    return bytes(data)


def outcomes(folder: Path, count: int, chance: random.Random) -> Counter[str]:
    """What becomes of `count` mutated files; anything but a state of tensors or a `WeightsError` is raised."""
    state = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2).half()}
    torch.save(state, folder / "a")
    torch.save(state, folder / "b", _use_new_zipfile_serialization=False)
    save_file(state, folder / "c", {"models": "lite"})
    originals = [(folder / name).read_bytes() for name in "abc"]
    originals.append(archive(folder / "d", deep(30)).read_bytes())
    seen: Counter[str] = Counter()
    for number in range(count):
        path = folder / "mutated"
        path.write_bytes(mutated(originals[number % len(originals)], chance))
        began = time.monotonic()
        try:
            read_state(path)
            error = None
        except WeightsError as refusal:
            error = refusal
        is_lite(path)
        assert time.monotonic() - began < SECONDS
        seen["refused" if error else "read"] += 1
        if error is not None:
            assert error.advice
            assert "\n" not in error.message
            assert len(error.message) < 500 + len(str(path))
    return seen


@pytest.mark.filterwarnings("ignore")
def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    seen = outcomes(tmp_path, 200, random.Random(7))
    assert seen["refused"] > 50, seen


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_thousands_of_mutated_files_are_read_or_refused(
    tmp_path: Path, counting: bool, tried: Callable[[str, Counter[str]], None]
) -> None:
    count = 5000 if counting else 500
    seen = outcomes(tmp_path, count, random.Random(8 if counting else None))
    assert seen["refused"] > count / 4, seen
    tried("weights", seen)


# --- memory ----------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are kept by Linux alone")
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_memory_that_runs_out_while_loading_is_said_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    state = {"a": torch.zeros(40_000_000)}
    torch.save(state, path) if suffix == "pth" else save_file(state, path)
    code = f"""
import resource, sys, json
from pathlib import Path
from diffstyler_cli.cli.terminal.errors import explain
from diffstyler_cli.weights.load import read_state
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (40 << 20),) * 2)
try:
    read_state(Path({str(path)!r}))
except Exception as error:
    failure = explain(error)
    print(json.dumps([failure.code, failure.message, failure.advice]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout, done.stderr
    code_, message, advice = json.loads(done.stdout)
    assert code_ == 5, message
    assert "memory" in message
    assert advice


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("unable to mmap 160000000 bytes from file <x>: Cannot allocate memory (12)"),
    ],
)
def test_memory_that_runs_out_is_known_in_every_guise(error: Exception) -> None:
    from diffstyler_cli.cli.terminal.errors import explain

    assert explain(error).code == 5
    assert explain(ImportError("cannot import name 'x'")).code == 1

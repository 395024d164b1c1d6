"""Where the time of a picture goes, how far that is from what the machine can do, and the ratio to plain code.

    python benchmarks/speed.py                     # the built-in models: phases, parts, sizes, sweep, two at once
    python benchmarks/speed.py --full              # also the full-size networks with random weights (12 GB, minutes)
    python benchmarks/speed.py --keep              # also into docs/performance.md and benchmarks/history/VERSION.json

All figures are of one run on this machine; ratios are between programs that ran in turns. It asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).parent
PHOTO = HERE.parent / "docs" / "pictures" / "macaws.jpg"
PAGE = HERE.parent / "docs" / "performance.md"
HISTORY = HERE / "history"
MARKS = ("<!-- figures of benchmarks/speed.py -->", "<!-- end of figures -->")
COMMAND = [sys.executable, "-m", "diffstyler_cli"]
PROMPT = "oil painting"
ROUNDS = 3


# --- whole processes -------------------------------------------------------------------------------------------------
def process(*arguments: str, environment: dict[str, str] | None = None) -> tuple[float, str, int]:
    """Seconds of a program from start to end, its output, and its memory at the highest in bytes."""
    began = time.perf_counter()
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    out, err = (stream.read() if stream else "" for stream in (running.stdout, running.stderr))
    _, status, usage = os.wait4(running.pid, 0)
    seconds = time.perf_counter() - began
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {running.returncode}: {err[-2000:]}")
    return seconds, out, usage.ru_maxrss * 1024


def fastest(*arguments: str, rounds: int = ROUNDS) -> float:
    """Seconds of the fastest of some runs."""
    return min(process(*arguments)[0] for _ in range(rounds))


def phases(size: str | None, folder: Path) -> dict[str, Any]:
    """One bare command, phase by phase; of `ROUNDS` runs the fastest."""
    out = str(folder / "out.png")
    size_words = [] if size is None else ["--size", size]
    words = [
        "stylize",
        str(PHOTO),
        PROMPT,
        "-o",
        out,
        "--force",
        "--no-cache",
        "--seed",
        "1",
        "--json",
        "--models",
        "lite",
        *size_words,
    ]
    seconds, text, peak = min((process(*COMMAND, *words) for _ in range(ROUNDS)), key=lambda run: run[0])
    document = json.loads(text)
    timings = document["results"][0]["timings"]
    nothing, torch = (fastest(sys.executable, "-c", code) for code in ("pass", "import torch"))
    loading = document["load_seconds"]
    known = {
        "Python": nothing,
        "import torch": torch - nothing,
        "load, beside importing torch": loading - (torch - nothing),
        "photo and prompt": timings["prepare"],
        "free diffusion": timings["free"],
        "sampling": timings["sample"],
        "write": timings["write"],
    }
    return {
        "size": document["results"][0]["size"],
        "whole": seconds,
        "peak_bytes": peak,
        "phases": known | {"command line, exit": seconds - sum(known.values())},
    }


def at_once(folder: Path) -> dict[str, float]:
    """Two bare commands at once against the two one after the other."""

    def words(name: str) -> list[str]:
        return [
            *COMMAND,
            "stylize",
            str(PHOTO),
            PROMPT,
            "-o",
            str(folder / name),
            "--force",
            "--seed",
            "1",
            "-q",
            "--no-cache",
        ]

    alone, together = [], []
    for _ in range(2):
        alone.append(sum(process(*words(name))[0] for name in ("a.png", "b.png")))
        began = time.perf_counter()
        running = [subprocess.Popen(words(name), stdout=subprocess.DEVNULL) for name in ("a.png", "b.png")]
        for one in running:
            one.wait()
        together.append(time.perf_counter() - began)
    return {"one after the other": min(alone), "at once": min(together)}


def sweep(folder: Path) -> dict[str, float]:
    """A grid of λ × T1 against a command a cell."""
    lams, t1s = ("0", "0.5", "1"), ("12", "18", "24")
    shared = ["--seed", "1", "--models", "lite", "--size", "256"]
    began = time.perf_counter()
    values = ["--lambda", ",".join(lams), "--t1", ",".join(t1s)]
    process(*COMMAND, "sweep", str(PHOTO), PROMPT, "-o", str(folder / "sweep"), *values, *shared)
    grid = time.perf_counter() - began
    cells = 0.0
    for lam in lams:
        for t1 in t1s:
            out = str(folder / "cell.png")
            one = ["stylize", str(PHOTO), PROMPT, "-o", out, "--force", "--no-cache", "--lambda", lam, "--t1", t1]
            cells += process(*COMMAND, *one, *shared)[0]
    return {"cells": len(lams) * len(t1s), "sweep": grid, "one by one": cells}


# --- inside ----------------------------------------------------------------------------------------------------------
@contextmanager
def timed(spent: dict[str, float], owner: Any, name: str, label: Callable[..., str]) -> Iterator[None]:
    """Adds up what calls of `owner.name` take, by label."""
    whole = getattr(owner, name)

    def call(*arguments: Any, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return whole(*arguments, **more)
        finally:
            key = label(*arguments)
            spent[key] = spent.get(key, 0.0) + time.perf_counter() - began

    with patch.object(owner, name, call):
        yield


def parts(stylizer: Any, **settings: Any) -> dict[str, Any]:
    """Seconds of a run by part, evaluations, and FLOP (a multiplication and an addition are two)."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    from diffstyler_cli.diffusion import guidance
    from diffstyler_cli.losses.objective import Objective
    from diffstyler_cli.pipeline.sampling import Networks

    class Counter(TorchDispatchMode):
        """torch's FlopCounterMode without its hooks on modules, which several backward passes at once do not bear."""

        flop = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            count = flop_registry.get(func._overloadpacket)
            self.flop += count(*args, **(kwargs or {}), out_val=out) if count else 0
            return out

    def run() -> None:
        stylizer.stylize(PHOTO, PROMPT, seed=1, **settings)

    run()  # to warm up
    spent: dict[str, float] = {}
    began = time.perf_counter()
    with (
        timed(spent, Networks, "evaluate", lambda self, network, *rest: f"{network.role} network"),
        timed(spent, Objective, "__call__", lambda *arguments: "losses and their gradients"),
        timed(spent, guidance, "pull_back", lambda *arguments: "gradient through the art network"),
    ):
        run()
    whole = time.perf_counter() - began
    with Counter() as counter:
        run()
    rows = spent | {"everything else": whole - sum(spent.values())}
    return {"whole": whole, "parts": rows, "gflop": counter.flop / 1e9}


def ceilings(dtype: Any, device: str) -> dict[str, float]:
    """GFLOP/s of a matrix product and of a convolution as the networks have them; the best of some."""
    import torch

    def best(work: Callable[[], Any], flop: float) -> float:
        work()
        times = []
        for _ in range(10):
            began = time.perf_counter()
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return flop / min(times) / 1e9

    n = 4096 if device == "cuda" else 1536
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    x = torch.randn(2, 128, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    conv = torch.nn.Conv2d(128, 128, 3, padding=1, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.no_grad():
        return {
            "matrix product": best(lambda: a @ b, 2 * n**3),
            "convolution": best(lambda: conv(x), 2 * 2 * 64 * 64 * 128 * 128 * 9),
        }


# --- against plain code ----------------------------------------------------------------------------------------------
VERSUS = """
import json, sys, time, contextlib, dataclasses
from diffstyler_cli.threads import settle
settle()
sys.path[:0] = json.loads(sys.argv[1])
from plain import plain
import torch
way, models, settings, photo = json.loads(sys.argv[2])
if models == "lite":
    from diffstyler_cli import Stylizer
    stylizer = Stylizer.load("lite", dtype="fp32" if way == "plain" else "auto")
else:
    import sets
    from diffstyler_cli.device import choose_dtype
    dtype = "fp32" if way == "plain" else {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(
        choose_dtype("auto", torch.device(sets.DEVICE)), "fp32")
    stylizer = sets.full(dtype)
with plain() if way == "plain" else contextlib.nullcontext():
    if models == "lite":
        stylizer.stylize(photo, "oil painting", seed=1, **settings)  # to warm up
    began = time.perf_counter()
    result = stylizer.stylize(photo, "oil painting", seed=1, **settings)
    seconds = time.perf_counter() - began
rows = open("/proc/self/status").read().splitlines()
peak = next(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM"))
result.image.convert("RGB").save(sys.argv[3])
print(json.dumps([seconds, peak, str(stylizer.dtype)]))
"""


def versus(models: str, folder: Path, **settings: Any) -> dict[str, Any]:
    """The method's seconds and the process's memory, ours and plain, in turns; how much the pictures differ."""
    places = json.dumps([str(HERE), str(HERE.parent / "tests" / "gpu")])
    environment = os.environ | {"DIFFSTYLER_TEST_DEVICE": "cpu"}
    found: dict[str, Any] = {}
    for _ in range(1 if models == "full" else 2):
        for way in ("ours", "plain"):
            asked = json.dumps([way, models, settings, str(PHOTO)])
            command = [sys.executable, "-c", VERSUS, places, asked, str(folder / f"{way}.png")]
            seconds, peak, dtype = json.loads(process(*command, environment=environment)[1])
            before = found.get(way, {"seconds": float("inf")})
            found[way] = min(
                before, {"seconds": seconds, "peak_bytes": peak, "dtype": dtype}, key=lambda r: r["seconds"]
            )
    return found | {"ssim": ssim(folder / "ours.png", folder / "plain.png")}


def ssim(one: Path, two: Path) -> float:
    """Structural similarity of two pictures, 1 for the same."""
    import torch
    from PIL import Image
    from torchmetrics.functional.image import structural_similarity_index_measure

    from diffstyler_cli.images import to_tensor

    pictures = []
    for path in (one, two):
        with Image.open(path) as image:
            pictures.append(to_tensor(image.convert("RGB"), image.size)[0])
    found: torch.Tensor = structural_similarity_index_measure(*pictures, data_range=2.0)  # type: ignore[assignment]
    return float(found)


# --- all of it -------------------------------------------------------------------------------------------------------
def machine() -> dict[str, Any]:
    import torch

    from diffstyler_cli.threads import cores_here

    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        rows = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), model)
    return {
        "processor": model,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": cores_here(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def measure(full: bool) -> dict[str, Any]:
    """Everything, as JSON; what whole processes take first, before this one holds models."""
    found: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        found[name] = value
        print(f"measured {name}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        note("help", fastest(*COMMAND, "--help"))
        for size in ("256", "512", "1024"):
            note(f"lite {size}", phases(size, folder))
        note("inspect", fastest(*COMMAND, "inspect", str(folder / "out.png")))
        note("two at once", at_once(folder))
        note("sweep", sweep(folder))
        note("lite against plain", versus("lite", folder))
        if full:
            note("full against plain", versus("full", folder, steps=4, t1="1x", size=256))
    from diffstyler_cli.threads import settle

    settle()
    from diffstyler_cli import Stylizer

    stylizer = Stylizer.load("lite")
    note("machine", machine() | {"dtype": str(stylizer.dtype)})
    note("ceilings", ceilings(stylizer.dtype, stylizer.device.type))
    for size in (256, 512):
        note(f"parts {size}", parts(stylizer, size=size))
    return found


def table(found: dict[str, Any]) -> Iterator[str]:
    """The figures for people."""
    here = found["machine"]
    yield f"{here['processor']}, {here['cores']} cores, {here['instructions']}, torch {here['torch']}, {here['dtype']}"
    yield f"--help {found['help']:.2f} s, inspect FILE {found['inspect']:.2f} s"
    for name in ("lite 256", "lite 512", "lite 1024"):
        row = found[name]
        yield ""
        yield f"{name}: {row['whole']:.2f} s, {row['peak_bytes'] / 1e9:.2f} GB"
        for phase, seconds in row["phases"].items():
            yield f"  {phase:34} {seconds:6.2f} s  {seconds / row['whole']:4.0%}"
    roof = found["ceilings"]
    yield ""
    yield f"ceilings: matrix product {roof['matrix product']:.0f}, convolution {roof['convolution']:.0f} GFLOP/s"
    for size in (256, 512):
        row = found[f"parts {size}"]
        pace = row["gflop"] / row["whole"]
        yield (
            f"method at {size}: {row['whole']:.2f} s, {row['gflop']:.0f} GFLOP, {pace:.0f} GFLOP/s, "
            f"{pace / roof['convolution']:.0%} of the convolution's"
        )
        for part, seconds in row["parts"].items():
            yield f"  {part:34} {seconds:6.2f} s  {seconds / row['whole']:4.0%}"
    yield ""
    for name in ("lite against plain", "full against plain"):
        if name in found:
            ours, plain = found[name]["ours"], found[name]["plain"]
            yield (
                f"{name}: {ours['seconds']:.1f} s against {plain['seconds']:.1f} s, "
                f"{plain['seconds'] / ours['seconds']:.2f} times; memory "
                f"{ours['peak_bytes'] / plain['peak_bytes']:.0%}; SSIM {found[name]['ssim']:.3f}"
            )
    two, grid = found["two at once"], found["sweep"]
    yield f"two at once: {two['at once'] / two['one after the other']:.2f} of one after the other"
    yield f"sweep of {grid['cells']:.0f}: {grid['one by one'] / grid['sweep']:.2f} times as fast as one by one"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also full-size networks with random weights")
    parser.add_argument("--keep", action="store_true", help="into docs/performance.md and the history")
    given = parser.parse_args()
    found = measure(given.full)
    rows = "\n".join(table(found))
    print(rows)
    if given.keep:
        keep(found, rows)


def keep(found: dict[str, Any], rows: str) -> None:
    """Puts the figures between the marks of docs/performance.md, and into the history of releases."""
    from diffstyler_cli.version import __version__

    HISTORY.mkdir(exist_ok=True)
    (HISTORY / f"{__version__}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n```\n{rows}\n```\n\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

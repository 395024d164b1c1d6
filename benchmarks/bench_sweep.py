"""A sweep against one `stylize` a cell: `python benchmarks/bench_sweep.py [--steps N] [--size N] [--growth]`.

Prints wall time, network passes and ratios, all measured in one run on this machine; asserts nothing. The counts hold
for every machine, those in TFLOP for the full-size networks at 256 x 256.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "docs" / "pictures" / "macaws.jpg"
RUNNER = [sys.executable, "-c", "from diffstyler_cli.cli.app import main; main()"]
LAMBDAS, T1S = ("0", "0.25", "0.5", "0.75", "1"), ("1.0x", "1.2x", "1.4x")


def run(*arguments: str) -> tuple[float, float, float, str]:
    """Seconds, CPU seconds and peak MB of one `diffstyler` process, and its stdout."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [*RUNNER, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"diffstyler {' '.join(arguments)}: status {status}")
        out.seek(0)
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()


def compare(photo: str, common: list[str], folder: Path) -> None:
    """5 λ x 3 T1 as a sweep and one by one."""
    axes = ["--lambda", ",".join(LAMBDAS), "--t1", ",".join(T1S)]
    swept, cpu, memory, out = run("sweep", photo, "oil painting", *axes, *common, "-o", str(folder / "sweep"), "--json")
    plan = json.loads(out)["plan"]
    one_by_one, cpus, most = 0.0, 0.0, 0.0
    for lam in LAMBDAS:
        for t1 in T1S:
            output = str(folder / f"{lam}-{t1}.png")
            one = run("stylize", photo, "oil painting", "--lambda", lam, "--t1", t1, *common, "-o", output)
            one_by_one, cpus, most = one_by_one + one[0], cpus + one[1], max(most, one[2])
    print(f"{'':26}  {'sweep':>9}  {'15 runs':>9}  ratio")
    print(f"{'wall time, s':26}  {swept:9.1f}  {one_by_one:9.1f}  {one_by_one / swept:5.2f}")
    print(f"{'CPU time, s':26}  {cpu:9.1f}  {cpus:9.1f}  {cpus / cpu:5.2f}")
    for name in ("photo", "art", "art_backward"):
        a, b = plan["evaluations"][name], plan["separate_evaluations"][name]
        print(f"{name.replace('_', ' ') + ' passes':26}  {a:9}  {b:9}  {b / a:5.2f}")
    a, b = (tflop(plan[key]) for key in ("evaluations", "separate_evaluations"))
    print(f"{'full set, TFLOP':26}  {a:9.0f}  {b:9.0f}  {b / a:5.2f}")
    print(f"{'peak memory, MB':26}  {memory:9.0f}  {most:9.0f}")


def growth(photo: str, common: list[str], folder: Path) -> None:
    """Time and memory of sweeps of 3, 6, 12 cells: linear and flat."""
    print(f"{'cells':>5}  {'s':>7}  {'CPU s':>7}  {'peak MB':>8}")
    for rows in (1, 2, 4):
        t1 = ",".join(f"{1 + row / 10:.1f}x" for row in range(rows))
        place = str(folder / f"growth-{rows}")
        seconds, cpu, memory, _ = run("sweep", photo, "mosaic", "--lambda", "0,0.5,1", "--t1", t1, *common, "-o", place)
        print(f"{3 * rows:5}  {seconds:7.1f}  {cpu:7.1f}  {memory:8.0f}")


def tflop(passes: dict[str, int]) -> float:
    from diffstyler_cli.sweep.plan import Evaluations

    return Evaluations(**passes).gflop() / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", nargs="?", default=str(PHOTO))
    parser.add_argument("--steps", default="50")
    parser.add_argument("--size", default="256")
    parser.add_argument("--growth", action="store_true", help="only time and memory as cells grow")
    given = parser.parse_args()
    common = ["--steps", given.steps, "--size", given.size, "--seed", "1", "--models", "lite"]
    with tempfile.TemporaryDirectory() as folder:
        (growth if given.growth else compare)(given.photo, common, Path(folder))


if __name__ == "__main__":
    main()

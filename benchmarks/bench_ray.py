"""What a Ray cluster of this machine costs and gains: the driver's time a job, pictures a minute against one process.

python benchmarks/bench_ray.py [--jobs 10000] [--pictures 12] [--size 256] [--workers 1 2]

Jobs with a stand-in for the networks come first, then the same pictures by the local engine and by so many workers.
Ratios are of one run on one machine; starting Ray and loading the models are told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from diffstyler_cli.batch.jobs import DONE, Job, Outcome
from diffstyler_cli.batch.ray_engine import RayEngine

STYLIZE = [
    sys.executable,
    "-m",
    "diffstyler_cli",
    "stylize",
    "photos",
    "oil painting",
    "--seed",
    "1",
    "--models",
    "lite",
]


class Nothing:
    """Work that is none; its outcomes are as large as those of pictures."""

    def open(self, files: Mapping[str, str], threads: int | None) -> Mapping[str, Any]:
        return {}

    def at_once(self) -> int:
        return 1

    def again(self, job: Job) -> None:
        pass

    def read(self, job: Job) -> Any:
        return job

    def make(self, job: Job, read: Any) -> Any:
        return read

    def write(self, job: Job, made: Any) -> Outcome:
        losses = dict.fromkeys(("instruction", "content", "aesthetic", "tv", "nce"), 0.123456)
        facts = {"file": "x" * 24, "asked": "0" * 16, "size": [512, 384], "losses": losses, "command": "x" * 160}
        return Outcome(job, DONE, facts, (), {"prepare": 0.1, "free": 0.1, "sample": 0.1, "total": 0.3})

    def failed(self, job: Job, error: Exception) -> Outcome:
        raise error


def main() -> None:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["DIFFSTYLER_NO_HISTORY"] = "1"
        if arguments.jobs:
            overhead(arguments.jobs)
        if arguments.pictures:
            gain(arguments.pictures, arguments.size, arguments.workers)


def overhead(jobs: int) -> None:
    """Of jobs that are nothing, by two workers."""
    engine, work, told = RayEngine("local", 2), Nothing(), 0

    def tell(outcome: Outcome) -> None:
        nonlocal told
        told += 1

    began = time.monotonic()
    engine.open(work)  # type: ignore[arg-type]  # a part of what works do
    print(f"Ray and the first worker are there after {time.monotonic() - began:.1f} s")
    began, spent = time.monotonic(), time.process_time()
    photos = (Job(n, f"/photos/{n:08d}.jpg", f"/out/{n:08d}-oil.png", ("oil painting",), 1) for n in range(1, jobs + 1))
    engine.run(photos, work, tell)  # type: ignore[arg-type]
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    assert told == jobs
    each, own = 1000 * seconds / jobs, 1000 * spent / jobs
    print(f"{jobs} jobs of nothing: {each:.2f} ms each, {own:.2f} ms of the driver's processor")


def gain(pictures: int, size: int, workers: list[int]) -> None:
    """Pictures by one process, and by workers."""
    Path("photos").mkdir()
    for number in range(pictures):
        Image.linear_gradient("L").rotate(number).resize((640, 480)).convert("RGB").save(f"photos/{number:03d}.jpg")
    base = measured("local", size, [])
    for count in workers:
        words = ["--engine", "ray", "--address", "local", "--workers", str(count)]
        ratio = base / measured(f"ray{count}", size, words)
        print(f"{count} workers against one process: {ratio:.2f} times as many a minute")


def measured(name: str, size: int, words: list[str]) -> float:
    """Seconds a picture, from the first that is there to the last."""
    began, times = time.monotonic(), []
    command = [*STYLIZE, "--size", str(size), "-o", name, "--json", *words]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert running.stdout is not None
    for line in running.stdout:
        if json.loads(line)["kind"] == "picture":
            times.append(time.monotonic())
    assert running.wait() == 0
    each = (times[-1] - times[0]) / (len(times) - 1)
    first, whole = times[0] - began, time.monotonic() - began
    print(f"{name}: {each:.2f} s a picture; the first after {first:.1f} s, all of it {whole:.1f} s")
    return each


if __name__ == "__main__":
    main()

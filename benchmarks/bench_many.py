"""What many photos in one run cost beside their pictures: overhead a job, growth of memory, and the ratio to a loop.

python benchmarks/bench_many.py [--jobs 1000] [--loop 4] [--size 64]

Jobs are as small as they can be with the lite models: one step, no guidance. Ratios are of one run on one machine.
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

from PIL import Image

STYLIZE = [sys.executable, "-m", "diffstyler_cli", "stylize"]
SETTINGS = ["--steps", "1", "--t1", "1x", "--guide", "none", "--seed", "1", "--models", "lite", "--format", "webp"]


def main() -> None:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=4, help="pictures of the shell's loop")
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["DIFFSTYLER_NO_HISTORY"] = "1"
        measure(arguments.jobs, [*SETTINGS, "--size", str(arguments.size)], arguments.loop)


def measure(jobs: int, settings: list[str], loop: int) -> None:
    """One run of `jobs` pictures, and `loop` runs of one."""
    Path("photos").mkdir()
    for number in range(jobs):
        Image.linear_gradient("L").rotate(number).resize((64, 48)).convert("RGB").save(f"photos/{number:06d}.jpg")
    began = time.monotonic()
    running = subprocess.Popen(
        [*STYLIZE, "photos", "oil painting", "-o", "out", "--json", *settings], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert running.stdout is not None
    times, spent, memory = [], 0.0, []
    for line in running.stdout:
        row = json.loads(line)
        if row["kind"] == "picture":
            assert row["status"] == "done", row
            times.append(time.monotonic())
            spent += sum(row["seconds"][phase] for phase in ("free", "sample"))
            if len(times) in (jobs // 10, jobs // 2, jobs - 2):
                memory.append((len(times), resident(running.pid)))
    assert running.wait() == 0
    whole = time.monotonic() - began
    print(f"{jobs} jobs: {whole:.1f} s, the first after {times[0] - began:.1f} s")
    each = (times[-1] - times[0]) / (jobs - 1)
    print(f"a job {1000 * each:.1f} ms, of which the networks {1000 * spent / jobs:.1f} ms")
    print("resident memory: " + ", ".join(f"{mib:.0f} MiB after {count}" for count, mib in memory))
    began = time.monotonic()
    subprocess.run([*STYLIZE, "photos", "oil painting", "-o", "out", *settings], capture_output=True, check=True)
    print(f"nothing to do: {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    for number in range(loop):
        words = [f"photos/{number:06d}.jpg", "oil painting", "-o", f"{number}.webp"]
        subprocess.run([*STYLIZE, *words, *settings[:-4], *settings[-2:]], capture_output=True, check=True)
    alone = (time.monotonic() - began) / loop
    share = whole / jobs
    print(f"a run of one picture {alone:.2f} s, a picture of {jobs} {share:.3f} s: ratio {alone / share:.1f}")


def resident(process: int) -> float:
    """Memory of a process in MiB (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()

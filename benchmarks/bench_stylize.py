"""Where the time of a bare `diffstyler stylize` goes: `python benchmarks/bench_stylize.py [PHOTO]`.

Prints seconds of whole processes and of their parts, measured in one run on this machine; asserts nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "docs" / "pictures" / "macaws.jpg"
RUNNER = [sys.executable, "-c", "from diffstyler_cli.cli.app import main; main()"]


def seconds(*arguments: str, count: int = 1) -> tuple[float, str]:
    """Fastest of `count` runs of `diffstyler ARGUMENTS`, and its stdout."""
    best, out = float("inf"), ""
    for _ in range(count):
        start = time.perf_counter()
        done = subprocess.run([*RUNNER, *arguments], check=True, capture_output=True, text=True)
        best, out = min(best, time.perf_counter() - start), done.stdout
    return best, out


def main() -> None:
    photo = sys.argv[1] if len(sys.argv) > 1 else str(PHOTO)
    print(f"diffstyler --help             {seconds('--help', count=5)[0]:6.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.png")
        whole, report = seconds("stylize", photo, "oil painting", "-o", out, "--json", "--seed", "1")
        result = json.loads(report)["results"][0]
        inside = result["timings"].pop("total") + result["timings"]["write"]
        print(f"stylize, whole process        {whole:6.2f} s   {result['size'][0]}x{result['size'][1]} pixels")
        print(f"  start-up and loading        {whole - inside:6.2f} s")
        for phase, spent in result["timings"].items():
            print(f"  {phase:26}  {spent:6.2f} s   {spent / whole:4.0%} of the process")


if __name__ == "__main__":
    main()

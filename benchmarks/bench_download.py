"""Download and hash of one file on loopback, ours against `curl` and `sha256sum`: `python bench_download.py [MB]`.

Prints seconds and a ratio, measured in one run on this machine, alternating; asserts nothing.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.transfer import Remote, download

ROUNDS = 3


def with_curl(url: str, folder: Path) -> str:
    """Curl to a file, then sha256sum of it."""
    path = folder / "curl.bin"
    subprocess.run(["curl", "-sS", "-o", path, url], check=True)
    digest = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
    path.unlink()
    return digest


def with_ours(url: str, folder: Path, digest: str) -> str:
    """What `diffstyler download` does for a plain address."""
    remote = Remote(url, digest.__eq__, digest)
    path, found = download(remote, Cache(folder / "cache"), "photo", 0, lambda progress: None)
    path.unlink()
    return found


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 512) << 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "served").mkdir()
        block = bytes(range(256)) * 4096
        with (folder / "served" / "file.bin").open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
        digest = hashlib.sha256((folder / "served" / "file.bin").read_bytes()).hexdigest()
        command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(folder / "served")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            port = server.stdout.readline().split(" port ")[1].split()[0] if server.stdout else ""
            url = f"http://127.0.0.1:{port}/file.bin"
            spent: dict[str, float] = {"curl + sha256sum": 1e9, "diffstyler": 1e9}
            for _ in range(ROUNDS):
                for way in spent:
                    start = time.perf_counter()
                    found = with_curl(url, folder) if "curl" in way else with_ours(url, folder, digest)
                    spent[way] = min(spent[way], time.perf_counter() - start)
                    if found != digest:
                        raise SystemExit(f"{way} got another file")
            server.terminate()
    for way, seconds in spent.items():
        print(f"{way:18} {seconds:6.2f} s   {size / seconds / 1e6:6.0f} MB/s   fastest of {ROUNDS}")
    print(f"ratio of throughput {spent['curl + sha256sum'] / spent['diffstyler']:.2f}")


if __name__ == "__main__":
    main()

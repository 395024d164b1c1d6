"""Loading at full size, from `.pth` and from the cache: `python bench_load.py [FOLDER]` (needs about 9 GB of disk).

Makes files with arbitrary weights, imports them, and loads them in processes of their own on the CPU as fp32. Prints
seconds and peak resident memory against the size of the weights in memory; asserts nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GB = 1e9
CODE = """
import json, sys, time

def peak():  # of this program: ru_maxrss would count its parent's too
    rows = open("/proc/self/status").read().splitlines()
    return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM"))

began = time.perf_counter()
import os, torch
from pathlib import Path
from diffstyler_cli.models.full import load as full
from diffstyler_cli.models.full.files import find_full
from diffstyler_cli.weights.settings import read_settings
before = sum(os.times()[:2])
imported, low = time.perf_counter(), peak()
settings, keys = read_settings(), json.loads(sys.argv[1])
files = find_full(settings)[0]
if set(keys) == set(files):
    parts = full.load_full(settings, "cpu", torch.float32)
    modules = [parts.photo, parts.art, parts.encoder, parts.features, parts.aesthetic]
else:
    modules = []
    for key in keys:
        module = full.build(key)
        place = full._place(module, "cpu", torch.float32)
        full.load_file_strict(module, files[key].path, key, full.SELECT[key], place)
        modules.append(module)
done, cpu = time.perf_counter(), sum(os.times()[:2]) - before
size = sum(p.nbytes for module in modules for p in module.parameters())
print(json.dumps([imported - began, done - imported, cpu, low, peak(), size]))
"""


def make_originals(folder: Path) -> dict[str, str]:
    """Files as the originals come, with arbitrary weights; their hashes by component."""
    import torch
    from safetensors.torch import save_file

    from diffstyler_cli.models.full import load as full
    from diffstyler_cli.weights.digest import sha256
    from diffstyler_cli.weights.registry import FULL

    noise = torch.randn(1 << 20)
    digests = {}
    for component in FULL:
        module = full.weights_of(component.key, full.build(component.key))
        state = {}
        for name, tensor in module.state_dict().items():
            repeats = -(-tensor.numel() // noise.numel())
            state[name] = 0.02 * noise.repeat(repeats)[: tensor.numel()].view(tensor.shape)
        path = folder / component.file
        save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
        digests[component.key] = sha256(path)
    return digests


def measure(what: str, keys: list[str], **environment: str) -> None:
    """Loads in a process of its own and prints what it took."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(keys)],
        env=os.environ | environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    imports, seconds, cpu, low, peak, size = json.loads(done.stdout)
    print(
        f"{what:30} {seconds:6.2f} s ({cpu:5.2f} s of CPU), imports {imports:5.2f} s; "
        f"peak {peak / GB:.2f} GB, above imports {(peak - low) / size:.2f} x the weights' {size / GB:.2f} GB",
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        (folder / "originals").mkdir()
        digests = make_originals(folder / "originals")
        config = folder / "config.toml"
        rows = [f'[weights.{key}]\nsha256 = "{d}"' for key, d in digests.items() if key != "clip"]
        config.write_text("\n".join(rows))
        place = {"DIFFSTYLER_CONFIG": str(config), "DIFFSTYLER_CACHE_DIR": str(folder / "cache")}
        main = "from diffstyler_cli.cli.app import main; main()"
        for flags in ([], ["--fp32"]):
            command = [sys.executable, "-c", main, "download", "--from", str(folder / "originals"), "-q", *flags]
            subprocess.run(command, env=os.environ | place, check=True, stdout=subprocess.DEVNULL)
            stored = "fp32" if flags else "fp16"
            if not flags:
                names = {path.stem.split(".")[0]: path for path in (folder / "originals").iterdir()}
                paths = {"PHOTO": names["cc12m_1_cfg"], "ART": names["wikiart_256"]}
                given = {f"DIFFSTYLER_{key}_WEIGHTS": str(path) for key, path in paths.items()}
                measure("both networks, .pth", ["photo", "art"], **place, **given)
            measure(f"both networks, cache ({stored})", ["photo", "art"], **place)
            measure(f"whole set, cache ({stored})", list(digests), **place)


if __name__ == "__main__":
    main()

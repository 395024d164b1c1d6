"""How long a picture takes on the device, phase by phase: `python timing.py` prints one JSON object; asserts nothing.

The lite set and the full-size set with random weights, at their own defaults, after a short run to warm up.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from sets import DEVICE, QUICK, SIZE, STEPS, dtypes, full, lite

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.sample import SAMPLE


def measure(stylizer: Stylizer) -> dict[str, Any]:
    """Seconds by phase, steps, and the device's memory at its highest."""
    config = StylizeConfig.defaults(stylizer.name).with_overrides({"seed": 1, "size": SIZE})
    if QUICK:
        config = config.with_overrides({"steps": STEPS, "cutouts": 2})
    stylizer.stylize(SAMPLE, "oil painting", config.with_overrides({"steps": 2}))
    if DEVICE == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    recipe = stylizer.stylize(SAMPLE, "oil painting", config).recipe
    return {
        "size": recipe["size"],
        "steps": config.steps,
        "t1_steps": recipe["t1_steps"],
        "seconds": recipe["timings"],
        "peak_bytes": torch.cuda.max_memory_allocated() if DEVICE == "cuda" else None,
    }


def main() -> None:
    found: dict[str, Any] = {}
    for name, load in (("lite", lite), ("full", full)):
        for dtype in ("fp32", *dtypes()):
            found[f"{name} {dtype}"] = measure(load(dtype))
            print(f"timed {name} {dtype}", file=sys.stderr, flush=True)
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

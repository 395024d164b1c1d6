"""A Hub on loopback with networks of random weights, for trying the commands of docs/networks.md by hand.

    python tests/hub/serve.py [--full-size]

prints the environment that the commands need, and serves until it is interrupted. With --full-size `wikiart-ddpm` has
the published configuration (114 million parameters, 455 MB); everything else is tiny.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "download"))

from folders import save_latents, save_pixels
from servers import Server

FULL_SIZE = {
    "sample_size": 256, "block_out_channels": (128, 128, 256, 256, 512, 512), "layers_per_block": 2,
    "down_block_types": (*("DownBlock2D",) * 4, "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *("UpBlock2D",) * 4), "norm_num_groups": 32,
    "attention_head_dim": None,
}  # fmt: skip
OFFERED = {
    "johnowhitaker/sd-class-wikiart-from-bedrooms": ("pixels", "mit"),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": ("latents", "creativeml-openrail-m"),
    "someone/sd15-woodcuts": ("fine-tune", "creativeml-openrail-m"),
}


def main(full_size: bool) -> None:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    try:
        save_pixels(place / "pixels", **(FULL_SIZE if full_size else {}))
        save_latents(place / "latents")
        save_latents(place / "fine-tune", seed=1)
        with Server() as hub:
            for repository, (folder, licence) in OFFERED.items():
                hub.licences[repository] = licence
                for path in (place / folder).rglob("*"):
                    if path.is_file():
                        hub.hub[f"{repository}/{path.relative_to(place / folder).as_posix()}"] = path.read_bytes()
            print(f"export HF_ENDPOINT={hub.url} DIFFSTYLER_CACHE_DIR={place}/cache", flush=True)
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        pass
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main("--full-size" in sys.argv[1:])

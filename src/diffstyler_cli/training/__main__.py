"""Training of the lite models, resumable: `python -m diffstyler_cli.training STAGE --data DIR --work DIR`.

Stages, in order: data, encoder, features, aesthetic, photo, noise, photo again, art, export. Each continues its own
checkpoint in the work folder and adds to its log, WORK/STAGE.csv, drawn as WORK/STAGE.png. `noise` carries the training
photographs through free diffusion by the photo network as it then is, for photo and art to learn to begin from;
`export` writes the weights that the package loads.
`art --data DIR --from lite` fits the art network to the pictures of any folder without art/ and photos/ in it, for
--art-weights. Only `data` and the drawing of curves need the `train` extra.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..errors import DiffStylerError
from ..models.lite.architecture import WEIGHTS
from . import stages


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m diffstyler_cli.training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stage", choices=stages.STAGES)
    parser.add_argument("--data", type=Path, required=True, help="folder with art/<style>/ and photos/, or of pictures")
    parser.add_argument("--work", type=Path, default=Path("lite-training"), help="folder for shards and checkpoints")
    parser.add_argument(
        "--from",
        dest="weights",
        choices=["lite"],
        help="encoder, photo, art: start from the built-in weights; aesthetic, noise: use the built-in networks",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="time budget of this run (default 10)")
    parser.add_argument(
        "--steps",
        type=int,
        help="photo, art: steps in all, over which the rate falls (default: as many as the time has)",
    )
    parser.add_argument("--rate", type=float, help="photo, art: learning rate (default 2e-3, or 1e-3 with --from)")
    parser.add_argument("--batch", type=int, default=32, help="photo, art: crops a step (default 32)")
    parser.add_argument("--crop", type=int, default=128, help="photo, art: side of a crop in pixels (default 128)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads or worker processes")
    parser.add_argument(
        "--device", default="cpu", help="encoder, features, photo, noise, art: cpu or cuda (default cpu)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed (default 0)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="export: where to")
    return parser


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    if given.weights and given.stage not in stages.STARTS_FROM_WEIGHTS:
        parser.error(f"--from has no effect on {given.stage}")
    given.weights = WEIGHTS if given.weights else None
    try:
        stages.run(stages.Options(**vars(given)))
    except DiffStylerError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()

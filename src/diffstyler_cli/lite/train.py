"""Training of the lite models, resumable: `python -m diffstyler_cli.lite.train STAGE --data DIR --work DIR`.

Stages, in order: data, encoder, features, aesthetic, photo, art, export. Each continues its own checkpoint in the work
folder; `export` writes the weights that the package loads. Needs the `train` extra for `data`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from . import data, train_aesthetic, train_diffusion, train_encoder, train_features
from .architecture import WEIGHTS
from .captions import vocabulary
from .export import write_weights

STAGES = ("data", "encoder", "features", "aesthetic", "photo", "art", "export")


def _load(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}


def _save(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def _encoder(work: Path) -> torch.nn.Module:
    model = train_encoder.build_encoder()
    model.load_state_dict(_load(work / "encoder.pt")["model"])
    return model.eval().requires_grad_(False)


def _embed(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """B×H×W×3 uint8 pictures to unit embeddings."""

    def embed(images: Tensor) -> Tensor:
        out = []
        for part in torch.split(images, 256):
            x = part.permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, size=(train_encoder.IMAGE_SIZE,) * 2, mode="bilinear", antialias=True)
            out.append(F.normalize(model.encode_image(train_encoder.normalise(x)), dim=-1))  # type: ignore[operator]
        return torch.cat(out)

    return embed


def _conditions(work: Path, samples: data.TrainingSet, seed: int) -> train_diffusion.Conditions:
    model, tokenise = _encoder(work), train_encoder.tokenizer()
    pictures = work / "pictures.pt"
    if not pictures.exists():
        _save(pictures, {"embedding": _embed(model)(torch.from_numpy(samples.images))})

    def encode_text(texts: list[str]) -> Tensor:
        return F.normalize(model.encode_text(tokenise(texts)), dim=-1)  # type: ignore[operator]

    return train_diffusion.Conditions(encode_text, _load(pictures)["embedding"], seed)


def _export(work: Path, out: Path) -> None:
    today = datetime.now(timezone.utc).date().isoformat()
    encoder = _load(work / "encoder.pt")["model"]
    used = torch.unique(train_encoder.tokenizer()(vocabulary()))
    table = encoder.pop("token_embedding.weight")
    encoder |= {"token_embedding.ids": used.int(), "token_embedding.rows": table[used]}
    write_weights(out, "encoder", encoder, {"trained": today, "vocabulary": " ".join(vocabulary())})
    write_weights(out, "features", _load(work / "features.pt")["model"], {"trained": today})
    write_weights(out, "aesthetic", _load(work / "aesthetic.pt"), {"trained": today})
    for role in ("photo", "art"):
        state = _load(work / f"{role}.pt")
        write_weights(out, role, state["average"], {"trained": today, "steps": str(state["step"])})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m diffstyler_cli.lite.train", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data", type=Path, required=True, help="folder with art/<style>/ and photos/")
    parser.add_argument("--work", type=Path, required=True, help="folder for shards and checkpoints")
    parser.add_argument("--minutes", type=float, default=10.0, help="time budget of this run (default 10)")
    parser.add_argument("--steps", type=int, default=4000, help="photo, art: steps in all (default 4000)")
    parser.add_argument("--batch", type=int, default=48, help="photo, art: crops a step (default 48)")
    parser.add_argument("--crop", type=int, default=64, help="photo, art: side of a crop in pixels (default 64)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads or worker processes")
    parser.add_argument("--device", default="cpu", help="photo, art: cpu or cuda (default cpu)")
    parser.add_argument("--seed", type=int, default=0, help="seed (default 0)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="export: where to")
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    if o.stage == "data":
        for shard in data.build(o.data, o.work / "data", o.threads):
            print(shard, flush=True)
        return
    if o.stage == "export":
        _export(o.work, o.out)
        return
    samples, checkpoint = data.load(o.work / "data"), o.work / f"{o.stage}.pt"
    state = _load(checkpoint)
    if o.stage == "encoder":
        _save(checkpoint, train_encoder.train(o.data, samples, state, o.minutes, o.seed))
        (o.work / "pictures.pt").unlink(missing_ok=True)
    elif o.stage == "features":
        _save(checkpoint, train_features.train(samples, state, o.minutes, o.seed))
    elif o.stage == "aesthetic":
        _save(checkpoint, train_aesthetic.fit(samples, _embed(_encoder(o.work)), o.seed))
    else:
        conditions = _conditions(o.work, samples, o.seed) if o.stage == "photo" else None
        train_diffusion.train(
            o.stage, samples, conditions, state, o.minutes, o.seed, device=o.device, crop=o.crop, batch=o.batch,
            total_steps=o.steps, save=lambda s: _save(checkpoint, s),
        )  # fmt: skip


if __name__ == "__main__":
    main()

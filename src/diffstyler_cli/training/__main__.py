"""Training of the lite models, resumable: `python -m diffstyler_cli.training STAGE --data DIR --work DIR`.

Stages, in order: data, encoder, features, aesthetic, photo, noise, photo again, art, export. Each continues its own
checkpoint in the work folder and adds to its log, WORK/STAGE.csv, drawn as WORK/STAGE.png. `noise` carries the training
photographs through free diffusion by the photo network as it then is, for photo and art to learn to begin from;
`export` writes the weights that the package loads.
`art --data DIR --from lite` fits the art network to the pictures of any folder without art/ and photos/ in it, for
--art-weights. Only `data` needs the `train` extra.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.lite.architecture import WEIGHTS
from ..models.lite.files import pack_vocabulary, read_weights, unpack_vocabulary, write_weights
from ..models.lite.unet import LiteUNet
from . import aesthetic as train_aesthetic
from . import data
from . import diffusion as train_diffusion
from . import encoder as train_encoder
from . import features as train_features
from .captions import vocabulary
from .log import TrainingLog

STAGES = ("data", "encoder", "features", "aesthetic", "photo", "noise", "art", "export")


def _load(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}


def _save(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def _beginning(stage: str, start: Path | None) -> dict[str, Any]:
    """What a stage without a checkpoint starts from: nothing, or the weights in the folder `start`."""
    if start is None:
        return {}
    weights, facts = read_weights(start / f"{stage}.safetensors")
    return {
        "start": unpack_vocabulary(weights) if stage == "encoder" else weights,
        "steps_before": int(facts.get("steps", 0)),
    }


def _encoder(work: Path, start: Path | None) -> Any:
    model = train_encoder.build_encoder()
    state = _load(work / "encoder.pt") or _beginning("encoder", start)
    if not state:
        raise FileNotFoundError(f"{work / 'encoder.pt'}: train the encoder first, or start --from lite")
    model.load_state_dict(state["model"] if "model" in state else state["start"])
    return model.eval().requires_grad_(False)


def _embed(model: Any) -> Callable[[Tensor], Tensor]:
    """B×H×W×3 uint8 pictures to unit embeddings."""

    def embed(images: Tensor) -> Tensor:
        out = []
        for part in torch.split(images, 256):
            x = part.permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, size=(train_encoder.IMAGE_SIZE,) * 2, mode="bilinear", antialias=True)
            out.append(F.normalize(model.encode_image(train_encoder.normalise(x)), dim=-1))
        return torch.cat(out)

    return embed


def _train_diffusion(o: argparse.Namespace, samples: data.TrainingSet, log: TrainingLog) -> None:
    conditions = _conditions(o.work, o.start, samples, o.seed) if o.stage == "photo" else None
    noise = _load(o.work / "noise.pt").get("noise")
    if noise is not None and len(noise) != samples.source.max() + 1:
        noise = None  # of other pictures, such as a person's own
    state = _load(o.work / f"{o.stage}.pt") or _beginning(o.stage, o.start)
    train_diffusion.train(
        o.stage, samples, conditions, noise, state, o.minutes, o.seed,
        device=o.device, crop=o.crop, batch=o.batch, rate=o.rate or (1e-3 if o.start else 2e-3), total_steps=o.steps,
        save=lambda s: _save(o.work / f"{o.stage}.pt", s), log=log,
    )  # fmt: skip


def _free_noise(o: argparse.Namespace, samples: data.TrainingSet) -> None:
    state = _load(o.work / "photo.pt") or _beginning("photo", o.start)
    if not state:
        raise FileNotFoundError(f"{o.work / 'photo.pt'}: train the photo network first, or start --from lite")
    net = LiteUNet("photo")
    net.load_state_dict(state["average"] if "average" in state else state["start"])

    def report(done: int, count: int) -> None:
        print(f"noise {done} of {count}", flush=True)

    _save(o.work / "noise.pt", {"noise": train_diffusion.free_noise(net, samples, o.seed, report, device=o.device)})


def _conditions(work: Path, start: Path | None, samples: data.TrainingSet, seed: int) -> train_diffusion.Conditions:
    model, tokenise = _encoder(work, start), train_encoder.tokenizer()
    pictures = work / "pictures.pt"
    if len(_load(pictures).get("embedding", ())) != len(samples.images):
        _save(pictures, {"embedding": _embed(model)(torch.from_numpy(samples.images))})

    def encode_text(texts: list[str]) -> Tensor:
        return F.normalize(model.encode_text(tokenise(texts)), dim=-1)

    return train_diffusion.Conditions(encode_text, _load(pictures)["embedding"], seed)


def _export(work: Path, out: Path) -> None:
    """Writes the weights of every stage that has a checkpoint; the others stay as they are."""
    states = {role: _load(work / f"{role}.pt") for role in ("encoder", "features", "aesthetic", "photo", "art")}
    facts = {"trained": datetime.now(UTC).date().isoformat()}
    for role, state in states.items():
        if not state:
            continue
        if role == "encoder":
            used = torch.unique(train_encoder.tokenizer()(vocabulary()))
            packed = pack_vocabulary(state["model"], used)
            write_weights(out, role, packed, facts | {"vocabulary": " ".join(vocabulary())})
        elif role in ("photo", "art"):
            _export_diffusion(state, out, role)
        else:
            write_weights(out, role, state.get("model", state), facts)


def _export_diffusion(state: dict[str, Any], out: Path, role: str) -> Path:
    steps = state["steps_before"] + state["step"]
    facts = {"trained": datetime.now(UTC).date().isoformat(), "steps": str(steps)}
    return write_weights(out, role, state["average"], facts)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m diffstyler_cli.training", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data", type=Path, required=True, help="folder with art/<style>/ and photos/, or of pictures")
    parser.add_argument("--work", type=Path, default=Path("lite-training"), help="folder for shards and checkpoints")
    parser.add_argument(
        "--from",
        dest="start",
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
    o = parser.parse_args()
    if o.start and o.stage in ("data", "features", "export"):
        parser.error(f"--from has no effect on {o.stage}")
    o.start = WEIGHTS if o.start else None
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    log = TrainingLog(o.work / f"{o.stage}.csv")
    checkpoint = o.work / f"{o.stage}.pt"
    if o.stage == "data":
        for shard in data.build(o.data, o.work / "data", o.threads):
            print(shard, flush=True)
        return
    if o.stage == "export":
        _export(o.work, o.out)
        return
    own = o.stage == "art" and not ((o.data / "art").is_dir() and (o.data / "photos").is_dir())
    try:
        samples = data.own_pictures(o.data) if own else data.load(o.work / "data")
    except FileNotFoundError as error:
        parser.exit(2, f"{error}\n")
    if o.stage == "encoder":
        state = _load(checkpoint) or _beginning(o.stage, o.start)
        _save(checkpoint, train_encoder.train(o.data, samples, state, o.minutes, o.seed, device=o.device, log=log))
        (o.work / "pictures.pt").unlink(missing_ok=True)
    elif o.stage == "noise":
        _free_noise(o, samples)
    elif o.stage == "features":
        _save(checkpoint, train_features.train(samples, _load(checkpoint), o.minutes, o.seed, device=o.device, log=log))
    elif o.stage == "aesthetic":
        _save(checkpoint, train_aesthetic.fit(samples, _embed(_encoder(o.work, o.start)), o.seed))
    else:
        _train_diffusion(o, samples, log)
        if own:
            target = _export_diffusion(_load(checkpoint), o.work, "art")
            print(f'Wrote {target}. Use it: diffstyler stylize photo.png "oil painting" --art-weights {target}')
    log.draw()


if __name__ == "__main__":
    main()

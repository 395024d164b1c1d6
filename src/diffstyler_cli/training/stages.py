"""The stages of training, in the order in which the built-in networks are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.base import Role
from . import aesthetic, checkpoints, data, diffusion, encoder, export, features
from .log import TrainingLog

StageName = Literal["data", "encoder", "features", "aesthetic", "photo", "noise", "art", "export"]
STAGES: tuple[StageName, ...] = get_args(StageName)


@dataclass(frozen=True)
class Options:
    """The command line's options."""

    stage: StageName
    data: Path
    work: Path
    weights: Path | None
    """Folder of the weights to start from, or to use where a stage needs a trained network."""
    minutes: float
    steps: int | None
    rate: float | None
    batch: int
    crop: int
    threads: int
    device: str
    seed: int
    out: Path

    @property
    def checkpoint(self) -> Path:
        return self.work / f"{self.stage}.pt"

    @property
    def own_pictures(self) -> bool:
        """Whether the art network is fitted to a folder of any pictures."""
        return self.stage == "art" and not ((self.data / "art").is_dir() and (self.data / "photos").is_dir())


def run(o: Options) -> None:
    """Runs one stage.

    Raises:
        UsageError: what it needs is missing.
        WeightsError: the weights to start from cannot be read.
    """
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    log = TrainingLog(o.work / f"{o.stage}.csv")
    RUN[o.stage](o, log)
    log.draw()


def _data(o: Options, log: TrainingLog) -> None:
    for shard in data.build(o.data, o.work / "data", o.threads):
        print(shard, flush=True)


def _encoder(o: Options, log: TrainingLog) -> None:
    samples = data.load(o.work / "data")
    state = checkpoints.load_or_start(o.work, "encoder", o.weights)
    trained = encoder.train(o.data, samples, state, o.minutes, o.seed, device=o.device, log=log)
    checkpoints.save(o.checkpoint, trained)
    (o.work / "pictures.pt").unlink(missing_ok=True)  # embeddings by the former encoder


def _features(o: Options, log: TrainingLog) -> None:
    samples, state = data.load(o.work / "data"), checkpoints.load(o.checkpoint)
    checkpoints.save(o.checkpoint, features.train(samples, state, o.minutes, o.seed, device=o.device, log=log))


def _aesthetic(o: Options, log: TrainingLog) -> None:
    samples = data.load(o.work / "data")
    embed = _picture_embedding(checkpoints.trained_encoder(o.work, o.weights))
    checkpoints.save(o.checkpoint, aesthetic.fit(samples, embed, o.seed))


def _photo(o: Options, log: TrainingLog) -> None:
    samples = data.load(o.work / "data")
    _train_diffusion("photo", o, samples, _conditions(o, samples), log)


def _noise(o: Options, log: TrainingLog) -> None:
    def report(done: int, count: int) -> None:
        print(f"noise {done} of {count}", flush=True)

    samples, net = data.load(o.work / "data"), checkpoints.trained_photo_network(o.work, o.weights)
    noise = diffusion.learnable_noise(net, samples, o.seed, report, device=o.device)
    checkpoints.save(o.checkpoint, {"noise": noise})


def _art(o: Options, log: TrainingLog) -> None:
    if not o.own_pictures:
        _train_diffusion("art", o, data.load(o.work / "data"), None, log)
        return
    _train_diffusion("art", o, data.own_pictures(o.data), None, log)
    target = export.export("art", checkpoints.load(o.checkpoint), o.work)
    print(f'Wrote {target}. Use it: diffstyler stylize photo.png "oil painting" --art-weights {target}')


def _export(o: Options, log: TrainingLog) -> None:
    export.export_all(o.work, o.out)


RUN: dict[StageName, Callable[[Options, TrainingLog], None]] = {
    "data": _data,  # photographs drawn and painted in every style → data/
    "encoder": _encoder,  # data → encoder.pt
    "features": _features,  # data → features.pt
    "aesthetic": _aesthetic,  # data, encoder → aesthetic.pt
    "photo": _photo,  # data, encoder (and noise) → photo.pt
    "noise": _noise,  # data, photo → noise.pt, for photo (again) and art
    "art": _art,  # data (and noise), or a person's own pictures → art.pt
    "export": _export,  # every .pt → the package's .safetensors
}
STARTS_FROM_WEIGHTS: frozenset[StageName] = frozenset(("encoder", "aesthetic", "photo", "noise", "art"))
"""The stages on which --from has an effect."""


def _train_diffusion(
    role: Role, o: Options, samples: data.TrainingSet, conditions: diffusion.Conditions | None, log: TrainingLog
) -> None:
    noise = checkpoints.load(o.work / "noise.pt").get("noise")
    if noise is not None and len(noise) != samples.source.max() + 1:
        noise = None  # of other pictures, such as a person's own
    state = checkpoints.load_or_start(o.work, role, o.weights)
    diffusion.train(
        role, samples, conditions, noise, state, o.minutes, o.seed,
        device=o.device, crop=o.crop, batch=o.batch, rate=o.rate or (1e-3 if o.weights else 2e-3), total_steps=o.steps,
        save=lambda state: checkpoints.save(o.checkpoint, state), log=log,
    )  # fmt: skip


def _conditions(o: Options, samples: data.TrainingSet) -> diffusion.Conditions:
    """Embeddings of the captions and of the pictures; the latter are kept in pictures.pt."""
    model, tokenise = checkpoints.trained_encoder(o.work, o.weights), encoder.tokenizer()
    kept = o.work / "pictures.pt"
    if len(checkpoints.load(kept).get("embedding", ())) != len(samples.images):
        checkpoints.save(kept, {"embedding": _picture_embedding(model)(torch.from_numpy(samples.images))})

    def encode_text(texts: list[str]) -> Tensor:
        return F.normalize(model.encode_text(tokenise(texts)), dim=-1)

    return diffusion.Conditions(encode_text, checkpoints.load(kept)["embedding"], o.seed)


def _picture_embedding(model: Any) -> Callable[[Tensor], Tensor]:
    """The function from pictures, B×H×W×3 uint8, to unit embeddings."""

    def embed(images: Tensor) -> Tensor:
        out = []
        for part in torch.split(images, 256):
            x = part.permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, size=(encoder.IMAGE_SIZE,) * 2, mode="bilinear", antialias=True)
            out.append(F.normalize(model.encode_image(encoder.normalise(x)), dim=-1))
        return torch.cat(out)

    return embed

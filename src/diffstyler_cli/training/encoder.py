"""Training of the text–image encoder: contrastive, with every true caption–picture pair of a batch as a positive.

CLIP (Radford et al. 2021) counts one caption a picture as its positive. Here captions are short and often true of
several pictures of a batch, so the targets are spread over all of those, as in supervised contrastive learning (Khosla
et al. 2020).
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..device import bf16_where_native
from ..models.lite.architecture import ENCODER
from ..models.lite.styles import STYLES
from .captions import MOODS, Attributes, caption, grade, subjects_in
from .data import TrainingSet

IMAGE_SIZE: int = ENCODER["vision_cfg"]["image_size"]

_STYLE_NAMES: list[str | None] = ["photo", *(s.key for s in STYLES)]
_MOOD_NAMES: list[str | None] = [None, *MOODS]


def build_encoder() -> Any:
    """The untrained open_clip model of `ENCODER`; open_clip has no types."""
    return open_clip.CLIP(**ENCODER)


def tokenizer() -> Callable[[list[str]], Tensor]:
    """Texts to token ids, B×context length."""
    tokenise: Callable[[list[str]], Tensor] = open_clip.SimpleTokenizer(
        context_length=ENCODER["text_cfg"]["context_length"]
    )
    return tokenise


def crops(images: Tensor, size: int, rng: torch.Generator, low: float, high: float) -> Tensor:
    """One random square crop of each picture, `low`..`high` pixels wide, resized to `size`, mirrored at random.

    images: B×H×W×3 uint8; returns B×3×size×size in [0, 1].
    """
    out = []
    for image in images:
        side = int(torch.empty(()).uniform_(low, high + 1, generator=rng).item())
        side = min(side, image.shape[0], image.shape[1])
        top = int(torch.randint(image.shape[0] - side + 1, (), generator=rng))
        left = int(torch.randint(image.shape[1] - side + 1, (), generator=rng))
        crop = image[top : top + side, left : left + side].permute(2, 0, 1).float() / 255
        if side != size:
            crop = F.interpolate(crop[None], size=(size, size), mode="bilinear", antialias=True)[0]
        if torch.rand((), generator=rng) < 0.5:
            crop = crop.flip(-1)
        out.append(crop)
    return torch.stack(out)


def titles(data: Path) -> dict[str, str]:
    """Title by file name, from the folder's MANIFEST.csv if it has one."""
    manifest = data / "MANIFEST.csv"
    if not manifest.exists():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        return {Path(row["path"]).name: row["title"] for row in csv.DictReader(file)}


def normalise(x: Tensor) -> Tensor:
    """[0, 1] to the encoder's mean and deviation."""
    mean, std = (x.new_tensor(v)[:, None, None] for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    return (x - mean) / std


def balanced(styles: NDArray[np.str_], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` indices, each style drawn in proportion to the square root of its size."""
    _, inverse, sizes = np.unique(styles, return_inverse=True, return_counts=True)
    share = sizes**0.5 / (sizes**0.5).sum()
    return rng.choice(len(styles), count, p=(share / sizes)[inverse])


def _prototype_loss(heads: torch.nn.Module, embedding: Tensor, attributes: list[Attributes]) -> Tensor:
    """Cross-entropy of style and mood under linear heads that texts and pictures share, whose rows act as prototypes
    that draw both together."""
    logits = 12 * heads(embedding)
    style = torch.tensor([-100 if a.style is None else _STYLE_NAMES.index(a.style) for a in attributes]).to(
        logits.device
    )
    mood = torch.tensor([_MOOD_NAMES.index(a.mood) for a in attributes]).to(logits.device)
    styles, moods = logits.split([len(_STYLE_NAMES), len(_MOOD_NAMES)], dim=1)
    return F.cross_entropy(styles, style) + 0.5 * F.cross_entropy(moods, mood)


def train(
    data: Path, samples: TrainingSet, state: dict[str, Any], minutes: float, seed: int, batch: int = 96,
    *, device: str, log: Callable[..., None],
) -> dict[str, Any]:  # fmt: skip
    """Continues `state` for `minutes`; returns the new state with weights and optimiser.

    `state` is empty at first, or {"start": weights}: then the text side stays as it is, so that networks which were
    conditioned on its embeddings remain right, and pictures learn to lie closer to it.
    """
    torch.manual_seed(seed)
    model = build_encoder().to(device)
    if "start" in state:
        model.load_state_dict(state["start"])
    frozen = "start" in state or state.get("frozen", False)
    for name, p in model.named_parameters():
        p.requires_grad_(not frozen or name.startswith("visual."))
    heads = torch.nn.Linear(ENCODER["embed_dim"], len(_STYLE_NAMES) + len(_MOOD_NAMES)).to(device)
    parameters = [p for p in (*model.parameters(), *heads.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, 1e-3, betas=(0.9, 0.98), weight_decay=0.05)
    step = 0
    if "model" in state:
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    rng, np_rng = random.Random(seed + step), np.random.default_rng(seed + step)
    generator = torch.Generator().manual_seed(seed + step)
    title = titles(data)
    subjects = [subjects_in(title.get(str(n), "")) for n in samples.name]
    tokenise = tokenizer()
    images = torch.from_numpy(samples.images)
    model.train().to(memory_format=torch.channels_last)
    start, mean_loss, first_step = time.monotonic(), 0.0, step
    while (elapsed := time.monotonic() - start) < 60 * minutes:
        remaining = 1 - elapsed / (60 * minutes)
        for group in optimiser.param_groups:
            group["lr"] = 1.5e-3 * min(1.0, (step + 1) / 100) * min(1.0, 0.05 + 1.6 * remaining)
        picks = balanced(samples.style, batch, np_rng)
        x = crops(images[picks], IMAGE_SIZE, generator, 72, 256)
        attributes, texts, stated = [], [], []
        for k, i in enumerate(picks):
            mood = rng.choice(sorted(MOODS)) if rng.random() < 0.4 else None
            if mood:
                x[k] = grade(x[k], mood)
            of_picture = Attributes(str(samples.style[i]), mood, subjects[i])
            text, of_text = caption(of_picture, rng)
            if mood and rng.random() < 0.15:
                text, of_text = rng.choice(MOODS[mood][0]), Attributes(None, mood)
            attributes.append(of_picture)
            texts.append(text)
            stated.append(of_text)
        true = torch.tensor([[s.true_of(a) for s in stated] for a in attributes], dtype=torch.float32).to(device)
        with bf16_where_native(device):
            image_features = model.encode_image(normalise(x.to(device)).to(memory_format=torch.channels_last))
            text_features = model.encode_text(tokenise(texts).to(device))
        image_rows, text_rows = (F.normalize(f.float(), dim=-1) for f in (image_features, text_features))
        logits = model.logit_scale.exp().clamp(max=50) * image_rows @ text_rows.T
        loss = (
            -((true / true.sum(1, keepdim=True)) * logits.log_softmax(1)).sum(1).mean()
            - ((true / true.sum(0)) * logits.log_softmax(0)).sum(0).mean()
        )
        loss = loss + _prototype_loss(heads, image_rows, attributes) + _prototype_loss(heads, text_rows, stated)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        mean_loss += (loss.item() - mean_loss) / min(step - first_step, 50)
        if step % 50 == 0:
            log(step, loss=mean_loss, pictures_per_second=(step - first_step) * batch / elapsed)
    return {
        "model": model.state_dict(), "heads": heads.state_dict(), "optimiser": optimiser.state_dict(), "step": step,
        "frozen": frozen,
    }  # fmt: skip

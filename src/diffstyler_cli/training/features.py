"""Training of the content features: contrastive, between the same place of one photograph in two styles.

A patch of one rendering must be closer to the patch at the same place of the other than to patches elsewhere in it:
InfoNCE (van den Oord et al. 2018) with negatives from the same picture (as in CUT, Park et al. 2020). So the features
see structure and ignore style.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..device import bf16_where_native
from ..models.lite.features import LiteFeatures
from .captions import MOODS, grade
from .data import TrainingSet

PLACES = 192
"""Places compared in each picture and layer."""
TEMPERATURE = 0.1
LAYER_WEIGHT = {"relu2_2": 0.5, "relu3_2": 1.0, "relu4_2": 1.0}


def _pair_crops(a: Tensor, b: Tensor, size: int, rng: random.Random) -> tuple[Tensor, Tensor]:
    """The same random crop of two aligned pictures H×W×3 uint8, mirrored together; 3×size×size in [0, 1]."""
    top, left, flip = rng.randrange(a.shape[0] - size + 1), rng.randrange(a.shape[1] - size + 1), rng.random() < 0.5
    x, y = (im[top : top + size, left : left + size].permute(2, 0, 1).float() / 255 for im in (a, b))
    return (x.flip(-1), y.flip(-1)) if flip else (x, y)


def place_contrast(a: Tensor, b: Tensor, places: Tensor) -> Tensor:
    """InfoNCE between two feature maps B×C×h×w at the flat indices `places`, negatives from the same picture."""
    qa, qb = (F.normalize(f.flatten(2)[:, :, places].transpose(1, 2), dim=-1) for f in (a, b))
    logits = qa @ qb.transpose(1, 2) / TEMPERATURE
    target = torch.arange(logits.shape[-1], device=logits.device).expand(logits.shape[0], -1)
    both = (logits, logits.mT)
    return torch.stack([F.cross_entropy(each.flatten(0, 1), target.flatten()) for each in both]).sum()


def train(
    samples: TrainingSet, state: dict[str, Any], minutes: float, seed: int, batch: int = 16, crop: int = 96,
    *, device: str, log: Callable[..., None],
) -> dict[str, Any]:  # fmt: skip
    """Continues `state` (empty at first) for `minutes`; ends by measuring the layers' scales on photographs."""
    torch.manual_seed(seed)
    model = LiteFeatures().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.01)
    step = 0
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    model.scale.fill_(1.0)
    rng = random.Random(seed + step)
    images = torch.from_numpy(samples.images)
    by_source: dict[int, list[int]] = {}
    for i, source in enumerate(samples.source.tolist()):
        if source >= 0:
            by_source.setdefault(source, []).append(i)
    sources = list(by_source.values())
    start, mean_loss, first_step = time.monotonic(), 0.0, step
    model.train().to(memory_format=torch.channels_last)
    while (elapsed := time.monotonic() - start) < 60 * minutes:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * min(1.0, 0.03 + 1.5 * (1 - elapsed / (60 * minutes)))
        pairs = []
        for _ in range(batch):
            i, j = rng.sample(rng.choice(sources), 2)
            x, y = _pair_crops(images[i], images[j], crop, rng)
            if rng.random() < 0.5:
                y = grade(y, rng.choice(sorted(MOODS)))
            pairs.append((x, y))
        both = torch.cat([torch.stack([p[k] for p in pairs]) for k in (0, 1)]) * 2 - 1
        with bf16_where_native(device):
            features = model(both.to(device, memory_format=torch.channels_last))
        loss = torch.zeros((), device=device)
        for name, weight in LAYER_WEIGHT.items():
            f = features[name]
            places = torch.randperm(f.shape[2] * f.shape[3])[:PLACES]
            loss = loss + weight * place_contrast(f[:batch], f[batch:], places)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        step += 1
        mean_loss += (loss.item() - mean_loss) / min(step - first_step, 50)
        if step % 50 == 0:
            log(step, loss=mean_loss)
    _measure_scales(model, images[torch.from_numpy(np.flatnonzero(samples.style == "photo")[:64])])
    return {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}


@torch.no_grad()
def _measure_scales(model: LiteFeatures, images: Tensor) -> None:
    """Sets the scale of each layer so that its mean square on `images` (B×H×W×3 uint8) is one."""
    model.eval()
    x, level = images.permute(0, 3, 1, 2).float().to(model.scale.device) / 127.5 - 1, "1"
    for k, (name, conv) in enumerate(model.layers.items()):
        if name[4] != level:
            x, level = F.avg_pool2d(x, 2), name[4]
        x = F.relu(conv(x))
        model.scale[k] = x.square().mean().rsqrt()

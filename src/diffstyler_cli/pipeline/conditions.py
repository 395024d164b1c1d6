"""What a picture is to look like: prompts and style images as embeddings, and what is wrong with a prompt's words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UsageError
from ..images import LoadedImage, to_tensor
from ..losses.instruction import Cutouts, prompt_target
from ..models.base import Components, Role, VelocityNetwork
from ..models.lite.styles import FEATURED, STYLES
from ..prompts import Prompt, StyleImage, parse_prompt
from ..size import working_size
from .style_images import StylePicture, read_style

STYLE_VIEWS = 8
"""Cutouts of a style image whose mean embedding stands for it."""
_EMPTY_WORDS = frozenset(("a", "an", "of", "in", "the", "by", "made", "style", "picture", "art", "work", "artwork"))


@dataclass(frozen=True)
class Conditions:
    """Prompts, then style images, then the prompts of regions, as unit embeddings (K×D) with weights w_k."""

    prompts: list[Prompt]
    styles: list[StylePicture]
    embeddings: Tensor
    weights: list[float]
    regions: int = 0
    """How many of them, the last ones, are of one region each."""
    palette: LoadedImage | None = None
    """The picture whose colours the result gets."""
    own: Mapping[Role, Tensor] = field(default_factory=dict)
    """By role of a network that is told texts in a way of its own: its conditions for prompts, then for those of
    regions. For style images it has none."""
    notices: tuple[str, ...] = ()
    """What a person should know of what the networks are told."""
    unheard: str = ""
    """Why the losses alone can follow what is asked for; "" where a network is told some of it too."""

    @property
    def everywhere(self) -> int:
        """How many are of no region."""
        return len(self.weights) - self.regions

    def told(self, role: Role, belongs: Tensor | None = None) -> tuple[Tensor, list[float] | list[Tensor]]:
        """The conditions of the network of that role, and their weights: numbers, or maps as `placed` makes them."""
        weights = self.weights if belongs is None else self.placed(belongs)
        if role not in self.own:
            return self.embeddings, weights
        first = len(self.prompts)
        return self.own[role], [*weights[:first], *weights[first + len(self.styles) :]]

    def check_heard(self) -> None:
        """Raises `UsageError` where no network is told anything of what is asked for, and no loss follows it."""
        if self.unheard:
            raise UsageError(f"{self.unheard}, and no loss is on.", "Give --guidance-scale and a loss a value above 0.")

    def target(self) -> Tensor:
        """The embedding (D,) that the pictures should have. Raises `UsageError` if the parts cancel each other out."""
        return prompt_target(self.embeddings, torch.tensor(self.weights))

    def targets(self) -> Tensor:
        """The same of what is of no region, if there is any, and of each region: G×D. Raises alike."""
        rows = [slice(0, self.everywhere)] if self.everywhere else []
        rows += [slice(k, k + 1) for k in range(self.everywhere, len(self.weights))]
        return torch.stack([prompt_target(self.embeddings[row], torch.tensor(self.weights[row])) for row in rows])

    def placed(self, belongs: Tensor) -> list[Tensor]:
        """The weights as maps (1×1×H×W), where `belongs` (G×H×W) says how much of each place is whose, as `targets`."""
        first = 1 if self.everywhere else 0
        groups = [0] * self.everywhere + list(range(first, first + self.regions))
        return [weight * belongs[group][None, None] for weight, group in zip(self.weights, groups, strict=True)]


def make_conditions(
    parts: Components,
    prompts: Sequence[str | Prompt] | str,
    style_images: Sequence[str | Path | StyleImage | StylePicture],
    prompt_weight: float,
    device: torch.device,
    palette: LoadedImage | None = None,
    regions: Sequence[Prompt] = (),
) -> Conditions:
    """Embeds prompts, style images and the prompts of regions, those without a weight at `prompt_weight`.

    Raises:
        UsageError: there are none, or a prompt has no word that the encoder knows.
        InputImageError: a style image cannot be read.
    """
    texts = parsed(prompts)
    styles = [s if isinstance(s, StylePicture) else read_style(s) for s in style_images]
    if not texts and not styles and not regions:
        raise UsageError("There is no prompt.", 'Say what the picture should look like, as in "oil painting".')
    check_prompts(parts, [*texts, *regions])
    encoder = parts.encoder
    rows = [encoder.encode_text([p.text for p in texts])] if texts else []
    for style in styles:
        rgb = style.loaded.rgb
        picture, _ = to_tensor(rgb, working_size(rgb.size, 2 * encoder.image_size))
        views = Cutouts(STYLE_VIEWS, encoder.image_size, seed=0)(picture.to(device))
        mean = encoder.encode_image(views).mean(0, keepdim=True)
        rows.append(torch.nn.functional.normalize(mean, dim=-1))
    rows += [encoder.encode_text([p.text for p in regions])] if regions else []
    given = [p.weight for p in texts] + [s.weight for s in styles] + [p.weight for p in regions]
    weights = [prompt_weight if w is None else w for w in given]
    told = [p.text for p in (*texts, *regions)]
    own = {role: _own(n, told).to(device) for role, n in _listeners(parts) if n.conditioner is not None}
    notice, unheard = _heard(parts, bool(told), bool(styles))
    return Conditions(
        texts, styles, torch.cat(rows), weights, len(regions), palette, own, (notice,) if notice else (), unheard
    )


def _listeners(parts: Components) -> list[tuple[Role, VelocityNetwork]]:
    """The networks that are told what is asked for."""
    roles: list[tuple[Role, VelocityNetwork]] = [("photo", parts.photo), ("art", parts.art)]
    return [
        (role, n) for role, n in roles if n.cond_shape is not None and (role == "photo" or n.card.told == "prompts")
    ]


@torch.no_grad()
def _own(network: VelocityNetwork, texts: list[str]) -> Tensor:
    """Conditions of a network that has a conditioner, K×…"""
    assert network.conditioner is not None
    return network.conditioner.encode(texts) if texts else network.null_condition()[None][:0]


def _heard(parts: Components, texts: bool, styles: bool) -> tuple[str, str]:
    """A line where only the losses follow something, and why they alone follow all of it, or ""."""
    listeners = [network for _, network in _listeners(parts)]
    if not listeners:
        why = f"{parts.photo.name} takes neither prompts nor style images"
        return f"{why}: the losses alone follow them.", why
    if styles and all(network.conditioner for network in listeners):
        why = f"{listeners[0].name} takes texts and no pictures"
        return f"{why}: the losses alone follow style images.", "" if texts else why
    return "", ""


def parsed(prompts: Sequence[str | Prompt] | str) -> list[Prompt]:
    """Prompts given as text or parsed already. Raises `UsageError` as `parse_prompt`."""
    listed = [prompts] if isinstance(prompts, str) else prompts
    return [p if isinstance(p, Prompt) else parse_prompt(p) for p in listed]


def check_prompts(parts: Components, prompts: Sequence[str | Prompt]) -> list[str]:
    """What a person should know of the prompts: words that the encoder has never learnt, one line each.

    Raises:
        UsageError: a prompt has no known word at all, and no network reads texts in a way of its own.
    """
    notices = []
    for prompt in parsed(prompts):
        unknown = parts.encoder.unknown_words(prompt.text)
        if not unknown:
            continue
        words = ", ".join(f'"{word}"' for word in unknown)
        near = f"Nearest known styles: {', '.join(nearest_styles(prompt.text))}."
        known = [w for w in _words(prompt.text) if w not in unknown and w not in _EMPTY_WORDS]
        reader = next((n.name for _, n in _listeners(parts) if n.conditioner is not None), None)
        if not known:
            if reader is None:
                raise UsageError(f'The {parts.name} models know no word of "{prompt.text}".', near)
            known_to = f'{reader} reads "{prompt.text}"; the losses know no word of it'
            notices.append(f"{known_to}: --w-instruction 0 leaves them out.")
            continue
        if reader is not None:
            notices.append(f"The losses do not know {words}, and follow the rest; {reader} reads all of the prompt.")
            continue
        notices.append(f"The {parts.name} models do not know {words}; the rest of the prompt counts. {near}")
    return notices


def nearest_styles(text: str, count: int = 3) -> list[str]:
    """The known style names that are spelt most like `text`, the most popular ones if none is alike."""
    names = {name: style.names[0] for style in STYLES for name in (*style.names, *style.artists)}
    close = difflib.get_close_matches(text.lower(), names, n=2 * count, cutoff=0.5)
    close += [m for word in _words(text) for m in difflib.get_close_matches(word, names, n=1, cutoff=0.7)]
    found = list(dict.fromkeys(names[name] for name in close))
    return (found or list(FEATURED))[:count]


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()

"""What a picture will cost, counted from its settings alone: evaluations of the networks, and the size it will have.

Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..config import StylizeConfig
from ..diffusion.costs import NO_SHARE, evaluations_at_end, evaluations_of, spans
from ..size import Shape

if TYPE_CHECKING:
    from ..images import LoadedImage


class Evaluations(NamedTuple):
    """Network passes over one picture: of the photo network, of the art network, and backward through either."""

    photo: int = 0
    art: int = 0
    photo_backward: int = 0
    art_backward: int = 0

    def __add__(self, other: object) -> Evaluations:
        if not isinstance(other, Evaluations):
            return NotImplemented
        return Evaluations(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def forward(self) -> int:
        """Evaluations of either network."""
        return self.photo + self.art

    @property
    def backward(self) -> int:
        """Passes backward through either."""
        return self.photo_backward + self.art_backward

    @property
    def work(self) -> int:
        """In forward passes: one backward costs about two."""
        return self.forward + 2 * self.backward

    def gflop(self, photo: float = 832, art: float = 291) -> float:
        """Cost at so many GFLOP a pass, by default the full-size networks' at 256 x 256; backward costs two passes."""
        return photo * (self.photo + 2 * self.photo_backward) + art * (self.art + 2 * self.art_backward)


ANY: Shape = (1, 1)
"""A photo where its size does not matter: the number of passes depends on it only for a --size that is no number."""


def free_evaluations(config: StylizeConfig, photo: Shape = ANY) -> Evaluations:
    """Of one free diffusion, at the sizes of all passes. Raises `UsageError` for a T1 shorter than T."""
    top = config.t1_steps() if config.round_trip else config.steps
    counts = [top, top - config.steps, *(config.pass_steps(n) for n in range(1, len(config.pass_sizes(photo))))]
    return Evaluations(photo=sum(evaluations_of(config.solver, count) for count in counts))


def sampling_evaluations(
    config: StylizeConfig,
    weights: Sequence[float | None],
    regions: Sequence[float | None] = (),
    photo: Shape = ANY,
) -> Evaluations:
    """Of the sampling of one picture, and of the updates of its noise.

    `weights` are those of its prompts and style images, `regions` those of its regions' prompts; None is
    --prompt-weight. Each that has a share in classifier-free guidance, and the null condition, is a pass of the photo
    network. Where λ differs from place to place, `config.lam` is its mean.
    """
    groups = [[config.prompt_weight if w is None else w for w in group] for group in (weights, *([w] for w in regions))]
    groups = groups if weights else groups[1:]
    given = [weight for group in groups for weight in group]
    rest = max((abs(1 - math.fsum(group)) for group in groups), default=1.0)
    passes = sum(abs(share) >= NO_SHARE for share in (rest, *given)) if config.lam > 0 else 0
    steps = [config.pass_steps(number) for number in range(len(config.pass_sizes(photo)))]
    calls, noise = sum(evaluations_of(config.solver, count) for count in steps), config.noise_iters
    # at t = 0, where the correction vanishes, nothing is guided
    ends = sum(evaluations_at_end(config.solver, count) for count in steps)
    back = calls - ends if _steered(config) else 0
    both = back if config.guide == "both" else 0
    through = noise if config.guide != "none" else 0
    art = calls if config.lam < 1 else back if config.guide == "art" else 0
    return Evaluations(
        photo=calls * passes + noise * passes,
        art=art + noise * (config.lam < 1),
        photo_backward=passes * (both + through),
        art_backward=(back if config.guide == "art" else both * (config.lam < 1)) + through * (config.lam < 1),
    )


def guidance(config: StylizeConfig) -> str:
    """What the losses are followed through: "off", or as --guide, "none", "art", "both". It sets the pace of a step."""
    return config.guide if _steered(config) or config.noise_iters else "off"


def inner_size(config: StylizeConfig, photo: LoadedImage) -> Shape:
    """(width, height) at which the networks see it last, without the padding."""
    return config.pass_sizes(photo.original_size)[-1]


def mean_pixels(config: StylizeConfig, photo: LoadedImage) -> int:
    """Pixels that a step works on, in the mean over all passes; what tiles have in common counts for each."""
    sizes = config.pass_sizes(photo.original_size)
    steps = [config.pass_steps(number) for number in range(len(sizes))]
    return round(sum(n * _seen(size, config.tile) for n, size in zip(steps, sizes, strict=True)) / sum(steps))


def _seen(size: Shape, tile: int) -> int:
    if size[0] * size[1] <= tile * tile:
        return size[0] * size[1]
    return math.prod(sum(stop - start for start, stop in spans(-(-side // 16) * 16, tile, 16)) for side in size)


def _steered(config: StylizeConfig) -> bool:
    """Whether the losses guide the sampling."""
    losses = (config.w_instruction, config.w_content, config.w_nce, config.w_aesthetic, config.w_tv)
    return any(losses) and config.guidance_scale > 0

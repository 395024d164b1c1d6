"""The passes of a run on loaded networks: free diffusion, then guided dual sampling (Huang et al. 2022, figure 2).

A sweep calls these directly: cells that differ in λ alone share one free diffusion and are sampled as one batch. So
are photos of one size with the same settings.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from ..config import MachineConfig, StylizeConfig
from ..diffusion.dual import batched_cfg, checked, clamped, mix
from ..diffusion.free import free_diffusion, fresh_noise, optimise_noise, predictor, resumed
from ..diffusion.guidance import guided
from ..diffusion.schedule import t_grid
from ..diffusion.solvers import ModelFn, sample
from ..diffusion.tiles import tiled
from ..errors import UsageError
from ..images import enlarged, resized, restore_alpha, spread, to_image
from ..images.recolour import keep_colour, match_palette
from ..losses.aesthetic import AestheticLoss
from ..losses.instruction import CutoutEmbeddings, Cutouts, InstructionLoss, PlacedTargets
from ..losses.objective import LossFn, Objective, Shared
from ..losses.report import ObjectiveReport, TermReport
from ..losses.tv import total_variation
from ..models.base import Components, Role, VelocityNetwork
from ..models.codec import PIXELS
from .conditions import Conditions
from .ground import Ground
from .result import Event, Finished, Made, Progress, StylizeResult, recipe_of
from .subject import Subject

NORMS_EVERY = 6
"""Steps from one at which each loss's gradient has a backward pass of its own to the next."""
NOISE_RATE = 0.02
"""Learning rate of Adam on the learnable noise, in units of its standard deviation."""


class Networks:
    """The two diffusion networks as they are evaluated: their precision, layout of memory, and overflow.

    `machine` are the settings as they were resolved; `notices` are lines that a person should know.
    """

    def __init__(self, parts: Components, device: torch.device, dtype: torch.dtype, machine: MachineConfig) -> None:
        self.parts = parts
        self.device = device
        self.dtype = dtype
        self.machine = machine
        self.notices: list[str] = []
        self._overflowed: set[VelocityNetwork] = set()
        if dtype != torch.float32:
            for network in (parts.photo, parts.art):
                _store(network, dtype)

    @property
    def overflowed(self) -> list[str]:
        """Roles of the networks that run in float32 because they overflowed in fp16."""
        return [network.role for network in self._overflowed]

    def unconditioned(self, network: VelocityNetwork, tile: int) -> ModelFn:
        """(x, t) -> v of a network under the null condition, t kept in the range that it was trained on.

        It sees at most `tile`² pixels at once.
        """
        return clamped(self._tiled(network, tile), *network.asked_at)

    def prompted(self, conditions: Conditions, ground: Ground, tile: int) -> ModelFn:
        """(x, t) -> v of the photo network by classifier-free guidance, t kept in its range, in such tiles."""
        return self._told(self.parts.photo, "photo", conditions, ground, tile)

    def painting(self, conditions: Conditions, ground: Ground, tile: int) -> ModelFn:
        """(x, t) -> v of the art network, alike: by the prompts too if its card says so, else unconditioned."""
        art = self.parts.art
        if art.card.told == "prompts":
            return self._told(art, "art", conditions, ground, tile)
        return self.unconditioned(art, tile)

    def _told(self, network: VelocityNetwork, role: Role, conditions: Conditions, ground: Ground, tile: int) -> ModelFn:
        if network.cond_shape is None:
            return self.unconditioned(network, tile)
        rows, weights = conditions.told(role, ground.weights)
        null = network.null_condition().to(rows)
        return clamped(batched_cfg(self._tiled(network, tile), rows, weights, null), *network.asked_at)

    def _tiled(self, network: VelocityNetwork, tile: int) -> Callable[..., Tensor]:
        return tiled(functools.partial(self.evaluate, network), tile // self.parts.codec.factor, network.multiple)

    def evaluate(self, network: VelocityNetwork, x: Tensor, *rest: Tensor) -> Tensor:
        """v; from the first overflow of fp16 on, that network computes in float32."""
        # MPS's convolutions gain nothing from channels last
        x = x if self.device.type == "mps" else x.contiguous(memory_format=torch.channels_last)
        v: Tensor
        if network not in self._overflowed:
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                v = network(x, *rest)
            if self.dtype != torch.float16 or bool(v.isfinite().all()) or not bool(x.isfinite().all()):
                return v
            self._overflowed.add(network.float())
            self.notices.append(f"The {network.role} network overflowed in fp16 and goes on in fp32, which is slower.")
        v = network(x, *rest)
        return v


def _store(network: VelocityNetwork, dtype: torch.dtype) -> None:
    """Stores the weights that autocast would cast at every call as it casts them; the others keep their precision."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.to(dtype)


def make_objective(
    parts: Components, subject: Subject, conditions: Conditions, config: StylizeConfig
) -> Objective | None:
    """L_total of one run, or of several made together; None where nothing follows it or every weight is 0.

    Raises `UsageError` where the prompts cancel each other out, or --noise-iters has no loss to follow.
    """
    if not (config.guidance_scale or config.noise_iters):
        conditions.check_heard()
        return None
    seed = config.seed or 0
    cutouts = Cutouts(config.cutouts, parts.encoder.image_size, seed)
    embed = Shared(CutoutEmbeddings(parts.encoder.encode_image, cutouts))
    covered = subject.covered
    terms: dict[str, tuple[LossFn, float]] = {}
    if config.w_instruction:
        target = conditions.target() if covered is None else PlacedTargets(cutouts, conditions.targets(), covered)
        terms["instruction"] = InstructionLoss(embed, target, config.distance), config.w_instruction
    if config.w_content:
        terms["content"] = subject.content_loss, config.w_content
    if config.w_nce:
        terms["nce"] = subject.nce_loss(seed), config.w_nce
    if config.w_aesthetic:
        terms["aesthetic"] = AestheticLoss(embed, parts.aesthetic), config.w_aesthetic
    if config.w_tv:
        terms["tv"] = total_variation, config.w_tv
    subject.maps.clear()
    if not terms and config.noise_iters:
        raise UsageError("--noise-iters has no loss to follow.", "Give a loss a weight above 0.")
    if not terms:
        conditions.check_heard()
        return None
    decode = None if subject.codec is PIXELS else subject.codec.look
    return Objective(terms, [subject.maps, embed], subject.reduction, decode)


@dataclass(frozen=True)
class Free:
    """A step of free diffusion: of pass `number`, whose last `x` is where its sampling starts."""

    number: int
    x: Tensor
    step: int
    """From 1 to `steps`, through all passes."""
    steps: int


def free_steps(config: StylizeConfig, passes: int) -> list[int]:
    """Steps of free diffusion, by pass. Later ones go up only as far as they come down again."""
    top = config.t1_steps() if config.round_trip else config.steps
    return [2 * top - config.steps, *(config.pass_steps(number) for number in range(1, passes))]


def run_free(networks: Networks, subjects: Sequence[Subject], config: StylizeConfig) -> Iterator[Free]:
    """Free diffusion of the photo at the size of every pass. No prompt, λ or seed is in it."""
    null = checked(networks.unconditioned(networks.parts.photo, config.tile), "photo network")
    grid = t_grid(config.t1_steps())
    counts = free_steps(config, len(subjects))
    done = 0
    for number, subject in enumerate(subjects):
        T, there_and_back = config.pass_steps(number), config.round_trip and number == 0
        subject.ground.begin()
        for step in free_diffusion(null, subject.x0, grid, T, config.solver, there_and_back):
            if step.t_next <= grid[T]:
                subject.ground.keep(step.x, step.t_next)
            yield Free(number, step.x, done + step.index + 1, sum(counts))
        done += counts[number]


def run_sampling(
    networks: Networks,
    subjects: Sequence[Subject],
    conditions: Conditions,
    objectives: Sequence[Objective | None],
    starts: Sequence[Tensor],
    configs: Sequence[StylizeConfig],
    timings: Mapping[str, float],
) -> Iterator[Event]:
    """Guided dual sampling from the ends of `run_free`: one picture a config, together as one batch.

    `subjects`, `objectives` and `starts` have one item a pass. A later pass begins in the middle of the grid, at the
    picture of the pass before and the noise that free diffusion found for the photo at the new size: colours and large
    forms are those of the first pass, what is small comes from the photo.

    `configs` have their seed set and differ in `lam` and `keep_color` alone; of several photos there is one each, all
    alike. Their pictures have the fresh noise, cutouts and places that each would have by itself; of one photo, those
    of one `lam` share their whole sampling. `timings` are the seconds that went before; to them each picture adds its
    share of the batch's. The last event has the pictures.

    Raises:
        NumericalError: NaN from a network or a loss, naming the step.
    """
    config, one_photo = configs[0], len(subjects[-1].photos) == 1
    drawn = list(dict.fromkeys(c.lam for c in configs)) if one_photo else [c.lam for c in configs]
    count, several = len(drawn), len(set(drawn)) > 1
    lams = torch.tensor(drawn, device=networks.device) if several else config.lam
    grid = t_grid(config.t1_steps())
    spent = dict(timings)
    networks.notices += [notice for notice in conditions.notices if notice not in networks.notices]
    began, before = time.monotonic(), sum(timings.values())
    sampling = began
    steps = [config.pass_steps(number) for number in range(len(subjects))]
    histories: list[list[dict[str, TermReport]]] = [[] for _ in drawn]
    x, size = starts[0], subjects[0].size

    def progress(phase: str, step: int, count: int, pred: Tensor | None, report: ObjectiveReport | None) -> Progress:
        losses = report.terms if report is not None else None
        return Progress(phase, step, count, pred, losses, before + time.monotonic() - began, size, networks.parts.codec)

    for number, (subject, objective, start) in enumerate(zip(subjects, objectives, starts, strict=True)):
        noise = torch.randn(start[:1].shape, generator=torch.Generator().manual_seed(config.seed or 0))
        noise = noise.to(networks.device)
        if number == 0:
            x = fresh_noise(start, config.fresh_noise, noise)
            x = x if len(x) == count else x.repeat(count, 1, 1, 1)
        else:
            larger, time_from = subject.enlarged(x, size, detail=number > 1), float(grid[steps[number]])
            x = resumed(larger, start, subject.x0, time_from, config.fresh_noise, noise)
        size, ground = subject.size, subject.ground
        x = ground.settled(x, float(grid[steps[number]]))
        art_fn = networks.painting(conditions, ground, config.tile)
        photo_fn, lam = networks.prompted(conditions, ground, config.tile), lams if ground.lam is None else ground.lam
        if number == 0 and config.noise_iters and objective is not None:
            mixed = mix(checked(photo_fn, "photo network"), checked(art_fn, "art network"), lam)
            predict = predictor(mixed, float(grid[config.steps]), through=config.guide != "none")
            for update in optimise_noise(x, predict, objective, config.noise_iters, NOISE_RATE):
                x = ground.settled(update.x, float(grid[config.steps]))
                yield progress("noise", update.index + 1, update.count, None, update.report)
            spent["noise"] = (time.monotonic() - began) / len(configs)
            sampling = time.monotonic()

        reports: list[ObjectiveReport] = []
        measured = _measured(steps, number)
        if objective is not None:
            objective.apart = 0 in measured
        model = guided(
            photo_fn, art_fn, lam, objective or _no_objective, guide=config.guide,
            scale=config.guidance_scale if objective else 0.0, on_report=reports.append,
        )  # fmt: skip
        for step in sample(model, x, grid, steps[number], config.solver, ground.settled):
            # a solver of several stages reports more than once a step; the first is at the step's start
            report = reports[0] if reports else None
            reports.clear()
            if report is not None:
                for history, terms in zip(histories, report.samples, strict=True):
                    history.append(terms)
            if objective is not None:
                objective.apart = step.index + 1 in measured
            x = step.x
            pred = ground.settled(step.pred, 0.0)
            yield progress("sample", sum(steps[:number]) + step.index + 1, sum(steps), pred, report)
    spent["sample"] = (time.monotonic() - sampling) / len(configs)
    spent["total"] = sum(spent.values())
    made = Made(
        networks.machine, networks.parts.info, networks.overflowed, subjects[-1].loaded,
        conditions.prompts, conditions.styles, conditions.weights, conditions.palette, subjects[-1].ground.places,
    )  # fmt: skip
    rows = [drawn.index(c.lam) for c in configs] if one_photo else range(count)
    found = x.split(1)
    yield Finished(
        tuple(
            _result(subjects[-1], row, made, found[row], of, histories[row], spent)
            for row, of in zip(rows, configs, strict=True)
        )
    )


def _measured(steps: Sequence[int], number: int) -> frozenset[int]:
    """The steps of pass `number` at which each term's gradient is measured by itself: some, the first and the last."""
    last = {steps[number] - 1} if number == len(steps) - 1 else set()
    return frozenset({*range(0, steps[number], NORMS_EVERY), *last})


def _result(
    subject: Subject, number: int, made: Made, x: Tensor, config: StylizeConfig,
    history: list[dict[str, TermReport]], timings: Mapping[str, float],
) -> StylizeResult:  # fmt: skip
    which = min(number, len(subject.photos) - 1)  # of one photo all pictures are
    loaded = subject.photos[which]
    picture = to_image(subject.codec.decode(x), subject.size)
    size = config.result_size(loaded.original_size)
    if picture.size != size:
        if loaded.alpha is not None:  # what is hidden must not bleed into the edge of what is seen
            picture = spread(picture, loaded.alpha.resize(subject.size, Image.Resampling.LANCZOS))
        picture = enlarged(picture, subject.shown[which], size)
    if made.palette is not None:
        seen = None if loaded.alpha is None else loaded.alpha.resize(picture.size, Image.Resampling.LANCZOS)
        picture = match_palette(picture, made.palette.rgb, seen, made.palette.alpha)
    if config.keep_color:
        photo = resized(loaded.rgb, picture.size, loaded.alpha)
        picture = keep_colour(picture, photo, config.keep_color)
    if made.places is not None:
        picture = made.places.composed(picture, loaded)
    picture = restore_alpha(picture, loaded.alpha)
    recipe = recipe_of(dataclasses.replace(made, photo=loaded), config, picture.size, history, timings)
    return StylizeResult(picture, history, recipe, config.seed or 0)


def _no_objective(pred: Tensor) -> ObjectiveReport:
    raise AssertionError("guidance of scale 0 reads no losses")

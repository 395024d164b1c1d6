"""The whole method on one picture: prompt → free diffusion → learnable noise → guided dual sampling.

Knows no terminal: `Stylizer.run` yields an `Event` a step and returns a `StylizeResult`.
"""

from __future__ import annotations

import dataclasses
import difflib
import secrets
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from . import __version__
from .config import StylizeConfig, WeightPaths
from .device import choose_device, choose_dtype
from .diffusion.dual import batched_cfg, checked, clamped, mix
from .diffusion.free import free_diffusion, fresh_noise, optimise_noise, predictor
from .diffusion.guidance import guided
from .diffusion.schedule import t_grid
from .diffusion.solvers import ModelFn, sample
from .errors import UsageError
from .images import SCHEMA, LoadedImage, Source, read_image, restore_alpha, to_image, to_tensor, working_size
from .lite.styles import FEATURED, STYLES
from .losses.aesthetic import AestheticLoss
from .losses.content import ContentLoss
from .losses.instruction import CutoutEmbeddings, Cutouts, InstructionLoss, prompt_target
from .losses.nce import NCELoss
from .losses.objective import LossFn, Objective, ObjectiveReport, Shared, TermReport
from .losses.tv import total_variation
from .models.base import Components, VelocityNetwork
from .prompts import Prompt, StyleImage, parse_prompt, parse_style_image

NOISE_RATE = 0.02
"""Learning rate of Adam on the learnable noise, in units of its standard deviation."""


@dataclass(frozen=True)
class Event:
    """One step of a run. `phase` is "free", "noise" or "sample"; `step` counts from 1 to `steps` within it."""

    phase: str
    step: int
    steps: int
    pred: Tensor | None
    """x̂0, 1×3×H×W in about [-1, 1], still padded; None before there is one worth showing."""
    losses: dict[str, TermReport] | None
    seconds: float
    """Since the run began."""
    size: tuple[int, int]

    def preview(self) -> Image.Image:
        """x̂0 as a picture. Raises ValueError where `pred` is None."""
        if self.pred is None:
            raise ValueError(f"no prediction in phase {self.phase}")
        return to_image(self.pred, self.size)


@dataclass(frozen=True)
class StylizeResult:
    """A finished picture: `losses` by sampling step, and the `recipe` that makes it again."""

    image: Image.Image
    losses: list[dict[str, TermReport]]
    recipe: dict[str, Any]
    seed: int


class Stylizer:
    """A loaded model set, ready to stylise pictures one after the other."""

    def __init__(self, components: Components, device: torch.device, dtype: torch.dtype) -> None:
        self.components = components
        self.device = device
        self.dtype = dtype
        self.name = components.name
        self.notices: list[str] = []

    @classmethod
    def load(
        cls, models: str = "auto", *, device: str = "auto", dtype: str = "auto", weights: WeightPaths | None = None
    ) -> Stylizer:
        """Loads a model set: "lite", "full", or "auto", which takes full when all its files are given.

        Raises:
            UsageError: unknown set or device; weight files given for the lite set.
            WeightsError: files of the full set are missing or damaged.
        """
        from .models.full import load_full, missing_full
        from .models.lite import load_lite

        weights = weights or WeightPaths()
        where = choose_device(device)
        precision = choose_dtype(dtype, where)
        given = any(getattr(weights, f.name) is not None for f in dataclasses.fields(weights))
        if models == "lite" and given:
            raise UsageError("The lite models take no weight files.", "Leave them out, or use --models full.")
        # a file that was given is never ignored: what is missing beside it is an error
        if models == "full" or (models == "auto" and (given or not missing_full(weights))):
            return cls(load_full(weights, where, precision), where, precision)
        if models not in ("auto", "lite"):
            raise UsageError(f"There is no model set {models!r}.", "Choose auto, lite or full.")
        return cls(load_lite(where), where, precision)

    def check_prompts(self, prompts: Sequence[str | Prompt]) -> list[str]:
        """What a person should know of the prompts: words that the encoder has never learnt, one line each.

        Raises:
            UsageError: a prompt has no known word at all.
        """
        notices = []
        for prompt in _prompts(prompts):
            unknown = self.components.encoder.unknown_words(prompt.text)
            if not unknown:
                continue
            words = ", ".join(f'"{word}"' for word in unknown)
            near = f"Nearest known styles: {', '.join(nearest_styles(prompt.text))}."
            known = [w for w in _words(prompt.text) if w not in unknown and w not in _EMPTY_WORDS]
            if not known:
                raise UsageError(f'The {self.name} models know no word of "{prompt.text}".', near)
            notices.append(f"The {self.name} models do not know {words}; the rest of the prompt counts. {near}")
        return notices

    def stylize(
        self,
        image: Source | LoadedImage,
        prompts: Sequence[str | Prompt] | str = (),
        config: StylizeConfig | None = None,
        *,
        style_images: Sequence[str | Path | StyleImage] = (),
        **overrides: Any,
    ) -> StylizeResult:
        """`run` to its end."""
        events = self.run(image, prompts, config, style_images=style_images, **overrides)
        while True:
            try:
                next(events)
            except StopIteration as end:
                result: StylizeResult = end.value
                return result

    def run(
        self,
        image: Source | LoadedImage,
        prompts: Sequence[str | Prompt] | str = (),
        config: StylizeConfig | None = None,
        *,
        style_images: Sequence[str | Path | StyleImage] = (),
        **overrides: Any,
    ) -> Generator[Event, None, StylizeResult]:
        """Stylises `image` step by step.

        Args:
            image: a picture, a path that Pillow can read, or what `images.read_image` made of one.
            prompts: what it should look like: "oil painting", "mist:1.5"; several are blended.
            config: settings; by default those of the loaded model set.
            style_images: pictures whose style is wanted, beside prompts or in their place: "painting.jpg:2".
            overrides: single settings by field name of `StylizeConfig`, e.g. lam=0.6.

        Raises:
            UsageError: no prompt, an unknown setting or a value out of range.
            InputImageError: a picture cannot be read.
            NumericalError: NaN from a network or a loss, naming the step.
        """
        config = (config or StylizeConfig.defaults(self.name)).with_overrides(overrides).validate()
        seed = secrets.randbelow(2**31) if config.seed is None else config.seed
        config = dataclasses.replace(config, seed=seed)
        started = time.monotonic()
        timings: dict[str, float] = {}
        loaded = image if isinstance(image, LoadedImage) else read_image(image)
        size = working_size(loaded.rgb.size, config.size)
        multiple = max(self.components.photo.multiple, self.components.art.multiple)
        x0 = to_tensor(loaded.rgb, size, multiple)[0].to(self.device)
        styles = [s if isinstance(s, StyleImage) else parse_style_image(str(s)) for s in style_images]
        embeddings, weights = self._conditions(_prompts(prompts), styles, config)

        photo, art = self.components.photo, self.components.art
        photo_null: ModelFn = clamped(self._network(photo), photo.t_min, photo.t_max)
        photo_fn: ModelFn = clamped(
            batched_cfg(self._conditioned(photo), embeddings, weights), photo.t_min, photo.t_max
        )
        art_fn: ModelFn = clamped(self._network(art), art.t_min, art.t_max)
        objective = self._objective(x0, embeddings, weights, config, seed) if config.guidance_scale else None
        grid = t_grid(config.t1_steps())
        timings["prepare"] = time.monotonic() - started

        def event(phase: str, step: int, steps: int, pred: Tensor | None, report: ObjectiveReport | None) -> Event:
            losses = report.terms if report is not None else None
            return Event(phase, step, steps, pred, losses, time.monotonic() - started, size)

        x, began = x0, time.monotonic()
        for move in free_diffusion(
            checked(photo_null, "photo network"), x0, grid, config.steps, config.solver, config.round_trip
        ):
            x = move.x
            yield event("free", move.index + 1, move.count, None, None)
        timings["free"] = time.monotonic() - began

        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        x = fresh_noise(x, config.fresh_noise, noise.to(self.device))
        if config.noise_iters:
            began = time.monotonic()
            whole = objective or self._objective(x0, embeddings, weights, config, seed)
            if whole is None:
                raise UsageError("--noise-iters has no loss to follow.", "Give a loss a weight above 0.")
            mixed = mix(checked(photo_fn, "photo network"), checked(art_fn, "art network"), config.lam)
            predict = predictor(mixed, float(grid[config.steps]), through=config.guide != "none")
            for update in optimise_noise(x, predict, whole, config.noise_iters, NOISE_RATE):
                x = update.x
                yield event("noise", update.index + 1, update.count, None, update.report)
            timings["noise"] = time.monotonic() - began

        reports: list[ObjectiveReport] = []
        model = guided(
            photo_fn, art_fn, config.lam, objective or _no_objective, guide=config.guide,
            scale=config.guidance_scale if objective else 0.0, on_report=reports.append,
        )  # fmt: skip
        history: list[dict[str, TermReport]] = []
        began = time.monotonic()
        for move in sample(model, x, grid, config.steps, config.solver):
            # a solver of several stages reports more than once a step; the first is at the step's start
            report = reports[0] if reports else None
            reports.clear()
            if report is not None:
                history.append(report.terms)
            x = move.x
            yield event("sample", move.index + 1, move.count, move.pred, report)
        timings["sample"] = time.monotonic() - began
        timings["total"] = time.monotonic() - started

        picture = to_image(x, size)
        if config.original_size:
            picture = picture.resize(loaded.original_size, Image.Resampling.LANCZOS)
        picture = restore_alpha(picture, loaded.alpha)
        recipe = self._recipe(config, _prompts(prompts), styles, weights, loaded, picture, history, timings)
        return StylizeResult(picture, history, recipe, seed)

    # --- parts of a run ----------------------------------------------------------------------------------------------
    def _conditions(
        self, prompts: list[Prompt], styles: list[StyleImage], config: StylizeConfig
    ) -> tuple[Tensor, list[float]]:
        """Embeddings (K×D) of prompts and style images, and their weights w_k."""
        if not prompts and not styles:
            raise UsageError("There is no prompt.", 'Say what the picture should look like, as in "oil painting".')
        self.check_prompts(prompts)
        encoder = self.components.encoder
        rows = [encoder.encode_text([p.text for p in prompts])] if prompts else []
        for style in styles:
            loaded = style.image or read_image(style.path)
            picture, _ = to_tensor(loaded.rgb, working_size(loaded.rgb.size, 2 * encoder.image_size))
            views = Cutouts(8, encoder.image_size, seed=0)(picture.to(self.device))
            mean = encoder.encode_image(views).mean(0, keepdim=True)
            rows.append(torch.nn.functional.normalize(mean, dim=-1))
        given = [p.weight for p in prompts] + [s.weight for s in styles]
        return torch.cat(rows), [config.prompt_weight if w is None else w for w in given]

    def _objective(
        self, x0: Tensor, embeddings: Tensor, weights: list[float], config: StylizeConfig, seed: int
    ) -> Objective | None:
        """L_total against the photo `x0`; None if every weight is 0."""
        parts = self.components
        maps = Shared(parts.features)
        cutouts = Cutouts(config.cutouts, parts.encoder.image_size, seed)
        embed = Shared(CutoutEmbeddings(parts.encoder.encode_image, cutouts))
        terms: dict[str, tuple[LossFn, float]] = {}
        if config.w_instruction:
            target = prompt_target(embeddings, torch.tensor(weights))
            terms["instruction"] = InstructionLoss(embed, target, config.distance), config.w_instruction
        if config.w_content:
            terms["content"] = ContentLoss(maps, parts.features.content_layers, x0), config.w_content
        if config.w_nce:
            terms["nce"] = NCELoss(maps, parts.features.nce_layers, x0, seed), config.w_nce
        if config.w_aesthetic:
            terms["aesthetic"] = AestheticLoss(embed, parts.aesthetic), config.w_aesthetic
        if config.w_tv:
            terms["tv"] = total_variation, config.w_tv
        maps.clear()
        return Objective(terms, [maps, embed]) if terms else None

    def _autocast(self) -> torch.autocast:
        # the full networks are stored in their dtype; the lite ones are float32 and cast as they go
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _network(self, network: VelocityNetwork) -> ModelFn:
        def fn(x: Tensor, t: Tensor) -> Tensor:
            with self._autocast():
                v: Tensor = network(self._laid_out(x), t)
            return v

        return fn

    def _conditioned(self, network: VelocityNetwork) -> Any:
        def fn(x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            with self._autocast():
                v: Tensor = network(self._laid_out(x), t, cond)
            return v

        return fn

    def _laid_out(self, x: Tensor) -> Tensor:
        return x if self.device.type == "mps" else x.contiguous(memory_format=torch.channels_last)

    def _recipe(
        self, config: StylizeConfig, prompts: list[Prompt], styles: list[StyleImage], weights: list[float],
        loaded: LoadedImage, picture: Image.Image, history: list[dict[str, TermReport]], timings: dict[str, float],
    ) -> dict[str, Any]:  # fmt: skip
        """What `inspect` shows and what makes the picture again, as JSON."""
        n = len(prompts)
        return {
            "schema": SCHEMA,
            "version": __version__,
            "input": {"name": loaded.name, "size": list(loaded.original_size)},
            "size": list(picture.size),
            "prompts": [{"text": p.text, "weight": w} for p, w in zip(prompts, weights[:n], strict=True)],
            "style_images": [{"name": s.path.name, "weight": w} for s, w in zip(styles, weights[n:], strict=True)],
            "settings": dataclasses.asdict(config) | {"models": self.name, "device": self.device.type},
            "t1_steps": config.t1_steps(),
            "dtype": str(self.dtype).removeprefix("torch."),
            "models": {role: dataclasses.asdict(info) for role, info in self.components.info.items()},
            "libraries": {name: version(name) for name in ("torch", "open_clip_torch")},
            "losses": {
                name: {"start": dataclasses.asdict(history[0][name]), "final": dataclasses.asdict(term)}
                for name, term in (history[-1] if history else {}).items()
            },
            "timings": {phase: round(seconds, 3) for phase, seconds in timings.items()},
            "steps": [{name: round(term.value, 6) for name, term in terms.items()} for terms in history],
        }


_EMPTY_WORDS = frozenset(("a", "an", "of", "in", "the", "by", "made", "style", "picture", "art", "work", "artwork"))


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def nearest_styles(text: str, count: int = 3) -> list[str]:
    """The known style names that are spelt most like `text`, the most popular ones if none is alike."""
    names = {name: style.names[0] for style in STYLES for name in (*style.names, *style.artists)}
    close = difflib.get_close_matches(text.lower(), names, n=2 * count, cutoff=0.5)
    close += [m for word in _words(text) for m in difflib.get_close_matches(word, names, n=1, cutoff=0.7)]
    found = list(dict.fromkeys(names[name] for name in close))
    return (found or list(FEATURED))[:count]


def _prompts(prompts: Sequence[str | Prompt] | str) -> list[Prompt]:
    listed = [prompts] if isinstance(prompts, str) else prompts
    return [p if isinstance(p, Prompt) else parse_prompt(p) for p in listed]


def _no_objective(pred: Tensor) -> ObjectiveReport:
    raise AssertionError("guidance of scale 0 reads no losses")

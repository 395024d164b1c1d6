"""The whole method on one picture: prompt → free diffusion → learnable noise → guided dual sampling.

Knows no terminal: `Stylizer.run` yields an `Event` a step and returns a `StylizeResult`.
"""

from __future__ import annotations

import dataclasses
import difflib
import secrets
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .. import __version__
from ..config import ART_MODELS, MODEL_SETS, StylizeConfig, WeightPaths
from ..device import DTYPES, choose_device, choose_dtype
from ..diffusion.dual import batched_cfg, checked, clamped, mix
from ..diffusion.free import free_diffusion, fresh_noise, optimise_noise, predictor
from ..diffusion.guidance import guided
from ..diffusion.schedule import t_grid
from ..diffusion.solvers import ModelFn, Step, sample
from ..errors import UsageError
from ..images import LoadedImage, Source, read_image, restore_alpha, to_image, to_tensor, working_size
from ..losses.aesthetic import AestheticLoss
from ..losses.content import ContentLoss
from ..losses.instruction import CutoutEmbeddings, Cutouts, InstructionLoss, prompt_target
from ..losses.nce import NCELoss
from ..losses.objective import LossFn, Objective, ObjectiveReport, Shared, TermReport
from ..losses.tv import total_variation
from ..models.base import Components, ContentFeatures, VelocityNetwork
from ..models.lite.files import is_lite
from ..models.lite.styles import FEATURED, STYLES
from ..prompts import Prompt, StyleImage, parse_prompt, parse_style_image
from ..recipe.schema import (
    SCHEMA,
    TORCH_NAMES,
    LossEnds,
    Model,
    Photo,
    PromptSaid,
    Record,
    Settings,
    StyleShown,
    Term,
)

_LITE_ROLES = {"photo": "photo", "art": "art", "clip": "encoder", "vgg": "features", "aesthetic": "aesthetic"}
"""Role in the lite set of each field of `WeightPaths`."""

NOISE_RATE = 0.02
"""Learning rate of Adam on the learnable noise, in units of its standard deviation."""


@dataclass(frozen=True)
class Event:
    """One step of a run. `phase` is "free", "noise" or "sample"; `step` counts from 1 to `steps` within it."""

    phase: str
    step: int
    steps: int
    pred: Tensor | None
    """x̂0, B×3×H×W in about [-1, 1], still padded, B pictures made together; None before there is one worth showing."""
    losses: dict[str, TermReport] | None
    seconds: float
    """Since the run began."""
    size: tuple[int, int]

    def preview(self) -> Image.Image:
        """x̂0 (the first one) as a picture. Raises ValueError where `pred` is None."""
        if self.pred is None:
            raise ValueError(f"no prediction in phase {self.phase}")
        return to_image(self.pred[:1], self.size)


@dataclass(frozen=True)
class StylizeResult:
    """A finished picture: `losses` by sampling step, and the `recipe` that makes it again."""

    image: Image.Image
    losses: list[dict[str, TermReport]]
    recipe: dict[str, Any]
    seed: int


class Subject:
    """A photo at its working size, and what the losses keep of it, computed once for all the runs on it."""

    def __init__(self, loaded: LoadedImage, size: tuple[int, int], x0: Tensor, features: ContentFeatures) -> None:
        self.loaded = loaded
        self.size = size
        """(width, height) without the padding."""
        self.x0 = x0
        """1×3×H×W in [-1, 1], padded."""
        self.maps = Shared(features)
        self._layers = features.content_layers, features.nce_layers
        self._nce: tuple[int, NCELoss] | None = None

    @cached_property
    def content_loss(self) -> ContentLoss:
        """The content loss against this photo."""
        return ContentLoss(self.maps, self._layers[0], self.x0)

    def nce_loss(self, seed: int) -> NCELoss:
        """The contrastive loss against this photo, with the places and projections of `seed`; the latest is kept."""
        if self._nce is None or self._nce[0] != seed:
            self._nce = seed, NCELoss(self.maps, self._layers[1], self.x0, seed)
        return self._nce[1]


@dataclass(frozen=True)
class Conditions:
    """What a picture should look like: prompts, then style images, as embeddings (K×D) with weights w_k."""

    prompts: list[Prompt]
    styles: list[StyleImage]
    embeddings: Tensor
    weights: list[float]

    def target(self) -> Tensor:
        """The embedding (D,) that the pictures should have. Raises `UsageError` if the parts cancel each other out."""
        return prompt_target(self.embeddings, torch.tensor(self.weights))


class Stylizer:
    """A loaded model set, ready to stylise pictures one after the other."""

    def __init__(
        self, components: Components, device: torch.device, dtype: torch.dtype, art_model: str | None = None
    ) -> None:
        self.components = components
        self.art_model = art_model
        self.device = device
        self.dtype = dtype
        self.name = components.name
        self.notices: list[str] = []
        self._overflowed: set[VelocityNetwork] = set()
        """Networks that run in float32 because they overflowed in fp16."""

    @classmethod
    def load(
        cls,
        models: str = "auto",
        *,
        device: str = "auto",
        dtype: str = "auto",
        weights: WeightPaths | None = None,
        art_model: str | None = None,
    ) -> Stylizer:
        """Loads a model set: "lite", "full", or "auto", which takes full when all its files are given or cached.

        `weights` are files in the place of cached or built-in ones; where every one of them is a lite component, "auto"
        takes lite. `art_model` says who plays the art role of the full set: "wikiart" (None means that too), "cc12m"
        or "lite".

        Raises:
            UsageError: unknown set, art model or device; an art model given for the lite set.
            WeightsError: files of the full set are missing or damaged.
        """
        from ..models.full.load import find_full, load_full
        from ..models.lite.load import load_lite
        from ..weights.settings import read_settings

        for value, known, what in (
            (models, MODEL_SETS, "model set"),
            (art_model or ART_MODELS[0], ART_MODELS, "art model"),
        ):
            if value not in known:
                raise UsageError(f"There is no {what} {value!r}.", f"Choose {', '.join(known)}.")
        where = choose_device(device)
        precision = choose_dtype(dtype, where)
        given = {_LITE_ROLES[key]: path for key, path in vars(weights or WeightPaths()).items() if path}
        if models == "auto" and given and not art_model and all(is_lite(path) for path in given.values()):
            models = "lite"
        if models != "lite":
            settings, player = read_settings(paths=weights), art_model or ART_MODELS[0]
            # what was given is never ignored: whatever is missing beside it is an error
            wanted = models == "full" or art_model is not None or settings.paths != WeightPaths()
            if wanted or not find_full(settings, player)[1]:
                return cls(load_full(settings, where, precision, player), where, precision, player)
        elif art_model:
            raise UsageError(
                "--art-model is for the full set: the lite one has a single art network.",
                "Leave --art-model out, or use --models full.",
            )
        return cls(load_lite(where, files=given), where, precision)

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
        config = dataclasses.replace(config, seed=secrets.randbelow(2**31) if config.seed is None else config.seed)
        started = time.monotonic()
        subject = self.subject(image, config.size)
        conditions = self.conditions(prompts, style_images, config.prompt_weight)
        objective = self.objective(subject, conditions, config)
        timings = {"prepare": time.monotonic() - started}

        start, began = subject.x0, time.monotonic()
        for move in self.free(subject, config):
            start = move.x
            seconds = time.monotonic() - started
            yield Event("free", move.index + 1, move.count, None, None, seconds, subject.size)
        timings["free"] = time.monotonic() - began
        (result,) = yield from self.sample(subject, conditions, objective, start, [config], timings)
        return result

    # --- parts of a run, for several runs to share ------------------------------------------------------------------
    def subject(self, image: Source | LoadedImage, size: int) -> Subject:
        """The photo at about `size` x `size` pixels. Raises `InputImageError` if it cannot be read."""
        loaded = image if isinstance(image, LoadedImage) else read_image(image)
        inner = working_size(loaded.rgb.size, size)
        multiple = max(self.components.photo.multiple, self.components.art.multiple)
        x0 = to_tensor(loaded.rgb, inner, multiple)[0].to(self.device)
        return Subject(loaded, inner, x0, self.components.features)

    def conditions(
        self,
        prompts: Sequence[str | Prompt] | str,
        style_images: Sequence[str | Path | StyleImage] = (),
        prompt_weight: float = StylizeConfig.prompt_weight,
    ) -> Conditions:
        """Embeds prompts and style images, those without a weight at `prompt_weight`. Raises as `run`."""
        said = _prompts(prompts)
        shown = [s if isinstance(s, StyleImage) else parse_style_image(str(s)) for s in style_images]
        shown = [dataclasses.replace(s, image=s.image or read_image(s.path)) for s in shown]
        if not said and not shown:
            raise UsageError("There is no prompt.", 'Say what the picture should look like, as in "oil painting".')
        self.check_prompts(said)
        encoder = self.components.encoder
        rows = [encoder.encode_text([p.text for p in said])] if said else []
        for style in shown:
            loaded = style.image or read_image(style.path)
            picture, _ = to_tensor(loaded.rgb, working_size(loaded.rgb.size, 2 * encoder.image_size))
            views = Cutouts(8, encoder.image_size, seed=0)(picture.to(self.device))
            mean = encoder.encode_image(views).mean(0, keepdim=True)
            rows.append(torch.nn.functional.normalize(mean, dim=-1))
        given = [p.weight for p in said] + [s.weight for s in shown]
        return Conditions(said, shown, torch.cat(rows), [prompt_weight if w is None else w for w in given])

    def objective(self, subject: Subject, conditions: Conditions, config: StylizeConfig) -> Objective | None:
        """L_total of one run, or of several made together; None where nothing follows it or every weight is 0.

        Raises `UsageError` where the prompts cancel each other out, or --noise-iters has no loss to follow.
        """
        if not (config.guidance_scale or config.noise_iters):
            return None
        parts, seed = self.components, config.seed or 0
        cutouts = Cutouts(config.cutouts, parts.encoder.image_size, seed)
        embed = Shared(CutoutEmbeddings(parts.encoder.encode_image, cutouts))
        terms: dict[str, tuple[LossFn, float]] = {}
        if config.w_instruction:
            terms["instruction"] = InstructionLoss(embed, conditions.target(), config.distance), config.w_instruction
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
        return Objective(terms, [subject.maps, embed]) if terms else None

    def free(self, subject: Subject, config: StylizeConfig) -> Iterator[Step]:
        """Free diffusion of the photo; the last step's `x` is where sampling starts. No prompt, λ or seed is in it."""
        photo = self.components.photo
        null = checked(clamped(self._network(photo), photo.t_min, photo.t_max), "photo network")
        grid = t_grid(config.t1_steps())
        return free_diffusion(null, subject.x0, grid, config.steps, config.solver, config.round_trip)

    def sample(
        self,
        subject: Subject,
        conditions: Conditions,
        objective: Objective | None,
        start: Tensor,
        configs: Sequence[StylizeConfig],
        timings: Mapping[str, float],
    ) -> Generator[Event, None, list[StylizeResult]]:
        """Guided dual sampling from `start`, the end of `free`: one picture a config, together as one batch.

        `configs` have their seed set and differ in `lam` alone; their pictures share fresh noise, cutouts and places
        with what each would be by itself. `timings` are the seconds that went before; to them each picture adds its
        share of the batch's.
        """
        config, count = configs[0], len(configs)
        alone = count == 1
        lam = config.lam if alone else torch.tensor([c.lam for c in configs], device=self.device)
        photo, art = self.components.photo, self.components.art
        guidance = batched_cfg(self._conditioned(photo), conditions.embeddings, conditions.weights)
        photo_fn: ModelFn = clamped(guidance, photo.t_min, photo.t_max)
        art_fn: ModelFn = clamped(self._network(art), art.t_min, art.t_max)
        grid = t_grid(config.t1_steps())
        spent = dict(timings)
        began, before = time.monotonic(), sum(timings.values())

        def event(phase: str, step: int, steps: int, pred: Tensor | None, report: ObjectiveReport | None) -> Event:
            losses = report.terms if report is not None else None
            return Event(phase, step, steps, pred, losses, before + time.monotonic() - began, subject.size)

        noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(config.seed or 0))
        x = fresh_noise(start, config.fresh_noise, noise.to(self.device))
        x = x if alone else x.repeat(count, 1, 1, 1)
        if config.noise_iters and objective is not None:
            mixed = mix(checked(photo_fn, "photo network"), checked(art_fn, "art network"), lam)
            predict = predictor(mixed, float(grid[config.steps]), through=config.guide != "none")
            for update in optimise_noise(x, predict, objective, config.noise_iters, NOISE_RATE):
                x = update.x
                yield event("noise", update.index + 1, update.count, None, update.report)
            spent["noise"] = (time.monotonic() - began) / count

        reports: list[ObjectiveReport] = []
        model = guided(
            photo_fn, art_fn, lam, objective or _no_objective, guide=config.guide,
            scale=config.guidance_scale if objective else 0.0, on_report=reports.append,
        )  # fmt: skip
        histories: list[list[dict[str, TermReport]]] = [[] for _ in configs]
        sampling = time.monotonic()
        for move in sample(model, x, grid, config.steps, config.solver):
            # a solver of several stages reports more than once a step; the first is at the step's start
            report = reports[0] if reports else None
            reports.clear()
            if report is not None:
                for history, terms in zip(histories, report.samples, strict=True):
                    history.append(terms)
            x = move.x
            yield event("sample", move.index + 1, move.count, move.pred, report)
        spent["sample"] = (time.monotonic() - sampling) / count
        spent["total"] = sum(spent.values())
        return [
            self._result(subject, conditions, each, config, history, spent)
            for each, config, history in zip(x.split(1), configs, histories, strict=True)
        ]

    def _result(
        self, subject: Subject, conditions: Conditions, x: Tensor, config: StylizeConfig,
        history: list[dict[str, TermReport]], timings: dict[str, float],
    ) -> StylizeResult:  # fmt: skip
        loaded = subject.loaded
        picture = to_image(x, subject.size)
        if config.original_size:
            picture = picture.resize(loaded.original_size, Image.Resampling.LANCZOS)
        picture = restore_alpha(picture, loaded.alpha)
        recipe = self._recipe(config, conditions, loaded, picture, history, timings)
        return StylizeResult(picture, history, recipe, config.seed or 0)

    def _autocast(self) -> torch.autocast:
        # the full networks are stored in their dtype; the lite ones are float32 and cast as they go
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _network(self, network: VelocityNetwork) -> ModelFn:
        return lambda x, t: self._evaluate(network, x, t)

    def _conditioned(self, network: VelocityNetwork) -> Any:
        return lambda x, t, cond: self._evaluate(network, x, t, cond)

    def _evaluate(self, network: VelocityNetwork, x: Tensor, *rest: Tensor) -> Tensor:
        """v; from the first overflow of fp16 on, that network computes in float32."""
        x = self._laid_out(x)
        v: Tensor
        if network not in self._overflowed:
            with self._autocast():
                v = network(x, *rest)
            if self.dtype != torch.float16 or bool(v.isfinite().all()) or not bool(x.isfinite().all()):
                return v
            self._overflowed.add(network.float())
            self.notices.append(f"The {network.role} network overflowed in fp16 and goes on in fp32, which is slower.")
        v = network(x, *rest)
        return v

    def _laid_out(self, x: Tensor) -> Tensor:
        return x if self.device.type == "mps" else x.contiguous(memory_format=torch.channels_last)

    def _recipe(
        self, config: StylizeConfig, conditions: Conditions, loaded: LoadedImage, picture: Image.Image,
        history: list[dict[str, TermReport]], timings: dict[str, float],
    ) -> dict[str, Any]:  # fmt: skip
        """What `inspect` shows and what makes the picture again, as JSON."""
        prompts, styles, weights = conditions.prompts, conditions.styles, conditions.weights
        n = len(prompts)
        settings = dataclasses.asdict(config) | {"models": self.name, "art_model": self.art_model}
        places = {"device": self.device.type, "dtype": _DTYPE_NAMES[self.dtype]}
        return Record(
            schema=SCHEMA,
            version=__version__,
            input=Photo(name=loaded.name, size=list(loaded.original_size), pixels_sha256=loaded.fingerprint),
            size=list(picture.size),
            prompts=[PromptSaid(text=p.text, weight=w) for p, w in zip(prompts, weights[:n], strict=True)],
            style_images=[
                StyleShown(name=s.path.name, weight=w, pixels_sha256=s.image.fingerprint if s.image else None)
                for s, w in zip(styles, weights[n:], strict=True)
            ],
            settings=Settings(**settings | places),
            t1_steps=config.t1_steps(),
            dtype=TORCH_NAMES[places["dtype"]],
            overflowed=sorted(network.role for network in self._overflowed),
            models={role: Model(**dataclasses.asdict(info)) for role, info in self.components.info.items()},
            libraries={name: version(name) for name in ("torch", "open_clip_torch")},
            losses={
                name: LossEnds(start=_term(history[0][name]), final=_term(term))
                for name, term in (history[-1] if history else {}).items()
            },
            timings={phase: round(seconds, 3) for phase, seconds in timings.items()},
            steps=[{name: round(term.value, 6) for name, term in terms.items()} for terms in history],
        ).to_json()


def _term(report: TermReport) -> Term:
    return Term(**dataclasses.asdict(report))


_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
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

"""The whole method on one picture: prompt → free diffusion → learnable noise → guided dual sampling."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..config import MachineConfig, StylizeConfig
from ..device import DTYPES
from ..images import LoadedImage, Source, read_image
from ..models.base import Components
from ..prompts import Prompt, StyleImage
from .conditions import check_prompts, make_conditions
from .kept import kept_ends
from .machine import resolve
from .places import NOWHERE, PlaceMaps, Places, read_places, taken
from .result import Event, Finished, Progress, StylizeResult
from .sampling import Networks, free_steps, make_objective, run_free, run_sampling
from .style_images import StylePicture
from .subject import make_subjects


class Stylizer:
    """A loaded model set, ready to stylise pictures one after the other."""

    def __init__(
        self,
        components: Components,
        device: torch.device,
        dtype: torch.dtype,
        art_model: str | None = None,
        machine: MachineConfig | None = None,
    ) -> None:
        names = {kind: name for name, kind in DTYPES.items()}
        machine = machine or MachineConfig(components.name, art_model, device.type, names[dtype])
        self.networks = Networks(components, device, dtype, machine)

    @classmethod
    def load(
        cls,
        models: str = "auto",
        *,
        device: str = "auto",
        dtype: str = "auto",
        weights: Mapping[str, Path] | None = None,
        art_model: str | None = None,
        photo_model: str | None = None,
        loss_models: str | None = None,
    ) -> Stylizer:
        """Loads a model set: "lite", "full", "sd15", or "auto" (see `models.choose`).

        Args:
            device, dtype: as `MachineConfig`; a named device never falls back.
            weights: files in the place of cached or built-in ones, by key: photo, art, clip, vgg, aesthetic.
            art_model: who plays the art role: "wikiart" (None means that too), "cc12m", "lite", or a network of others.
            photo_model: a network of others for the photo role, as docs/networks.md says.
            loss_models: whose networks the losses look through beside that, "lite" or "full".

        Raises:
            UsageError: unknown set, network, device or precision; networks that cannot be mixed.
            WeightsError: files are missing or damaged, or the libraries that read networks of others.
        """
        from ..models.load import load

        machine = MachineConfig(models, art_model, device, dtype, photo_model=photo_model, loss_models=loss_models)
        resolved = resolve(machine, weights)
        parts = load(resolved.choice, resolved.settings, resolved.device, resolved.dtype)
        return cls(parts, resolved.device, resolved.dtype, machine=resolved.config)

    @property
    def components(self) -> Components:
        """The model set."""
        return self.networks.parts

    @property
    def name(self) -> str:
        """ "lite" or "full"."""
        return self.components.name

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.networks.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the diffusion networks."""
        return self.networks.dtype

    @property
    def notices(self) -> list[str]:
        """What a person should know of the runs so far."""
        return self.networks.notices

    def check_prompts(self, prompts: Sequence[str | Prompt]) -> list[str]:
        """What a person should know of the prompts. Raises `UsageError` where one has no known word at all."""
        return check_prompts(self.components, prompts)

    def stylize(
        self,
        image: Source | LoadedImage,
        prompts: Sequence[str | Prompt] | str = (),
        config: StylizeConfig | None = None,
        *,
        style_images: Sequence[str | Path | StyleImage | StylePicture] = (),
        palette: Source | LoadedImage | None = None,
        places: Places | PlaceMaps | None = NOWHERE,
        cache: str | Path | None = None,
        **overrides: Any,
    ) -> StylizeResult:
        """`run` to its end."""
        for event in self.run(
            image, prompts, config, style_images=style_images, palette=palette, places=places, cache=cache, **overrides
        ):
            if isinstance(event, Finished):
                return event.result
        raise AssertionError("a run ends with a result or an error")

    def run(
        self,
        image: Source | LoadedImage,
        prompts: Sequence[str | Prompt] | str = (),
        config: StylizeConfig | None = None,
        *,
        style_images: Sequence[str | Path | StyleImage | StylePicture] = (),
        palette: Source | LoadedImage | None = None,
        places: Places | PlaceMaps | None = NOWHERE,
        cache: str | Path | None = None,
        **overrides: Any,
    ) -> Iterator[Event]:
        """Stylises `image` step by step: a `Progress` a step, and last `Finished`, which has the picture.

        Args:
            image: a picture, a path that Pillow can read, or what `images.read_image` made of one.
            prompts: what it should look like: "oil painting", "mist:1.5"; several are blended.
            config: settings; by default those of the loaded model set.
            style_images: pictures whose style is wanted, beside prompts or in their place: "painting.jpg:2".
            palette: a picture whose colours the result gets.
            places: what differs from place to place: masks, regions with prompts of their own, a map of λ.
            cache: a folder where free diffusion is looked for and kept (`kept`), for other prompts on the same photo
                there and later; the picture is the same to the last bit. None for no such folder.
            overrides: single settings by field name of `StylizeConfig`, e.g. lam=0.6; and of `Places`, e.g.
                mask="face.png".

        Raises:
            UsageError: no prompt, an unknown setting, one of the machine's, a value out of range, a mask's option that
                has no effect.
            InputImageError: a picture cannot be read, or a mask does not fit the photo.
            NumericalError: NaN from a network or a loss, naming the step.
        """
        places, overrides = taken(places, overrides)
        settled, began = self._settled(config, overrides), time.monotonic()
        photo = image if isinstance(image, LoadedImage) else read_image(image)
        maps = read_places(places, photo, rest=bool(prompts or style_images)) if isinstance(places, Places) else places
        yield from self._run([photo], prompts, settled, style_images, palette, maps, began, cache)

    def run_together(
        self,
        images: Sequence[LoadedImage],
        prompts: Sequence[str | Prompt] | str = (),
        config: StylizeConfig | None = None,
        *,
        style_images: Sequence[str | Path | StyleImage | StylePicture] = (),
        palette: Source | LoadedImage | None = None,
        **overrides: Any,
    ) -> Iterator[Event]:
        """`run` for several photos at once, which go through the networks together: `Finished.results` has a picture
        of each.

        A picture is the one that `run` makes of its photo, but for rounding: sums of a batch are added up in another
        order, and loss guidance magnifies that. Arguments and errors as of `run`.

        Raises:
            ValueError: there is no photo, or they come to other sizes (`StylizeConfig.pass_sizes`).
        """
        if not images:
            raise ValueError("there is no photo")
        settled = self._settled(config, overrides)
        yield from self._run(images, prompts, settled, style_images, palette, None, time.monotonic())

    def _settled(self, config: StylizeConfig | None, overrides: Mapping[str, Any]) -> StylizeConfig:
        config = (config or StylizeConfig.defaults(self.name)).with_overrides(overrides, self.name).validate()
        return dataclasses.replace(config, seed=secrets.randbelow(2**31) if config.seed is None else config.seed)

    def _run(
        self,
        photos: Sequence[LoadedImage],
        prompts: Sequence[str | Prompt] | str,
        config: StylizeConfig,
        style_images: Sequence[str | Path | StyleImage | StylePicture],
        palette: Source | LoadedImage | None,
        maps: PlaceMaps | None,
        started: float,
        cache: str | Path | None = None,
    ) -> Iterator[Event]:
        networks, parts, count = self.networks, self.components, len(photos)
        subjects = make_subjects(parts, photos, config, self.device, maps)
        colours = palette if palette is None or isinstance(palette, LoadedImage) else read_image(palette)
        regions = maps.prompts if maps else ()
        conditions = make_conditions(parts, prompts, style_images, config.prompt_weight, self.device, colours, regions)
        objectives = [make_objective(parts, subject, conditions, config) for subject in subjects]
        kept = None if cache is None else kept_ends(Path(cache), networks, subjects, config)
        found = None if kept is None else kept.find(self.device)
        timings = {"prepare": (time.monotonic() - started) / count, "free": 0.0}

        starts = [subject.x0 for subject in subjects]
        if found is not None:
            starts, steps = found, sum(free_steps(config, len(subjects)))
            yield Progress("free", steps, steps, None, None, time.monotonic() - started, subjects[-1].size)
        else:
            began = time.monotonic()
            for free in run_free(networks, subjects, config):
                starts[free.number] = free.x
                seconds = time.monotonic() - started
                yield Progress("free", free.step, free.steps, None, None, seconds, subjects[free.number].size)
            done = time.monotonic()
            timings["free"] = (done - began) / count
            if kept is not None and not networks.overflowed:
                kept.keep(starts)
                timings["prepare"] += time.monotonic() - done
        yield from run_sampling(networks, subjects, conditions, objectives, starts, [config] * count, timings)

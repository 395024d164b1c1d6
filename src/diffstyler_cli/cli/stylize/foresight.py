"""What a `stylize` will do, known before it does it: paths, size, networks, evaluations, and the seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ...config import MachineConfig, StylizeConfig
from ...images import LoadedImage
from ...models.cards import network_names
from ...models.foreign.names import short
from ...pipeline.forecast import free_evaluations, guidance, inner_size, mean_pixels, sampling_evaluations
from ...pipeline.places import PlaceMaps
from ...remote import Place
from ...size import ORIGINAL
from ..speeds import Part, duration, estimate, learn, read_speeds

NOT_MEASURED = "Time: not measured yet on this machine."


class Foresight:
    """Of pictures that differ in their seed alone.

    Args:
        machine: as resolved, without "auto".
        weights: of the prompts and style images; None where --prompt-weight counts.
        paths: one a picture; None is standard output.
        places: the masks, read.
    """

    def __init__(
        self,
        config: StylizeConfig,
        machine: MachineConfig,
        photo: LoadedImage,
        weights: Sequence[float | None],
        paths: Sequence[Place | None],
        places: PlaceMaps | None = None,
    ) -> None:
        self.config = config
        self.machine = machine
        self.paths = paths
        self.size, self.inner = config.result_size(photo.original_size), inner_size(config, photo)
        self._photo = photo.original_size
        self._passes = len(config.pass_sizes(photo.original_size))
        self._pixels = mean_pixels(config, photo)
        regions = [prompt.weight for prompt in places.prompts] if places else []
        counted = places.counted(config) if places else config
        self.free = free_evaluations(config, photo.original_size)
        self.sampling = sampling_evaluations(counted, weights, regions, photo.original_size)

    @property
    def _at(self) -> str:
        passes = self._passes
        inner = f"{self.inner[0]} × {self.inner[1]}"
        return f"at {inner}" if passes == 1 else f"in {passes} passes up to {inner}"

    @cached_property
    def parts(self) -> list[Part]:
        """Of one picture: free diffusion, and sampling with the updates of the noise."""
        return [("free", self.free.work, self._pixels), (guidance(self.config), self.sampling.work, self._pixels)]

    @cached_property
    def seconds(self) -> float | None:
        """For all the pictures, as far as runs have measured it; without loading the models."""
        one = estimate(read_speeds(self.machine), self.parts)
        return None if one is None else one * len(self.paths)

    def learn(self, timings: Mapping[str, float]) -> None:
        """Notes what one picture took, by phase."""
        spent = (timings["free"], timings["sample"] + timings.get("noise", 0.0))
        learn(self.machine, zip(self.parts, spent, strict=True))

    def estimate(self) -> str:
        """One line: "About 40 s (12 + 36 network evaluations at 512 × 384)"."""
        count = len(self.paths)
        each = f"{count} pictures of " if count > 1 else ""
        about = f"{each}{self.free.forward} + {self.sampling.forward} network evaluations {self._at}"
        return NOT_MEASURED if self.seconds is None else f"About {duration(self.seconds)} ({about})"

    @property
    def resized(self) -> str:
        """A line for a picture that has not the photo's size; or ""."""
        if self.size == self._photo:
            return ""
        (width, height), (own_width, own_height) = self.size, self._photo
        return f"{width} × {height} pixels (the photo has {own_width} × {own_height}; --size {ORIGINAL} keeps that)"

    def lines(self) -> list[str]:
        """What would be done, for a person."""
        count, (width, height) = len(self.paths), self.size
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        where = " on standard output" if None in self.paths else ""
        seeds = self._seeds()
        told = "drawn" if seeds is None else str(seeds[0]) if count == 1 else f"{seeds[0]} to {seeds[-1]}"
        free, sampling = self.free, self.sampling
        return [
            f"A dry run: nothing is made. {pictures} of {width} × {height} pixels{where}, seed {told}",
            machine_line(self.machine),
            f"{free.forward} + {sampling.forward} network evaluations a picture {self._at}: free diffusion "
            f"{free.photo}, sampling {sampling.photo} of the photo network and {sampling.art} of the art network; "
            f"{sampling.backward} passes backward",
            NOT_MEASURED if self.seconds is None else f"About {duration(self.seconds)}, beside loading the models",
        ]

    def document(self) -> dict[str, Any]:
        """The plan in the JSON document."""
        return {
            "paths": [None if path is None else str(path) for path in self.paths],
            "size": list(self.size),
            "inner_size": list(self.inner),
            **machine_document(self.machine),
            "seeds": self._seeds(),
            "evaluations": {"free": self.free._asdict(), "sampling": self.sampling._asdict()},
            "seconds": None if self.seconds is None else round(self.seconds, 1),
        }

    def _seeds(self) -> list[int] | None:
        """The pictures' seeds; None where the first is still to be drawn."""
        first = self.config.seed
        return None if first is None else [first + number for number in range(len(self.paths))]


def machine_line(machine: MachineConfig) -> str:
    """Models and machine of a dry run, for a person."""
    networks = ", ".join(map(short, network_names(machine).values()))
    return f"{machine.models} models ({networks}) on {machine.device}, {machine.dtype}; none is loaded"


def machine_document(machine: MachineConfig) -> dict[str, Any]:
    """Models and machine in the plan of a JSON document."""
    return {
        "models": machine.models,
        "networks": network_names(machine),
        "device": machine.device,
        "dtype": machine.dtype,
    }

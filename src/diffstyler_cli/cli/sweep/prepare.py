"""What a sweep of one photo will be, found out before its models are loaded: inputs, plan, folder, identity."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.filesize import decimal

from ...config import MachineConfig, StylizeConfig, options
from ...errors import OutputError, UsageError
from ...models.cards import networks_named
from ...recipe.schema import TORCH_NAMES
from ...sweep.axes import PROMPT
from ...version import __version__
from ..models import LoadedModels
from ..places import inside
from ..stylize.reading import read_inputs, read_palette
from ..stylize.session import DRAWN_SEEDS
from ..terminal.notices import Notices
from .request import SweepRequest

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...pipeline import Stylizer
    from ...pipeline.places import PlaceMaps
    from ...pipeline.style_images import StylePicture
    from ...sweep.folder import Folder
    from ...sweep.plan import Plan
    from ...sweep.standing import Standing

BYTES_PER_PIXEL = 6
"""Of disk: a cell as PNG, once more in the grid and, smaller, in the page."""


@dataclass(frozen=True)
class Maker:
    """What makes the cells: the SHA-256 of each role's weights, and the machine's settings as they were resolved."""

    hashes: Mapping[str, str]
    machine: MachineConfig

    @classmethod
    def of(cls, stylizer: Stylizer) -> Maker:
        """The models that are loaded here."""
        hashes = {role: info.sha256 for role, info in stylizer.components.info.items()}
        return cls(hashes, stylizer.networks.machine)


@dataclass
class Prepared:
    """A sweep of one photo before the work; `folder` and `plan` may still change with what is known of the models."""

    request: SweepRequest
    image: LoadedImage
    styles: Sequence[StylePicture]
    palette: LoadedImage | None
    places: PlaceMaps | None
    machine: MachineConfig
    """As given."""
    model_set: Literal["lite", "full"]
    folder: Folder
    plan: Plan

    def known(self, plan: Plan | None = None) -> dict[str, Any]:
        """What is known of the sweep's identity before its models are loaded."""
        return known_of(
            plan or self.plan, self.model_set, self.machine, self.styles, self.palette, self.image, self.places
        )

    def identity(self, maker: Maker, plan: Plan | None = None) -> dict[str, Any]:
        """What must be the same for a sweep to go on in its folder."""
        machine = maker.machine
        return {
            **self.known(plan),
            "models": {**maker.hashes, "set": machine.models},
            "device": machine.device,
            "dtype": TORCH_NAMES[machine.dtype],
            **networks_named(machine),
        }

    def settle(self, known: Callable[[Plan], Mapping[str, Any]]) -> None:
        """Takes folder and plan; a name that is made here is numbered where the folder holds another sweep.

        `known` is what is known of the identity of a plan's sweep. A folder that is given stays as it is.
        """
        from ...sweep.folder import Folder

        request = self.request
        automatic = request.base.output is None and not request.base.force
        folder = Folder.free(request.folder()) if automatic else Folder(request.folder())
        plan = self._plan(folder.saved_seed())
        while automatic and not folder.may_hold(known(plan)):
            folder = Folder.free(request.folder(), after=folder)
            plan = self._plan(folder.saved_seed())
        self.folder, self.plan = folder, plan

    def _plan(self, saved: int | None) -> Plan:
        return make_plan(self.request, self.model_set, [style.weight for style in self.styles], self.places, saved)

    def check(self) -> None:
        """Raises what the sweep would be refused for: folder, a grid that is too large, a disk that is too small."""
        from ...images.grids import check_grid

        check_inputs(self.request, self.folder.path)
        self.folder.check(self.known(), force=self.request.base.force)
        if self.request.grid:
            check_grid(self.size, *self.plan.shape)
        place = next(path for path in (self.folder.path, *self.folder.path.resolve().parents) if path.exists())
        free = shutil.disk_usage(place).free
        if self.bytes > free:
            raise OutputError(
                f"The sweep needs about {decimal(self.bytes)} of disk, and {decimal(free)} are free.",
                "Free some space, give -o a folder on another disk, or give fewer values.",
            )

    @property
    def size(self) -> tuple[int, int]:
        """Of a cell's picture."""
        return self.plan.config.result_size(self.image.original_size)

    @property
    def bytes(self) -> int:
        """About how much disk it takes."""
        return len(self.plan.possible) * self.size[0] * self.size[1] * BYTES_PER_PIXEL

    def standing(self, maker: Maker) -> Standing:
        """The sweep as it stands, nothing of it looked for yet."""
        from ...sweep.standing import Standing

        self.folder.identity = self.identity(maker)
        return Standing(self.plan, self.folder, self.image, maker.machine)

    def finished(self) -> Standing | None:
        """The sweep, where all of it is there already: found out without torch and without the models.

        What made it stands for a device or a precision that is "auto".
        """
        from ...models.choose import choose
        from ...models.hashes import hashes_of
        from ...sweep.folder import PAGE
        from ...weights.settings import read_settings

        if self.request.base.force:
            return None
        saved = self.folder.finished(self.known())
        names = {torch_name: name for name, torch_name in TORCH_NAMES.items()}
        if saved is None or saved.get("dtype") not in names or not isinstance(saved.get("device"), str):
            return None
        weights, machine = self.request.base.weights, self.machine
        choice = choose(
            read_settings(paths=weights), machine.models, machine.art_model, weights,
            photo_model=machine.photo_model, loss_models=machine.loss_models,
        )  # fmt: skip
        hashes = hashes_of(choice)
        if hashes is None or {**hashes, "set": choice.set} != saved.get("models"):
            return None
        resolved = MachineConfig(choice.set, choice.art_model, saved["device"], names[saved["dtype"]])
        standing = self.standing(Maker(hashes, resolved))
        standing.resume()
        page = standing.photo_scores or standing.drawn_since([PAGE])
        return standing if page and not standing.missing else None


def prepare(request: SweepRequest, models: LoadedModels, notices: Notices) -> Prepared:
    """Reads what the request names, and settles folder and plan. Raises what is wrong with them."""
    base = dataclasses.replace(request.base, settings=request.settings())
    image, styles, places = read_inputs(base, notices, rest=PROMPT in request.ranges)
    palette = read_palette(base, notices)
    return prepared(request, models, image, styles, palette, places)


def prepared(
    request: SweepRequest, models: LoadedModels, image: LoadedImage, styles: Sequence[StylePicture],
    palette: LoadedImage | None, places: PlaceMaps | None,
) -> Prepared:  # fmt: skip
    """The same with what is read already."""
    from ...sweep.folder import Folder

    base = dataclasses.replace(request.base, settings=request.settings())
    machine = base.machine()
    chosen = models.chosen(machine, base.weights)
    plan = make_plan(request, chosen, [style.weight for style in styles], places, None)
    folder = Folder(request.folder())
    found = Prepared(request, image, styles, palette, places, machine, chosen, folder, plan)
    found.settle(found.known)
    return found


def known_of(
    plan: Plan, model_set: str, machine: MachineConfig, styles: Sequence[StylePicture], palette: LoadedImage | None,
    image: LoadedImage | None = None, places: PlaceMaps | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What is known of a sweep's identity before its models are loaded; without `image`, before the photo is read."""
    known: dict[str, Any] = {
        "version": __version__,
        "models": {"set": model_set},  # in front of the settings: another set has other defaults
        **({} if image is None else {"photo": {"name": image.name, "pixels_sha256": image.fingerprint}}),
        **plan.description(),
        "style_images": [
            {"name": s.loaded.name, "weight": s.weight, "pixels_sha256": s.loaded.fingerprint} for s in styles
        ],
        "palette": {
            "name": palette.name if palette else None,
            "pixels_sha256": palette.fingerprint if palette else None,
        },
    }
    if places is not None:
        known["places"] = places.record([prompt.weight for prompt in places.prompts]).to_json()
    if machine.device != "auto":
        known["device"] = machine.device.partition(":")[0]
    if machine.dtype != "auto":
        known["dtype"] = TORCH_NAMES[machine.dtype]
    return known


def make_plan(
    request: SweepRequest, model_set: Literal["lite", "full"], styles: Sequence[float | None],
    places: PlaceMaps | None, saved: int | None,
) -> Plan:  # fmt: skip
    """The plan; `styles` are the weights of style images, `saved` the seed of the sweep that is in the folder."""
    from ...sweep.plan import Plan

    settings = request.settings()
    if "seed" not in request.ranges:
        # the seed that was drawn when the sweep began: the same command goes on with the same pictures
        drawn = random.SystemRandom().randrange(DRAWN_SEEDS)
        settings["seed"] = drawn if saved is None or request.base.force else saved
    pictures = options(StylizeConfig)
    given = {name: value for name, value in settings.items() if name in pictures}
    # the plan checks what its cells have
    config = StylizeConfig.defaults(model_set).with_overrides(given, model_set)
    ranges = {name: values for name, values in request.ranges.items() if name == PROMPT or name in pictures}
    return Plan(config, ranges, request.prompts(), styles, model_set, places)


def check_inputs(request: SweepRequest, folder: Path) -> None:
    """Raises `UsageError` for an input in the sweep's folder: --force would delete it, a cell replace it."""
    for path in request.base.inputs():
        if inside(path, folder):
            raise UsageError(f"{str(path)!r} is in the sweep's own folder.", "Give another folder with -o.")

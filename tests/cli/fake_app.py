"""The command line with a stand-in for the models: no torch, no weights, steps that only take the time they are told.

`python fake_app.py stylize ...` runs it. FAKE_STEP is the seconds a step takes. Prompts make things go wrong: "nan" on
odd seeds, "oom" always, "crash" by an error that nobody foresaw, "unknown" gives a notice. Events, results and recipes
are the real ones; only `Stylizer` is replaced.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from diffstyler_cli.config import MachineConfig
from diffstyler_cli.losses.report import TermReport
from diffstyler_cli.pipeline.result import Event, Finished, Made, Progress, StylizeResult, recipe_of

STEP_SECONDS = float(os.environ.get("FAKE_STEP", "0"))
ROLES = ("photo", "art", "encoder", "features", "aesthetic")


@dataclass(frozen=True)
class Info:
    name: str
    parameters: int = 1000
    sha256: str = "0" * 64
    source: str = "built in"


@dataclass
class Stylizer:
    name: str = "lite"
    device: str = "cpu"
    dtype: str = "torch.float32"
    notices: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, models: str = "auto", *, art_model: str | None = None, **machine: Any) -> Stylizer:
        if "FAKE_LOG" in os.environ:
            with open(os.environ["FAKE_LOG"], "a") as log:
                log.write("loaded\n")
        return cls(name="full" if models == "full" else "lite")

    @property
    def networks(self) -> Any:
        return SimpleNamespace(machine=MachineConfig(self.name, None, "cpu", "fp32"))

    def check_prompts(self, prompts: Sequence[Any]) -> list[str]:
        return [f"Unknown word: {p.text}" for p in prompts if "unknown" in p.text]

    def run(
        self,
        image: Any,
        prompts: Sequence[Any],
        config: Any,
        *,
        style_images: Sequence[Any] = (),
        palette: Any = None,
        places: Any = None,
        cache: Any = None,
    ) -> Iterator[Event]:
        from PIL import Image

        from diffstyler_cli.errors import NumericalError

        words = " ".join(p.text for p in prompts)
        picture = image.rgb.resize((32, 24))
        history = []
        for phase, steps in (("free", config.t1_steps()), ("sample", config.steps)):
            for step in range(1, steps + 1):
                time.sleep(STEP_SECONDS)
                if phase == "sample" and "oom" in words:
                    raise MemoryError
                if phase == "sample" and "crash" in words:
                    raise KeyError("nobody foresaw this")
                if phase == "sample" and "nan" in words and config.seed % 2:
                    raise NumericalError("The art network returned NaN at step 1.", "Try --dtype fp32.")
                losses = None
                if phase == "sample":
                    losses = {n: TermReport(1 / step + i, 2.0, 0.5) for i, n in enumerate(("instruction", "content"))}
                    history.append(losses)
                shade = Image.new("RGB", picture.size, (200, 40, 40))
                pred: Any = Image.blend(shade, picture, step / steps)
                yield Shown(phase, step, steps, pred if losses else None, losses, STEP_SECONDS, picture.size)
        asked = (*prompts, *style_images, *(places.prompts if places else ()))
        weights = [config.prompt_weight if part.weight is None else part.weight for part in asked]
        models: Any = {role: Info(f"lite-{role}") for role in ROLES}
        made = Made(self.networks.machine, models, [], image, prompts, style_images, weights, palette, places)
        timings = {"prepare": 0.1, "free": time.monotonic() % 1, "sample": 1.5, "total": 2.0}
        recipe = recipe_of(made, config, picture.size, history, timings)
        yield Finished((StylizeResult(picture, history, recipe, config.seed),))

    def run_together(self, images: Sequence[Any], prompts: Sequence[Any], config: Any, **more: Any) -> Iterator[Event]:
        """FAKE_ROOM photos at once, no more."""
        if len(images) > int(os.environ.get("FAKE_ROOM", "99")):
            raise MemoryError
        results: list[StylizeResult] = []
        for image in images:
            for event in self.run(image, prompts, config, **more):
                if isinstance(event, Finished):
                    results += event.results
                else:
                    yield event
        yield Finished(tuple(results))


class Shown(Progress):
    """A step whose prediction is a picture already."""

    def preview(self) -> Any:
        return self.pred


def install() -> None:
    """Puts the stand-in where the command line imports the model set from."""
    module: Any = types.ModuleType("diffstyler_cli.pipeline.stylizer")
    module.Stylizer = Stylizer
    sys.modules["diffstyler_cli.pipeline.stylizer"] = module


if __name__ == "__main__":
    from diffstyler_cli.cli.app import main

    install()
    main()

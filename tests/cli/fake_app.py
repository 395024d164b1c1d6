"""The command line with a stand-in for the pipeline: no torch, no weights, steps that only take the time they are told.

`python fake_app.py stylize ...` runs it. FAKE_STEP is the seconds a step takes. Prompts make things go wrong: "nan" on
odd seeds, "oom" always, "crash" by an error that nobody foresaw, "unknown" gives a notice.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import types
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

STEP_SECONDS = float(os.environ.get("FAKE_STEP", "0"))


@dataclass(frozen=True)
class TermReport:
    value: float
    weight: float
    grad_norm: float


@dataclass(frozen=True)
class Event:
    phase: str
    step: int
    steps: int
    pred: Any
    losses: dict[str, TermReport] | None
    seconds: float
    size: tuple[int, int]

    def preview(self) -> Any:
        return self.pred


@dataclass(frozen=True)
class StylizeResult:
    image: Any
    losses: list[dict[str, TermReport]]
    recipe: dict[str, Any]
    seed: int


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

    def check_prompts(self, prompts: Sequence[Any]) -> list[str]:
        return [f"Unknown word: {p.text}" for p in prompts if "unknown" in p.text]

    def run(
        self, image: Any, prompts: Sequence[Any], config: Any, *, style_images: Sequence[Any] = ()
    ) -> Generator[Event, None, StylizeResult]:
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
                pred = Image.blend(shade, picture, step / steps)
                yield Event(phase, step, steps, pred if losses else None, losses, STEP_SECONDS, picture.size)
        return StylizeResult(picture, history, self._recipe(image, prompts, config, style_images, history), config.seed)

    def _recipe(self, image: Any, prompts: Any, config: Any, style_images: Any, history: Any) -> dict[str, Any]:
        def weighted(part: Any) -> float:
            return config.prompt_weight if part.weight is None else part.weight

        places = {"models": self.name, "device": "cpu", "dtype": "fp32"}
        return {
            "schema": "diffstyler/1",
            "version": "0.1.0",
            "input": {"name": image.name, "size": list(image.original_size), "pixels_sha256": image.fingerprint},
            "size": [32, 24],
            "prompts": [{"text": p.text, "weight": weighted(p)} for p in prompts],
            "style_images": [
                {"name": s.path.name, "weight": weighted(s), "pixels_sha256": s.image.fingerprint} for s in style_images
            ],
            "settings": dataclasses.asdict(config) | places,
            "t1_steps": config.t1_steps(),
            "dtype": "float32",
            "models": {
                role: {"name": f"lite-{role}", "parameters": 1000, "sha256": "0" * 64, "source": "built in"}
                for role in ("photo", "art", "encoder", "features", "aesthetic")
            },
            "libraries": {"torch": "2.0", "open_clip_torch": "3.0"},
            "losses": {
                name: {"start": dataclasses.asdict(history[0][name]), "final": dataclasses.asdict(term)}
                for name, term in history[-1].items()
            },
            "timings": {"prepare": 0.1, "free": round(time.monotonic() % 1, 3), "sample": 1.5, "total": 2.0},
            "steps": [{name: term.value for name, term in terms.items()} for terms in history],
        }


def install() -> None:
    """Puts the stand-in where the command line imports the pipeline from."""
    module: Any = types.ModuleType("diffstyler_cli.pipeline")
    module.Stylizer = Stylizer
    sys.modules["diffstyler_cli.pipeline"] = module


if __name__ == "__main__":
    from diffstyler_cli.cli.app import main

    install()
    main()

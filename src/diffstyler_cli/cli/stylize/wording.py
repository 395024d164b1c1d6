"""What prompts are taken for: slips, other languages, forgotten quotes. Asked where a person sits, said elsewhere.

The prompts that come out are what recipes and printed commands hold: read once more they stay as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import DiffStylerError
from ...models.lite.words import (
    Kind,
    Reading,
    foreign_name,
    names_a_style,
    read_words,
    read_words_for_clip,
    vocabulary,
)
from ...prompts import Prompt, parse_prompt, render_prompt
from ..terminal.ask import confirm
from ..terminal.console import Console
from ..terminal.notices import Notices
from . import masks
from .request import Request
from .typed import check_words, forgotten_quotes


@dataclass(frozen=True)
class Reader:
    """Reads prompts for a model set; `asks`: a person may be asked."""

    console: Console
    notices: Notices
    asks: bool

    def read(self, request: Request, positional: int) -> Request:
        """The request with its prompts as they are meant, and those of its regions.

        The first `positional` of the prompts stood without an option.
        """
        prompts = [*self._joined(request.prompts[:positional]), *request.prompts[positional:]]
        places = masks.with_prompts(request.places, self.read_all(masks.prompts(request.places), request))
        return dataclasses.replace(request, prompts=self.read_all(prompts, request), places=places)

    def read_all(self, prompts: Sequence[str], request: Request) -> tuple[str, ...]:
        """Each of `prompts` as it is meant, for the models of `request`. Raises `UsageError` for one without a word."""
        check_words(prompts)
        return tuple(self._read(prompt, request) for prompt in prompts)

    def _joined(self, prompts: Sequence[str]) -> list[str]:
        whole = forgotten_quotes(prompts)
        if not whole:
            return list(prompts)
        text = parse_prompt(whole).text
        if names_a_style(text):
            self.notices.add(f'{" and ".join(prompts)} are taken for one prompt, "{text}".')
            return [whole]
        self.notices.add(f'Blending {len(prompts)} prompts; for one, quote it: "{text}".')
        return list(prompts)

    def _read(self, prompt: str, request: Request) -> str:
        parsed = parse_prompt(prompt)
        reading = read_words(parsed.text, vocabulary())
        if reading == Reading(parsed.text):
            return prompt
        full, words = _models(request)
        if full:
            reading = read_words_for_clip(parsed.text, words)
            name = foreign_name(parsed.text)
            if name:
                self.notices.add(f'CLIP has read mostly English: "{name}" may do more than "{parsed.text}".')
        elif words != vocabulary():
            reading = read_words(parsed.text, words)
        if not self._agreed(reading):
            return prompt
        return render_prompt(Prompt(reading.text, parsed.weight)) if reading.text != parsed.text else prompt

    def _agreed(self, reading: Reading) -> bool:
        """Whether a reading is what was meant, as far as it can be known; says what a person should know of it."""
        if self.asks and (reading.has(Kind.SLIP) or reading.has(Kind.DOUBT)):
            return confirm(self.console, f"Did you mean {reading.text}?")
        if reading.has(Kind.DOUBT):
            return False
        for change in reading.changes:
            if change.kind is not Kind.SPELLING:
                self.notices.add(f'"{change.typed}" is taken for "{change.meant}".')
        return True


def _models(request: Request) -> tuple[bool, frozenset[str]]:
    """Whether the request is for the full models, and the words of the lite encoder."""
    from ...models.choose import choose
    from ...weights.settings import read_settings

    machine = request.machine()
    try:
        choice = choose(
            read_settings(paths=request.weights), machine.models, machine.art_model, request.weights,
            photo_model=machine.photo_model, loss_models=machine.loss_models,
        )  # fmt: skip
    except DiffStylerError:  # said when they are loaded
        return machine.likely_set == "full", vocabulary()
    encoder = choice.lite_files.get("clip")
    return choice.set == "full", vocabulary(encoder) if encoder and choice.set == "lite" else vocabulary()

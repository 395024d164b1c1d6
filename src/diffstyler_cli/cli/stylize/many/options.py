"""The options of `stylize` that concern several photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ....batch.names import FIELDS, OPTION, PLAIN
from ...options import option

SEVERAL = "Several photos"

FROM_FILE = (
    'Photos from LIST, one a line or with a NUL after each; "-" reads standard input and answers each line at once: '
    "a path, or a job as JSON."
)
PROMPT_FILE = 'Prompts from FILE, one a line; "-" reads standard input.'
RECURSIVE = "Also the photos in folders within folders; the tree is mirrored below -o."
EACH = "One picture a prompt, where there are several, in place of one picture that blends them."
TEMPLATE = f"How the pictures are called, of {', '.join(f'{{{name}}}' for name in FIELDS)}. (default {PLAIN})"
BATCH = "How many pictures of one size to make at once; auto is 1 on a CPU, up to 16 on a GPU. (default auto)"
ENGINE = "What makes the pictures: local, which is this process, or ray, workers on a Ray cluster. (default local)"
ADDRESS = (
    "The cluster of --engine ray: HOST:PORT, ray://HOST:PORT or auto. "
    "(default that of RAY_ADDRESS, or one of this machine alone)"
)
WORKERS = "How many workers --engine ray has. (default one a GPU, or where there is none one a core)"
RETRY = "Try those again that failed in an earlier run."

FromFile = Annotated[Path | None, option(SEVERAL, FROM_FILE, "--from-file", takes="LIST")]
PromptFile = Annotated[Path | None, option(SEVERAL, PROMPT_FILE, "--prompt-file", takes="FILE")]
Recursive = Annotated[bool, option(SEVERAL, RECURSIVE, "--recursive")]
Each = Annotated[bool, option(SEVERAL, EACH, "--each")]
NameTemplate = Annotated[str | None, option(SEVERAL, TEMPLATE, OPTION, takes="TEXT")]
Batch = Annotated[str | None, option(SEVERAL, BATCH, "--batch", takes="auto|N")]
RetryFailed = Annotated[bool, option(SEVERAL, RETRY, "--retry-failed")]
EngineName = Annotated[str | None, option(SEVERAL, ENGINE, "--engine", takes="local|ray")]
Address = Annotated[str | None, option(SEVERAL, ADDRESS, "--address", takes="ADDRESS")]
Workers = Annotated[str | None, option(SEVERAL, WORKERS, "--workers", takes="N")]

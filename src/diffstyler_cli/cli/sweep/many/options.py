"""The options of `sweep` that concern several photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ....batch.names import OPTION
from ...options import option
from ...stylize.many.options import SEVERAL

FIELDS = ("stem", "suffix", "prompt", "n")
PLAIN = "{stem}"
FROM_FILE = 'Photos from LIST, one a line or with a NUL after each; "-" reads standard input, to its end.'
RECURSIVE = "Also the photos in folders within folders; the tree is mirrored below -o."
TEMPLATE = f"How the folders are called, of {', '.join(f'{{{name}}}' for name in FIELDS)}. (default {PLAIN})"

FromFile = Annotated[Path | None, option(SEVERAL, FROM_FILE, "--from-file", takes="LIST")]
Recursive = Annotated[bool, option(SEVERAL, RECURSIVE, "--recursive")]
NameTemplate = Annotated[str | None, option(SEVERAL, TEMPLATE, OPTION, takes="TEXT")]

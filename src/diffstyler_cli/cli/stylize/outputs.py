"""Where the pictures of a request go: their names, found before the work, and the write at the end of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...naming import text_of
from ...prompts import Prompt
from ...remote import Place, exists, is_folder, place_of
from ...sample import SAMPLE
from ...size import Size
from ..places import same_place
from .request import Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from ...images import Saving
    from ...pipeline.style_images import StylePicture


@dataclass(frozen=True)
class Outputs:
    """The places of a request's pictures, one a variation; None is standard output.

    `automatic` says that the names were made here: then one that is taken meanwhile is numbered, not an error.
    """

    paths: tuple[Place | None, ...]
    automatic: bool
    force: bool

    def write(
        self, image: Image, path: Place, recipe: dict[str, Any] | None, saving: Saving
    ) -> tuple[Place, list[str]]:
        """Writes a picture; returns where it went, and what its format could not keep. Raises `OutputError`."""
        from ...images.write import write_image, write_numbered

        if self.automatic:
            return write_numbered(image, path, recipe, saving)
        return path, write_image(image, path, recipe, self.force, saving=saving)


def plan_outputs(request: Request, prompts: Sequence[Prompt], style_images: Sequence[StylePicture]) -> Outputs:
    """The places, none of them checked yet; several variations are numbered after the stem."""
    from ...images.write import automatic_name, numbered

    if request.output == "-":
        return Outputs((None,), False, False)
    given = place_of(request.output) if request.output else None
    if given is not None and not is_folder(given):
        several = request.variations > 1
        names = (numbered(given, n) if several else given for n in range(1, request.variations + 1))
        return Outputs(tuple(names), False, request.force)
    photo = None if request.image == "-" else place_of(str(request.image))
    # nothing goes into the package's folder, where the sample photo is
    folder = given or (photo.parent if isinstance(photo, Path) and photo != SAMPLE else Path())
    words = [prompt.text for prompt in (*prompts, *request.places.prompts())] or [
        text_of(style.path.stem) for style in style_images
    ]
    if request.variations == 1:
        return Outputs((automatic_name(photo, words, folder, request.suffix()),), True, False)
    # below a file nothing exists, so the name comes back without a number of its own
    stem = folder / automatic_name(photo, words, Path(os.devnull), request.suffix()).name
    first = 1
    while taken := [n for n in range(first, first + request.variations) if exists(numbered(stem, n))]:
        first = taken[-1] + 1
    return Outputs(tuple(numbered(stem, n) for n in range(first, first + request.variations)), True, False)


def check_outputs(
    outputs: Outputs, request: Request, inputs: Sequence[Place], photo_size: tuple[int, int], *, previewed: bool
) -> None:
    """Finds out before the work whether everything can be written; `previewed`: this run's own preview may be there.

    Raises `UsageError` and `OutputError` as `images.check_output`.
    """
    from ...images.write import check_output, check_size, remove_stale

    given = request.settings.get("size")
    result = Size.parse(given).result(photo_size) if given else None
    paths = [path for path in outputs.paths if path is not None]
    for path in paths:
        check_output(path, inputs, request.force)
        if result is not None:  # those of the default size fit everywhere
            check_size(result, path)
    preview = request.preview_path
    if preview is not None:
        if any(same_place(preview, path) for path in paths if isinstance(path, Path)):
            raise UsageError(f"--preview-path {preview} is the output.", "Give it a name of its own.")
        check_output(preview, inputs, request.force or previewed, "--preview-path")
    elif request.force and outputs.automatic:
        raise UsageError("--force has no effect on automatic names.", "Say which file to replace: -o PATH.")
    local = [path for path in (*paths, preview) if isinstance(path, Path)]
    for folder in {os.path.dirname(os.path.realpath(path)) for path in local}:
        remove_stale(Path(folder))

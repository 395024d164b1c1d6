"""A sweep's folder: what it is the sweep of, which cells are there, and the rule that a file is whole or not there.

    index.html  grid.png  manifest.json  manifest.csv  cells/01-lambda-0-t1-1.0x.png …

The cells are the truth: each carries its recipe, its scores and the fingerprint of its sweep. The rest is made of them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL import Image

from ..config import options
from ..errors import InputImageError, OutputError, UsageError
from ..images import read_image, write_image
from ..images.metadata import read_recipe
from ..images.write import is_temporary, numbered, remove_stale, replace_file
from ..naming import name_of
from ..recipe.reading import Recipe
from ..recipe.schema import SweepCell
from .differences import differences
from .manifest import MANIFEST, read_manifest
from .plan import Cell, digest

SCHEMA = "diffstyler.sweep/1"
TABLE, PAGE = "manifest.csv", "index.html"
_LOCK = ".lock"
_MOST_DIFFERENCES = 4


@dataclass(frozen=True)
class Made:
    """A finished cell, as its file tells."""

    losses: Mapping[str, float]
    """Final values, by term."""
    scores: Mapping[str, float]
    seconds: float
    """Its share of the sweep's time."""


class Folder:
    """The folder at `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity: dict[str, Any] = {}

    def saved_seed(self) -> int | None:
        """The seed of the sweep that is there, for a command line that gives none."""
        identity = self._saved()
        settings = identity.get("settings") if identity else None
        seed = settings.get("seed") if isinstance(settings, dict) else None
        last = options()["seed"].high or 0
        return seed if isinstance(seed, int) and 0 <= seed <= last else None

    @classmethod
    def free(cls, path: Path, after: Folder | None = None) -> Folder:
        """The first of path, path-2, path-3, ... where a new sweep may begin, or an unfinished one go on.

        `after`: the one that was found before, and whose sweep is another.
        """
        names: Iterator[Path] = itertools.chain([path], (numbered(path, number) for number in itertools.count(2)))
        if after is not None:
            names = itertools.dropwhile(lambda name: name != after.path, names)
            next(names)
        return next(folder for folder in map(cls, names) if folder._is_open())

    def finished(self, known: Mapping[str, Any]) -> dict[str, Any] | None:
        """The identity of the sweep that is there, if it is through, and one of which so much is `known`."""
        try:
            if not read_manifest(self.path)["complete"]:
                return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        saved = self._saved()
        return saved if saved and not differences(_as_far_as(known, saved), _plain(known)) else None

    def photo_scores(self) -> dict[str, float]:
        """The scores of the photo, as the manifest has them; none where it does not."""
        try:
            found = read_manifest(self.path).get("photo_scores")
        except (OSError, ValueError, RecursionError):
            return {}
        rows = found.items() if isinstance(found, dict) else ()
        return {name: float(value) for name, value in rows if type(value) in (int, float) and math.isfinite(value)}

    def may_hold(self, known: Mapping[str, Any]) -> bool:
        """Whether no other sweep than the one of which so much is `known` is there."""
        saved = self._saved()
        return saved is None or not differences(_as_far_as(known, saved), _plain(known))

    def check(self, known: Mapping[str, Any], *, force: bool = False) -> None:
        """Finds out before the work what `claimed` would refuse, as far as the sweep is known: raises as it does."""
        try:
            self._check(known, force)
            if self._locked():
                raise self._taken()
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def claimed(self, identity: Mapping[str, Any], *, force: bool = False) -> Iterator[None]:
        """Makes the folder that of the sweep `identity` (JSON); inside the `with` no other process writes there.

        With `force` another sweep's files are removed first; files that no sweep wrote never are. A sweep that is
        interrupted before its first cell leaves nothing.

        Raises:
            UsageError: it holds something else, a sweep that differs (the message says where), or one under way.
            OutputError: it cannot be created or written to.
        """
        self.identity = _plain(identity)
        # claimed by one thread, it may be given back by another
        lock = FileLock(self.path / _LOCK, timeout=0, thread_local=False)
        began, interrupted = False, False
        absent = [place for place in (self.path, *self.path.parents) if not os.path.lexists(place)]
        try:
            self._check(self.identity, force)
            began = self._saved() is None
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise self._taken() from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            try:
                if force:
                    self._clear()
                (self.path / "cells").mkdir(exist_ok=True)
                for folder in (self.path, self.path / "cells"):
                    remove_stale(folder)
            except OSError as error:
                raise self._unwritable(error) from error
            yield
        except BaseException as error:
            interrupted = not isinstance(error, Exception)
            raise
        finally:
            lock.release()
            if began and interrupted:
                self._remove_empty(absent)

    def place(self, cell: Cell) -> Path:
        """The file of a cell."""
        return self.path / name_of(cell.file)

    def made(self, cell: Cell) -> Made | None:
        """The cell if it is there, whole, and of this very sweep."""
        path = self.place(cell)
        try:
            found = read_recipe(path)
            recipe = None if found is None else Recipe(found)
            if recipe is None or not recipe.record.sweep or recipe.record.sweep.plan != digest(self.identity):
                return None
            if not _is_of(cell, found or {}):  # a file under another's name
                return None
            read_image(path)  # to the last byte
            return _made(recipe)
        except InputImageError:
            return None

    def keep(self, cell: Cell, picture: Image.Image, recipe: Mapping[str, Any], scores: Mapping[str, float]) -> Made:
        """Writes a cell. Raises `OutputError`."""
        place = SweepCell(plan=digest(self.identity), cell=cell.index + 1, scores=dict(scores))
        whole = {**recipe, "sweep": place.to_json()}
        write_image(picture, self.place(cell), whole, force=True)
        losses = {name: float(term["final"]["value"]) for name, term in recipe["losses"].items()}
        return Made(losses, scores, float(recipe["timings"]["total"]))

    def write(self, name: str, data: bytes) -> Path:
        """Writes one of the reports, atomically. Raises `OutputError`."""
        replace_file(self.path / name, data)
        return self.path / name

    # --- whose folder it is ------------------------------------------------------------------------------------------
    def _saved(self) -> dict[str, Any] | None:
        """The identity of the sweep that is there; None without one, {} for one that cannot be read."""
        try:
            return dict(read_manifest(self.path)["sweep"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def _check_place(self, force: bool) -> dict[str, Any] | None:
        """The identity of the sweep that is there, as `_saved`. Raises `UsageError` for what is no sweep's folder."""
        where = repr(str(self.path))
        try:
            self.path.stat()
        except FileNotFoundError:
            if os.path.lexists(self.path):
                raise UsageError(f"{where} is a link to nothing.", "Give another with -o.") from None
            ancestor = next(path for path in self.path.absolute().parents if path.exists())
            if not ancestor.is_dir() or not os.access(ancestor, os.W_OK | os.X_OK):
                raise OutputError(f"No folder can be made in {str(ancestor)!r}.", "Give another with -o.") from None
            return None
        if not self.path.is_dir():
            raise UsageError(f"{where} is not a folder.", "Give another with -o.")
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise OutputError(f"The folder {where} may not be written to.", "Give another with -o.")
        saved = self._saved()
        if saved is None and any(self._foreign()):
            raise UsageError(f"{where} holds other files than a sweep's.", "Give a new or empty folder with -o.")
        if saved is not None and not saved and not force:
            raise UsageError(f"The {MANIFEST} in {where} cannot be read.", "Start over with --force, or -o elsewhere.")
        return saved

    def _foreign(self) -> Iterator[Path]:
        """What no sweep wrote, in a folder without a manifest: a sweep may have been killed before its first."""
        cells = self.path / "cells"
        for child in self.path.iterdir():
            if not (child.name == _LOCK or is_temporary(child) or (child == cells and child.is_dir())):
                yield child
        if cells.is_dir():
            others = [child for child in cells.iterdir() if not is_temporary(child)]
            if not any(map(_is_cell, others)):  # beside whole cells there may be damaged ones
                yield from others

    def _check(self, known: Mapping[str, Any], force: bool) -> None:
        saved = self._check_place(force)
        where = repr(str(self.path))
        if saved is None or force:
            return
        found = differences(_as_far_as(known, saved), _plain(known))
        if found:
            more = [f"and {len(found) - _MOST_DIFFERENCES} more"] if len(found) > _MOST_DIFFERENCES else []
            raise UsageError(
                f"{where} holds a sweep with other settings: {'; '.join(found[:_MOST_DIFFERENCES] + more)}.",
                "Give another folder with -o, or --force to start over.",
            )

    def _taken(self) -> UsageError:
        return UsageError(
            f"Another sweep is writing to {str(self.path)!r}.", "Wait for it, or give another folder with -o."
        )

    def _unwritable(self, error: OSError) -> OutputError:
        reason = error.strerror or str(error)
        return OutputError(f"The folder {str(self.path)!r} cannot be written to: {reason}.", "Give another with -o.")

    def _is_open(self) -> bool:
        """Whether it is not there, or is free for a sweep, or has one that is neither finished nor under way."""
        if not os.path.lexists(self.path):
            return True
        try:
            if not self.path.is_dir() or not os.access(self.path, os.W_OK | os.X_OK) or self._locked():
                return False
            saved = self._saved()
            if saved is None:
                return not any(self._foreign())
            finished = read_manifest(self.path)["complete"] and (self.path / PAGE).exists()
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False
        return bool(saved) and not finished

    def _locked(self) -> bool:
        lock = self.path / _LOCK
        try:
            if lock.exists():
                with FileLock(lock, timeout=0):
                    pass
        except Timeout:
            return True
        return False

    def _remove_empty(self, made: Sequence[Path]) -> None:
        """Removes what a sweep without a cell left, and the folders that were `made` for it."""
        with suppress(OSError):
            cells = self.path / "cells"
            remove_stale(cells)
            cells.rmdir()  # fails where there is a cell
            self._clear()
            (self.path / _LOCK).unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()

    def _clear(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            for row in read_manifest(self.path)["cells"]:
                # the manifest is only a file: nothing outside of the folder is touched, whatever it says
                (self.path / "cells" / name_of(Path(str(row["file"])).name)).unlink(missing_ok=True)
        for name in (PAGE, TABLE, MANIFEST, *(path.name for path in self.path.glob("grid*.png"))):
            (self.path / name).unlink(missing_ok=True)


def _as_far_as(known: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Of a saved identity what can be compared with one of which only `known` is known yet."""
    there = {name: value for name, value in saved.items() if name in known}
    models = there.get("models")
    if isinstance(models, Mapping):
        there["models"] = {name: value for name, value in models.items() if name in known["models"]}
    return there


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from a manifest."""
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _is_cell(path: Path) -> bool:
    """Whether a file is a picture that says it is a sweep's."""
    try:
        found = read_recipe(path)
    except InputImageError:
        return False
    return isinstance(found, dict) and isinstance(found.get("sweep"), dict)


def _is_of(cell: Cell, recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe of this sweep is this cell's: by its number, and by every setting."""
    settings = recipe.get("settings")
    if recipe["sweep"].get("cell") != cell.index + 1 or not isinstance(settings, Mapping):
        return False
    asked = dataclasses.asdict(cell.config)
    return all(settings[name] == value for name, value in asked.items() if name in settings)


def _made(recipe: Recipe) -> Made | None:
    """A cell by its recipe; None where a number is missing."""
    losses = {loss.name: loss.end for loss in recipe.losses if loss.end is not None}
    scores = {name: value for name, value in recipe.sweep.get("scores", {}).items() if value is not None}
    damaged = any(path.startswith(("losses", "sweep", "timings")) for path in recipe.odd)
    missing = len(losses) < len(recipe.losses) or len(scores) < len(recipe.sweep.get("scores", {}))
    if damaged or missing or "scores" not in recipe.sweep or "total" not in recipe.timings:
        return None
    return Made(losses, scores, recipe.timings["total"])

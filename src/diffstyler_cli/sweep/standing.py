"""How much of a sweep there is: its plan, its folder, and what became of each cell. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..config import MachineConfig
from ..errors import OutputError
from ..images import LoadedImage
from ..size import Shape
from .folder import Folder, Made
from .plan import Cell, Plan


@dataclass
class Standing:
    """A sweep under way, or through.

    Args:
        folder: whose identity is that of the sweep.
        machine: the machine's settings as they were resolved.
        made, failed: what became of cells, by their index.
        photo_scores: the scores of the photo itself, where they are known.
    """

    plan: Plan
    folder: Folder
    photo: LoadedImage
    machine: MachineConfig
    made: dict[int, Made] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)
    photo_scores: Mapping[str, float] = field(default_factory=dict)
    resumed: int = 0
    """How many cells were there before."""

    def resume(self) -> None:
        """Takes the cells that are there, and what the manifest says of the photo."""
        self.look([cell.index for cell in self.plan.possible])
        self.resumed = len(self.made)
        self.photo_scores = self.photo_scores or self.folder.photo_scores()

    def look(self, cells: Collection[int]) -> None:
        """Takes those of `cells` that are in the folder by now."""
        for cell in self.plan.possible:
            if cell.index in cells and cell.index not in self.made:
                made = self.folder.made(cell)
                if made is not None:
                    self.made[cell.index] = made

    @property
    def missing(self) -> list[Cell]:
        """The cells that can be made and are not there."""
        return [cell for cell in self.plan.possible if cell.index not in self.made]

    @property
    def result_size(self) -> Shape:
        """Size of the cells' pictures."""
        return self.plan.config.result_size(self.photo.original_size)

    def drawn_since(self, names: Collection[str]) -> bool:
        """Whether these files of the folder are there, and none is older than a cell."""
        try:
            cells = [self.folder.place(cell).stat().st_mtime_ns for cell in self.plan.possible]
            files = [(self.folder.path / name).stat().st_mtime_ns for name in names]
        except OSError:
            return False
        return min(files, default=0) >= max(cells)

    def first_error(self) -> Exception:
        """Why the first cell that failed did."""
        return next(iter(self.failed.values()), self.lost())

    def lost(self) -> OutputError:
        """The error of a cell that was made and is not there."""
        where = repr(str(self.folder.path))
        return OutputError(f"A cell was made, and is not in {where}.", "Is that a folder which all machines share?")

"""What a sweep leaves beside its cells: manifests with the numbers, grids, and a page to look at it all."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import DiffStylerError
from ..images import encode_image
from ..images.grids import Labels, draw_grid
from ..prompts import render_prompt
from ..version import __version__
from .axes import PROMPT, Axis
from .folder import PAGE, SCHEMA, TABLE
from .manifest import MANIFEST, read_manifest
from .plan import Cell, Plan
from .scores import MEANING, mark_pareto
from .standing import Standing

Command = Callable[[Cell], str]


def rows(standing: Standing, command: Command) -> list[dict[str, Any]]:
    """The manifest's cells."""
    found = []
    machine = dataclasses.asdict(standing.machine)
    for cell in standing.plan.cells:
        made, error = standing.made.get(cell.index), standing.failed.get(cell.index)
        row: dict[str, Any] = {
            "cell": cell.index + 1,
            "file": cell.file,
            "status": "impossible" if cell.impossible else "done" if made else "failed" if error else "missing",
            "grid": cell.grid + 1,
            "row": cell.row + 1,
            "column": cell.column + 1,
            "values": dict(cell.values),
            "prompts": list(cell.prompts),
            "settings": dataclasses.asdict(cell.config) | machine,
            "losses": dict(made.losses) if made else {},
            "scores": dict(made.scores) if made else {},
            "pareto": False,
            "seconds": made.seconds if made else None,
            "command": "" if cell.impossible else command(cell),
            "error": cell.impossible or (_reason(error) if error else None),
        }
        found.append(row)
    mark_pareto(found)
    return found


def manifest(standing: Standing, cells: list[dict[str, Any]], *, grid: bool) -> dict[str, Any]:
    """manifest.json; its fields are described in docs/sweep.md."""
    done = all(row["status"] in ("done", "impossible") for row in cells)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "complete": done,
        "sweep": standing.folder.identity,
        "axes": [
            {"name": a.name, "flag": a.flag, "title": a.title, "values": list(a.values)} for a in standing.plan.axes
        ],
        "scores": MEANING,
        "photo_scores": dict(standing.photo_scores),
        "grids": grid_names(standing.plan) if grid else [],
        "page": PAGE,
        "cells": cells,
    }


def grid_names(plan: Plan) -> list[str]:
    """grid.png, or grid-1.png and so on where there are several."""
    count = len(plan.grids)
    return ["grid.png"] if count == 1 else [f"grid-{n:0{len(str(count))}d}.png" for n in range(1, count + 1)]


def file_names(plan: Plan, *, grid: bool) -> list[str]:
    """What a sweep writes beside its cells, as it is named when it is done."""
    return [*(grid_names(plan) if grid else []), PAGE, MANIFEST, TABLE]


def write(standing: Standing, cells: list[dict[str, Any]], *, grid: bool) -> list[Path]:
    """Grids, page and manifests, where they are not there as they should be; returns where they are."""
    folder, names = standing.folder, grid_names(standing.plan) if grid else []
    try:
        there = read_manifest(folder.path) == json.loads(json.dumps(manifest(standing, cells, grid=grid)))
        there = there and (folder.path / TABLE).exists()
    except (OSError, ValueError, RecursionError):
        there = False
    tried = bool(standing.failed)
    if tried or not standing.drawn_since(names):
        write_grids(standing)
    if tried or not there or not standing.drawn_since([PAGE]):
        write_page(standing, cells, grid=grid)
    if not there:
        write_manifests(standing, cells, grid=grid)
    return [folder.path / name for name in file_names(standing.plan, grid=grid)]


def write_manifests(standing: Standing, cells: list[dict[str, Any]], *, grid: bool) -> None:
    """manifest.json and manifest.csv."""
    whole = json.dumps(manifest(standing, cells, grid=grid), indent=1, ensure_ascii=True, allow_nan=False)
    standing.folder.write(MANIFEST, whole.encode())
    standing.folder.write(TABLE, _table(cells).encode("utf-8", "surrogateescape"))


def write_grids(standing: Standing) -> None:
    """One picture for each grid."""
    plan = standing.plan
    columns, rows = plan.columns, plan.rows
    size = standing.result_size
    for index, (name, cells) in enumerate(zip(grid_names(plan), plan.grids, strict=True)):
        width = plan.shape[0]

        def cell(row: int, column: int, cells: Sequence[Cell] = cells, width: int = width) -> Image.Image | str:
            return _picture(standing, cells[row * width + column])

        labels = Labels(
            [_label(columns, value) for value in columns.values] if columns else [""],
            [_label(rows, value) for value in rows.values] if rows else [""],
            caption(plan, index),
        )
        sheet = draw_grid(cell, size, standing.photo.rgb, labels)
        standing.folder.write(name, encode_image(sheet))


def caption(plan: Plan, grid: int) -> str:
    """What all cells of a grid share: the prompts and the settings that people ask about first."""
    values = plan.grid_values(grid)
    own = PROMPT in {a.name for a in plan.axes}
    parts = [] if own else [" + ".join([*plan.prompts, *_regions(plan)]) or "style image"]
    parts += [_label(axis, value) for axis, value in values.items()]
    varying = {axis.name for axis in plan.axes}
    signs = {"lam": "λ", "t1": "T1", "steps": "T", "seed": "seed"}
    parts += [f"{sign} {getattr(plan.config, name)}" for name, sign in signs.items() if name not in varying]
    return " · ".join(parts)


def write_page(standing: Standing, cells: list[dict[str, Any]], *, grid: bool) -> Path:
    """index.html: self-contained, so that it can be sent by itself; only its links lead to the files beside it."""
    plan = standing.plan
    side = 512 if len(plan.cells) <= 100 else 256 if len(plan.cells) <= 500 else 128
    names = grid_names(plan) if grid else []
    data = {
        "title": _title(plan),
        "photo": {"name": standing.photo.name, "src": _embedded(standing.photo.rgb, side)},
        "size": list(standing.result_size),
        "models": f"{standing.machine.models} models, {standing.machine.device}, {standing.folder.identity['dtype']}",
        "version": __version__,
        "axes": [{"title": a.title, "flag": a.flag, "labels": [a.label(v) for v in a.values]} for a in plan.axes],
        "grids": [
            {
                "heading": ", ".join(_label(axis, value) for axis, value in plan.grid_values(index).items()),
                "caption": caption(plan, index),
                "file": names[index] if names else None,
                "cells": [cell.index for cell in group],
            }
            for index, group in enumerate(plan.grids)
        ],
        "photoScores": dict(standing.photo_scores),
        "meaning": MEANING,
        "cells": [
            {
                "n": row["cell"],
                "file": row["file"],
                "label": ", ".join(_label(axis, row["values"][axis.name]) for axis in plan.axes) or _title(plan),
                "row": row["row"] - 1,
                "column": row["column"] - 1,
                "prompts": row["prompts"],
                "scores": row["scores"],
                "losses": row["losses"],
                "seconds": row["seconds"],
                "pareto": row["pareto"],
                "command": row["command"],
                "error": row["error"] or ("not made yet" if row["status"] == "missing" else None),
                "src": _source(_picture(standing, cell), side),
            }
            for cell, row in zip(plan.cells, cells, strict=True)
        ],
    }
    # "<" alone could end the script element or begin a comment
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return standing.folder.write(PAGE, _part("page.html").replace("@DATA@", text).encode())


def _part(name: str) -> str:
    """The page's text with its style and scripts in it."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    if name == "page.html":
        text = text.replace("@STYLE@", _part("page.css"))
        text = text.replace("@SCRIPT@", _part("page.js") + _part("viewer.js"))
    return text


def _title(plan: Plan) -> str:
    values = {axis.name: len(axis.values) for axis in plan.axes}
    asked = " + ".join([*plan.prompts, *_regions(plan)])
    return f"{values[PROMPT]} prompts" if PROMPT in values else asked or "A style image"


def _regions(plan: Plan) -> list[str]:
    return list(map(render_prompt, plan.regions))


def _label(axis: Axis, value: Any) -> str:
    return str(value) if axis.name == PROMPT else f"{axis.title} = {axis.label(value)}"


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, DiffStylerError) else f"{type(error).__name__}: {error}"


def _picture(standing: Standing, cell: Cell) -> Image.Image | str:
    if cell.index in standing.made:
        with Image.open(standing.folder.place(cell)) as picture:
            picture.load()
            return picture
    if cell.impossible:
        return f"left out: {cell.impossible}"
    error = standing.failed.get(cell.index)
    return f"failed: {_reason(error)}" if error else "not made yet"


def _source(picture: Image.Image | str, side: int) -> str | None:
    return None if isinstance(picture, str) else _embedded(picture, side)


def _embedded(picture: Image.Image, side: int) -> str:
    """A data: address of the picture, at most `side` pixels long."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return f"data:image/webp;base64,{base64.b64encode(encode_image(small, 'WEBP')).decode()}"


def _table(cells: Sequence[Mapping[str, Any]]) -> str:
    """One row a cell; settings by name, losses and scores under loss_… and score_…"""
    losses = list(dict.fromkeys(name for row in cells for name in row["losses"]))
    flat = [
        {
            "cell": row["cell"], "file": row["file"], "status": row["status"],
            "grid": row["grid"], "row": row["row"], "column": row["column"],
            "prompts": " + ".join(row["prompts"]),
            **row["settings"],
            **{f"loss_{name}": row["losses"].get(name) for name in losses},
            **{f"score_{name}": row["scores"].get(name) for name in MEANING},
            "pareto": row["pareto"], "seconds": row["seconds"], "error": row["error"],
        }
        for row in cells
    ]  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()

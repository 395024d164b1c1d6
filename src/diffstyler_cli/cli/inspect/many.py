"""A folder of many pictures as `inspect` shows it: how many there are, what failed and why, times; and its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from ...batch.summary import Summary, read_summary
from ...errors import InputImageError
from ...remote import is_folder
from ..speeds import duration
from ..terminal.console import escaped
from ..terminal.errors import EXIT_CODES
from ..terminal.tables import MOST, brief, facts_grid, plain_table, section
from .job import Job

if TYPE_CHECKING:
    from rich.console import RenderableType


NOT_MANY = "Name the folder that diffstyler stylize wrote several pictures to."


def report(summary: Summary) -> RenderableType:
    """Counts, failures by kind, times."""
    done, failed, gone, seconds = summary.done, summary.failed, summary.gone, summary.seconds()
    counts = [f"{len(done)} done", *([f"{len(failed)} failed"] * bool(failed)), *([f"{len(gone)} gone"] * bool(gone))]
    head = Text.assemble(
        (brief(str(summary.folder)), "bold"), "  ", (f"{len(summary.pictures)} pictures: {', '.join(counts)}", "dim")
    )
    prompts = dict.fromkeys(str(prompt) for row in done for prompt in _list(row.get("prompts")))
    last = summary.runs[-1] if summary.runs else {}
    rows = [
        ("prompts", ", ".join(brief(prompt, 60) for prompt in list(prompts)[:MOST])),
        ("runs", _runs(summary)),
        ("models", brief(last.get("models")) if last.get("models") else ""),
        ("seed", brief(last.get("seed")) if type(last.get("seed")) is int else ""),
        ("time", _time(seconds)),
        ("nodes", _nodes(summary)),
        ("command", brief(last.get("command"), 400) if last.get("command") else ""),
    ]
    parts: list[RenderableType] = [head, facts_grid(rows)]
    if failed:
        table = plain_table(("pictures", "right"), ("exit code", "right"), ("what it means", "left"))
        for code, _, count in summary.kinds()[:MOST]:
            table.add_row(str(count), str(code), EXIT_CODES.get(code, "?"))
        lines = [(brief(_photo(row), 60), brief(row.get("error"))) for row in failed[:MOST]]
        more = [Text(f"and {len(failed) - MOST} more: --json has all", "dim")] if len(failed) > MOST else []
        parts.append(section("Failed", table, *(Text(f"{name}: {error}") for name, error in lines), *more))
        parts.append(Text("The same command with --retry-failed tries them again.", "yellow"))
    return Group(*parts)


def write_pages(job: Job) -> None:
    """The contact sheet of each folder."""
    from ...batch.page import write_page

    written = []
    for folder in job.files:
        summary = read_summary(folder) if is_folder(folder) else None
        if summary is None:
            raise InputImageError(
                f"{escaped(folder)} is no folder of pictures: it has no manifest.jsonl.",
                NOT_MANY,
            )
        with job.console.working("Drawing"):
            written.append(write_page(summary))
    job.account.fields = {"pages": [str(path) for path in written]}
    for path in written:
        job.console.written(path)


def _nodes(summary: Summary) -> str:
    names = [f"{brief(name, 40)} {count}" for name, count in summary.nodes().items()]
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _photo(row: dict[str, Any]) -> Any:
    return row.get("photo") or f"line {row.get('number')}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _runs(summary: Summary) -> str:
    if not summary.runs:
        return ""
    times = [brief(str(run.get("time"))[:19].replace("T", " ")) for run in (summary.runs[0], summary.runs[-1])]
    count = len(summary.runs)
    return f"1, {times[0]}" if count == 1 else f"{count}, {times[0]} to {times[1]}"


def _time(seconds: list[float]) -> str:
    if not seconds:
        return ""
    mean = sum(seconds) / len(seconds)
    return f"{mean:.2g} s a picture (from {min(seconds):.2g} to {max(seconds):.2g} s), {duration(sum(seconds))} in all"

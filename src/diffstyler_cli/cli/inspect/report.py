"""Reports on standard output: this machine and its models; how files and sweeps were made; their command lines."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ...errors import DiffStylerError, InputImageError
from ...naming import cut
from ...remote import Place, Url, is_folder
from ..terminal.errors import SomeFailed, explain
from .facts import local_hashes
from .job import Job
from .request import at_its_quality, request_of

LONGEST_LINE = 4000
"""A command longer than this is not shown in a report; --command prints it."""


def show_machine(job: Job) -> None:
    """What runs here."""
    from .facts import devices, full_models, lite_models, missing, networks, other_networks, versions
    from .machine_tables import machine

    facts: dict[str, Any] = {**versions(), "devices": [], "default": None, "problems": []}
    facts |= {"models": {"lite": lite_models()}, "networks": networks(), "other_networks": [], "cache": None}
    try:
        with job.console.working("Looking"):
            facts |= devices()
    except Exception as error:  # a broken torch raises nearly every type, and this report is to say so
        facts["problems"].append(f"torch cannot be used: {explain(error).message}")
    try:
        full = full_models()
        facts["models"]["full"], facts["cache"] = full["components"], full["cache"]
        facts["other_networks"] = other_networks()
        facts |= missing(facts)
    except DiffStylerError as error:
        facts |= {"auto": None, "art_role": None, "missing": {"lite": [], "full": []}, "next": None}
        facts["problems"].append(f"{error.message} {error.advice}")
    job.account.fields = facts
    job.console.report(machine(facts, job.console.paper.width))


def show_files(job: Job) -> None:
    """How each file was made."""
    rows: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    job.account.fields = {"files": rows, "failures": failures}
    last: Exception | None = None
    for file in job.files:
        try:
            rows.append(_sweep(job, file) if is_folder(file) else _report(job, file))
        except DiffStylerError as error:
            if len(job.files) == 1:
                raise
            failure, last = explain(error), error
            failures.append({"path": str(file), **dataclasses.asdict(failure)})
            job.console.fail(failure)
    if last is not None:
        if not rows:
            raise last
        raise SomeFailed(f"{len(failures)} of {len(job.files)} files could not be read.", "See above.")


def show_commands(job: Job) -> None:
    """The command line of each file."""
    for file in job.files:
        recipe = job.recipe(job.describe(file))
        request, notes = request_of(recipe, file, job.photo, max_pixels=job.raised)
        job.say(notes)
        output = None if job.output is None else str(job.output)
        job.console.command(at_its_quality(request, recipe, file, output).command_words())


def _report(job: Job, file: Place) -> dict[str, Any]:
    from .tables import picture

    description = job.describe(file)
    row: dict[str, Any] = {**vars(description)} | {"path": str(file), "size": list(description.size)}
    recipe = None if description.recipe is None else job.recipe(description)
    local: dict[str, str] = {}
    line = again = ""
    notes: list[str] = []
    if recipe is not None:
        try:
            local = local_hashes(recipe)
            request, notes = request_of(recipe, file, check_pixels=False)
            again_request = at_its_quality(request, recipe, file, None)
            line, again = again_request.command_line(), job.console.paper_command(again_request.command_words())
        except DiffStylerError as error:
            notes = [error.message]
    row |= {"command": line or None, "notes": notes}
    paper = job.console.paper
    job.console.report(picture(description, recipe, local, paper.width, job.console.paper_unicode))
    if recipe is not None and job.console.quiet:
        job.console.written(file)
    elif line and not job.console.json:
        if len(again) > LONGEST_LINE:
            again = job.console.paper_command(["diffstyler", "inspect", str(file), "--command"])
        job.console.report(f"\nSame again: {again}")
    job.say(notes)
    return row


def _sweep(job: Job, folder: Place) -> dict[str, Any]:
    from ...batch.summary import read_summary
    from .many import NOT_MANY
    from .many import report as many_report
    from .sweeps import read_sweep, report

    summary = read_summary(folder)
    if summary is not None:
        job.console.report(many_report(summary))
        if job.console.quiet:
            for row in summary.done:
                job.console.written(summary.place(row))
        return {"path": str(folder), "many": summary.to_json()}
    if isinstance(folder, Url):
        raise InputImageError(f"{cut(str(folder))} is no folder of pictures: it has no manifest.", NOT_MANY)
    sweep = read_sweep(folder)
    job.console.report(report(sweep))
    if job.console.quiet:
        for path in filter(os.path.isfile, map(sweep.path, sweep.front)):
            job.console.written(path)
    return {"path": str(folder), "sweep": sweep.data}

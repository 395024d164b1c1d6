"""What every command does around its work, once: console, log, warnings, interruptions, the JSON document, exit codes.

A command is a function whose first parameter is a `Call`. `scaffold` gives it the options that all commands have, and
those of groups that its signature names: `settings` (one option a setting) and `weights` (one a component).
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Protocol

import typer

from ..config import PANEL_RUN
from ..errors import UsageError
from ..naming import without_secrets
from ..prompts import path_of
from ..remote import Url, is_url
from .models import LoadedModels
from .options import TERMINAL, markup, option, parse, settings_parameters, weights_parameters
from .places import check_log
from .presets import merged, preset_names
from .terminal.choose import Back
from .terminal.console import Console
from .terminal.errors import Failure, Interrupted, Left, Terminated, explain
from .terminal.help import Page, help_options
from .terminal.log import LOG_FILE, open_log

JSON = "Print one JSON document in place of the paths."
QUIET = "Print nothing but the paths and errors."
NO_INPUT = "Never ask; what is missing is an error (exit code 2)."
PRESET = "Settings from [preset.NAME] in the configuration file (docs/settings.md); options on the line go before them."
STRICT = "Make every notice (an unknown word, a photo read otherwise, ...) an error, before anything is written."
_NO_PAGE = Page()
DEBUG = "Show the traceback of an error, and all warnings."


class Account(Protocol):
    """What a command did: for its JSON document, and for the line that is shown when it is interrupted."""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; `failure` is what ended the command, None where all is well."""

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` ("Interrupted", "Terminated") cut it short."""


@dataclass
class State:
    """What the command lines of one process share: those that menus run are given the same models."""

    arguments: list[str]
    dispatch: Callable[[list[str]], int]
    """Runs another command line with the same models; returns its exit code."""
    console: Console
    models: LoadedModels


@dataclass
class Call:
    """One call of a command."""

    state: State
    console: Console
    no_input: bool
    account: Account | None = None
    """Set by the command as soon as there is something to tell of."""
    documented: bool = True
    """Whether --json prints the account's document; not where standard output carries a picture."""
    lent: frozenset[str] = frozenset()
    """Settings that --preset gives, not the line itself: where one would have no effect, it is left out."""

    @property
    def why_not_ask(self) -> str:
        """Why this call may not ask questions; "" where it may."""
        return "--no-input is given" if self.no_input else self.console.why_not_ask()

    @property
    def may_ask(self) -> bool:
        """Whether menus may be offered after the work."""
        return not (self.why_not_ask or self.console.quiet or self.console.json)

    def document(self, failure: Failure | None) -> None:
        """Prints the JSON document if it is asked for."""
        if self.console.json and self.documented and self.account is not None:
            self.console.document(self.account.document(failure))


def scaffold(
    *,
    json: str = JSON,
    quiet: str = QUIET,
    no_input: str | None = NO_INPUT,
    strict: str | None = STRICT,
    page: Page = _NO_PAGE,
    read: Callable[[str, str | bool], Any] = parse,
    defaults: Mapping[str, str] = MappingProxyType({}),
    writes: Callable[[Mapping[str, Any]], Iterable[Path]] = lambda given: (),
    urls: Collection[str] = (),
) -> Callable[[Callable[..., None]], Callable[..., int]]:
    """Makes a command of a function (call: Call, *, …) -> None.

    Args:
        json, quiet, no_input, strict: help of these options; without `no_input` the command never asks, without
            `strict` it has no notices.
        page: what --help shows beside the options.
        read: makes a value of a setting's name and text; errors in it come before the command's own.
        defaults: words for the defaults of settings that are not those of `config`.
        writes: of the arguments, where the command writes beside the paths that they name; a folder with all in it.
        urls: the arguments that may be addresses, too: those become `remote.Url`.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., int]:
        signature = inspect.signature(body, eval_str=True)
        groups = {"settings": settings_parameters(defaults), "weights": weights_parameters()}
        own = list(signature.parameters.values())[1:]
        parameters = [_context()]
        for parameter in own:
            parameters += groups.get(parameter.name, [parameter])
            if parameter.name == "settings":
                parameters.append(_preset())
        parameters += [*_common(json, quiet, no_input, strict), *_help(page)]

        @functools.wraps(body)
        def command(context: typer.Context, **given: Any) -> int:
            state: State = context.obj
            given = {name: _placed(value, state.arguments, url=name in urls) for name, value in given.items()}
            used: dict[str, Any] = {}
            lent: frozenset[str] = frozenset()
            if "settings" in signature.parameters:
                values = {p.name: given.pop(p.name) for p in groups["settings"]}
                texts = {name: value for name, value in values.items() if value is not None}
                texts, lent = merged(given.pop("preset"), texts)
                used["settings"] = {name: read(name, value) for name, value in texts.items()}
            if "weights" in signature.parameters:
                paths = {p.name.removesuffix("_weights"): given.pop(p.name) for p in groups["weights"]}
                used["weights"] = {key: path for key, path in paths.items() if path is not None}
            del given["show_help"], given["show_all"]  # those have left before
            console = state.console = Console(
                quiet=given.pop("quiet"), json=given.pop("json"), strict=given.pop("strict", False)
            )
            log_file, debug = given.pop("log_file"), given.pop("debug")
            if log_file is not None:
                check_log(log_file, {**given, **used.get("weights", {})}, writes(given))
                open_log(log_file, [without_secrets(argument) for argument in state.arguments])
            if not debug:
                warnings.simplefilter("ignore")
            call = Call(state, console, given.pop("no_input", False), lent=lent)
            _carry_out(body, call, {**given, **used})
            return 0

        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by inspect
        command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
        return command

    return decorate


def _placed(value: Any, arguments: Sequence[str], *, url: bool) -> Any:
    """A path, or each of several, as a shell would have given it; where it may be an address, that as it was typed.

    "~" is the home folder, also after "="; file:///a%20b.png is "/a b.png"; "./-" is a file of that
    name, though as a path it is the same as "-".
    """
    if isinstance(value, list):
        return [_placed(each, arguments, url=url) for each in value]
    if not isinstance(value, Path):
        return value
    if str(value) == "-" and not any(word == "-" or word.endswith("=-") or word == "-o-" for word in arguments):
        return Path.cwd() / "-"
    if url and is_url(address := _address(str(value), arguments)):
        return Url(address)
    return Path(path_of(str(value)))  # "~" of no user is a name like any other


def _address(path: str, arguments: Sequence[str]) -> str:
    """A path as it was typed, if it may be an address: as a `Path` it has lost a slash."""
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)", path)
    if match is None or os.path.lexists(path):
        return path
    typed = (form for word in arguments for form in (word, word.partition("=")[2], word.removeprefix("-o")))
    return next(
        (form for form in typed if "://" in form and str(Path(form)) == path), f"{match[0]}/{path[match.end() :]}"
    )


def _carry_out(body: Callable[..., None], call: Call, arguments: Mapping[str, Any]) -> None:
    try:
        try:
            body(call, **arguments)
        except KeyboardInterrupt as error:
            raise Interrupted(130, *_kept(call, "Interrupted"), leaves=isinstance(error, Left)) from None
        except Terminated:
            raise Interrupted(143, *_kept(call, "Terminated"), leaves=True) from None
    except (typer.Exit, Back):
        raise
    except Exception as error:
        call.document(explain(error))
        raise
    call.document(None)


def _kept(call: Call, what: str) -> tuple[str, str]:
    return call.account.kept(what) if call.account is not None else (f"{what}.", "")


def _context() -> inspect.Parameter:
    return inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)


def _preset() -> inspect.Parameter:
    def complete(incomplete: str) -> list[str]:
        try:
            return [name for name in preset_names() if name.startswith(incomplete)]
        except UsageError:
            return []

    made = typer.Option(
        "--preset", help=markup(PRESET), metavar="NAME", show_default=False, rich_help_panel=PANEL_RUN,
        autocompletion=complete,
    )  # fmt: skip
    return inspect.Parameter(
        "preset", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, made]
    )


def _common(json: str, quiet: str, no_input: str | None, strict: str | None) -> list[inspect.Parameter]:
    rows: list[tuple[str, Any, Any, Any]] = [
        ("json", bool, option(TERMINAL, json, "--json"), False),
        ("quiet", bool, option(TERMINAL, quiet, "-q", "--quiet"), False),
        ("no_input", bool, option(TERMINAL, no_input or "", "--no-input", "--yes"), False),
        ("strict", bool, option(TERMINAL, strict or "", "--strict"), False),
        ("log_file", Path | None, option(TERMINAL, LOG_FILE, "--log-file", takes="FILE"), None),
        ("debug", bool, option(TERMINAL, DEBUG, "--debug"), False),
    ]
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made])
        for name, kind, made, default in rows
        if {"no_input": no_input, "strict": strict}.get(name, "") is not None
    ]


def _help(page: Page) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in help_options(page)
    ]

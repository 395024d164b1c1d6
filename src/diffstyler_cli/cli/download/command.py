"""`diffstyler download`: the full-size models into the cache; what is there, whether it is whole, and away with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...config import ART_MODELS
from ...errors import UsageError
from ...roles import KEYS
from ...weights.registry import Source
from ..options import option
from ..scaffold import Call, scaffold
from ..terminal.help import Page
from .account import DownloadAccount, NothingToDo

SD15 = "sd15"
SUMMARY = "Get the full-size models, resumable and verified."

WHAT, FILES = "What to do", "What and where"

LIST = "Show the table of components: what each is, where it comes from, what is cached."
DRY_RUN = "Show what would be fetched, from where, how large, and whether the disk has room."
VERIFY = "Compare the cached files with their SHA-256; damaged ones are deleted."
REMOVE = "Delete cached files and unfinished downloads."
FROM = "Import the files below DIR that are components, recognised by their SHA-256, instead of fetching."
ONLY = f"Only these components, of {', '.join(KEYS)}. (default all)"
SOURCE = "Try this place first: hub:OWNER/REPO/FILE[@REVISION], an http(s) address or a path; repeatable."
CACHE_DIR = "The cache's folder; stylize looks where DIFFSTYLER_CACHE_DIR says."
FP32 = "Keep the diffusion networks as fp32: twice the size, exact."
MODELS = "Model set. lite is built in: nothing to do; sd15 is the network of that name. (default full)"
NETWORKS = "Networks of others instead: wikiart-ddpm, sd15, or OWNER/NAME[@REVISION] on the Hub."
ART_MODEL = (
    "Who shall play the art role: wikiart insists on the full set's own network; cc12m and lite need none; or a "
    "network of others. (default wikiart; where that is not to be had, wikiart-ddpm is offered, and taken with --yes)"
)


PAGE = Page(
    (
        "diffstyler download  # asks, then fetches what is missing",
        "diffstyler download --list",
        "diffstyler download --only vgg,clip",
        "diffstyler download wikiart-ddpm  # another art network",
        "diffstyler download --from ~/old-models",
    ),
    ("--list", "--dry-run", "--verify", "--remove", "--from", "--only", "--art-model", "--yes", "--json", "--help"),
)


@scaffold(no_input="Never ask.", strict=None, page=PAGE)
def command(
    call: Call,
    *,
    networks: Annotated[list[str] | None, typer.Argument(metavar="NETWORK", show_default=False, help=NETWORKS)] = None,
    show_list: Annotated[bool, option(WHAT, LIST, "--list")] = False,
    dry_run: Annotated[bool, option(WHAT, DRY_RUN, "--dry-run")] = False,
    verify: Annotated[bool, option(WHAT, VERIFY, "--verify")] = False,
    remove: Annotated[bool, option(WHAT, REMOVE, "--remove")] = False,
    folder: Annotated[Path | None, option(WHAT, FROM, "--from", takes="DIR")] = None,
    only: Annotated[str | None, option(FILES, ONLY, "--only", takes="NAME,...")] = None,
    sources: Annotated[list[str] | None, option(FILES, SOURCE, "--source", takes="NAME=PLACE")] = None,
    cache_dir: Annotated[Path | None, option(FILES, CACHE_DIR, "--cache-dir", takes="DIR")] = None,
    fp32: Annotated[bool, option(FILES, FP32, "--fp32")] = False,
    models: Annotated[str, option(FILES, MODELS, "--models", takes="full|lite|sd15")] = "full",
    art_model: Annotated[str | None, option(FILES, ART_MODEL, "--art-model", takes="NAME")] = None,
) -> None:
    """Bring the full-size models into the cache, from the Hub or its fallbacks; broken-off downloads are resumed.

    Every file is checked against its SHA-256. Prints the paths of the cached files.
    """
    console = call.console
    given = {"--list": show_list, "--dry-run": dry_run, "--verify": verify, "--remove": remove, "--from": folder}
    chosen = [flag for flag, value in given.items() if value]
    _check(chosen, {"--source": bool(sources), "--fp32": fp32})
    keys, places = _keys(only), _sources(sources or [])
    names = [*(networks or []), *([SD15] if models == SD15 else [])]
    if names:
        flags = {"--only": only is not None, "--source": bool(sources), "--fp32": fp32, "--from": folder is not None,
                 "--art-model": art_model is not None, "--models": models == "lite"}  # fmt: skip
        if idle := [flag for flag, is_given in flags.items() if is_given]:
            raise UsageError(f"{', '.join(idle)} has no effect beside {names[0]}.", "Leave one of them out.")
        _download_networks(call, names, chosen[0] if chosen else "", cache_dir)
        return
    if models == "lite" and art_model is not None:
        raise UsageError("--art-model has no effect with --models lite: it is built in.", "Leave one of them out.")
    if models == "lite" and (idle := [*chosen, *(["--source"] if sources else []), *(["--fp32"] if fp32 else [])]):
        raise UsageError(
            f"{', '.join(idle)} has no effect with --models lite: it is built in.", "Leave one of them out."
        )
    if models == "lite":
        call.account = NothingToDo()
        console.say("The lite models are built in: there is nothing to download.")
        return
    if models != "full":
        raise UsageError(f"--models {models!r} is not one of full, lite, sd15.", "Try --models full.")
    if art_model is not None and "art" not in keys:
        raise UsageError("--art-model has no effect beside --only without art.", "Leave one of them out.")
    if art_model is not None and chosen and chosen[0] != "--dry-run":
        raise UsageError(f"--art-model has no effect with {chosen[0]}.", "Leave it out.")

    from ...weights.settings import read_settings
    from .session import DownloadSession

    settings = read_settings(cache=cache_dir, sources=places)
    others = art_model if art_model is not None and art_model not in ART_MODELS else None
    if art_model not in (None, "wikiart"):
        keys.remove("art")
    account = call.account = DownloadAccount(settings, keys)
    session = DownloadSession(call, account, "fp32" if fp32 else "fp16", art_model, others)
    steps: dict[str, Callable[[], None]] = {
        "--list": session.show,
        "--dry-run": session.foresee,
        "--verify": session.verify,
        "--remove": session.remove,
        "--from": lambda: session.import_from(folder or Path()),
    }
    steps[chosen[0]]() if chosen else session.fetch()
    if cache_dir is not None and not chosen:
        console.say(f"For stylize to find it, set DIFFSTYLER_CACHE_DIR={cache_dir}")


def _download_networks(call: Call, names: Sequence[str], what: str, cache_dir: Path | None) -> None:
    """Networks of others alone."""
    from ...weights.settings import read_settings
    from .networks import NetworkSession, references

    account = call.account = DownloadAccount(read_settings(cache=cache_dir), ())
    session = NetworkSession(call.console, account.cache, references(names))
    account.fetched = session.fetched

    def confirmed(question: str) -> bool:
        from ..terminal.ask import confirm

        return not call.may_ask or confirm(call.console, question)

    steps: dict[str, Callable[[], object]] = {
        "--list": session.show,
        "--dry-run": session.foresee,
        "--verify": session.verify,
        "--remove": lambda: session.remove(confirmed),
    }
    if what:
        steps[what]()
        return
    if session.fetch(confirmed) and cache_dir is not None:
        call.console.say(f"For stylize to find it, set DIFFSTYLER_CACHE_DIR={cache_dir}")


def _check(chosen: Sequence[str], fetching: dict[str, bool]) -> None:
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other.", f"Give {chosen[0]} alone.")
    idle = [flag for flag, given in fetching.items() if given]
    if chosen and chosen[0] in ("--verify", "--remove") and idle:
        raise UsageError(f"{', '.join(idle)} has no effect with {chosen[0]}.", "Leave it out.")
    if chosen == ["--from"] and fetching["--source"]:
        raise UsageError("--from and --source exclude each other.", "Give --source NAME=PATH for a single file.")


def _keys(only: str | None) -> list[str]:
    names = KEYS if only is None else [name.strip() for name in only.split(",")]
    for name in names:
        if name not in KEYS:
            raise UsageError(f"--only {name!r} is not one of {', '.join(KEYS)}.", "Try --only photo,art.")
    return list(names)


def _sources(given: Sequence[str]) -> dict[str, tuple[Source, ...]]:
    from ...weights.settings import parse_source

    sources: dict[str, tuple[Source, ...]] = {}
    for text in given:
        key, equals, place = text.partition("=")
        if key not in KEYS or not equals:
            raise UsageError(
                f"--source {text!r} does not begin with a component's name and =.",
                f"Names: {', '.join(KEYS)}. Try --source photo=hub:OWNER/REPO/cc12m_1_cfg.pth.",
            )
        sources[key] = (*sources.get(key, ()), parse_source(place))
    return sources

"""From the table of components to a filled cache: each source in turn until one gives the right file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from . import hub
from .cache import Cache, Entry
from .digest import sha256
from .registry import STAND_IN, ComponentSpec, Source
from .transfer import NO_NETWORK, Progress, Remote, Report, SourceFailed, Unreachable, download, persist

OFFLINE = "HF_HUB_OFFLINE is set"
SHOWN = 3
"""Reasons, and components of one, that a message names."""

Convert = Callable[[ComponentSpec, Path, Path, str], None]
"""convert(component, original, destination, dtype): checks the names and shapes of the original's tensors and writes
those that are needed; raises `WeightsError` if they are not that component's."""

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
"""Files that an import looks at."""


@dataclass(frozen=True)
class Plan:
    """What getting a component comes to.

    Args:
        entry: what the cache has of it; then there is nothing to do.
        source: the first one to try.
        local: whether that is on this machine already (a file, or the Hub's own cache).
        bytes: to come over the network, roughly.
        stored: bytes that it will take in the cache, roughly.
    """

    component: ComponentSpec
    entry: Entry | None
    source: Source
    local: bool
    bytes: int
    stored: int


def plan(component: ComponentSpec, cache: Cache, dtype: str) -> Plan:
    """How a component would be had now. Asks nobody and changes nothing."""
    entry = cache.find(component.key)
    source = component.sources[0]
    if entry is not None and _serves(entry, component, dtype):
        return Plan(component, entry, source, True, 0, 0)
    for each in component.sources:
        if _on_this_machine(each):
            return Plan(component, None, each, True, 0, stored_size(component, dtype))
    left = max(0, component.size - cache.arrived(component.key))
    return Plan(component, None, source, False, left, stored_size(component, dtype))


def room(plans: Sequence[Plan]) -> int:
    """Bytes that must be free for all of it: originals are deleted one by one."""
    return sum(p.stored for p in plans) + max((p.bytes for p in plans), default=0)


def stored_size(component: ComponentSpec, dtype: str) -> int:
    """Bytes that the component takes in the cache, roughly."""
    return component.cached * (2 if dtype == "fp32" and component.halved else 1)


@dataclass
class Network:
    """What one run has learnt of the network: where there is none, no further source is asked."""

    gone: str = ""

    def why_not(self, source: Source) -> str:
        """Why there is no use in asking a source; "" where there may be, as for one that is on this machine."""
        if _on_this_machine(source) or source.kind == "file":
            return ""
        return OFFLINE if hub.offline() else self.gone if hub.host(source) else ""


class Unobtainable(WeightsError):
    """A component that no source gave.

    Args:
        component: that one.
        reasons: what each of its sources answered.
    """

    def __init__(self, component: ComponentSpec, reasons: Mapping[str, str]) -> None:
        self.component = component
        self.reasons = dict(reasons)
        self.nowhere = all(reason.startswith((OFFLINE, NO_NETWORK)) for reason in reasons.values())
        """Whether it is this machine that reaches no network, or may not."""
        super().__init__(*_unobtainable([self]))


def fetch(
    component: ComponentSpec, cache: Cache, dtype: str, convert: Convert, report: Report, network: Network | None = None
) -> Entry:
    """The component's cache entry, fetched if need be from the first of its sources that gives the right file.

    Args:
        network: what components before this one have learnt of it.

    Raises:
        Unobtainable: none does; the message says what each answered.
        OutputError: the disk is too small or the cache cannot be written.
    """

    def waiting() -> None:
        report(Progress("wait", 0, None, f"another process is fetching the {component.role}; waiting for it"))

    network = network or Network()
    entry = cache.find(component.key)
    if entry is not None and _serves(entry, component, dtype):
        return entry
    with cache.lock(component.key, waiting):
        entry = cache.find(component.key)  # the process that was waited for may have made it
        if entry is not None and _serves(entry, component, dtype):
            return entry
        reasons: dict[str, str] = {}
        for source in component.sources:
            if why := network.why_not(source):
                reasons[str(source)] = why
                continue
            report(Progress("start", 0, component.size, f"{component.role}: {source}"))
            try:
                return _from(source, component, cache, dtype, convert, report)
            except (SourceFailed, WeightsError) as failure:
                reasons[str(source)] = str(failure).rstrip(".")
                if isinstance(failure, Unreachable):
                    network.gone = str(failure)
                later = component.sources[component.sources.index(source) + 1 :]
                if any(not network.why_not(each) for each in later):  # else it is in the error
                    report(Progress("failed", 0, None, f"{source}: {reasons[str(source)]}"))
    raise Unobtainable(component, reasons)


def together(failures: Sequence[WeightsError]) -> WeightsError:
    """Several components' errors as one of two lines, however many there are: by reason."""
    unobtainable = [failure for failure in failures if isinstance(failure, Unobtainable)]
    if len(failures) == 1:
        return failures[0]
    if len(unobtainable) == len(failures):
        return WeightsError(*_unobtainable(unobtainable))
    first, more = failures[:SHOWN], len(failures) - SHOWN
    advice = dict.fromkeys(failure.advice for failure in first)
    rest = f" And {more} more." if more > 0 else ""
    return WeightsError(" ".join(failure.message for failure in first) + rest, " ".join(advice))


def _unobtainable(failures: Sequence[Unobtainable]) -> tuple[str, str]:
    """What is missing, and why: each reason once, with whom it is of; and the next command to run."""
    one = failures[0].component if len(failures) == 1 else None
    by_reason: dict[str, list[str]] = {}
    for failure in failures:
        for source, reason in failure.reasons.items():
            of = by_reason.setdefault(reason, [])
            of += [] if (name := source if one else failure.component.key) in of else [name]
    if one:
        what = f"The {one.role} {one.name} could not be had"
        ways = f"import a copy with diffstyler download --from DIR, or give {one.option} PATH"
    else:
        what = f"{len(failures)} components could not be had: {', '.join(f.component.key for f in failures)}"
        ways = "import copies with diffstyler download --from DIR, or use the built-in models, which need nothing"
    if len(by_reason) == 1 and (not one or next(iter(by_reason)).startswith((OFFLINE, NO_NETWORK))):
        why = next(iter(by_reason))  # it is of no source in particular
    else:
        rows = sorted(by_reason.items(), key=lambda row: -len(row[1])) if not one else list(by_reason.items())
        why = "; ".join(f"{', '.join(of[:SHOWN])}: {reason}" for reason, of in rows[:SHOWN])
        why += f"; and {len(rows) - SHOWN} more reasons" if len(rows) > SHOWN else ""
    instead = ""
    if one and one.key == "art":
        instead = f"; or do without it: diffstyler download {STAND_IN.name}, or stylize --art-model cc12m or lite"
    first = "Unset HF_HUB_OFFLINE" if OFFLINE in by_reason else "Try again later"
    return f"{what}. {why[:1].upper() + why[1:] if not one else why}.", f"{first}, {ways}{instead}."


def import_from(
    folder: Path, components: Sequence[ComponentSpec], cache: Cache, dtype: str, convert: Convert, report: Report
) -> dict[str, Entry]:
    """Brings the files under `folder` that are components into the cache; returns what was recognised, by key.

    A file is recognised by its SHA-256; where none is known beforehand (CLIP), by the names and shapes of its tensors.

    Raises:
        WeightsError: `folder` is no folder that can be read.
    """
    if not folder.is_dir():
        raise WeightsError(f"--from {folder}: there is no such folder.", "Name the folder that holds the weight files.")
    missing = list(components)
    found: dict[str, Entry] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        if not missing:
            break
        digest = _hash(path, report)
        known = [c for c in missing if c.sha256 and c.accepts(digest)]
        for component in known or [c for c in missing if not c.sha256]:
            try:
                with cache.lock(component.key, lambda: None):
                    found[component.key] = _add(component, cache, path, str(path), digest, dtype, convert, report)
            except WeightsError as failure:
                if known:
                    report(Progress("failed", 0, None, f"{path}: {failure}"))
                continue
            missing.remove(component)
            report(Progress("done", 0, None, f"{path} is the {component.role} {component.name}"))
            break
        else:
            report(Progress("skipped", 0, None, f"{path} is none of the files looked for (SHA-256 {digest[:12]}…)"))
    return found


def _from(
    source: Source, component: ComponentSpec, cache: Cache, dtype: str, convert: Convert, report: Report
) -> Entry:
    """The entry made from one source. Raises `SourceFailed` and `WeightsError`."""
    local = _local_file(source)
    if local is not None:
        digest = _hash(local, report)
        stated = hub.stated_sha256(local) if source.kind == "hub" else ""
        if not component.accepts(digest) or (stated and stated != digest):
            raise SourceFailed(f"the file {local} is another one (SHA-256 {digest[:12]}…)")
        return _add(component, cache, local, str(source), digest, dtype, convert, report)
    if source.kind == "file":
        raise SourceFailed("there is no such file")
    if hub.offline():
        raise SourceFailed(OFFLINE)
    remote = _remote(source, component, report)
    original, digest = download(remote, cache, component.key, stored_size(component, dtype), report)
    try:
        entry = _add(component, cache, original, str(source), digest, dtype, convert, report)
    except WeightsError:
        original.unlink()
        raise
    original.unlink()  # not before: a conversion that is cut short starts again from it
    return entry


def _remote(source: Source, component: ComponentSpec, report: Report) -> Remote:
    if source.kind == "hub":
        return persist(lambda: hub.locate(source, component), lambda: 0, report)
    whole = [digest for digest in component.sha256 if len(digest) == 64]
    identity = whole[0] if len(component.sha256) == len(whole) == 1 else source.url
    return Remote(source.url, component.accepts, identity, limit=component.limit)


def _add(
    component: ComponentSpec, cache: Cache, original: Path, source: str, digest: str, dtype: str,
    convert: Convert, report: Report,
) -> Entry:  # fmt: skip
    report(Progress("convert", 0, None))
    return cache.add(
        component.key,
        component.file.rpartition(".")[0],
        lambda path: convert(component, original, path, dtype),
        source=source,
        source_file=component.file if original.suffix == ".part" else original.name,
        source_sha256=digest,
        dtype=dtype if component.halved else "fp32",
    )


def _serves(entry: Entry, component: ComponentSpec, dtype: str) -> bool:
    """Whether an entry is what is asked for: the right content, and not rounded where fp32 is missing."""
    return component.accepts(entry.source_sha256) and (dtype == "fp16" or entry.dtype == "fp32" or not component.halved)


def _on_this_machine(source: Source) -> bool:
    return _local_file(source) is not None


def _local_file(source: Source) -> Path | None:
    if source.kind == "file":
        path = Path(source.place) / source.file
        return path if path.is_file() else None
    return hub.cached(source) if source.kind == "hub" else None


def _hash(path: Path, report: Report) -> str:
    total, done = path.stat().st_size, 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        report(Progress("check", done, total))

    return sha256(path, count)

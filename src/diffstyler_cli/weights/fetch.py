"""From the table of components to a filled cache: each source in turn until one gives the right file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from . import hub
from .cache import Cache, Entry
from .digest import sha256
from .registry import ComponentSpec, Source
from .transfer import Progress, Remote, Report, SourceFailed, download, persist

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
    there = sum(path.stat().st_size for path in cache.parts.glob(f"{component.key}-*.part"))
    left = max(0, component.size - there)
    return Plan(component, None, source, False, left, stored_size(component, dtype))


def room(plans: Sequence[Plan]) -> int:
    """Bytes that must be free for all of it: originals are deleted one by one."""
    return sum(p.stored for p in plans) + max((p.bytes for p in plans), default=0)


def stored_size(component: ComponentSpec, dtype: str) -> int:
    """Bytes that the component takes in the cache, roughly."""
    return component.cached * (2 if dtype == "fp32" and component.halved else 1)


def fetch(component: ComponentSpec, cache: Cache, dtype: str, convert: Convert, report: Report) -> Entry:
    """The component's cache entry, fetched if need be from the first of its sources that gives the right file.

    Raises:
        WeightsError: none does; the message says what each answered.
        OutputError: the disk is too small or the cache cannot be written.
    """

    def waiting() -> None:
        report(Progress("wait", 0, None, f"another process is fetching the {component.role}; waiting for it"))

    entry = cache.find(component.key)
    if entry is not None and _serves(entry, component, dtype):
        return entry
    with cache.lock(component.key, waiting):
        entry = cache.find(component.key)  # the process that was waited for may have made it
        if entry is not None and _serves(entry, component, dtype):
            return entry
        failures = []
        for source in component.sources:
            report(Progress("start", 0, component.size, f"{component.role}: {source}"))
            try:
                return _from(source, component, cache, dtype, convert, report)
            except (SourceFailed, WeightsError) as failure:
                failures.append(f"{source}: {failure}".rstrip("."))
                if source is not component.sources[-1]:  # the last one is in the error
                    report(Progress("failed", 0, None, failures[-1]))
    raise unobtainable(component, failures)


def unobtainable(component: ComponentSpec, failures: Sequence[str]) -> WeightsError:
    """One message: what is missing, what was tried, why each failed; and the next command to run."""
    ways = f"Try again later, import a copy with diffstyler download --from DIR, or give {component.option} PATH"
    instead = "; or do without it: stylize --art-model cc12m or lite" if component.key == "art" else ""
    what = f"The {component.role} {component.name} could not be had"
    return WeightsError(f"{what}. {'; '.join(failures)}.", f"{ways}{instead}.")


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
    wanted = list(components)
    found: dict[str, Entry] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        if not wanted:
            break
        digest = _hash(path, report)
        known = [c for c in wanted if c.sha256 and c.accepts(digest)]
        for component in known or [c for c in wanted if not c.sha256]:
            try:
                with cache.lock(component.key, lambda: None):
                    found[component.key] = _add(component, cache, path, str(path), digest, dtype, convert, report)
            except WeightsError as failure:
                if known:
                    report(Progress("failed", 0, None, f"{path}: {failure}"))
                continue
            wanted.remove(component)
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
        raise SourceFailed("HF_HUB_OFFLINE is set")
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
    identity = whole[0] if len(component.sha256) == len(whole) == 1 else str(source)
    return Remote(str(source), component.accepts, identity)


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
    """Whether an entry is what is asked for: the right content, and not rounded where fp32 is wanted."""
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

"""Files on the Hugging Face Hub: what its own client says of them, and whether its own cache has them.

The client finds the file and its SHA-256 and brings the user's token, endpoint, proxies and offline switch; the bytes
come through `transfer`, because the client keeps nothing of a download that was broken off and only warns of a disk
that is too small (huggingface_hub 2.4; docs/weights.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from json import JSONDecodeError
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public by its docs
from rich.filesize import decimal

from ..version import __version__
from .references import COMMIT
from .registry import ComponentSpec, Source
from .transfer import PASSING, Passing, Remote, SourceFailed, fault, reason

LIBRARY = "diffstyler"
SHA256 = re.compile("[0-9a-f]{64}")
ANSWER_SECONDS = 30.0
"""That the Hub has to say what is in a repository."""
UNKNOWN = "unknown"
"""Licence of a repository that states none."""
REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "the repository wants its terms accepted on the Hub, and HF_TOKEN set"),
    (RepositoryNotFoundError, "there is no such repository, or it is private and HF_TOKEN is not set"),
    (RevisionNotFoundError, "the repository has no such revision"),
    (EntryNotFoundError, "there is no such file in the repository"),
    (OfflineModeIsEnabled, "HF_HUB_OFFLINE is set"),
    (FileMetadataError, "what answers is not the Hub"),
    (HFValidationError, "that is no name of a repository"),
)
"""The first row whose type matches decides."""


def offline() -> bool:
    """Whether the user forbids the network (HF_HUB_OFFLINE)."""
    return bool(constants.is_offline_mode())


def host(source: Source) -> str:
    """The name that must be looked up to ask a source; "" where an address needs none."""
    name = ""
    try:
        name = urlsplit(constants.ENDPOINT if source.kind == "hub" else source.url).hostname or ""
        ip_address(name)
    except ValueError:
        return "" if name == "localhost" else name
    return ""


def cached(source: Source) -> Path | None:
    """The file in the Hub's own cache, or None. Asks nobody."""
    found = try_to_load_from_cache(source.place, source.file, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def stated_sha256(path: Path) -> str:
    """The SHA-256 that the Hub stated of a file in its cache; "" where it stated none."""
    name = path.resolve().name
    return name if SHA256.fullmatch(name) else ""


def locate(source: Source, component: ComponentSpec) -> Remote:
    """Asks the Hub for a file.

    Raises:
        SourceFailed: the Hub refuses, or has another file under that name.
        Passing: the network or the Hub may do better next time.
    """
    with _asking():
        url = hf_hub_url(source.place, source.file, revision=source.revision)
        facts = get_hf_file_metadata(url, library_name=LIBRARY, library_version=__version__)
    if not facts.commit_hash:
        raise SourceFailed("what answers is not the Hub")
    if facts.size is not None and not 0 <= facts.size <= component.limit:
        raise SourceFailed(f"it says that its file has {decimal(facts.size)}, more than is possible")
    stated = facts.etag if facts.etag and SHA256.fullmatch(facts.etag) else ""
    if stated and not component.accepts(stated):
        raise SourceFailed(f"its file is another one (SHA-256 {stated[:12]}…)")
    url = hf_hub_url(source.place, source.file, revision=facts.commit_hash)
    return Remote(
        url=url,
        accepts=stated.__eq__ if stated else component.accepts,
        identity=stated or url,
        headers=build_hf_headers(library_name=LIBRARY, library_version=__version__),
        size=facts.size,
        limit=component.limit,
        pinned=True,
    )


@dataclass(frozen=True)
class Listed:
    """A file of a repository; `sha256` is "" where the Hub states none, as of small ones."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Repository:
    """What the Hub says of a repository at a revision: the commit that it is, its files by path, its licence."""

    name: str
    commit: str
    files: dict[str, Listed]
    licence: str


def repository(name: str, revision: str) -> Repository:
    """Asks the Hub for a repository.

    Raises:
        SourceFailed: the Hub refuses, or what answers is not the Hub.
        Passing: the network or the Hub may do better next time.
    """
    from huggingface_hub import HfApi

    with _asking():
        api = HfApi(library_name=LIBRARY, library_version=__version__)
        try:
            facts = api.model_info(name, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS)
        except (JSONDecodeError, KeyError, TypeError, AttributeError) as error:  # JSON, and not the Hub's; or none
            raise SourceFailed("what answers is not the Hub") from error
    files: dict[str, Listed] = {}
    for row in facts.siblings or ():
        digest = row.lfs.sha256 if row.lfs else ""
        size = row.lfs.size if row.lfs else row.size
        if type(size) is int and size >= 0 and isinstance(row.rfilename, str):
            files[row.rfilename] = Listed(size, digest if SHA256.fullmatch(str(digest)) else "")
    if not COMMIT.fullmatch(str(facts.sha)):
        raise SourceFailed("what answers is not the Hub")
    card: Mapping[str, Any] = facts.card_data.__dict__ if facts.card_data else {}
    stated = card.get("license_name") if card.get("license") == "other" else card.get("license")
    tagged = (tag.partition(":")[2] for tag in facts.tags or () if str(tag).startswith("license:"))
    licence = stated if isinstance(stated, str) and stated else next(tagged, "")
    return Repository(name, str(facts.sha), files, " ".join(licence.split())[:80] or UNKNOWN)


def remote(repository: Repository, file: str, limit: int) -> Remote:
    """Where a file of a repository is, pinned to the commit. Raises `SourceFailed` where it has more than `limit`."""
    listed = repository.files[file]
    if listed.size > limit:
        raise SourceFailed(f"it says that {file} has {decimal(listed.size)}, more than is fetched ({decimal(limit)})")
    url = hf_hub_url(repository.name, file, revision=repository.commit)
    return Remote(
        url=url,
        accepts=listed.sha256.__eq__ if listed.sha256 else lambda digest: True,
        identity=listed.sha256 or url,
        headers=build_hf_headers(library_name=LIBRARY, library_version=__version__),
        size=listed.size,
        limit=limit,
        pinned=True,
    )


@contextmanager
def _asking() -> Iterator[None]:
    """Turns the client's errors into `SourceFailed` and `Passing`."""
    try:
        yield
    except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
        raise fault(error) from error
    except HfHubHTTPError as error:
        for kind, text in REFUSALS:
            if isinstance(error, kind):
                raise SourceFailed(text) from error
        status = error.response.status_code
        refusal = f"the Hub answers {status}"
        raise (Passing if status in PASSING else SourceFailed)(refusal) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        text = next((text for kind, text in REFUSALS if isinstance(error, kind)), reason(error))
        raise SourceFailed(text) from error

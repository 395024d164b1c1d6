"""What "auto" means: one answer, for whoever loads and for whoever asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diffstyler_cli.errors import UsageError
from diffstyler_cli.models.choose import choose, is_lite
from diffstyler_cli.models.lite.architecture import WEIGHTS
from diffstyler_cli.roles import KEYS, ROLES
from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.registry import FULL
from diffstyler_cli.weights.settings import read_settings

LITE_ART = WEIGHTS / "art.safetensors"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    return Cache(tmp_path / "cache")


def fill(cache: Cache, *keys: str) -> None:
    """Entries with the hashes of the right files, whatever is in them."""
    for component in FULL:
        if component.key in keys:
            digest = component.sha256[0].ljust(64, "0") if component.sha256 else "0" * 64
            write: Callable[[Path], Any] = lambda path: save_file({"a": torch.zeros(1)}, path)  # noqa: E731
            cache.add(component.key, component.name.replace("/", "-"), write, source="here", source_file="x",
                      source_sha256=digest, dtype="fp16")  # fmt: skip


def asked(lite_cli: Callable[..., Any]) -> str:
    """What `inspect` says that auto takes."""
    code, out, _ = lite_cli("inspect", "--json")
    assert code == 0
    return str(json.loads(out)["auto"])


def test_every_role_has_its_names_once() -> None:
    assert [spec.key for spec in FULL] == list(KEYS)
    assert len({role.name for role in ROLES}) == len({role.title for role in ROLES}) == len(ROLES) == 5
    assert [spec.role for spec in FULL] == [role.title for role in ROLES]


def test_lite_while_something_is_missing_and_full_when_all_is_cached(
    cache: Cache, lite_cli: Callable[..., Any]
) -> None:
    assert choose(read_settings()).set == asked(lite_cli) == "lite"
    fill(cache, *KEYS[1:])
    assert [spec.key for spec in choose(read_settings()).missing] == ["photo"]
    assert asked(lite_cli) == "lite"
    fill(cache, "photo")
    assert choose(read_settings()).set == asked(lite_cli) == "full"


def test_a_stand_in_makes_the_art_network_unnecessary(cache: Cache) -> None:
    fill(cache, "photo", "clip", "vgg", "aesthetic")
    choice = choose(read_settings(), art_model="cc12m")
    assert (choice.set, choice.missing) == ("full", ())
    assert [spec.key for spec in choose(read_settings(), "full").missing] == ["art"]


def test_files_that_are_all_lite_are_for_the_lite_set_wherever_they_are_named(
    cache: Cache, lite_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_lite(LITE_ART)
    given = {"art": LITE_ART}
    by_option = choose(read_settings(paths=given), given=given)
    monkeypatch.setenv("DIFFSTYLER_ART_WEIGHTS", str(LITE_ART))
    by_environment = choose(read_settings())
    assert by_option.set == by_environment.set == asked(lite_cli) == "lite"
    assert by_option.lite_files == by_environment.lite_files == given
    assert choose(read_settings(), "lite").lite_files == given


def test_a_full_size_file_that_is_named_is_never_ignored(
    cache: Cache, lite_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "photo.safetensors")
    monkeypatch.setenv("DIFFSTYLER_PHOTO_WEIGHTS", str(tmp_path / "photo.safetensors"))
    choice = choose(read_settings())
    assert choice.set == asked(lite_cli) == "full"
    assert [spec.key for spec in choice.missing] == list(KEYS[1:])
    assert choose(read_settings(), "lite").lite_files == {}, "named for the full set"


def test_a_file_that_would_do_nothing_is_refused(cache: Cache, tmp_path: Path) -> None:
    given = {"art": tmp_path / "art.pth"}
    for art_model in ("cc12m", "lite"):
        with pytest.raises(UsageError, match=f"--art-weights has no effect with --art-model {art_model}"):
            choose(read_settings(paths=given), art_model=art_model, given=given)
    lite = {"art": LITE_ART}
    assert choose(read_settings(paths=lite), art_model="lite", given=lite).lite_files == lite

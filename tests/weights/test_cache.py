"""Entries of the cache: whole or not there, whatever happens while they are made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diffstyler_cli.errors import OutputError, WeightsError
from diffstyler_cli.weights.cache import MARKER, Cache, Entry

FACTS = {"source": "hub:a/b/c.pth", "source_file": "c.pth", "source_sha256": "f" * 64, "dtype": "fp16"}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def add(cache: Cache, content: bytes = b"weights") -> Entry:
    return cache.add("photo", "c", lambda path: path.write_bytes(content) and None, **FACTS)


def test_an_entry_is_found_again_with_what_is_known_of_it(cache: Cache) -> None:
    entry = add(cache)
    assert cache.find("photo") == entry
    assert entry.path.read_bytes() == b"weights"
    assert entry.path.name == "c-ffffffff-fp16.safetensors"
    assert (entry.source, entry.dtype, entry.size) == ("hub:a/b/c.pth", "fp16", 7)
    cache.verify("photo")


def test_a_moved_cache_is_still_one(cache: Cache) -> None:
    add(cache)
    moved = cache.folder.rename(cache.folder.with_name("moved"))
    assert Cache(moved).find("photo").path.parent == moved / "photo"


def test_an_interrupted_conversion_leaves_the_old_entry_and_nothing_else(cache: Cache) -> None:
    add(cache)
    before = sorted(cache.folder.rglob("*"))

    def interrupted(path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.add("photo", "d", interrupted, **FACTS)
    assert sorted(cache.folder.rglob("*")) == before
    cache.verify("photo")


def test_a_new_entry_takes_the_place_of_the_old_one(cache: Cache) -> None:
    add(cache)
    entry = cache.add("photo", "c", lambda path: path.write_bytes(b"other") and None, **FACTS | {"dtype": "fp32"})
    assert {path.name for path in (cache.folder / "photo").iterdir()} == {entry.path.name, "record.json", MARKER}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry.path.unlink(),
        lambda entry: entry.path.write_bytes(b"short"),
        lambda entry: entry.path.with_name("record.json").write_text("{"),
        lambda entry: entry.path.with_name("record.json").write_text("[]"),
        lambda entry: entry.path.with_name("record.json").write_text(json.dumps({"schema": "diffstyler.weights/9"})),
        lambda entry: entry.path.with_name("record.json").unlink(),
    ],
)
def test_a_spoilt_entry_does_not_count(cache: Cache, spoil) -> None:
    spoil(add(cache))
    assert cache.find("photo") is None
    with pytest.raises(WeightsError) as caught:
        cache.verify("photo")
    assert caught.value.advice == "Run diffstyler download --only photo."


def test_a_record_cannot_lead_out_of_the_cache(cache: Cache, tmp_path: Path) -> None:
    entry = add(cache)
    (tmp_path / "outside").write_bytes(b"weights")
    record = entry.path.with_name("record.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"path": str(tmp_path / "outside")}))
    assert cache.find("photo") is None


def test_a_changed_byte_is_found_and_the_entry_deleted(cache: Cache) -> None:
    add(cache).path.write_bytes(b"weighty")
    with pytest.raises(WeightsError, match="was damaged and is deleted"):
        cache.verify("photo")
    assert cache.find("photo") is None


def test_removing_frees_the_entry_and_its_parts(cache: Cache) -> None:
    add(cache)
    cache.parts.mkdir()
    cache.part("photo", "x").write_bytes(b"12345")
    cache.part("art", "x").write_bytes(b"1")
    assert cache.remove("photo") > 12
    assert cache.find("photo") is None
    assert [path.name[:3] for path in cache.parts.iterdir()] == ["art"]
    assert cache.remove("photo") == 0


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        add(Cache(tmp_path / "file"))
    assert "--cache-dir" in caught.value.advice
    assert Cache(tmp_path / "file" / "below").free() > 0
    assert Cache(tmp_path / "file").find("photo") is None

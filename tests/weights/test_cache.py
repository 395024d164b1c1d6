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


def changed(entry: Entry, **facts: object) -> None:
    record = entry.path.with_name("record.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | facts))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry.path.unlink(),
        lambda entry: entry.path.write_bytes(b"short"),
        lambda entry: entry.path.with_name("record.json").write_text("{"),
        lambda entry: entry.path.with_name("record.json").write_text("[]"),
        lambda entry: entry.path.with_name("record.json").write_text(json.dumps({"schema": "diffstyler.weights/9"})),
        lambda entry: entry.path.with_name("record.json").unlink(),
        lambda entry: entry.path.with_name("record.json").write_text("[" * 100_000),
        lambda entry: entry.path.with_name("record.json").write_text('{"schema":' * 100_000),
        lambda entry: entry.path.with_name("record.json").write_bytes(bytes(2 << 20)),
        lambda entry: changed(entry, size=10**400),
        lambda entry: changed(entry, size=7.0),
        lambda entry: changed(entry, size="7"),
        lambda entry: changed(entry, path=7),
        lambda entry: changed(entry, path=""),
        lambda entry: changed(entry, path="."),
        lambda entry: changed(entry, path="a\0b"),
        lambda entry: changed(entry, path="record.json"),
        lambda entry: changed(entry, source=["x"]),
        lambda entry: changed(entry, sha256=None),
        lambda entry: changed(entry, dtype={}),
        lambda entry: changed(entry, more=1),
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


# --- somebody else's files -------------------------------------------------------------------------------------------
OWN = ("cat.jpg", "notes.json", "model.safetensors", "half.tmp", "c.safetensors")


def own_files(folder: Path) -> None:
    (folder / "album").mkdir(parents=True)
    for name in (*OWN, "album/dog.jpg"):
        (folder / name).write_bytes(b"mine")


def are_there(folder: Path) -> bool:
    return all((folder / name).read_bytes() == b"mine" for name in (*OWN, "album/dog.jpg"))


@pytest.mark.parametrize("before", [True, False], ids=["before the cache", "after it"])
def test_nothing_of_somebody_else_is_deleted(cache: Cache, before: bool) -> None:
    folder = cache.folder / "photo"
    if before:
        own_files(folder)
    add(cache)
    if not before:
        own_files(folder)
    other = cache.add("photo", "c", lambda path: path.write_bytes(b"other") and None, **FACTS | {"dtype": "fp32"})
    assert are_there(folder)
    assert [path.name for path in folder.glob("c-*")] == [other.path.name]
    other.path.write_bytes(b"OTHER")
    with pytest.raises(WeightsError, match="was damaged and is deleted"):
        cache.verify("photo")
    cache.remove("photo")
    assert are_there(folder)
    assert {path.name for path in cache.foreign("photo")} == {path.name for path in folder.iterdir()} == {*OWN, "album"}
    assert not (folder / "record.json").exists()


def test_somebody_elses_record_is_not_replaced(cache: Cache) -> None:
    (cache.folder / "photo").mkdir(parents=True)
    (cache.folder / "photo" / "record.json").write_text('{"artist": "me"}')
    with pytest.raises(OutputError, match=r"record\.json that is not"):
        add(cache)
    cache.remove("photo")
    assert (cache.folder / "photo" / "record.json").read_text() == '{"artist": "me"}'


def test_a_link_in_the_place_of_a_folder_is_not_followed_to_delete(cache: Cache, tmp_path: Path) -> None:
    entry = add(cache)
    entry.path.parent.rename(tmp_path / "elsewhere")
    entry.path.parent.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / f"photo-{'0' * 16}.part").write_bytes(b"mine")
    cache.parts.symlink_to(tmp_path / "parts")
    assert cache.find("photo") == entry
    assert cache.remove("photo") == 0
    assert cache.foreign("photo") == [entry.path.parent]
    entry.path.write_bytes(b"weighty")
    with pytest.raises(WeightsError, match="is damaged"):
        cache.verify("photo")
    assert entry.path.exists()
    assert len(list((tmp_path / "parts").iterdir())) == 1


def test_a_cache_of_before_there_was_a_mark_is_its_own(cache: Cache) -> None:
    entry = add(cache)
    (entry.path.parent / MARKER).unlink()
    entry.path.with_name("c-00000000-fp16.tmp").write_bytes(b"half")
    new = cache.add("photo", "c", lambda path: path.write_bytes(b"x") and None, **FACTS | {"dtype": "fp32"})
    assert {path.name for path in new.path.parent.iterdir()} == {new.path.name, "record.json"}
    cache.remove("photo")
    assert not new.path.parent.exists()


def test_a_password_in_an_old_record_is_not_read(cache: Cache) -> None:
    changed(add(cache), source="https://me:secret@host.example/a/b@c.pth")
    assert cache.find("photo").source == "https://host.example/a/b@c.pth"

"""Photos and pictures by address, from the command line to the store and back; the stand-in pipeline paints."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from cli_harness import FAKE_APP, QUICK, Outcome, environment
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from PIL import Image

from diffstyler_cli import remote
from diffstyler_cli.batch import parts
from diffstyler_cli.batch.parts import Parts
from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image, source
from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.remote import Url, systems

Cli = Callable[..., Outcome]
SEED = ("--seed", "7")


class Frail(MemoryFileSystem):
    """A store of files that can be seen half-written; what `fails` names goes wrong that often."""

    protocol = "frail"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    fails: ClassVar[dict[str, int]] = {}
    speaks = threading.Event()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("frail://", "memory://"))

    def _goes(self, what: str) -> bool:
        self.fails[what] = self.fails.get(what, 0) - 1
        return self.fails[what] < 0

    def info(self, path: str, **more: Any) -> Any:
        self.speaks.wait(30)
        return super().info(path, **more)

    def find(self, path: str, *more: Any, **named: Any) -> Any:
        self.speaks.wait(30)
        return super().find(path, *more, **named)

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        if mode == "rb" and not self._goes("open"):
            raise OSError("the line is dead")
        return super().open(path, mode, **more)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:
        if value.startswith(b"\x89PNG") and not self._goes("write"):
            super().pipe_file(path, value[: len(value) // 2])
            raise OSError("the line is dead")
        super().pipe_file(path, value)

    def rm_file(self, path: str) -> None:
        pass  # it is dead for that, too


@pytest.fixture
def store(photo: Path) -> Iterator[MemoryFileSystem]:
    """memory://photos/ with a.png, b.png, sub/c.png and notes.txt, in an otherwise empty memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    for name in ("a.png", "b.png", "sub/c.png", "notes.txt"):
        files.pipe_file(f"/photos/{name}", photo.read_bytes())
    yield files
    files.store.clear()


@pytest.fixture
def frail(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Frail]]:
    """frail://photos/ with photo.png."""
    fsspec.register_implementation("frail", Frail, clobber=True)
    for name, value in (("store", {}), ("pseudo_dirs", [""]), ("fails", {})):
        monkeypatch.setattr(Frail, name, value)
    Frail.speaks.set()
    Frail(skip_instance_cache=True).pipe_file("/photos/photo.png", photo.read_bytes())
    yield Frail
    Frail.speaks.set()


def names(files: MemoryFileSystem, folder: str = "/out") -> list[str]:
    """The files of a folder, but for the manifest."""
    found = files.find(folder) if files.exists(folder) else []
    return [name.removeprefix(f"{folder}/") for name in found if not name.endswith(".jsonl")]


def rows(files: MemoryFileSystem, kind: str = "picture") -> list[dict[str, Any]]:
    return [row for row in Parts(Url("memory://out")).rows() if row["kind"] == kind]


# --- several ---------------------------------------------------------------------------------------------------------
def test_a_folder_elsewhere_is_mirrored_and_found_again_by_its_manifest(
    cli: Cli, store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "loaded"))
    words = ("stylize", "memory://photos/", "oil", "-o", "memory://out/", "--recursive", *QUICK)
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    assert outcome.out.decode().split() == [f"memory://out/{name}-oil.png" for name in ("a", "b", "sub/c")]
    assert names(store) == ["a-oil.png", "b-oil.png", "sub/c-oil.png"]
    assert "1 files in the folders are not named as photos" in outcome.err
    assert "Same again: diffstyler stylize memory://photos/ -p oil --recursive" in outcome.err
    recipe = read_recipe(store.cat_file("/out/sub/c-oil.png"))
    assert recipe is not None
    assert recipe["input"]["name"] == "c.png"
    monkeypatch.setattr(source, "open_stream", None)  # to know them again nothing is read but the manifest
    again = cli(*words)
    assert (again.code, again.out) == (0, b"")
    assert "3 of 3 pictures are there already" in again.err
    assert len((tmp_path / "loaded").read_text().splitlines()) == 1
    assert [row["status"] for row in rows(store)] == ["done"] * 3


def test_here_and_elsewhere_on_one_line_and_in_one_list(cli: Cli, store: MemoryFileSystem, photo: Path) -> None:
    outcome = cli("stylize", "photo.png", "memory://photos/a.png", "oil", "-o", "out", *QUICK)
    assert outcome.code == 0, outcome.err
    assert {path.name for path in Path("out").glob("*.png")} == {"photo-oil.png", "a-oil.png"}
    Path("list").write_bytes(b"memory://photos/b.png\n" + photo.as_uri().encode() + b"\nmemory://photos/gone.png\n")
    outcome = cli("stylize", "--from-file", "list", "oil", "-o", "memory://out", *QUICK)
    assert outcome.code == 6, outcome.err
    assert names(store) == ["b-oil.png", "photo-oil.png"]
    assert "memory://photos/gone.png: failed: 'memory://photos/gone.png' does not exist." in outcome.err
    assert cli("stylize", "memory://photos/a.png", "memory://photos/gone.png", "oil", "-o", "x", *QUICK).code == 3


def test_patterns_and_folders_that_hold_nothing(cli: Cli, store: MemoryFileSystem) -> None:
    outcome = cli("stylize", "memory://photos/**/[bc].png", "oil", "-o", "memory://out", *QUICK)
    assert outcome.code == 0, outcome.err
    assert names(store) == ["b-oil.png", "sub/c-oil.png"]
    for word in ("memory://photos/*.gif", "memory://gone/", "memory://photos/notes.*"):
        outcome = cli("stylize", word, "oil", "-o", "memory://out", *QUICK)
        assert (outcome.code, len(outcome.err.splitlines())) == (3, 2), outcome.err


def test_a_file_that_is_called_like_a_pattern_is_that_file(cli: Cli, store: MemoryFileSystem) -> None:
    store.pipe_file("/photos/[a].png", store.cat_file("/photos/a.png"))
    assert (
        cli("stylize", "memory://photos/[a].png", "memory://photos/b.png", "oil", "-o", "memory://out", *QUICK).code
        == 0
    )
    assert names(store) == ["[a]-oil.png", "b-oil.png"]


def test_a_dry_run_writes_nothing(cli: Cli, store: MemoryFileSystem) -> None:
    before = store.find("/")
    outcome = cli("stylize", "memory://photos/", "oil", "-o", "memory://out/", "--dry-run", *QUICK)
    assert (outcome.code, outcome.out) == (0, b"memory://out/a-oil.png\nmemory://out/b-oil.png\n")
    assert store.find("/") == before


def test_results_among_the_photos_are_no_photos_of_the_next_run(cli: Cli, store: MemoryFileSystem) -> None:
    for folder in ("memory://photos/", "memory://photos/out"):
        words = ("stylize", "memory://photos/", "oil", "-o", folder, "--recursive", *QUICK)
        assert cli(*words).code == 0
        again = cli(*words)
        assert (again.code, again.out) == (0, b""), again.err
    named = ("--name-template", "{stem}.{ext}")
    outcome = cli("stylize", "memory://photos/sub/", "oil", "-o", "memory://photos/sub", *named, *QUICK)
    assert outcome.code == 2
    assert "is an input file" in outcome.err


def test_another_picture_in_the_place_is_refused_and_replaced_by_force(cli: Cli, store: MemoryFileSystem) -> None:
    words = ("stylize", "memory://photos/", "oil", "-o", "memory://out/", *SEED)
    assert cli(*words, *QUICK).code == 0
    before = store.cat_file("/out/a-oil.png")
    outcome = cli(*words, "--steps", "3")
    assert outcome.code == 2
    assert (
        "'memory://out/a-oil.png' is there already, and another: --steps 2 there, 3 now. So are 1 more." in outcome.err
    )
    assert store.cat_file("/out/a-oil.png") == before
    assert cli(*words, "--steps", "3", "--force").code == 0
    assert store.cat_file("/out/a-oil.png") != before


def test_without_the_manifest_pictures_are_known_by_their_recipes(cli: Cli, store: MemoryFileSystem) -> None:
    words = ("stylize", "memory://photos/", "oil", "-o", "memory://out/", *SEED, *QUICK)
    assert cli(*words).code == 0
    store.rm("/out/manifest", recursive=True)
    assert "2 of 2 pictures are there already" in cli(*words).err
    assert [row["status"] for row in rows(store)] == ["done"] * 2, "they are noted again"
    Image.new("RGB", (40, 30), "teal").save("b.png")
    store.pipe_file("/photos/a.png", Path("b.png").read_bytes())
    outcome = cli(*words)
    assert outcome.code == 2
    assert "it is of another photo" in outcome.err


def test_what_failed_is_tried_again_when_the_photo_changed_or_by_wish(cli: Cli, store: MemoryFileSystem) -> None:
    good = store.cat_file("/photos/a.png")
    store.pipe_file("/photos/b.png", b"no picture")
    words = ("stylize", "memory://photos/", "oil", "-o", "memory://out/", *QUICK)
    assert cli(*words).code == 6
    again = cli(*words)
    assert again.code == 6
    assert "memory://photos/b.png: failed before: b.png is not an image" in again.err
    assert "failed before" not in cli(*words, "--retry-failed").err
    store.pipe_file("/photos/b.png", good)
    assert cli(*words).out == b"memory://out/b-oil.png\n"


def test_lines_that_come_may_be_addresses(process: Cli, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "a b.png")
    here = f"local://{tmp_path}"
    job = {"image": f"{here}/in/a b.png", "output": f"{here}/new/x.webp", "prompts": "mist", "id": 3}
    lines = f"file://{tmp_path}/in/a%20b.png\n{json.dumps(job)}\n{here}/in/gone.png\n".encode()
    outcome = process("stylize", "--from-file", "-", "oil", "-o", f"{here}/out", "--json", *QUICK, stdin=lines)
    assert outcome.code == 6, outcome.err
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row.get("output") for row in found[:2]] == [f"{here}/out/a b-oil.png", f"{here}/new/x.webp"]
    assert (found[1]["id"], found[1]["file"]) == (3, f"{here}/new/x.webp")
    assert found[2]["code"] == 3
    assert (tmp_path / "new" / "x.webp").is_file()


def test_work_and_jobs_by_address_go_to_other_processes(
    cli: Cli, store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffstyler_cli.cli.stylize.many import session

    class Elsewhere:
        """An engine that carries out what has been to another process and back."""

        def __init__(self, together: int) -> None:
            assert together == 1

        def run(self, jobs: Any, work: Any, tell: Any) -> None:
            there = pickle.loads(pickle.dumps(work))
            for job in pickle.loads(pickle.dumps(list(jobs))):
                tell(there.write(job, there.make(job, there.read(job))))

    words = ("stylize", "memory://photos/", "oil", *SEED, *QUICK)
    assert cli(*words, "-o", "memory://here").code == 0
    monkeypatch.setattr(session, "LocalEngine", Elsewhere)
    assert cli(*words, "-o", "memory://out").code == 0
    for name in ("a-oil.png", "b-oil.png"):
        with (
            Image.open(BytesIO(store.cat_file(f"/out/{name}"))) as one,
            Image.open(BytesIO(store.cat_file(f"/here/{name}"))) as other,
        ):
            assert one.tobytes() == other.tobytes()
    monkeypatch.undo()
    assert "2 of 2 pictures are there already" in cli(*words, "-o", "memory://out").err


# --- one -------------------------------------------------------------------------------------------------------------
def test_one_photo_from_elsewhere_and_one_picture_to_there(cli: Cli, store: MemoryFileSystem, photo: Path) -> None:
    assert cli("stylize", "memory://photos/a.png", "oil", *SEED, *QUICK).out == b"a-oil.png\n"
    words = ("stylize", "photo.png", "oil", "-o", "memory://out/x.webp")
    assert cli(*words, *SEED, *QUICK).out == b"memory://out/x.webp\n"
    here, there = read_recipe(Path("a-oil.png")), read_recipe(store.cat_file("/out/x.webp"))
    assert here is not None
    assert there is not None
    assert here["input"]["pixels_sha256"] == there["input"]["pixels_sha256"]
    again = cli(*words, *QUICK)
    assert (again.code, again.err.splitlines()[0]) == (2, "error: 'memory://out/x.webp' exists.")
    assert cli(*words, "--force", *QUICK).code == 0
    assert not Path("memory:").exists()


def test_several_of_one_photo_take_names_that_are_free_there(cli: Cli, store: MemoryFileSystem) -> None:
    for name in ("a-oil.png", "a-oil-2.png"):
        outcome = cli("stylize", "memory://photos/a.png", "oil", "-o", "memory://out/", *QUICK)
        assert outcome.out.decode() == f"memory://out/{name}\n", outcome.err
    outcome = cli("stylize", "memory://photos/a.png", "oil", "-n", "2", "-o", "memory://out/", *QUICK)
    assert outcome.out == b"memory://out/a-oil-3.png\nmemory://out/a-oil-4.png\n"
    assert cli("stylize", "memory://photos/a.png", "oil", "-o", "memory://photos/a.png", "--force", *QUICK).code == 2


def test_from_python_too(store: MemoryFileSystem, photo: Path) -> None:
    assert read_image("memory://photos/a.png").fingerprint == read_image(photo).fingerprint
    with pytest.raises(InputImageError):
        read_image("memory://photos/gone.png")


# --- what is there ---------------------------------------------------------------------------------------------------
def test_the_summary_and_the_page_of_a_folder_elsewhere(cli: Cli, store: MemoryFileSystem) -> None:
    store.pipe_file("/photos/b.png", b"no picture")
    assert cli("stylize", "memory://photos/", "oil", "-o", "memory://out/", *QUICK).code == 6
    said = cli("inspect", "memory://out").out.decode()
    assert "2 pictures: 1 done, 1 failed" in said
    assert "memory://photos/b.png: b.png is not an image" in said
    assert cli("inspect", "memory://out/", "-q").out == b"memory://out/a-oil.png\n"
    assert cli("inspect", "memory://out/", "--page").out == b"memory://out/index.html\n"
    page = store.cat_file("/out/index.html").decode()
    assert page.count("data:image/webp") == 2, "the picture and its photo"
    shutil.copy("photo.png", "other.png")
    assert cli("stylize", "memory://photos/a.png", "other.png", "oil", "-o", "out", *QUICK).code == 0
    assert cli("inspect", "out", "--page").code == 0
    page = Path("out/index.html").read_text()
    assert page.count("data:image/webp") == 3, "a folder here has nothing to do with photos elsewhere"
    store.pipe_file("/out/index.html", b"<title>mine</title>")
    assert cli("inspect", "memory://out/", "--page").code == 1
    store.rm_file("/out/a-oil.png")
    assert "0 done, 1 failed, 1 gone" in cli("inspect", "memory://out").out.decode()
    for folder in ("memory://photos/", "memory://gone/"):
        outcome = cli("inspect", folder)
        assert (outcome.code, len(outcome.err.splitlines())) == (3, 2), outcome.err


def test_one_picture_elsewhere_is_inspected_but_not_replayed(cli: Cli, store: MemoryFileSystem) -> None:
    assert cli("stylize", "memory://photos/a.png", "oil", "-o", "memory://out/x.png", *SEED, *QUICK).code == 0
    assert "memory://out/x.png  PNG, 32 × 24 pixels" in cli("inspect", "memory://out/x.png").out.decode()
    assert "oil --steps 2 --seed 7" in cli("inspect", "memory://out/x.png", "--command").out.decode()
    assert cli("inspect", "memory://out/x.png", "--plot", "losses.png").code == 0
    assert cli("inspect", "memory://out/x.png", "--replay").code == 2
    assert cli("stylize", "memory://photos/a.png", "oil", "-o", "memory://out/y.png", "--open", *QUICK).code == 2


def test_a_manifest_that_leads_elsewhere_shows_nothing_of_there(cli: Cli, store: MemoryFileSystem) -> None:
    lines = [{"kind": "picture", "file": file, "status": "done"} for file in ("../photos/a.png", "/photos/a.png", ".")]
    store.pipe_file("/out/manifest/x.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode() + b"\xff{")
    assert "3 pictures: 0 done, 3 gone" in cli("inspect", "memory://out").out.decode()


# --- the manifest ----------------------------------------------------------------------------------------------------
def test_the_manifest_is_written_in_parts_which_a_copy_on_this_machine_still_has(
    cli: Cli, store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "FULL", 3)
    one, other = Parts(Url("memory://out")), Parts(Url("memory://out"))
    for number in range(4):
        one.add("picture", {"file": f"{number}.png", "status": "done", "number": number})
        other.add("picture", {"file": f"{number}.png", "status": "failed", "number": number})
        time.sleep(0.002)
    assert len(rows(store)) < 8, "not every line is written at once"
    one.close()
    other.close()
    found = rows(store)
    assert [row["number"] for row in found] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(store.find("/out/manifest")) == 4
    store.get("/out", "copy", recursive=True)
    told = json.loads(cli("inspect", "copy", "--json").out)["files"][0]["many"]
    assert (told["gone"] + told["failed"], len(told["pictures"])) == (4, 4)


@pytest.mark.parametrize("after", [0.05, 0.25, 0.45])
def test_killed_at_any_moment_it_goes_on_where_it_was(photo: Path, tmp_path: Path, after: float) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(photo.read_bytes())
    words = ("stylize", f"local://{folder}/", "oil", "-o", f"local://{tmp_path}/out", *QUICK)
    command = [sys.executable, str(FAKE_APP), *words]
    running = subprocess.Popen(command, env=environment(FAKE_STEP="0.02"), stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    while "1/6" not in (line := running.stderr.readline()):
        assert line
    time.sleep(after)
    running.kill()
    running.communicate()
    done = list((tmp_path / "out").glob("*.png"))
    for path in done:
        with Image.open(path) as picture:
            picture.load()
    again = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len(again.stdout.splitlines()) == 6 - len(done)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {f"{number}-oil.png" for number in range(6)}
    seeds = {json.dumps((read_recipe(path) or {})["settings"]["seed"]) for path in (tmp_path / "out").glob("*.png")}
    assert len(seeds) == 1, "the seed is that of the run that was killed"


# --- faults ----------------------------------------------------------------------------------------------------------
def test_a_picture_is_never_seen_half_written_and_a_store_that_takes_none_ends_the_run(
    cli: Cli, store: MemoryFileSystem, frail: type[Frail]
) -> None:
    words = ("stylize", "memory://photos/", "oil", "-o", "frail://out", *QUICK)
    frail.fails["write"] = 1
    outcome = cli(*words)
    assert outcome.code == 1
    assert "frail://out/a-oil.png' cannot be written: the line is dead." in outcome.err
    assert "/out/a-oil.png" not in frail.store
    again = cli(*words)
    assert again.code == 0, again.err
    for name in ("a", "b"):  # which of them was finished when the other failed is a matter of time
        with Image.open(BytesIO(frail.store[f"/out/{name}-oil.png"].getvalue())) as picture:
            picture.load()


def test_a_photo_that_could_not_be_reached_is_tried_by_the_next_run(cli: Cli, frail: type[Frail]) -> None:
    words = ("stylize", "frail://photos/", "oil", "-o", "out", *QUICK)
    frail.fails["open"] = 2  # it is read for its size, and to be stylised
    outcome = cli(*words)
    assert outcome.code == 6
    assert (
        "frail://photos/photo.png: failed: 'frail://photos/photo.png' cannot be read: the line is dead." in outcome.err
    )
    assert cli(*words).out == b"out/photo-oil.png\n"


def test_a_store_without_conditions_is_asked_first(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(MemoryFileSystem):
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return super()._strip_protocol(path.replace("oss://", "memory://"))

        def pipe_file(self, path: str, value: bytes) -> None:  # type: ignore[override]  # as older ones have it
            super().pipe_file(path, value)

    monkeypatch.setattr(systems, "_systems", {})
    monkeypatch.setattr(fsspec, "get_filesystem_class", lambda protocol: Plain)
    words = ("stylize", "photo.png", "photo.png", "./photo.png", "oil", "-o", "oss://bucket/out/", *QUICK)
    assert cli(*words).out == b"oss://bucket/out/photo-oil.png\n"
    place = Url("oss://bucket/out/photo-oil.png")
    with pytest.raises(FileExistsError):
        remote.write(place, b"other", force=False)
    assert remote.read(place).startswith(b"\x89PNG")
    remote.write(place, b"other", force=True)
    assert remote.read(place) == b"other"


def test_the_one_picture_that_a_store_does_not_take_is_kept_here(cli: Cli, frail: type[Frail]) -> None:
    frail.fails["write"] = 1
    outcome = cli("stylize", "photo.png", "oil", "-o", "frail://out/x.png", *QUICK)
    assert outcome.code == 1
    assert "cannot be written: the line is dead. The picture is kept as 'x.png'." in outcome.err
    assert read_recipe(Path("x.png")) is not None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("frail://photos/photo.png", "oil"), 3),
        (("frail://photos/", "oil", "-o", "out"), 3),
        (("photo.png", "oil", "-o", "frail://out/x.png"), 3),
        (("photo.png", "photo.png", "frail://photos/photo.png", "oil", "-o", "frail://out/"), 3),
    ],
    ids=str,
)
def test_a_store_that_is_silent_is_given_up(
    cli: Cli, frail: type[Frail], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr(systems, "PATIENCE", 0.2)
    monkeypatch.setattr(systems, "LISTING", 0.2)
    frail.speaks.clear()
    outcome = cli("stylize", *words, *QUICK)
    assert outcome.code == code, outcome.err
    assert "cannot be read: no answer within 0 s." in outcome.err
    assert not list(Path().rglob("*-oil.png"))


def test_keys_that_lead_out_of_the_folder_are_passed_over(cli: Cli, store: MemoryFileSystem, tmp_path: Path) -> None:
    data = store.cat_file("/photos/a.png")
    for key in ("../../evil.png", "sub/../../../evil.png", "./evil.png", "x//evil.png", "n\0ul/evil.png"):
        store.store[f"/photos/{key}"] = MemoryFile(store, f"/photos/{key}", data)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    outcome = cli("stylize", "memory://photos/", "oil", "-o", "deep/er/out", "--recursive", *QUICK)
    assert outcome.code == 0, outcome.err
    assert not list(tmp_path.rglob("*evil*"))
    assert len(list(tmp_path.rglob("*-oil.png"))) == 3


def test_a_photo_that_is_too_long_is_refused_before_it_is_fetched(
    cli: Cli, frail: type[Frail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_STREAM_BYTES", 50)
    frail.fails["open"] = 1
    outcome = cli("stylize", "frail://photos/photo.png", "oil", *QUICK)
    assert (outcome.code, len(outcome.err.splitlines())) == (3, 2)
    assert "'frail://photos/photo.png' is longer than" in outcome.err


def test_no_password_is_shown_or_kept(cli: Cli, store: MemoryFileSystem, tmp_path: Path) -> None:
    data = store.cat_file("/photos/a.png")
    for name in ("a.png", "b.png"):
        store.pipe_file(f"/me:pa55word@host/{name}", data)
    place = "memory://me:pa55word@host"
    told = []
    for words in (
        (f"{place}/a.png", "oil", "-o", "x.png"),
        (f"{place}/", "oil", "-o", "out", "--log-file", "log"),
        (f"{place}/", "oil", "-o", f"{place}/out", "--json"),
        (f"{place}/", "oil", "-o", f"{place}/out", "--steps", "3"),
        (f"{place}/gone.png", "oil", "--debug"),
        (f"{place}/a.png", "oil", "-o", f"{place}/out/a-oil.png"),
    ):
        outcome = cli("stylize", *words, *(() if "--steps" in words else QUICK))
        told.append(outcome.out.decode() + outcome.err)
    told.append(cli("inspect", f"{place}/out").out.decode())
    told.append(cli("inspect", "--last").out.decode())
    assert "memory://host/out" in told[2]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    kept += b"".join(store.cat(store.find("/")).values())
    assert "pa55word" not in "".join(told)
    assert b"pa55word" not in kept


@pytest.mark.parametrize("address", ["s3://b/a.png", "gs://b/a.png", "https://h.example/a.png"])
def test_what_a_kind_of_address_needs_is_named(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def missing(protocol: str) -> Any:
        raise ImportError(f"Install something for {protocol}")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    package = {"s3": "s3fs", "gs": "gcsfs", "https": "aiohttp"}[address.partition("://")[0]]
    outcome = cli("stylize", address, "oil")
    assert outcome.code == 2
    first, second = outcome.err.splitlines()
    assert first == f"error: {address.partition('://')[0]}:// needs {package}."
    assert second.startswith(f"pip install {package}")


def test_nobody_who_names_no_address_waits_for_fsspec(process: Cli, photo: Path) -> None:
    code = (
        "import sys; from diffstyler_cli.cli.app import run; code = run(sys.argv[1:]); "
        "sys.exit(code or 99 * ('fsspec' in sys.modules))"
    )
    assert process("stylize", "photo.png", "oil", "-o", "out.png", *QUICK).code == 0
    for words in (("--help",), ("stylize", "--help"), ("inspect", "out.png")):
        done = subprocess.run([sys.executable, "-c", code, *words], env=environment(), capture_output=True)
        assert done.returncode == 0, words


def test_at_a_terminal_a_photo_elsewhere_is_watched_and_no_sweep_is_offered(terminal: Any, photo: Path) -> None:
    here = f"local://{photo.parent}"
    window = terminal("stylize", f"{here}/photo.png", *QUICK, "-o", f"{here}/out/x.png", "--seed", "5", columns=300)
    window.see("Which style?")
    window.press("\r")
    menu = window.see("0  done")
    assert f"Same again: diffstyler stylize {here}/photo.png 'oil painting' --steps 2 --seed 5 -o {here}" in menu
    assert "sweep around this" not in menu
    assert "open picture" not in menu
    window.press("1")
    window.see("out/x-2.png")
    window.see("0  done", after="x-2.png")
    window.press("0")
    assert window.end() == 0
    assert {path.name for path in (photo.parent / "out").iterdir()} == {"x.png", "x-2.png"}

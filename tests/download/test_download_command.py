"""`diffstyler download`: what it shows, asks, prints and deletes, with real servers behind it."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from unittest import mock

import pexpect
import pytest
from huggingface_hub import constants
from servers import COMMIT, Fault
from world import FILE, KEY, REPOSITORY, World

from diffstyler_cli.roles import KEYS
from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.registry import Source, spec


def test_the_file_is_fetched_converted_and_its_path_printed(world: World) -> None:
    outcome = world.run()
    entry = world.entry()
    assert entry is not None
    assert (outcome.code, outcome.out) == (0, f"{entry.path}\n")
    assert entry.source == f"hub:{REPOSITORY}/{FILE}"
    assert (entry.source_file, entry.source_sha256) == (FILE, world.digest)
    assert "verified" in outcome.err
    assert world.left() == "the component"


def test_a_second_time_nothing_is_asked_or_fetched(world: World) -> None:
    world.run()
    for server in (world.hub, world.store, world.mirror):
        server.log.clear()
    outcome = world.run()
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{world.entry().path}\n", "")
    assert not world.hub.log + world.store.log + world.mirror.log


def test_the_token_goes_to_the_hub_and_nowhere_else(world: World) -> None:
    world.run(environment={"HF_TOKEN": "hf_secret"})
    resolved = [r for r in world.hub.log if "/resolve/" in r.path]
    assert {r.headers["authorization"] for r in resolved} == {"Bearer hf_secret"}
    assert world.store.gets()
    assert not [r for r in world.store.log if "authorization" in r.headers]


def test_the_bytes_are_fetched_at_the_commit_that_the_hub_named(world: World) -> None:
    world.run()
    assert [r.path for r in world.hub.gets("/resolve/")] == [f"/{REPOSITORY}/resolve/{COMMIT}/{FILE}"]


def test_a_file_in_the_hubs_own_cache_is_used_not_fetched(world: World) -> None:
    repository = world.folder / "hf" / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    for folder in ("blobs", f"snapshots/{COMMIT}", "refs"):
        (repository / folder).mkdir(parents=True)
    (repository / "blobs" / world.digest).write_bytes(world.content)
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "snapshots" / COMMIT / FILE).symlink_to(f"../../blobs/{world.digest}")
    assert "is here" in world.run("--dry-run").out
    assert world.run().code == 0
    assert not world.store.log + world.mirror.log + [r for r in world.hub.log if "resolve" in r.path]

    (repository / "blobs" / world.digest).write_bytes(b"spoilt")
    world.cache.remove(KEY)
    outcome = world.run()
    assert outcome.code == 0
    assert "is another one" in outcome.err
    assert world.entry().source == str(world.from_mirror)


def test_where_only_the_hub_knows_the_hash_that_one_decides(world: World) -> None:
    world.sha256 = ()
    world.sources = (world.from_hub,)
    assert world.run().code == 0
    assert world.entry().source_sha256 == world.digest


def test_a_plain_address_without_any_known_hash_is_taken_by_its_tensors_and_recorded(world: World) -> None:
    world.sha256 = ()
    world.sources = (world.from_mirror,)
    outcome = world.run()
    assert "recorded" in outcome.err
    assert world.entry().source_sha256 == world.digest


def test_a_source_given_by_option_goes_first(world: World) -> None:
    copy = world.folder / "copy.safetensors"
    copy.write_bytes(world.content)
    assert world.run("--source", f"{KEY}={copy}").code == 0
    assert world.entry().source == str(copy)
    assert not world.store.log + world.mirror.log


# --- looking ---------------------------------------------------------------------------------------------------------
def test_the_list_shows_every_source_and_what_is_cached(world: World) -> None:
    outcome = world.run("--list")
    assert outcome.code == 0
    for source in world.sources:
        assert str(source) in outcome.out
    assert spec(KEY).licence in outcome.out
    assert f"{spec(KEY).parameters:,}" in outcome.out
    assert " no " in outcome.out
    world.begin(100)
    assert "100 bytes" in world.run("--list").out
    world.run()
    assert "2.3 kB fp32" in world.run("--list").out


def test_a_dry_run_says_what_would_be_fetched_and_asks_nobody(world: World) -> None:
    outcome = world.run("--dry-run")
    assert f"  {KEY:10} hub:{REPOSITORY}/{FILE}" in outcome.out
    assert "6.2 kB to fetch; 8.4 kB of disk needed" in outcome.out
    assert "enough" in outcome.out
    assert not world.hub.log + world.store.log
    assert not world.cache.folder.exists()


def test_json_is_one_document_after_success_and_failure(world: World) -> None:
    outcome = world.run("--json")
    document = json.loads(outcome.out)
    (component,) = document["components"]
    assert (document["schema"], document["ok"], document["error"]) == ("diffstyler.download/1", True, None)
    assert component["fetched"]
    assert component["cached"]["path"] == str(world.entry().path)
    assert json.loads(world.run("--json", "--list").out)["components"][0]["sources"] == [str(s) for s in world.sources]

    world.cache.remove(KEY)
    world.sources = (Source("file", "/nowhere", FILE),)
    failed = world.run("--json")
    document = json.loads(failed.out)
    assert (failed.code, document["ok"], document["error"]["code"]) == (4, False, 4)
    assert "/nowhere" in document["error"]["message"]


def test_quiet_prints_paths_and_errors_only(world: World) -> None:
    outcome = world.run("-q")
    assert (outcome.out, outcome.err) == (f"{world.entry().path}\n", "")


def test_the_lite_models_have_nothing_to_download(world: World) -> None:
    outcome = world.run("--models", "lite")
    assert (outcome.code, outcome.out) == (0, "")
    assert "built in" in outcome.err


# --- importing, checking, deleting -----------------------------------------------------------------------------------
def test_files_are_recognised_by_their_content_whatever_they_are_called(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "what-is-this.bin").write_bytes(world.content)
    (folder / "sac.pth").write_bytes(b"something else")
    (folder / "notes.txt").write_bytes(world.content)
    outcome = world.run("--from", folder)
    assert (outcome.code, outcome.out) == (0, f"{world.entry().path}\n")
    assert "what-is-this.bin is the aesthetic regressor" in outcome.err
    assert world.entry().source_file == "what-is-this.bin"
    assert not world.hub.log + world.mirror.log


def test_a_folder_without_any_of_them_is_an_error(world: World, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.pth").write_bytes(b"something else")
    outcome = world.run("--from", tmp_path / "mine")
    assert outcome.code == 4
    assert "x.pth is none of the files" in outcome.err
    assert "--photo-weights" in outcome.err
    assert world.run("--from", tmp_path / "none").code == 4


def test_verify_and_remove(world: World) -> None:
    assert "not in the cache" in world.run("--verify").err
    world.run()
    outcome = world.run("--verify")
    assert (outcome.code, outcome.out) == (0, f"{world.entry().path}\n")
    assert "whole" in outcome.err
    assert "kB freed" in world.run("--remove").err
    assert world.left() == "nothing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--list", "--verify"], "--list and --verify exclude each other"),
        (["--verify", "--fp32"], "--fp32 has no effect with --verify"),
        (["--from", "x", "--source", "photo=/y"], "--from and --source exclude"),
        (["--only", "foto"], "--only 'foto' is not one of photo, art"),
        (["--source", "foto=/x"], "does not begin with a component's name"),
        (["--source", "photo"], "does not begin with a component's name"),
        (["--source", "photo=ftp://x/y"], "is no place to get a file from"),
        (["--models", "medium"], "--models 'medium' is not one of"),
        (["--models", "lite", "--remove"], "--remove has no effect with --models lite"),
        (["--models", "lite", "--verify"], "--verify has no effect with --models lite"),
        (["--models", "lite", "--list"], "--list has no effect with --models lite"),
        (["--models", "lite", "--from", "x"], "--from has no effect with --models lite"),
        (["--models", "lite", "--source", "photo=/x"], "--source has no effect with --models lite"),
    ],
)
def test_wrong_usage_is_told_before_anything_happens(world: World, arguments: list[str], message: str) -> None:
    outcome = world.run(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert not world.cache.folder.exists()


def at_a_terminal(world: World, *arguments: str) -> pexpect.spawn:
    environment = world.environment({"DIFFSTYLER_CONFIG": str(world.configured()), "TERM": "xterm"})
    code = "from diffstyler_cli.cli.app import main; main()"
    words = ["-c", code, "download", "--only", KEY, *arguments]
    return pexpect.spawn(sys.executable, words, env=environment, timeout=300, dimensions=(40, 120))


def test_at_a_terminal_the_plan_is_shown_and_confirmed(world: World) -> None:
    child = at_a_terminal(world)
    child.expect("to fetch")
    child.expect("Go ahead")
    child.send("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert world.entry() is None
    assert not world.store.log


@pytest.mark.slow
def test_at_a_terminal_bars_move_and_yes_asks_nothing(world: World) -> None:
    child = at_a_terminal(world, "--yes")
    child.expect(pexpect.EOF)
    child.close()
    shown = child.before.decode()
    assert child.exitstatus == 0, shown
    assert "Go ahead" not in shown
    assert "\x1b[?25l" in shown  # the cursor is hidden while bars are drawn
    assert world.entry() is not None


def test_the_download_module_names_no_heavy_library_at_import() -> None:
    import subprocess

    from world import SOURCE

    code = (
        "import sys, diffstyler_cli.cli.download.command, diffstyler_cli.weights.cache\n"
        "import diffstyler_cli.weights.settings\n"
        "sys.exit(str({'torch', 'numpy', 'huggingface_hub', 'httpx2'} & set(sys.modules) or 0) if "
        "{'torch', 'numpy', 'huggingface_hub', 'httpx2'} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_many_components_that_fail_are_told_in_two_short_lines(world: World) -> None:
    world.hub.hub_errors[REPOSITORY] = (404, "EntryNotFound")
    gone = (Source("hub", REPOSITORY, "x.pth"), Source("url", world.mirror.url, "x.pth"))
    world.sources = gone
    world.others = tuple(dataclasses.replace(spec(key), sources=gone) for key in KEYS if key != KEY)
    outcome = world.run("-q", "--only", ",".join(KEYS))
    assert outcome.code == 4
    what, then = outcome.err.splitlines()
    assert what.startswith("error: 5 components could not be had: aesthetic, photo, art, clip, vgg. ")
    assert what.count("there is no such file in the repository") == what.count("(404)") == 1
    assert len(what) < 300
    assert "--from DIR" in then
    with mock.patch.object(constants, "HF_HUB_OFFLINE", True):
        offline = world.run("--only", ",".join(KEYS))
    assert len(offline.err.splitlines()) == 2
    assert "HF_HUB_OFFLINE is set." in offline.err
    assert "Unset HF_HUB_OFFLINE" in offline.err


def test_control_characters_in_places_do_not_reach_the_terminal(world: World) -> None:
    folder = world.folder / "a\x1b[31m\u202eb"
    for arguments in (["--list"], ["--dry-run"]):
        outcome = world.run(*arguments, "--source", f"{KEY}={folder}/x.pth", "--cache-dir", folder)
        assert outcome.code == 0
        assert "\x1b" not in outcome.out + outcome.err
        assert "\u202e" not in outcome.out + outcome.err
        assert r"\x1b[31m" in outcome.out


def test_a_password_is_not_in_the_log(world: World) -> None:
    log = world.folder / "log.txt"
    world.run("--source", f"{KEY}={world.mirror.url.replace('://', '://me:secret@')}/{FILE}", "--log-file", log)
    assert world.entry().source == f"{world.mirror.url}/{FILE}"
    assert "secret" not in log.read_text()


@pytest.mark.parametrize(
    "content", ["a = " + "[" * 100_000, "[cache]\ndir = " + "9" * 5000, "x = 1", "[weights]\nphoto = 1"]
)
def test_a_wrong_configuration_file_is_two_lines(world: World, content: str) -> None:
    (world.folder / "config.toml").write_text(content)
    outcome = world.run("--list", environment={"DIFFSTYLER_CONFIG": str(world.folder / "config.toml")})
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 2


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"schema": "diffstyler.weights/1", "size": ' + "9" * 5000 + "}", "[]"]
)
def test_a_wrong_record_is_a_damaged_component(world: World, content: str) -> None:
    world.run()
    world.entry().path.with_name("record.json").write_text(content)
    outcome = world.run("--verify")
    assert outcome.code == 4
    assert f"The {KEY} file is damaged." in outcome.err
    assert world.run().code == 0
    assert world.entry() is not None


def test_a_disk_too_small_for_a_size_that_can_be_true_is_told(world: World) -> None:
    world.sources = (world.from_mirror,)
    world.mirror.faults[f"/{FILE}"] = Fault("says", headers={"Content-Length": "1000000"}, times=9)
    with mock.patch.object(Cache, "free", return_value=100_000):
        outcome = world.run()
    assert outcome.code == 1
    assert "too small" in outcome.err


def test_the_plan_counts_what_fp32_takes(world: World) -> None:
    from diffstyler_cli.weights.fetch import plan, room, stored_size

    halved = dataclasses.replace(spec("art"), size=100, cached=50)
    assert (stored_size(halved, "fp16"), stored_size(halved, "fp32")) == (50, 100)
    plans = [plan(halved, world.cache, "fp16"), plan(world.component, world.cache, "fp16")]
    assert room(plans) == 50 + 2200 + len(world.content)

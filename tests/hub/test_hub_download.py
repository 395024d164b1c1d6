"""`download` of networks of others: the real client and a Hub on loopback, with its faults."""

from __future__ import annotations

import json

import pytest
from hub_world import FINE_TUNE, LATENTS, PIXELS, HubWorld
from servers import COMMIT, Fault

from diffstyler_cli.weights import snapshots
from diffstyler_cli.weights.references import parse_reference

WEIGHTS = "diffusion_pytorch_model.safetensors"


def found(world: HubWorld, name: str) -> snapshots.Snapshot | None:
    return snapshots.find(world.cache, parse_reference(name))


def test_the_files_that_are_needed_come_and_no_others(stocked: HubWorld) -> None:
    outcome = stocked.run("download", "sd15")
    assert outcome.code == 0, outcome.err
    snapshot = found(stocked, "sd15")
    assert outcome.out == f"{snapshot.folder}\n"
    assert set(snapshot.files) == {
        "model_index.json", "scheduler/scheduler_config.json", "unet/config.json", f"unet/{WEIGHTS}",
        "vae/config.json", f"vae/{WEIGHTS}", "text_encoder/config.json", "text_encoder/model.safetensors",
        "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
    }  # fmt: skip
    assert (snapshot.commit, snapshot.licence) == (COMMIT, "creativeml-openrail-m")
    for path, (size, _) in snapshot.files.items():
        content = (snapshot.folder / path).read_bytes()
        assert content == stocked.hub.hub[f"{LATENTS}/{path}"]
        assert len(content) == size
    assert not any("fp16" in path or ".bin" in path or ".ckpt" in path for path in stocked.asked())


def test_the_licence_is_said_before_anything_is_fetched(stocked: HubWorld) -> None:
    said = stocked.run("download", "wikiart-ddpm", "--dry-run")
    assert said.code == 0
    assert f"wikiart-ddpm ({PIXELS}) at {COMMIT[:7]}, licence mit: 4 files" in said.out
    assert not stocked.store.log
    fetched = stocked.run("download", FINE_TUNE).err
    assert "licence unknown" in fetched.splitlines()[0]


def test_a_second_time_nothing_is_asked(stocked: HubWorld) -> None:
    first = stocked.run("download", "wikiart-ddpm")
    stocked.forget()
    second = stocked.run("download", "wikiart-ddpm")
    assert (second.code, second.out) == (0, first.out)
    assert stocked.asked() == []


def test_a_commit_that_is_there_needs_no_network_whatever_it_was_fetched_as(stocked: HubWorld) -> None:
    stocked.run("download", FINE_TUNE)
    stocked.forget()
    for revision in (COMMIT, COMMIT[:8]):
        assert stocked.run("download", f"{FINE_TUNE}@{revision}").code == 0
    assert stocked.asked() == []
    assert found(stocked, f"{FINE_TUNE}@other") is None


def test_a_broken_off_download_goes_on_from_where_it_was(stocked: HubWorld) -> None:
    path = stocked.stored(PIXELS, WEIGHTS)
    stocked.store.faults[path] = Fault("drop", 40_000)
    assert stocked.run("download", "wikiart-ddpm").code == 0
    assert stocked.store.ranges(path) == ["", "bytes=40000-"]


def test_what_has_arrived_is_kept_for_the_next_process(stocked: HubWorld) -> None:
    path = stocked.stored(PIXELS, WEIGHTS)
    stocked.store.faults[path] = Fault("drop", 40_000)
    stocked.store.faults[path].then = lambda: stocked.store.faults.__setitem__(path, Fault("503", times=9))
    broken = stocked.run("download", "wikiart-ddpm")
    assert broken.code == 4
    assert "wikiart-ddpm could not be had from the Hub: the server answers 503" in broken.err
    assert found(stocked, "wikiart-ddpm") is None
    stocked.store.faults.clear()
    stocked.forget()
    assert stocked.run("download", "wikiart-ddpm").code == 0
    assert stocked.store.ranges(path) == ["bytes=40000-"]
    assert f"/{PIXELS}/resolve/{COMMIT}/config.json" not in stocked.asked(), "it was there already"


def test_a_file_with_another_hash_is_deleted(stocked: HubWorld) -> None:
    stocked.store.faults[stocked.stored(PIXELS, WEIGHTS)] = Fault("other file", times=9)
    outcome = stocked.run("download", "wikiart-ddpm")
    assert outcome.code == 4
    assert "its file is another one" in outcome.err
    assert found(stocked, "wikiart-ddpm") is None
    assert not list(stocked.cache.folder.rglob("*.part"))


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (401, "RepoNotFound", "there is no such repository, or it is private and HF_TOKEN is not set"),
        (403, "GatedRepo", "the repository wants its terms accepted on the Hub, and HF_TOKEN set"),
        (404, "RevisionNotFound", "the repository has no such revision"),
        (200, "", "what answers is not the Hub"),
    ],
)
def test_a_refusal_of_the_hub_is_one_sentence(stocked: HubWorld, status: int, code: str, why: str) -> None:
    stocked.hub.hub_errors[FINE_TUNE] = (status, code)
    outcome = stocked.run("download", FINE_TUNE)
    assert outcome.code == 4
    assert why in outcome.err
    assert "Traceback" not in outcome.err


def test_offline_asks_nobody(stocked: HubWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    outcome = stocked.run("download", "sd15")
    assert outcome.code == 4
    assert "HF_HUB_OFFLINE is set" in outcome.err
    assert stocked.asked() == []


def test_a_repository_of_pickles_alone_is_refused_before_anything_is_fetched(stocked: HubWorld) -> None:
    del stocked.hub.hub[f"{PIXELS}/{WEIGHTS}"]
    outcome = stocked.run("download", "wikiart-ddpm")
    assert outcome.code == 4
    assert "is a pickle, which can hold any program" in outcome.err
    assert not stocked.store.log
    assert not [path for path in stocked.asked() if "/resolve/" in path]


def test_a_size_beyond_all_measure_is_refused(stocked: HubWorld) -> None:
    stocked.hub.linked_size = 10**15
    outcome = stocked.run("download", "wikiart-ddpm")
    assert outcome.code in (1, 4)
    assert "too small" in outcome.err or "more than is fetched" in outcome.err or "of disk needed" in outcome.err
    assert not stocked.store.log


def test_weights_of_another_configuration_do_not_count(stocked: HubWorld) -> None:
    stocked.hub.hub[f"{PIXELS}/config.json"] = b'{"_class_name": "DiTTransformer2DModel"}'
    outcome = stocked.run("download", "wikiart-ddpm")
    assert outcome.code == 4
    assert "is of 'DiTTransformer2DModel'" in outcome.err or "is of DiTTransformer2DModel" in outcome.err
    assert found(stocked, "wikiart-ddpm") is None


def test_verify_finds_a_changed_byte_and_remove_frees_the_space(stocked: HubWorld) -> None:
    stocked.run("download", "wikiart-ddpm", "sd15")
    assert stocked.run("download", "wikiart-ddpm", "--verify").code == 0
    weights = found(stocked, "wikiart-ddpm").folder / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    spoilt = stocked.run("download", "wikiart-ddpm", "--verify")
    assert spoilt.code == 4
    assert "was damaged" in spoilt.err
    assert found(stocked, "wikiart-ddpm") is None
    assert found(stocked, "sd15") is not None
    own = found(stocked, "sd15").folder / "notes.txt"
    own.write_text("mine")
    assert stocked.run("download", "sd15", "--remove", "--yes").code == 0
    assert found(stocked, "sd15") is None
    assert own.read_text() == "mine", "what the record does not name is somebody else's"


def test_what_was_broken_off_can_be_removed_too(stocked: HubWorld) -> None:
    path = stocked.stored(LATENTS, f"vae/{WEIGHTS}")
    stocked.store.faults[path] = Fault("404", times=9)
    assert stocked.run("download", "--models", "sd15").code == 4
    kept = [p for p in stocked.cache.folder.rglob("*") if p.name == WEIGHTS]
    assert len(kept) == 1, "the U-Net has come"
    assert found(stocked, "sd15") is None
    removed = stocked.run("download", "sd15", "--remove", "--yes")
    assert removed.code == 0
    assert not [p for p in stocked.cache.folder.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_all_of_the_cache_is_verified_and_what_stays_is_said(stocked: HubWorld) -> None:
    stocked.run("download", "wikiart-ddpm")
    assert "wikiart-ddpm: whole" in stocked.run("download", "--verify").err
    assert "Networks of others stay" in stocked.run("download", "--remove", "--yes").err
    assert found(stocked, "wikiart-ddpm") is not None


@pytest.mark.parametrize("spoil", ["../../../mine.txt", "/etc/hostname", "gone.json", None])
def test_a_record_that_is_not_ours_counts_for_nothing(stocked: HubWorld, spoil: str | None) -> None:
    stocked.run("download", "wikiart-ddpm")
    record = found(stocked, "wikiart-ddpm").folder / "record.json"
    mine = stocked.cache.folder / "mine.txt"
    mine.write_text("mine")
    content = json.loads(record.read_text())
    if spoil is None:
        record.write_text("[" * 100_000)
    else:
        record.write_text(json.dumps(content | {"files": {spoil: {"size": 4, "sha256": "0" * 64}}}))
    assert found(stocked, "wikiart-ddpm") is None
    assert stocked.run("download", "wikiart-ddpm", "--remove", "--yes").code == 0
    assert mine.read_text() == "mine"
    assert stocked.run("download", "wikiart-ddpm").code == 0
    assert found(stocked, "wikiart-ddpm") is not None


def test_two_revisions_of_one_commit_are_one_snapshot(stocked: HubWorld) -> None:
    first = stocked.run("download", FINE_TUNE).out
    assert stocked.run("download", f"{FINE_TUNE}@{COMMIT}").out == first
    assert len(snapshots.snapshots(stocked.cache)) == 1


def test_json_has_name_commit_licence_and_hashes(stocked: HubWorld) -> None:
    document = json.loads(stocked.run("download", "wikiart-ddpm", "--json").out)
    row = next(row for row in document["networks"] if row["name"] == "wikiart-ddpm")
    assert (row["repository"], row["commit"], row["licence"], row["fetched"]) == (PIXELS, COMMIT, "mit", True)
    assert len(row["files"][WEIGHTS]["sha256"]) == 64
    other = next(row for row in document["networks"] if row["name"] == "sd15")
    assert (other["commit"], other["path"], other["fetched"]) == (None, None, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sd15", "--only", "art"), "--only has no effect beside sd15"),
        (("sd15", "--fp32"), "--fp32 has no effect beside sd15"),
        (("sd51",), "Did you mean sd15?"),
        (("art",), "Try --only art."),
        (("--models", "sd16"), "is not one of full, lite, sd15"),
        (("owner/name@two words",), "is no revision"),
        (("./pixels",), "does not exist"),
        (("--only", "vgg", "--art-model", "cc12m"), "--art-model has no effect beside --only without art"),
    ],
)
def test_what_makes_no_sense_is_refused(world: HubWorld, arguments: tuple[str, ...], message: str) -> None:
    outcome = world.run("download", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert world.asked() == []

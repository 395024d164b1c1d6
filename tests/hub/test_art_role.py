"""The full set whose own art network is nowhere to be had: who plays its role, never silently."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sys
from pathlib import Path
from unittest import mock

import open_clip
import pexpect
import pytest
import torch
from hub_world import PIXELS, HubWorld
from safetensors.torch import save_file
from servers import COMMIT
from test_hub_download import found
from test_hub_stylize import QUICK

from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.models.aesthetic import LinearAesthetic
from diffstyler_cli.models.clip import ClipEncoder
from diffstyler_cli.models.full import load as full
from diffstyler_cli.models.full.cc12m import CC12M
from diffstyler_cli.models.full.vgg import Vgg19Features
from diffstyler_cli.weights import settings
from diffstyler_cli.weights.registry import FULL, ComponentSpec, Source, spec

CLIP = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
BUILDERS = {
    "CC12M": lambda: CC12M((8,) * 7, embed_dim=16, cond_width=16, head_channels=8),
    "ClipEncoder": lambda: ClipEncoder(CLIP),
    "Vgg19Features": lambda: Vgg19Features(2),
    "LinearAesthetic": lambda: LinearAesthetic(16),
}
FILES = {"photo": "cc12m_1_cfg.pth", "clip": "open_clip_model.safetensors", "vgg": "model.safetensors",
         "aesthetic": "sac.safetensors"}  # fmt: skip


def art_gone(world: HubWorld, *others: ComponentSpec) -> mock._patch[object]:
    """The table with the art network, whose only link is dead, and the `others` that are not it."""
    gone = dataclasses.replace(spec("art"), sources=(Source("url", world.store.url, "wikiart_256.pth"),))
    return mock.patch.object(settings, "FULL", (gone, *(each for each in others if each.key != "art")))


@pytest.fixture
def incomplete(stocked: HubWorld, monkeypatch: pytest.MonkeyPatch) -> HubWorld:
    """All of the full set at reduced width in the cache, but for its art network."""
    for name, build in BUILDERS.items():
        monkeypatch.setattr(full, name, build)
    monkeypatch.setattr(open_clip, "SimpleTokenizer", functools.cache(open_clip.SimpleTokenizer))
    torch.manual_seed(0)
    given = stocked.folder / "given"
    given.mkdir()
    for key, name in zip(FILES, BUILDERS, strict=True):
        module = BUILDERS[name]()
        state = (module.model if key == "clip" else module).state_dict()
        save = torch.save if FILES[key].endswith(".pth") else save_file
        save(state, given / FILES[key])
    hashes = {key: hashlib.sha256((given / file).read_bytes()).hexdigest() for key, file in FILES.items()}
    (stocked.folder / "config.toml").write_text(
        "".join(f'[weights.{key}]\nsha256 = "{digest}"\n' for key, digest in hashes.items() if key != "clip")
    )
    outcome = stocked.run("download", "--from", given)
    assert "Still missing: wikiart_256" in outcome.err
    return stocked


@pytest.mark.slow
def test_the_full_method_runs_with_both_networks_of_their_own(incomplete: HubWorld) -> None:
    refused = incomplete.run("stylize", "photo.png", "oil paint", *QUICK, "--models", "full")
    assert refused.code == 4
    assert "missing: art network wikiart_256" in refused.err
    assert "diffstyler download wikiart-ddpm" in refused.err

    with art_gone(incomplete, *FULL):
        fetched = incomplete.run("download", "--yes")
    assert fetched.code == 0, fetched.err
    assert "All full-size models are there; diffstyler stylize uses them from now on." in fetched.err
    outcome = incomplete.run("stylize", "photo.png", "oil paint", *QUICK, "--models", "full", "-o", "out.png")
    assert outcome.code == 0, outcome.err
    said = " ".join(outcome.err.split())
    assert f"Art network wikiart-ddpm@{COMMIT[:7]}, as wikiart_256 is not in the cache" in said
    assert "--art-model wikiart insists on it" in said
    recipe = read_recipe(incomplete.folder / "out.png") or {}
    assert recipe["settings"]["art_model"] == f"wikiart-ddpm@{COMMIT}"
    names = {role: model["name"] for role, model in recipe["models"].items()}
    assert (names["photo"], names["art"]) == ("cc12m_1_cfg", "wikiart-ddpm")
    assert recipe["models"]["photo"]["licence"] == "MIT"
    assert "Identical" in incomplete.run("inspect", "out.png", "--replay", "-o", "again.png").err

    insisted = incomplete.run("stylize", "photo.png", "oil paint", *QUICK, "--art-model", "wikiart")
    assert insisted.code == 4
    assert "missing: art network wikiart_256" in insisted.err


def test_auto_takes_the_full_set_with_the_other_art_network_only_where_it_can_be_run(
    incomplete: HubWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def auto() -> tuple[str, str]:
        facts = json.loads(incomplete.run("inspect", "--json").out)
        return facts["auto"], facts["art_role"]

    assert auto()[0] == "lite"
    incomplete.run("download", "wikiart-ddpm")
    assert auto() == ("full", f"wikiart-ddpm@{COMMIT}")
    shown = " ".join(incomplete.run("inspect").out.split())
    assert f"The art role is played by wikiart-ddpm@{COMMIT[:7]}." in shown
    assert "are missing" not in shown
    monkeypatch.setattr("diffstyler_cli.models.foreign.extra.find_spec", lambda name: None)
    assert auto()[0] == "lite"
    outcome = incomplete.run("stylize", "photo.png", "oil paint", *QUICK, "--models", "full")
    assert outcome.code == 4
    assert "pip install 'diffstyler-cli[diffusers]'" in outcome.err


# --- download --------------------------------------------------------------------------------------------------------
def test_where_the_original_is_gone_yes_takes_the_other_and_says_why(stocked: HubWorld) -> None:
    with art_gone(stocked):
        outcome = stocked.run("download", "--only", "art", "--yes")
        assert outcome.code == 0, outcome.err
        said = " ".join(outcome.err.split())
        assert "wikiart_256 could not be had" in said
        assert f"wikiart-ddpm ({PIXELS}, licence mit, 455.0 MB)" in said
        assert said.index("licence mit") < said.index("to fetch"), "before it comes"
        assert "The art role is played by wikiart-ddpm, as wikiart_256 could not be had" in said
        assert "All full-size models are there" not in said, "one was asked for"
        document = json.loads(stocked.run("download", "--only", "art", "--json").out)
    assert document["ok"], "it is there already: nothing is asked of anybody"
    assert "wikiart-ddpm" in document["art_role"]


def test_nobody_is_asked_in_a_pipe_and_the_error_names_the_other(stocked: HubWorld) -> None:
    with art_gone(stocked):
        outcome = stocked.run("download", "--only", "art")
    assert outcome.code == 4
    assert "diffstyler download wikiart-ddpm" in outcome.err
    assert found(stocked, "wikiart-ddpm") is None


def test_the_original_may_be_insisted_on(stocked: HubWorld) -> None:
    with art_gone(stocked):
        outcome = stocked.run("download", "--only", "art", "--yes", "--art-model", "wikiart")
    assert outcome.code == 4
    assert found(stocked, "wikiart-ddpm") is None


def test_the_other_may_be_named_outright_and_the_original_is_not_asked_for(stocked: HubWorld) -> None:
    with art_gone(stocked):
        outcome = stocked.run("download", "--only", "art", "--art-model", "wikiart-ddpm")
    assert outcome.code == 0
    assert found(stocked, "wikiart-ddpm") is not None
    assert not [path for path in stocked.asked() if "wikiart_256" in path]


def test_without_a_network_the_other_is_not_offered(stocked: HubWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with art_gone(stocked):
        outcome = stocked.run("download", "--only", "art", "--yes")
    assert outcome.code == 4
    assert "Another network can play" not in outcome.err


@pytest.mark.slow
def test_at_a_terminal_the_other_is_asked_for(stocked: HubWorld) -> None:
    (stocked.folder / "config.toml").write_text(
        f'[weights.art]\nsource = ["{stocked.store.url}/wikiart_256.pth"]\nsha256 = "{"0" * 64}"\n'
    )
    code = (
        "import dataclasses\nfrom diffstyler_cli.weights import settings\n"
        "settings.FULL = tuple(dataclasses.replace(c, sources=()) for c in settings.FULL)\n"
        "from diffstyler_cli.cli.app import main; main()"
    )
    environment = {
        "HOME": str(stocked.folder), "LANG": "C.UTF-8", "TERM": "xterm", "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "HF_ENDPOINT": stocked.hub.url,
        "HF_HOME": str(stocked.folder / "hf"), "DIFFSTYLER_CACHE_DIR": str(stocked.cache.folder),
        "DIFFSTYLER_CONFIG": str(stocked.folder / "config.toml"),
    }  # fmt: skip
    words = ["-c", code, "download", "--only", "art"]
    child = pexpect.spawn(sys.executable, words, env=environment, timeout=120, dimensions=(40, 120))
    child.expect("Go ahead")
    child.send("y")
    child.expect("Another network can play the art role")
    child.expect("Fetch wikiart-ddpm for the art role")
    child.send("y")
    child.expect("The art role is played by wikiart-ddpm")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert found(stocked, "wikiart-ddpm") is not None

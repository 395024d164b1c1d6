"""The whole command line on networks of others: from a Hub on loopback to a picture, its recipe, and back."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from hub_world import FINE_TUNE, LATENTS, Folders, HubWorld
from servers import COMMIT
from test_hub_download import WEIGHTS, found

from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.models.full.captioned import ART_CAPTION

QUICK = ("--size", "64", "--steps", "2", "--seed", "1", "--cutouts", "1", "--dtype", "fp32")
PAIR = ("--models", "sd15", "--art-model", FINE_TUNE)


def stylize(world: HubWorld, *arguments: object, output: str = "out.png") -> dict[str, object]:
    """The recipe of a picture made with these arguments; fails where the command does."""
    outcome = world.run("stylize", "photo.png", "oil paint", *QUICK, *arguments, "-o", output, "--force")
    assert outcome.code == 0, outcome.err
    return read_recipe(world.folder / output) or {}


# --- latents ---------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_from_the_hub_to_a_picture_of_two_latent_networks_and_back(stocked: HubWorld) -> None:
    assert stocked.run("download", "sd15", FINE_TUNE).code == 0
    stocked.forget()
    outcome = stocked.run("stylize", "photo.png", "oil paint", *QUICK, *PAIR, "-o", "out.png")
    assert outcome.code == 0, outcome.err
    says = (
        f"Photo network sd15@{COMMIT[:7]}, trained on 64 × 64 pixels; art network {FINE_TUNE}@{COMMIT[:7]}; "
        "the losses look through the lite set's networks"
    )
    assert says in " ".join(outcome.err.split())
    recipe = read_recipe(stocked.folder / "out.png") or {}
    made = recipe["settings"]
    assert (made["models"], made["loss_models"]) == ("full", "lite")
    assert (made["photo_model"], made["art_model"]) == (f"sd15@{COMMIT}", f"{FINE_TUNE}@{COMMIT}")
    photo, art = recipe["models"]["photo"], recipe["models"]["art"]
    assert (photo["name"], photo["revision"], photo["licence"]) == ("sd15", COMMIT, "creativeml-openrail-m")
    assert (art["name"], art["licence"]) == (FINE_TUNE, "unknown")
    files = found(stocked, "sd15").files
    assert photo["sha256"] == files[f"unet/{WEIGHTS}"][1]
    assert recipe["models"]["codec"]["sha256"] == files[f"vae/{WEIGHTS}"][1]
    assert photo["source"] == f"hub:{LATENTS}/unet/{WEIGHTS}@{COMMIT}"

    report = json.loads(stocked.run("inspect", "out.png", "--json").out)["files"][0]
    assert f"--photo-model sd15@{COMMIT}" in report["command"]
    shown = stocked.run("inspect", "out.png").out
    assert "differs" not in shown
    assert f"sd15 @{COMMIT[:7]}" in shown
    replayed = stocked.run("inspect", "out.png", "--replay", "-o", "again.png")
    assert "Identical: every pixel is the same." in replayed.err
    assert stocked.asked() == [], "nothing of this needs a network"


@pytest.mark.slow
def test_a_sweep_goes_on_with_the_same_networks_only(stocked: HubWorld) -> None:
    stocked.run("download", "sd15", FINE_TUNE)
    words = ("sweep", "photo.png", "oil paint", "--lambda", "0,1", *QUICK, "-o", "swept")
    assert stocked.run(*words, *PAIR).code == 0
    manifest = json.loads((stocked.folder / "swept" / "manifest.json").read_text())
    assert manifest["sweep"]["networks"] == {"photo": f"sd15@{COMMIT}", "art": f"{FINE_TUNE}@{COMMIT}"}
    assert manifest["sweep"]["models"]["photo"] == found(stocked, "sd15").files[f"unet/{WEIGHTS}"][1]
    again = stocked.run(*words, *PAIR)
    assert "2 of 2 cells are there already" in again.err
    other = stocked.run(*words, "--models", "sd15", "--art-model", "sd15")
    assert other.code != 0, "another art network is another sweep"
    cells = sorted((stocked.folder / "swept" / "cells").glob("*.png"))
    replayed = stocked.run("inspect", cells[0], "--replay", "-o", "cell.png").err
    assert "Identical" in replayed or "by 1 at most" in replayed, "two cells were made as one batch"


@pytest.mark.slow
def test_many_photos_are_done_already_with_the_same_networks(stocked: HubWorld) -> None:
    stocked.run("download", "sd15", FINE_TUNE)
    (stocked.folder / "in").mkdir()
    (stocked.folder / "photo.png").rename(stocked.folder / "in" / "photo.png")
    words = ("stylize", "in/", "oil paint", *QUICK, *PAIR, "-o", "out/", "--json")
    assert [json.loads(line).get("status") for line in stocked.run(*words).out.splitlines()] == ["done", None]
    (stocked.folder / "out" / "manifest.jsonl").unlink()
    again = [json.loads(line).get("status") for line in stocked.run(*words).out.splitlines()]
    assert again == ["skipped", None], "known by the recipe alone"


@pytest.mark.slow
def test_the_photo_network_itself_may_play_the_art_role_and_is_told_to_paint(stocked: HubWorld) -> None:
    stocked.run("download", "sd15")
    models = stylize(stocked, "--models", "sd15", "--art-model", "sd15")["models"]
    assert models["art"]["name"] == f'sd15, told "{ART_CAPTION}"'
    assert models["art"]["sha256"] == models["photo"]["sha256"]


def test_there_is_no_art_network_by_default_for_latents(stocked: HubWorld) -> None:
    outcome = stocked.run("stylize", "photo.png", "oil paint", "--models", "sd15")
    assert outcome.code == 2
    assert "--art-model OWNER/NAME" in outcome.err
    stocked.run("download", "sd15")
    by_name = stocked.run("stylize", "photo.png", "oil paint", "--photo-model", "sd15")
    assert by_name.code == 2
    assert "there is no art network for them by default" in by_name.err


def test_what_is_not_in_the_cache_is_named_with_the_command_that_gets_it(stocked: HubWorld) -> None:
    outcome = stocked.run("stylize", "photo.png", "oil paint", *PAIR)
    assert (outcome.code, stocked.asked()) == (4, [])
    assert "Run diffstyler download sd15." in outcome.err
    dry = stocked.run("stylize", "photo.png", "oil paint", *PAIR, "--dry-run")
    assert dry.code == 4


# --- pixels ----------------------------------------------------------------------------------------------------------
def test_a_pixel_network_plays_the_art_role_of_the_built_in_set(stocked: HubWorld) -> None:
    stocked.run("download", "wikiart-ddpm")
    recipe = stylize(stocked, "--models", "lite", "--art-model", "wikiart-ddpm")
    assert recipe["settings"]["art_model"] == f"wikiart-ddpm@{COMMIT}"
    assert (recipe["models"]["photo"]["name"], recipe["models"]["art"]["name"]) == ("lite-photo", "wikiart-ddpm")
    assert recipe["models"]["art"]["licence"] == "mit"
    alone = stylize(stocked, "--models", "lite", output="alone.png")
    assert alone["models"]["art"]["name"] == "lite-art"
    replayed = stocked.run("inspect", "out.png", "--replay", "-o", "again.png")
    assert "Identical" in replayed.err


def test_two_networks_of_different_spaces_are_refused(stocked: HubWorld) -> None:
    stocked.run("download", "wikiart-ddpm", "sd15")
    for words in (("--models", "sd15", "--art-model", "wikiart-ddpm"), ("--models", "lite", "--art-model", "sd15"),
                  ("--models", "full", "--art-model", "sd15")):  # fmt: skip
        outcome = stocked.run("stylize", "photo.png", "oil paint", *words)
        assert outcome.code == 2, outcome.err
        assert "cannot be mixed: one works on" in outcome.err
        assert "latents of 4 channels, scale 0.18215" in outcome.err


def test_another_autoencoder_is_another_space(world: HubWorld, folders: Folders) -> None:
    config = folders.fine_tune / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.13025}))
    outcome = world.run(
        "stylize", "photo.png", "oil", "--photo-model", folders.latents, "--art-model", folders.fine_tune
    )
    assert outcome.code == 2
    assert "scale 0.13025" in outcome.err


def test_an_unconditional_network_cannot_play_the_photo_role(world: HubWorld, folders: Folders) -> None:
    outcome = world.run("stylize", "photo.png", "oil", "--photo-model", folders.pixels)
    assert outcome.code == 2
    assert "takes no text" in outcome.err


# --- folders ---------------------------------------------------------------------------------------------------------
def test_a_folder_is_known_again_beside_the_picture(world: HubWorld, folders: Folders) -> None:
    recipe = stylize(world, "--photo-model", "latents", "--art-model", "./fine-tune", "--loss-models", "lite")
    assert (recipe["settings"]["photo_model"], recipe["settings"]["art_model"]) == ("./latents", "./fine-tune")
    assert str(world.folder) not in json.dumps(recipe), "where it was is nobody's business"
    assert recipe["models"]["photo"]["source"] == "folder latents"
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("out.png", "photo.png", "latents", "fine-tune"):
        (world.folder / name).rename(elsewhere / name)
    replayed = world.run("inspect", elsewhere / "out.png", "--replay")
    assert "Identical" in replayed.err, replayed.err
    (elsewhere / "fine-tune").rename(world.folder / "renamed")
    gone = world.run("inspect", elsewhere / "out.png", "--replay")
    assert gone.code == 2
    assert "The art network was the folder fine-tune of its maker's" in gone.err


@pytest.mark.slow
def test_a_u_net_alone_is_of_the_photo_networks_latents(world: HubWorld, folders: Folders) -> None:
    alone = world.folder / "alone"
    (folders.fine_tune / "unet").rename(alone)
    refused = world.run("stylize", "photo.png", "oil", "--photo-model", folders.latents, "--art-model", alone)
    assert refused.code == 4
    assert "there is no scheduler_config.json" in refused.err.lower()
    (folders.fine_tune / "scheduler" / "scheduler_config.json").rename(alone / "scheduler_config.json")
    recipe = stylize(world, "--photo-model", folders.latents, "--art-model", alone)
    assert recipe["models"]["art"]["name"] == "alone"
    assert "art-text" not in recipe["models"], "it is told through the photo network's text encoder"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--models", "lite", "--photo-model", "sd15"), "--photo-model has no effect with --models lite"),
        (("--models", "sd15", "--photo-model", "sd15"), "--photo-model would have no effect"),
        (("--loss-models", "lite"), "--loss-models has no effect without --photo-model"),
        (("--photo-model", "sd15", "--art-model", "cc12m"), "is the full set's photo network"),
        (("--art-model", "wikiart-dppm"), "Did you mean wikiart-ddpm?"),
        (("--art-model", "./nowhere"), "that folder does not exist"),
        (("--art-model", "photo.png"), "names no network"),
    ],
)
def test_what_makes_no_sense_is_refused(stocked: HubWorld, words: tuple[str, ...], message: str) -> None:
    outcome = stocked.run("stylize", "photo.png", "oil paint", *words)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 2


def test_names_that_a_shell_offers_mean_something() -> None:
    from diffstyler_cli.config import ART_MODELS, options
    from diffstyler_cli.weights.registry import NETWORKS

    offered = {*options()["art_model"].common, *options()["photo_model"].common} - set(ART_MODELS)
    assert offered == {spec.name for spec in NETWORKS}


@pytest.mark.slow
def test_a_word_that_only_the_network_knows_is_said(stocked: HubWorld) -> None:
    stocked.run("download", "sd15", FINE_TUNE)
    outcome = stocked.run("stylize", "photo.png", "neon oil painting", *QUICK, *PAIR, "-o", "neon.png")
    assert 'The losses do not know "neon", and follow the rest; sd15 reads all' in " ".join(outcome.err.split())


def test_a_file_for_a_role_that_another_network_plays_is_refused(world: HubWorld, folders: Folders) -> None:
    given = folders.pixels / WEIGHTS
    outcome = world.run("stylize", "photo.png", "oil", "--art-model", folders.pixels, "--art-weights", given)
    assert outcome.code == 2
    assert "--art-weights has no effect with --art-model" in outcome.err


# --- without the extra -----------------------------------------------------------------------------------------------
@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if diffusers and transformers were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "diffstyler_cli.models.foreign.extra.find_spec",
        lambda name: None if name in ("diffusers", "transformers") else real(name),
    )


@pytest.mark.usefixtures("no_extra")
def test_without_the_libraries_the_message_names_the_extra_and_all_else_works(
    stocked: HubWorld, folders: Folders
) -> None:
    fetched = stocked.run("download", "wikiart-ddpm")
    assert fetched.code == 0
    assert "pip install 'diffstyler-cli[diffusers]'" in fetched.err
    for name in ("wikiart-ddpm", "./pixels"):
        outcome = stocked.run("stylize", "photo.png", "oil paint", "--models", "lite", "--art-model", name)
        assert outcome.code == 4
        assert "diffusers and transformers, not installed here" in outcome.err
        assert "pip install 'diffstyler-cli[diffusers]'" in outcome.err
    assert stylize(stocked, "--models", "lite")["models"]["art"]["name"] == "lite-art"
    assert stocked.run("inspect").code == 0


@pytest.mark.slow
def test_the_core_imports_none_of_the_libraries() -> None:
    import subprocess

    code = (
        "import sys; sys.modules['diffusers'] = sys.modules['transformers'] = None\n"
        "import diffstyler_cli.models.load, diffstyler_cli.models.choose, diffstyler_cli.cli.download.networks\n"
        "from diffstyler_cli import Stylizer\n"
        "Stylizer.load('lite', device='cpu')"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- plug-ins --------------------------------------------------------------------------------------------------------
def test_a_network_of_an_installed_package_is_named_like_any_other(
    world: HubWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = world.folder / "site"
    (package / "flat_networks-1.2.dist-info").mkdir(parents=True)
    facts = package / "flat_networks-1.2.dist-info"
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-networks\nVersion: 1.2\n")
    (facts / "entry_points.txt").write_text("[diffstyler.networks]\nflat = flat_networks:flat\n")
    (package / "flat_networks.py").write_text(
        "import torch\nfrom torch import nn\n"
        "from diffstyler_cli.models.cards import NetworkCard\n"
        "from diffstyler_cli.models.discrete import AdaptedNetwork\n"
        "class Flat(nn.Module):\n"
        "    def __init__(self):\n        super().__init__(); self.gain = nn.Parameter(torch.ones(1))\n"
        "    def forward(self, x, timestep, cond):\n        return self.gain * x\n"
        "def flat():\n"
        "    card = NetworkCard('flat', 'art', 'full', 'epsilon', 64, 1, 0.0, 1.0, None)\n"
        "    return AdaptedNetwork(Flat(), card, torch.linspace(0.999, 0.01, 100), 'epsilon')\n"
    )
    monkeypatch.syspath_prepend(str(package))
    recipe = stylize(world, "--models", "lite", "--art-model", "flat")
    assert recipe["settings"]["art_model"] == "flat"
    assert recipe["models"]["art"]["source"] == "package flat-networks 1.2"
    rows = json.loads(world.run("inspect", "--json").out)["other_networks"]
    assert [row["package"] for row in rows if row["name"] == "flat"] == ["flat-networks 1.2"]

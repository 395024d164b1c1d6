"""The registry, and the full set at reduced width: found, converted, loaded, run, from files as the originals come."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from diffstyler_cli.errors import UsageError, WeightsError
from diffstyler_cli.models.aesthetic import LinearAesthetic
from diffstyler_cli.models.clip import ClipEncoder
from diffstyler_cli.models.full import load as full
from diffstyler_cli.models.full.captioned import ART_CAPTION
from diffstyler_cli.models.full.cc12m import CC12M
from diffstyler_cli.models.full.files import find_full
from diffstyler_cli.models.full.vgg import Vgg19Features
from diffstyler_cli.models.full.wikiart import WikiArt
from diffstyler_cli.models.lite.unet import LiteUNet
from diffstyler_cli.pipeline import Stylizer
from diffstyler_cli.roles import KEYS
from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.fetch import import_from
from diffstyler_cli.weights.registry import FULL, Source, spec
from diffstyler_cli.weights.settings import Settings

CLIP = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
BUILDERS = {
    "CC12M": lambda: CC12M((8,) * 7, embed_dim=16, cond_width=16, head_channels=8),
    "WikiArt": lambda: WikiArt((8,) * 7, head_channels=8),
    "ClipEncoder": lambda: ClipEncoder(CLIP),
    "Vgg19Features": lambda: Vgg19Features(2),
    "LinearAesthetic": lambda: LinearAesthetic(16),
}
OPTIONS = ("--photo-weights", "--art-weights", "--clip-weights", "--vgg-weights", "--aesthetic-weights")


tokenizer = functools.cache(open_clip.SimpleTokenizer)
"""Reading its vocabulary takes longer than all else here."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Files of reduced networks, given by path, and an empty cache."""
    for name, build in BUILDERS.items():
        monkeypatch.setattr(full, name, build)
    monkeypatch.setattr(open_clip, "SimpleTokenizer", tokenizer)
    torch.manual_seed(0)
    files = {component.key: tmp_path / "given" / component.file for component in FULL}
    (tmp_path / "given").mkdir()
    torch.save(BUILDERS["CC12M"]().state_dict(), files["photo"])
    torch.save(BUILDERS["WikiArt"]().state_dict(), files["art"])
    save_file(BUILDERS["ClipEncoder"]().model.state_dict(), files["clip"])
    save_file(BUILDERS["Vgg19Features"]().state_dict() | {"head.fc.weight": torch.zeros(2)}, files["vgg"])
    torch.save(BUILDERS["LinearAesthetic"]().state_dict(), files["aesthetic"])
    return Settings(tmp_path / "cache", files)


@pytest.fixture
def cached(settings: Settings) -> Settings:
    """The same files in the cache, and no path given."""
    folder = settings.paths["photo"].parent
    hashes = {c.key: hashlib.sha256((folder / c.file).read_bytes()).hexdigest() for c in FULL if c.key != "clip"}
    settings = Settings(settings.cache, sha256=hashes)
    imported(settings, folder)
    return settings


def imported(settings: Settings, folder: Path, dtype: str = "fp16") -> None:
    found = import_from(
        folder, settings.components(), Cache(settings.cache), dtype, full.convert, lambda progress: None
    )
    assert list(found) == [c.key for c in sorted(FULL, key=lambda c: c.file)]


def test_the_table_has_every_weight_option_once() -> None:
    assert [component.key for component in FULL] == list(KEYS)
    assert tuple(component.option for component in FULL) == OPTIONS


@pytest.mark.parametrize("component", FULL, ids=lambda component: component.key)
def test_every_row_of_the_table_is_complete(component: full.ComponentSpec) -> None:
    assert component.sources
    assert component.licence
    assert spec(component.key) is component
    assert 0 < component.cached <= component.size
    for digest in component.sha256:
        assert re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", digest)
    for source in component.sources:
        assert (source.kind == "url") == source.place.startswith("https://")


def test_parameter_counts_of_the_table_are_those_of_the_modules() -> None:
    with torch.device("meta"):
        built = {
            "photo": CC12M(),
            "art": WikiArt(),
            "clip": ClipEncoder(),
            "vgg": Vgg19Features(),
            "aesthetic": LinearAesthetic(),
        }
    assert {key: module.parameter_count for key, module in built.items()} == {c.key: c.parameters for c in FULL}


def test_a_component_knows_its_files_by_the_beginning_of_their_hash() -> None:
    assert spec("vgg").accepts("dcbb9e9d" + 56 * "0")
    assert not spec("vgg").accepts("0" * 64)
    assert spec("clip").accepts("0" * 64)  # the Hub states it
    assert str(Source("hub", "a/b", "c.pth")) == "hub:a/b/c.pth"


# --- loading ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("place", ["settings", "cached"])
def test_all_five_load_ready_for_inference(request: pytest.FixtureRequest, place: str, dtype: torch.dtype) -> None:
    components = full.load_full(request.getfixturevalue(place), "cpu", dtype)
    assert components.name == "full"
    for module in (components.photo, components.art, components.encoder, components.features, components.aesthetic):
        assert not module.training
        assert not any(p.requires_grad or p.is_meta for p in module.parameters())
    assert components.photo.net[0].main[0].weight.dtype == dtype
    assert components.photo.net[0].main[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert components.photo.timestep_embed.weight.dtype == torch.float32

    x, t = torch.zeros(1, 3, 64, 64), torch.tensor([0.5])
    text = components.encoder.encode_text(["oil painting"])
    for v in (components.photo(x, t, text), components.art(x, t)):
        assert v.dtype == torch.float32
        assert v.isfinite().all()
    assert components.aesthetic(components.encoder.encode_image(x[:, :, :32, :32])).shape == (1,)
    assert set(components.features(x)) == {*components.features.content_layers, *components.features.nce_layers}


def test_what_is_loaded_equals_what_was_saved(settings: Settings) -> None:
    components = full.load_full(settings, "cpu")
    for module, file in ((components.photo, settings.paths["photo"]), (components.art, settings.paths["art"])):
        saved = torch.load(file, weights_only=True)
        assert all(torch.equal(p, saved[name]) for name, p in module.state_dict().items())
    saved = load_file(settings.paths["clip"])
    assert all(torch.equal(p, saved[name]) for name, p in components.encoder.model.state_dict().items())


def test_loading_tells_what_was_loaded(settings: Settings) -> None:
    info = full.load_full(settings, "cpu").info
    assert list(info) == ["photo", "art", "encoder", "features", "aesthetic"]
    assert info["photo"].name == "cc12m_1_cfg"
    assert info["photo"].source == "cc12m_1_cfg.pth"
    assert info["photo"].sha256 == hashlib.sha256(settings.paths["photo"].read_bytes()).hexdigest()


def test_the_cache_tells_the_same_of_the_originals_without_reading_them(cached: Settings, tmp_path: Path) -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "given").iterdir()}
    for path in (tmp_path / "given").iterdir():
        path.unlink()
    info = full.load_full(cached, "cpu").info
    assert [i.sha256 for i in info.values()] == [digests[component.file] for component in FULL]


def test_the_file_on_disk_is_never_changed(settings: Settings) -> None:
    before = settings.paths["clip"].read_bytes()
    components = full.load_full(settings, "cpu")
    for p in components.encoder.parameters():
        p.data.zero_()
    assert settings.paths["clip"].read_bytes() == before


def test_one_error_names_everything_missing_and_the_ways_out(settings: Settings) -> None:
    rest = {key: path for key, path in settings.paths.items() if key != "photo"}
    paths = {**rest, "clip": settings.paths["photo"].with_name("gone.safetensors")}
    absent = dataclasses.replace(settings, paths=paths)
    assert [component.key for component in find_full(absent)[1]] == ["photo", "clip"]
    with pytest.raises(WeightsError) as caught:
        full.load_full(absent, "cpu")
    assert "photo network cc12m_1_cfg (not in the cache)" in caught.value.message
    assert "gone.safetensors" in caught.value.message
    assert "art network" not in caught.value.message
    assert "diffstyler download" in caught.value.advice
    assert "--photo-weights PATH --clip-weights PATH" in caught.value.advice
    assert "--models lite" in caught.value.advice


def test_a_missing_art_network_names_its_stand_ins(settings: Settings) -> None:
    rest = {key: path for key, path in settings.paths.items() if key != "art"}
    absent = dataclasses.replace(settings, paths=rest)
    with pytest.raises(WeightsError) as caught:
        full.load_full(absent, "cpu")
    assert "--art-model cc12m or lite" in caught.value.advice
    assert find_full(absent, "cc12m")[1] == []


def test_nothing_is_missing_when_every_file_is_there(settings: Settings, cached: Settings) -> None:
    assert find_full(settings)[1] == find_full(cached)[1] == []
    assert len(find_full(Settings(settings.cache / "none"))[1]) == len(FULL)


def test_a_folder_is_no_weight_file(settings: Settings) -> None:
    folder = {**settings.paths, "art": settings.paths["art"].parent}
    assert [spec.key for spec in find_full(dataclasses.replace(settings, paths=folder))[1]] == ["art"]


def test_swapped_files_are_refused_by_name(settings: Settings) -> None:
    paths = {**settings.paths, "photo": settings.paths["art"], "art": settings.paths["photo"]}
    with pytest.raises(WeightsError, match=r"wikiart_256\.pth as the photo network cc12m_1_cfg"):
        full.load_full(dataclasses.replace(settings, paths=paths), "cpu")


def test_a_cached_file_of_another_hash_than_the_users_does_not_count(cached: Settings) -> None:
    other = dataclasses.replace(cached, sha256={**cached.sha256, "art": "0" * 64})
    assert [component.key for component in find_full(other)[1]] == ["art"]


# --- converting ------------------------------------------------------------------------------------------------------
def test_networks_are_stored_as_fp16_but_for_what_is_small_or_does_not_fit(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full, "SMALL", 100)
    state = torch.load(settings.paths["art"], weights_only=True)
    large = next(name for name, tensor in state.items() if tensor.numel() > full.SMALL)
    state[large] = state[large] * 1e9
    torch.save(state, tmp_path / "huge.pth")
    for dtype, halved in (("fp16", True), ("fp32", False)):
        full.convert(spec("art"), tmp_path / "huge.pth", tmp_path / "out.safetensors", dtype)
        stored = load_file(tmp_path / "out.safetensors")
        assert torch.equal(stored[large], state[large])
        for name in set(stored) - {large}:
            expected = torch.float16 if halved and state[name].numel() > full.SMALL else torch.float32
            assert stored[name].dtype == expected
            assert torch.equal(stored[name], state[name].to(expected))


def test_the_cached_vgg_has_no_classifier(cached: Settings) -> None:
    with safe_open(Cache(cached.cache).find("vgg").path, "pt") as file:
        assert all(name.startswith("features.") for name in file.keys())  # noqa: SIM118 - not a dict


def test_a_file_of_another_component_is_not_converted(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(WeightsError, match=r"wikiart_256\.pth as the photo network"):
        full.convert(spec("photo"), settings.paths["art"], tmp_path / "out.safetensors", "fp16")
    assert not (tmp_path / "out.safetensors").exists()


GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden_networks.json").read_text())["reduced"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("fp32", 1e-4), ("fp16", 0.1)])
def test_golden_values_come_back_through_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, tolerance: float
) -> None:
    """Checkpoint in the original's format → import → cache → load gives the reference's numbers.

    Random weights without norms make much of a rounding, so that fp16 comes back less exactly than trained ones would.
    """
    from test_original_networks import golden_inputs, golden_weights

    makers = {
        "CC12M": lambda: CC12M((8, 8, 8, 16, 16, 32, 32), cond_width=32, head_channels=8),
        "WikiArt": lambda: WikiArt((8, 8, 16, 16, 32, 32, 48), head_channels=16),
    }
    cache = Cache(tmp_path / "cache")
    for key, maker in (("photo", "CC12M"), ("art", "WikiArt")):
        monkeypatch.setattr(full, maker, makers[maker])
        network = makers[maker]()
        folder = tmp_path / key
        folder.mkdir()
        torch.save(golden_weights(network), folder / "anything.pth")
        digest = hashlib.sha256((folder / "anything.pth").read_bytes()).hexdigest()
        component = dataclasses.replace(spec(key), sha256=(digest,))
        entry = import_from(folder, [component], cache, dtype, full.convert, lambda progress: None)[key]
        loaded = full.build(key)
        full.load_file_strict(loaded, entry.path, key, full.SELECT[key], full._place(loaded, "cpu", torch.float32))
        golden, v = GOLDEN[network.name], loaded(*golden_inputs(network.name))
        patch = torch.tensor(golden["slice"])
        assert v.std().item() == pytest.approx(golden["std"], rel=tolerance)
        assert (v[:, :, 30:33, 30:33] - patch).norm() <= tolerance * patch.norm()


# --- end to end ------------------------------------------------------------------------------------------------------
QUICK = {"steps": 2, "size": 64, "seed": 1, "cutouts": 1}


@pytest.fixture
def load(cached: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    """`Stylizer.load` where the reduced set is what this user has in the cache."""
    monkeypatch.setattr("diffstyler_cli.weights.settings.read_settings", lambda **given: cached)
    # the reduced CLIP embeds 32×32 pictures in 16 numbers, the reduced VGG needs no more
    return lambda **options: Stylizer.load(device="cpu", **{"dtype": "fp32"} | options)


def test_auto_takes_the_full_set_when_it_is_in_the_cache_and_makes_a_picture(load) -> None:
    stylizer = load(models="auto")
    assert stylizer.name == "full"
    result = stylizer.stylize(Image.new("RGB", (64, 64), "teal"), ["oil painting"], **QUICK)
    assert np.isfinite(np.asarray(result.image)).all()
    assert [m["name"] for m in result.recipe["models"].values()] == [component.name for component in FULL]
    assert (result.recipe["settings"]["models"], result.recipe["settings"]["art_model"]) == ("full", "wikiart")
    assert result.recipe["overflowed"] == []


def test_the_photo_network_can_play_the_art_role(cached: Settings, load) -> None:
    Cache(cached.cache).remove("art")
    stylizer = load(models="full", art_model="cc12m")
    parts = stylizer.components
    x, t = torch.zeros(2, 3, 64, 64), torch.tensor(0.5)
    caption = parts.encoder.encode_text([ART_CAPTION])
    assert torch.equal(parts.art(x, t), parts.photo(x, t, caption.expand(2, -1)))
    assert (parts.art.role, parts.art.cond_dim) == ("art", None)
    recipe = stylizer.stylize(Image.new("RGB", (64, 64), "teal"), ["oil painting"], **QUICK).recipe
    assert recipe["settings"]["art_model"] == "cc12m"
    assert ART_CAPTION in recipe["models"]["art"]["name"]
    assert recipe["models"]["art"]["sha256"] == recipe["models"]["photo"]["sha256"]


def test_the_built_in_network_can_play_the_art_role(cached: Settings, load, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(cached.cache).remove("art")
    lite = LiteUNet("art").eval().requires_grad_(False)
    info = full.ComponentInfo("lite-art", 1, "0" * 64, "built in")
    built_in = full.Components("lite", lite, lite, None, None, None, {"art": info})
    monkeypatch.setattr(full, "load_lite", lambda device, files: built_in)
    stylizer = load(art_model="lite")
    recipe = stylizer.stylize(Image.new("RGB", (64, 64), "teal"), ["oil painting"], **QUICK).recipe
    assert recipe["settings"]["art_model"] == "lite"
    assert recipe["models"]["art"]["name"] == "lite-art"


def test_the_lite_models_take_nothing_of_the_full_set(load, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--art-model is for the full set"):
        load(models="lite", art_model="cc12m")
    torch.save({"a": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"x\.pth cannot be read"):
        load(models="lite", weights={"photo": tmp_path / "x.pth"})
    with pytest.raises(UsageError, match="--art-model 'monet' names no network"):
        load(art_model="monet")


def test_asking_for_an_art_model_is_never_answered_with_the_lite_set(cached: Settings, load) -> None:
    Cache(cached.cache).remove("photo")
    with pytest.raises(WeightsError, match="photo network"):
        load(models="auto", art_model="cc12m")


def test_a_network_that_overflows_in_fp16_goes_on_in_fp32(cached: Settings) -> None:
    components = full.load_full(cached, "cpu", torch.float16)
    last = components.art.net[-1].main[2]
    last.weight.data.fill_(60000.0)
    last.bias.data.fill_(60000.0)
    stylizer = Stylizer(components, torch.device("cpu"), torch.float16)
    x, t = torch.ones(1, 3, 64, 64), torch.tensor([0.5])
    for _ in range(2):
        assert stylizer.networks.evaluate(components.art, x, t).isfinite().all()
    assert stylizer.networks.evaluate(components.photo, x, t).isfinite().all()
    assert stylizer.notices == ["The art network overflowed in fp16 and goes on in fp32, which is slower."]

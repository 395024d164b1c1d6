"""The registry and `load_full`, the latter on reduced networks in files as the originals come."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from diffstyler_cli.config import WeightPaths
from diffstyler_cli.errors import WeightsError
from diffstyler_cli.models import full
from diffstyler_cli.models.aesthetic import LinearAesthetic
from diffstyler_cli.models.cc12m import CC12M
from diffstyler_cli.models.clip import ClipEncoder
from diffstyler_cli.models.registry import FULL, find_local, spec
from diffstyler_cli.models.vgg import Vgg19Features
from diffstyler_cli.models.wikiart import WikiArt

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


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightPaths:
    for name, build in BUILDERS.items():
        monkeypatch.setattr(full, name, build)
    torch.manual_seed(0)
    files = WeightPaths(*(tmp_path / component.file for component in FULL))
    torch.save(BUILDERS["CC12M"]().state_dict(), files.photo)
    torch.save(BUILDERS["WikiArt"]().state_dict(), files.art)
    save_file(BUILDERS["ClipEncoder"]().model.state_dict(), files.clip)
    save_file(BUILDERS["Vgg19Features"]().state_dict() | {"head.fc.weight": torch.zeros(2)}, files.vgg)
    torch.save(BUILDERS["LinearAesthetic"]().state_dict(), files.aesthetic)
    return files


def test_the_table_has_every_weight_option_once() -> None:
    assert [component.key for component in FULL] == [f.name for f in dataclasses.fields(WeightPaths)]
    assert tuple(component.option for component in FULL) == OPTIONS


@pytest.mark.parametrize("component", FULL, ids=lambda component: component.key)
def test_every_row_of_the_table_is_complete(component: full.ComponentSpec) -> None:
    assert component.sources
    assert component.licence
    assert spec(component.key) is component
    assert (component.file, component.sha256) == (component.sources[0].file, component.sources[0].sha256)
    for source in component.sources:
        assert source.size > 0
        assert re.fullmatch(r"([0-9a-f]{8}|[0-9a-f]{64})?", source.sha256)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_all_five_load_ready_for_inference(paths: WeightPaths, dtype: torch.dtype) -> None:
    components = full.load_full(paths, "cpu", dtype)
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


def test_loading_tells_what_was_loaded(paths: WeightPaths) -> None:
    info = full.load_full(paths, "cpu").info
    assert list(info) == ["photo", "art", "encoder", "features", "aesthetic"]
    assert info["photo"].name == "cc12m_1_cfg"
    assert info["photo"].source == "cc12m_1_cfg.pth"
    assert info["photo"].sha256 == hashlib.sha256(paths.photo.read_bytes()).hexdigest()


def test_the_file_on_disk_is_never_changed(paths: WeightPaths) -> None:
    before = paths.art.read_bytes()
    components = full.load_full(paths, "cpu")
    for p in components.art.parameters():
        p.data.zero_()
    assert paths.art.read_bytes() == before


def test_one_error_names_everything_missing_and_the_options(paths: WeightPaths) -> None:
    absent = dataclasses.replace(paths, photo=None, clip=paths.photo.with_name("gone.safetensors"))
    assert [component.key for component in full.missing_full(absent)] == ["photo", "clip"]
    with pytest.raises(WeightsError) as caught:
        full.load_full(absent, "cpu")
    assert "photo network cc12m_1_cfg (no file given)" in caught.value.message
    assert "gone.safetensors" in caught.value.message
    assert "art network" not in caught.value.message
    assert "--photo-weights PATH --clip-weights PATH" in caught.value.advice
    assert "--models lite" in caught.value.advice


def test_nothing_is_missing_when_every_file_is_there(paths: WeightPaths) -> None:
    assert full.missing_full(paths) == []
    assert full.missing_full(WeightPaths()) == list(FULL)


def test_a_folder_is_no_weight_file(paths: WeightPaths) -> None:
    assert find_local(spec("art"), dataclasses.replace(paths, art=paths.art.parent)) is None


def test_swapped_files_are_refused_by_name(paths: WeightPaths) -> None:
    swapped = dataclasses.replace(paths, photo=paths.art, art=paths.photo)
    with pytest.raises(WeightsError, match=r"cc12m_1_cfg\.pth as the art network wikiart_256"):
        full.load_full(swapped, "cpu")

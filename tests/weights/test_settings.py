"""Where a user says that weights are: options before the environment before the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from diffstyler_cli.errors import UsageError
from diffstyler_cli.weights.registry import FULL, Source, spec
from diffstyler_cli.weights.settings import parse_source, read_settings

MIRROR = Source("url", "https://mirror.example/v", "cc12m_1_cfg.pth")
CONFIG = f"""
[cache]
dir = "/data/cache"

[weights.photo]
source = ["{MIRROR}", "/mnt/cc12m_1_cfg.pth"]
sha256 = "{"AB" * 32}"

[weights.clip]
path = "~/clip.safetensors"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config.toml").write_text(CONFIG)
    return {"DIFFSTYLER_CONFIG": str(tmp_path / "config.toml")}


def test_the_configuration_file(environment: dict[str, str]) -> None:
    settings = read_settings(environment=environment)
    assert settings.cache == Path("/data/cache")
    assert settings.paths == {"clip": Path("~/clip.safetensors").expanduser()}
    photo, *others = settings.components()
    assert photo.sources == (MIRROR, Source("file", "/mnt", "cc12m_1_cfg.pth"), *spec("photo").sources)
    assert photo.sha256 == ("ab" * 32,)
    assert others == list(FULL[1:])


def test_the_environment_goes_before_the_file_and_options_before_both(environment: dict[str, str]) -> None:
    environment |= {
        "DIFFSTYLER_CACHE_DIR": "/env/cache",
        "DIFFSTYLER_CLIP_WEIGHTS": "/env/clip",
        "DIFFSTYLER_PHOTO_SOURCE": "hub:me/copy/x.pth@v2",
    }
    settings = read_settings(environment=environment)
    assert settings.cache == Path("/env/cache")
    assert settings.paths["clip"] == Path("/env/clip")
    assert settings.sources["photo"][:2] == (Source("hub", "me/copy", "x.pth", "v2"), MIRROR)

    option = Source("file", "/option", "x.pth")
    settings = read_settings(
        cache=Path("/option/cache"),
        paths={"clip": Path("/option/clip")},
        sources={"photo": (option,)},
        environment=environment,
    )
    assert settings.cache == Path("/option/cache")
    assert settings.paths["clip"] == Path("/option/clip")
    assert settings.sources["photo"][0] == option


def test_without_any_of_it_the_platforms_own_folder_and_the_built_in_table(tmp_path: Path) -> None:
    settings = read_settings(environment={})
    assert settings.cache.name == "diffstyler" or "diffstyler" in str(settings.cache)
    assert settings.paths == {}
    assert settings.components() == FULL


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[weights", "cannot be read"),
        ("[weight.photo]\n", "no setting 'weight'"),
        ("[weights.foto]\n", "no setting 'foto'"),
        ("[weights.photo]\nurl = 'x'", r"photo: there is no setting 'url'; known: path, source, sha256"),
        ("[weights.photo]\npath = 3", "path is a text"),
        ("[weights.photo]\nsource = [3]", "source is a text in quotes or a list"),
        ("[weights.photo]\nsource = 'ftp://x/y'", "no place to get a file from"),
        ("[weights.photo]\nsha256 = 'abc'", "not 64 hexadecimal digits"),
        ("weights = 3", r"weights is a table"),
        ("[cache]\ndir = 3", "dir is a text"),
        ("[cache]\ndir = 'a\\u0000b'".replace("'", '"'), "dir is a text"),
        ("[cache]\ndir = '~nobody-of-that-name/x'", "home folder of nobody"),
        ("a = " + "[" * 100_000, "nests too deeply"),
        ("a = " + "{a=" * 100_000, "nests too deeply"),
        (f"[cache]\ndir = {'9' * 400}", "dir is a text"),
        (f"[cache]\ndir = {'9' * 5000}", "cannot be read"),
        (f"{'a' * 5000} = 1", "no setting"),
        ("#" * (2 << 20), "no file of at most"),
    ],
)
def test_a_wrong_configuration_is_an_error_that_names_the_file(tmp_path: Path, content: str, match: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=match) as caught:
        read_settings(environment={"DIFFSTYLER_CONFIG": str(path)})
    assert caught.value.advice
    assert "\n" not in caught.value.message.strip()
    assert len(caught.value.message) < 500


def test_an_empty_name_of_a_configuration_file_is_none(tmp_path: Path) -> None:
    assert read_settings(environment={"DIFFSTYLER_CONFIG": "", "HOME": str(tmp_path)}).components() == FULL


def test_names_and_passwords_are_for_the_request_alone() -> None:
    source = parse_source("https://me:se@cret@h.example/d@x/c.pth")
    assert source.url == "https://me:se@cret@h.example/d@x/c.pth"
    assert str(source) == "https://h.example/d@x/c.pth"
    assert "cret" not in repr(source)
    with pytest.raises(UsageError) as caught:
        parse_source("ftp://me:secret@h.example/c.pth")
    assert "secret" not in caught.value.message


def test_a_configuration_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_settings(environment={"DIFFSTYLER_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hub:a/b/c.pth", Source("hub", "a/b", "c.pth")),
        ("hub:a/b/sub/c.pth@v1", Source("hub", "a/b", "sub/c.pth", "v1")),
        ("https://h.example/d/c.pth", Source("url", "https://h.example/d", "c.pth")),
        ("http://127.0.0.1:80/c.pth", Source("url", "http://127.0.0.1:80", "c.pth")),
        ("/data/c.pth", Source("file", "/data", "c.pth")),
    ],
)
def test_sources_are_read_as_they_are_written(text: str, source: Source) -> None:
    assert parse_source(text) == source
    assert str(source) == text


@pytest.mark.parametrize("text", ["hub:a/c.pth", "hub:a/b/", "ftp://h/c.pth", "https://host", ""])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no place"):
        parse_source(text)

"""Free diffusion kept between runs: another prompt on a photo gives the same picture as without, and computes less."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cli_harness import environment
from PIL import Image
from safetensors.torch import save

from diffstyler_cli import Finished, Stylizer
from diffstyler_cli.cli.speeds import read_speeds
from diffstyler_cli.images import LoadedImage, read_image
from diffstyler_cli.models.cards import NetworkCard
from diffstyler_cli.models.discrete import AdaptedNetwork
from diffstyler_cli.pipeline import kept
from diffstyler_cli.recipe import same_but_for_time
from diffstyler_cli.weights.settings import read_settings

Cli = Callable[..., tuple[int, str, str]]
QUICK = ("--steps", "2", "--seed", "3", "--models", "lite")
TINY = ("--size", "64", *QUICK)
PLAIN = (*TINY, "--guidance-scale", "0")
PASSES = ("--size", "128", "--working-size", "64", *QUICK)
CONFIG: dict[str, Any] = {"size": 64, "steps": 2, "seed": 3, "guidance_scale": 0.0}


@pytest.fixture
def nulls(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Evaluations of the photo network under the null condition alone, which free diffusion is made of."""
    network: Any = stylizer.components.photo
    found: list[int] = []
    whole = network.forward

    def forward(x: Any, t: Any, cond: Any = None) -> Any:
        found.extend([1] * (cond is None))
        return whole(x, t, cond)

    monkeypatch.setattr(network, "forward", forward)
    return found


@pytest.fixture
def free(photo: Path, lite_cli: Cli, nulls: list[int]) -> Callable[..., int]:
    """Runs `stylize photo.png …`; returns how often free diffusion asked the network."""

    def run(*arguments: str) -> int:
        nulls.clear()
        code, _, err = lite_cli("stylize", *arguments, "--force", "-o", "made.png")
        assert code == 0, err
        return len(nulls)

    return run


def folder() -> Path:
    return read_settings().free_diffusion


def files() -> list[Path]:
    return sorted(folder().glob("*")) if folder().exists() else []


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        pytest.param(PASSES, 3, id="two passes"),
        pytest.param(
            ("--size", "160", "--tile", "128", *QUICK, "--guidance-scale", "0"), 8, id="tiles", marks=pytest.mark.slow
        ),
        pytest.param((*TINY, "--noise-iters", "1"), 2, id="noise", marks=pytest.mark.slow),
        pytest.param((*TINY, "--solver", "prk", "--t1", "2x", "--round-trip"), 24, id="trip", marks=pytest.mark.slow),
    ],
)
def test_another_prompt_gives_the_same_picture_without_free_diffusion(
    photo: Path, lite_cli: Cli, nulls: list[int], settings: tuple[str, ...], count: int
) -> None:
    documents = []
    told = []
    for prompt, more in (("oil painting", ()), ("woodcut", ()), ("woodcut", ("--no-cache",))):
        nulls.clear()
        name = f"{len(told)}.png"
        code, out, err = lite_cli("stylize", "photo.png", prompt, *settings, *more, "-o", name, "--json")
        assert code == 0, err
        documents.append(json.loads(out)["results"][0])
        told.append(len(nulls))
    assert told == [count, 0, count]
    assert len(files()) == 1
    with Image.open("1.png") as second, Image.open("2.png") as anew:
        assert second.tobytes() == anew.tobytes()
    assert documents[1]["losses"] == documents[2]["losses"]
    assert same_but_for_time(documents[1]["recipe"], documents[2]["recipe"])
    assert [document["timings"]["free"] > 0 for document in documents] == [True, False, True]


def test_variations_share_it(photo: Path, lite_cli: Cli, nulls: list[int]) -> None:
    assert lite_cli("stylize", "photo.png", "woodcut", *PLAIN, "-n", "3")[0] == 0
    assert len(nulls) == 2


def test_a_person_sees_that_free_diffusion_is_done(photo: Path, lite_cli: Cli) -> None:
    assert lite_cli("stylize", "photo.png", "woodcut", *PLAIN)[0] == 0
    _, _, err = lite_cli("stylize", "photo.png", "mosaic", *PLAIN)
    assert [line for line in err.splitlines() if "Free" in line] == ["Free diffusion 2/2"]


def test_speed_is_learned_from_what_was_computed_alone(free: Callable[..., int], stylizer: Stylizer) -> None:
    def measured() -> dict[str, int]:
        return {kind: len(found) for (kind, _), found in read_speeds(stylizer.networks.machine).items()}

    free("photo.png", "woodcut", *PLAIN)
    free("photo.png", "mosaic", *PLAIN)
    assert measured() == {"free": 1, "off": 2}


# --- what it depends on ----------------------------------------------------------------------------------------------
def test_what_free_diffusion_knows_nothing_of(free: Callable[..., int]) -> None:
    Image.radial_gradient("L").resize((40, 30)).save("disc.png")
    assert free("photo.png", "woodcut", *PLAIN) == 2
    for changed in (
        ("--seed", "4"), ("--lambda", "0.5"), ("--guidance-scale", "2"), ("--fresh-noise", "0.7"), ("--keep-color",),
        ("--prompt-weight", "3"), ("--region", "disc.png", "mosaic"), ("--lambda-mask", "disc.png"),
        ("--palette", "disc.png"),
    ):  # fmt: skip
        assert free("photo.png", "woodcut", *PLAIN, *changed) == 0, changed


def test_settings_that_change_free_diffusion(free: Callable[..., int]) -> None:
    assert free("photo.png", "woodcut", *PLAIN) == 2
    for number, changed in enumerate((
        ("--size", "80"), ("--t1", "2x"), ("--steps", "3"), ("--solver", "ddim"), ("--t1", "2x", "--round-trip"),
        ("--working-size", "64", "--size", "128"),
    )):  # fmt: skip
        assert free("photo.png", "woodcut", *PLAIN, *changed) > 0, changed
        assert len(files()) == number + 2
    assert free("photo.png", "woodcut", *PLAIN) == 0


def test_another_photo_by_the_same_name_and_the_same_by_another(free: Callable[..., int], photo: Path) -> None:
    assert free("photo.png", "woodcut", *PLAIN) == 2
    photo.rename("other.png")
    assert free("other.png", "woodcut", *PLAIN) == 0
    with Image.open("other.png") as picture:
        picture.putpixel((20, 15), (255, 0, 0))
        picture.save("photo.png")
        picture.putalpha(Image.radial_gradient("L").resize(picture.size))
        picture.save("clear.png")
        frames = [Image.new("RGB", picture.size, colour) for colour in ("red", "blue")]
    assert free("photo.png", "woodcut", *PLAIN) == 2
    assert free("clear.png", "woodcut", *PLAIN) == 2
    frames[0].save("frames.tiff", save_all=True, append_images=frames[1:])
    assert free("frames.tiff", "woodcut", *PLAIN) == 2
    assert free("frames.tiff", "woodcut", *PLAIN, "--frame", "2") == 2


def count_of(stylizer: Stylizer, photo: Path | LoadedImage, cache: Path | None) -> int:
    """Steps of free diffusion that were computed."""
    return sum(getattr(event, "phase", "") == "free" for event in stylizer.run(photo, "mosaic", cache=cache, **CONFIG))


def changed(stylizer: Stylizer, **info: str) -> Stylizer:
    """The same networks, of which something else is said."""
    parts = stylizer.components
    photo = dataclasses.replace(parts.info["photo"], **info)
    return Stylizer(
        dataclasses.replace(parts, info={**parts.info, "photo": photo}), stylizer.device, stylizer.dtype
    )  # fmt: skip


def test_other_weights(stylizer: Stylizer, photo: Path) -> None:
    assert [count_of(stylizer, photo, folder()) for _ in range(2)] == [2, 1]
    assert count_of(changed(stylizer, sha256="1" * 64), photo, folder()) == 2
    weight = next(parameter for parameter in stylizer.components.photo.parameters() if parameter.ndim == 4)
    before = weight.detach().clone()
    try:  # as where the same original is stored in another precision
        with torch.no_grad():
            weight.copy_(weight.bfloat16())
        assert count_of(stylizer, photo, folder()) == 2
    finally:
        weight.data.copy_(before)
    assert count_of(stylizer, photo, folder()) == 1
    assert len(files()) == 3


def test_a_network_that_nobody_has_named_is_not_kept(stylizer: Stylizer, photo: Path) -> None:
    unnamed = changed(stylizer, sha256="")
    assert [count_of(unnamed, photo, folder()) for _ in range(2)] == [2, 2]
    assert files() == []


def test_the_table_of_a_network_belongs_to_it() -> None:
    card = NetworkCard("table", "photo", "lite", "epsilon", 64, 8)
    layer = torch.nn.Conv2d(3, 3, 1)
    tables = torch.linspace(0.99, 0.01, 10), torch.linspace(0.98, 0.01, 10)
    made = [AdaptedNetwork(layer, card, table, "epsilon") for table in (tables[0], *tables)]
    made.append(AdaptedNetwork(layer, card, tables[0], "epsilon", integer=True))
    digests = [network.digest() for network in made]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_after_an_overflow_nothing_is_kept_and_nothing_taken(photo: Path, stylizer: Stylizer) -> None:
    count_of(stylizer, photo, folder())
    other = changed(stylizer)
    other.networks._overflowed.add(stylizer.components.photo)
    assert [count_of(other, photo, folder()) for _ in range(2)] == [2, 2]
    assert len(files()) == 1


# --- where nothing is kept -------------------------------------------------------------------------------------------
def test_nothing_is_kept_where_it_is_not_wanted(
    photo: Path, lite_cli: Cli, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.radial_gradient("L").resize((40, 30)).save("disc.png")
    Path("photos").mkdir()
    for name in ("a", "b"):
        Image.open(photo).save(f"photos/{name}.png")
    stylizer.stylize(photo, "woodcut", **CONFIG)
    for words in (
        ("stylize", "photo.png", "woodcut", *PLAIN, "--no-cache"),
        ("stylize", "photo.png", "mosaic", *PLAIN, "--mask", "disc.png"),
        ("stylize", "photos", "woodcut", *PLAIN, "-o", "out"),
        ("stylize", "photos", "mosaic", *PLAIN, "-o", "out", "--no-cache"),
        ("stylize", "photo.png", "oil painting", *PLAIN, "--dry-run"),
    ):
        code, _, err = lite_cli(*words)
        assert code == 0, err
        assert files() == [], words
    monkeypatch.setenv("DIFFSTYLER_NO_CACHE", "1")
    assert lite_cli("stylize", "photo.png", "oil painting", *PLAIN)[0] == 0
    assert files() == []


@pytest.mark.slow
def test_a_sweep_keeps_nothing(photo: Path, lite_cli: Cli) -> None:
    assert lite_cli("sweep", "photo.png", "woodcut", *PLAIN, "--lambda", "0:1:1")[0] == 0
    assert files() == []


def test_a_replay_computes_everything_anew(photo: Path, lite_cli: Cli, nulls: list[int]) -> None:
    assert lite_cli("stylize", "photo.png", "woodcut", *PLAIN, "-o", "made.png")[0] == 0
    nulls.clear()
    code, _, err = lite_cli("inspect", "made.png", "--replay")
    assert code == 0, err
    assert "Identical" in err
    assert len(nulls) == 2


# --- the files -------------------------------------------------------------------------------------------------------
@pytest.fixture
def kept_file(free: Callable[..., int]) -> Path:
    """What one run kept."""
    assert free("photo.png", "woodcut", *PLAIN) == 2
    (path,) = files()
    return path


def test_a_damaged_file_is_passed_over_and_made_anew(free: Callable[..., int], kept_file: Path) -> None:
    data = kept_file.read_bytes()
    with Image.open("made.png") as picture:
        before = picture.tobytes()
    contents = {
        "empty": b"",
        "cut at the end": data[:-1],
        "cut early": data[:100],
        "a bit changed": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "an endless header": b"\xff" * 8 + data[8:],
        "no safetensors": b"a cat",
        "tensors of something else": save(
            {"0": torch.zeros(3), "1": torch.zeros(0, 2).bool()}, {"key": kept_file.stem}
        ),
        "no layout": data.replace(b'"layouts"', b'"lay0uts"'),
        "another run's": data.replace(kept_file.stem.encode(), b"0" * 64),
        "a link": lambda: kept_file.symlink_to("nowhere"),
        "a pipe": lambda: os.mkfifo(kept_file),
    }
    for name, content in contents.items():
        kept_file.unlink()
        if isinstance(content, bytes):
            assert content != data
            kept_file.write_bytes(content)
        else:
            content()
        assert free("photo.png", "woodcut", *PLAIN) == 2, name
        assert files() == [kept_file]
        assert len(kept_file.read_bytes()) == len(data)
        with Image.open("made.png") as picture:
            assert picture.tobytes() == before
    assert free("photo.png", "woodcut", *PLAIN) == 0


def test_a_folder_in_its_place_is_left_alone(free: Callable[..., int], kept_file: Path) -> None:
    kept_file.unlink()
    kept_file.mkdir()
    (kept_file / "cat.jpg").touch()
    assert [free("photo.png", "woodcut", *PLAIN) for _ in range(2)] == [2, 2]
    assert (kept_file / "cat.jpg").exists()
    assert files() == [kept_file]


def test_it_is_for_this_user_alone(kept_file: Path) -> None:
    assert [oct(path.stat().st_mode & 0o777) for path in (kept_file, kept_file.parent)] == ["0o600", "0o700"]


def test_those_not_used_for_the_longest_time_go_first(
    free: Callable[..., int], kept_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 3 * kept_file.stat().st_size + 10)
    others = [folder() / name for name in ("cat.jpg", f".{'a' * 64}-left", f".{'b' * 64}-now")]
    for path in others:
        path.write_bytes(b"x")
    os.utime(others[1], (0, 0))
    for age, t1 in ((2, "2x"), (1, "3x")):
        known = set(files())
        assert free("photo.png", "woodcut", *PLAIN, "--t1", t1) > 0
        for path in set(files()) - known:
            os.utime(path, (time.time() - age * 100,) * 2)
    assert not others[1].exists()
    others[2].unlink()
    assert free("photo.png", "woodcut", *PLAIN, "--t1", "2x") == 0  # used now
    assert free("photo.png", "woodcut", *PLAIN, "--t1", "4x") > 0  # too much: 3x goes
    assert [free("photo.png", "woodcut", *PLAIN, "--t1", t1) for t1 in ("1.1x", "2x", "4x")] == [0, 0, 0]
    assert free("photo.png", "woodcut", *PLAIN, "--t1", "3x") > 0
    assert others[0].exists()
    monkeypatch.setattr(kept, "MOST", 10)  # smaller than any file
    known = set(files())
    assert free("photo.png", "woodcut", *PLAIN, "--t1", "5x") > 0
    assert set(files()) == known


def test_a_folder_that_cannot_be_written_to_disturbs_nothing(
    free: Callable[..., int], photo: Path, stylizer: Stylizer, open_folder: Path, as_plain_user: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(open_folder / "file" / "cache"))
    (open_folder / "file").touch()
    assert [free("photo.png", "woodcut", *PLAIN) for _ in range(2)] == [2, 2]
    assert count_of(stylizer, photo, Path("bad\0name")) == 2
    cache, loaded = open_folder / "free", read_image(photo)
    count_of(stylizer, photo, cache)
    cache.chmod(0o755)
    for path in cache.iterdir():
        path.chmod(0o644)
    as_plain_user()
    assert count_of(stylizer, loaded, cache) == 1  # reading writes nothing
    (path,) = cache.iterdir()
    with pytest.raises(PermissionError):
        path.unlink()


def test_a_full_disk_disturbs_nothing(free: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    whole = os.replace
    monkeypatch.setattr(kept.os, "replace", lambda a, b: full() if "free" in str(b) else whole(a, b))
    assert [free("photo.png", "woodcut", *PLAIN) for _ in range(2)] == [2, 2]
    assert files() == []


def other_process(*words: str) -> subprocess.Popen[bytes]:
    """`stylize photo.png …` in a process of its own, with this test's cache."""
    main = "from diffstyler_cli.cli.app import main; main()"
    where = {**environment(), "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
    return subprocess.Popen([sys.executable, "-c", main, "stylize", "photo.png", *words, "-q"], env=where)


HERE = (*PLAIN, "--device", "cpu", "--dtype", "fp32", "--force")


@pytest.mark.slow
def test_what_one_process_has_kept_another_one_finds(free: Callable[..., int], photo: Path) -> None:
    assert other_process("woodcut", *HERE, "-o", "other.png").wait(timeout=120) == 0
    assert free("photo.png", "woodcut", *PLAIN) == 0
    with Image.open("other.png") as theirs, Image.open("made.png") as mine:
        assert theirs.tobytes() == mine.tobytes()


@pytest.mark.slow
def test_processes_at_once_keep_whole_files(photo: Path, lite_cli: Cli) -> None:
    with other_process("woodcut", *HERE, "-n", "20", "-o", "other.png") as other:
        while other.poll() is None:
            assert lite_cli("stylize", "photo.png", "mosaic", *HERE, "-o", "mine.png")[0] == 0
            for path in files():
                path.unlink(missing_ok=True)
    assert other.returncode == 0
    assert lite_cli("stylize", "photo.png", "woodcut", *HERE, "-n", "20", "-o", "mine.png")[0] == 0
    for number in range(1, 21):
        with Image.open(f"other-{number}.png") as theirs, Image.open(f"mine-{number}.png") as mine:
            assert theirs.tobytes() == mine.tobytes()
    (path,) = files()
    assert kept.OURS.fullmatch(path.name)


# --- elsewhere -------------------------------------------------------------------------------------------------------
def test_the_python_api_keeps_what_it_is_told_to(stylizer: Stylizer, photo: Path, tmp_path: Path) -> None:
    plain = stylizer.stylize(photo, "mosaic", **CONFIG)
    stylizer.stylize(photo, "woodcut", cache=tmp_path / "mine", **CONFIG)
    *events, last = stylizer.run(photo, "mosaic", cache=str(tmp_path / "mine"), **CONFIG)
    assert isinstance(last, Finished)
    assert last.result.image.tobytes() == plain.image.tobytes()
    assert [(event.phase, event.step, event.steps) for event in events] == [
        ("free", 2, 2), ("sample", 1, 2), ("sample", 2, 2),
    ]  # fmt: skip
    assert len(list((tmp_path / "mine").iterdir())) == 1
    assert files() == []


def test_inspect_says_where_and_how_much(photo: Path, lite_cli: Cli) -> None:
    for t1 in ("2", "3"):
        assert lite_cli("stylize", "photo.png", "woodcut", *PLAIN, "--t1", t1)[0] == 0
    _, out, _ = lite_cli("inspect", "--json")
    size = sum(path.stat().st_size for path in files())
    assert json.loads(out)["cache"]["free_diffusion"] == {"path": str(folder()), "files": 2, "bytes": size}
    _, out, _ = lite_cli("inspect")
    assert "in 2 files" in " ".join(out.split())

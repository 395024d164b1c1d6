from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome, environment
from PIL import Image, ImageCms, ImageColor

from diffstyler_cli.config import StylizeConfig
from diffstyler_cli.images import read_recipe
from diffstyler_cli.images.plot import COLOURS

Cli = Callable[..., Outcome]
PLAIN = StylizeConfig()


def made(cli: Cli, *arguments: object, name: str = "out.png") -> Path:
    outcome = cli("stylize", "photo.png", *arguments, *QUICK, "-o", name, "-q")
    assert outcome.code == 0, outcome.err
    return Path(name)


def text(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.err
    return outcome.out.decode()


# --- how a picture was made ------------------------------------------------------------------------------------------


def test_a_picture_says_how_it_was_made(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    made(cli, "oil painting:2", "Öl", "--lambda", "0.25", "--seed", "7")
    report = text(cli("inspect", "out.png"))
    for row in (
        "out.png", "PNG, 32 × 24 pixels", "lite models, cpu, fp32, 2.0 s", "photo.png, 40 × 30",
        f"torch {version('torch')}", '"oil painting", weight 2',
        f'"Öl", weight {PLAIN.prompt_weight:g}', "seed", "--steps 2",
        "--lambda 0.25 --steps 2 --seed 7", "Free diffusion",
    ):  # fmt: skip
        assert row in report, report
    lines = [line.split() for line in report.splitlines()]
    assert ["--lambda", "0.25", f"{PLAIN.lam:g}", "λ"] in lines
    assert ["instruction", "1.0000", "0.5000", "-0.5000", "2", "0.5", "█▁"] in lines
    assert ["art", "lite-art", "000000000000", "differs", "built", "in"] in lines
    assert "The models here are not those that made it: photo, art" in report
    assert report.index("Settings") < report.index("Otherwise as by default") < report.index("Losses")


def test_the_json_document_holds_whole_recipes(cli: Cli, photo: Path) -> None:
    path = made(cli, "oil")
    document = json.loads(cli("inspect", path, "photo.png", "--json").out)
    assert (document["schema"], document["ok"], document["error"]) == ("diffstyler.inspect/1", True, None)
    ours, other = document["files"]
    assert ours["recipe"] == read_recipe(path)
    assert ours["command"].startswith("diffstyler stylize photo.png oil")
    assert (other["path"], other["recipe"], other["format"], other["size"]) == ("photo.png", None, "PNG", [40, 30])


def test_a_picture_without_recipe_is_described(cli: Cli, photo: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("CMYK", (8, 6)).save("cmyk.jpg", exif=exif, icc_profile=profile)
    report = text(cli("inspect", "cmyk.jpg"))
    for row in ("JPEG, 8 × 6 pixels", "CMYK, profile sRGB", "6 (turned left)", "none: made otherwise"):
        assert row in report
    made(cli, "oil", "--no-metadata")
    assert "none: made otherwise" in text(cli("inspect", "out.png"))


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_other_formats_carry_the_recipe_too(cli: Cli, photo: Path, suffix: str) -> None:
    made(cli, "海の波 🌊", name=f"out.{suffix}")
    assert '"海の波 🌊"' in text(cli("inspect", f"out.{suffix}"))


def test_standard_input_is_read(process: Cli, cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    assert '"oil"' in text(process("inspect", "-", stdin=Path("out.png").read_bytes()))


def test_several_files_of_which_some_fail(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    outcome = cli("inspect", "out.png", "gone.png", "photo.png", "-q")
    assert (outcome.code, outcome.out) == (6, b"out.png\n")
    assert "gone.png does not exist" in outcome.err
    assert cli("inspect", "gone.png").code == 3
    assert cli("inspect", "gone.png", "too.png").code == 3
    failures = json.loads(cli("inspect", "out.png", "gone.png", "--json").out)["failures"]
    assert [(f["path"], f["code"]) for f in failures] == [("gone.png", 3)]


def test_unknown_fields_are_kept_and_shown(cli: Cli, photo: Path) -> None:
    from diffstyler_cli.images import write_image

    recipe = read_recipe(made(cli, "oil")) or {}
    recipe["settings"]["haste"] = 512
    later = recipe | {"schema": "diffstyler/2", "loop": {"name": "m.png"}}
    with Image.open("out.png") as picture:
        write_image(picture, Path("later.png"), later)
    outcome = cli("inspect", "later.png")
    report = text(outcome)
    assert "Fields of another version" in report
    assert all(row in report for row in ("loop", '{"name": "m.png"}', "settings.haste", "512"))
    assert "Settings of another version are left out: settings.haste" in outcome.err
    assert json.loads(cli("inspect", "later.png", "--json").out)["files"][0]["recipe"] == later


def test_a_file_is_inspected_without_heavy_libraries(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    code = (
        "import sys\nfrom diffstyler_cli.cli.app import run\n"
        "for more in ([], ['--json'], ['--command'], ['--plot', 'p.png']):\n"
        "    assert run(['inspect', 'out.png', *more]) == 0\n"
        "import diffstyler_cli.cli.inspect.facts as machine\nfrom diffstyler_cli.recipe import Recipe\n"
        "for name in (None, 'sd15'):\n"
        "    settings = {'models': 'full', 'photo_model': name, 'art_model': name, 'loss_models': 'lite'}\n"
        "    machine.local_hashes(Recipe({'settings': settings}))\n"
        "heavy = {'torch', 'open_clip', 'questionary', 'huggingface_hub', 'torchmetrics', 'diffusers'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- the command that makes it again ---------------------------------------------------------------------------------

ODD = [
    (["oil"], []),
    (["-5 degrees", "oil:1.25"], []),
    (['it\'s "quoted" $HOME `x` \\ !'], ["--lambda", "0.12345678901234567"]),
    (["aspect 4:3:", "blue:-2.5"], ["--t1", "1.37x", "--solver", "prk"]),
    (["[red]\x1b[31m\u202e é 浮世絵"], ["--guidance-scale", "0"]),
    (["oil"], ["--prompt-weight", "7", "--noise-iters", "2", "--seed", str(2**63 - 1)]),
    (
        ["oil"],
        ["--t1", "2x", "--round-trip", "--original-size", "--w-tv", "0", "--cutouts", "3", "--distance", "spherical"],
    ),
    (["oil"], ["--style-image", "style.png:2", "--style-image", "-s.png"]),
]


@pytest.mark.parametrize(("prompts", "more"), ODD, ids=range(len(ODD)))
def test_the_command_makes_the_same_recipe(cli: Cli, photo: Path, prompts: list[str], more: list[str]) -> None:
    for name in ("style.png", "-s.png"):
        Image.new("RGB", (9, 9), "red").save(photo.parent / name)
    outcome = cli("stylize", "photo.png", *more, *QUICK, "-o", "out.png", "-q", "--", *prompts)
    assert outcome.code == 0, outcome.err
    line = text(cli("inspect", "out.png", "--command", "-o", "again.png")).rstrip("\n")
    assert line.isprintable()
    script = f'diffstyler() {{ printf "%s\\0" "$@"; }}\n{line}'
    words = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    again = cli(*words)
    assert again.code == 0, again.err
    first, second = read_recipe(Path("out.png")) or {}, read_recipe(Path("again.png")) or {}
    assert first | {"timings": 0, "settings": 0} == second | {"timings": 0, "settings": 0}
    first["settings"].pop("models"), second["settings"].pop("models")
    assert first["settings"] == second["settings"]


def test_the_photo_is_found_by_its_pixels(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    folder = photo.parent / "deep"
    folder.mkdir()
    Path("out.png").rename(folder / "out.png")
    Image.new("RGB", (9, 9)).save(folder / "photo.png")
    outcome = cli("inspect", "deep/out.png", "--command")
    assert shlex.split(text(outcome))[2] == "photo.png", "the one beside the picture is another"
    photo.unlink()
    outcome = cli("inspect", "deep/out.png", "--command")
    assert "deep/photo.png is not the photo" in outcome.err
    (folder / "photo.png").unlink()
    outcome = cli("inspect", "deep/out.png", "--command")
    assert "neither beside the picture nor in this folder: give --photo PATH" in outcome.err
    assert "photo.png" in text(outcome)


def test_a_recipe_never_leads_out_of_the_folder(cli: Cli, photo: Path) -> None:
    from diffstyler_cli.images import write_image

    recipe = read_recipe(made(cli, "oil")) or {}
    recipe["input"] = {"name": "../../etc/passwd"}
    write_image(Image.new("RGB", (4, 4)), Path("evil.png"), recipe)
    assert shlex.split(text(cli("inspect", "evil.png", "--command")))[2] == "passwd"


# --- replay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp"])
def test_a_replay_gives_the_same_file_byte_for_byte(cli: Cli, photo: Path, name: str) -> None:
    path = made(cli, "oil:1.5", "--seed", "3", name=name)
    outcome = cli("inspect", path, "--replay")
    again = path.with_stem("out-replay")
    assert text(outcome) == f"{again}\n"
    assert "Identical: every pixel is the same." in outcome.err
    assert again.read_bytes() == path.read_bytes()
    assert text(cli("inspect", path, "--replay")) == f"{path.with_stem('out-replay-2')}\n"


def test_a_replay_to_standard_output(process: Cli, photo: Path) -> None:
    assert process("stylize", "photo.png", "oil", *QUICK, "-o", "out.png").code == 0
    outcome = process("inspect", "out.png", "--replay", "-o", "-", "-q")
    assert (outcome.out, outcome.err) == (Path("out.png").read_bytes(), "")


def test_a_replay_that_differs_says_by_how_much(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    Image.new("RGB", (40, 30), "white").save("white.png")
    outcome = cli("inspect", "out.png", "--replay", "--photo", "white.png", "-o", "w.png", "--json")
    replay = json.loads(outcome.out)["replay"]
    assert (replay["of"], replay["identical"]) == ("out.png", False)
    assert replay["largest"] > replay["mean"] > 0
    assert "white.png is not the photo that the picture was made of" in outcome.err
    assert "Not identical: values differ" in outcome.err
    assert (read_recipe(Path("w.png")) or {})["input"]["name"] == "white.png"


def test_a_replay_without_its_photo_is_exit_3(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    photo.unlink()
    outcome = cli("inspect", "out.png", "--replay")
    assert (outcome.code, outcome.out) == (3, b"")
    assert "--photo PATH" in outcome.err


# --- plot and compare ------------------------------------------------------------------------------------------------


def test_a_plot_of_one_and_of_several(cli: Cli, photo: Path) -> None:
    made(cli, "oil")
    made(cli, "ink", name="ink.webp")
    assert text(cli("inspect", "out.png", "--plot", "one.png")) == "one.png\n"
    assert text(cli("inspect", "out.png", "ink.webp", "--plot", "both.png")) == "both.png\n"
    with Image.open("one.png") as one, Image.open("both.png") as both:
        assert one.size == both.size
        first, second = (ImageColor.getrgb(colour) for colour in COLOURS[:2])
        drawn = [{colour for _, colour in picture.getcolors(10**6) or []} for picture in (one, both)]
    assert (first in drawn[0], second in drawn[0]) == (True, False)
    assert {first, second} <= drawn[1]
    assert cli("inspect", "out.png", "--plot", "one.png").code == 2, "exists"
    assert cli("inspect", "out.png", "--plot", "one.png", "--force").code == 0
    assert cli("inspect", "out.png", "--plot", "out.png", "--force").code == 2, "is an input"
    assert cli("inspect", "photo.png", "--plot", "p.png").code == 3


def test_compare_shows_what_differs(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    made(cli, "oil", "--seed", "1")
    made(cli, "ink", "--seed", "1", "--lambda", "0.5", name="ink.png")
    photo.unlink()
    outcome = cli("inspect", "--compare", "out.png", "ink.png")
    report = text(outcome)
    assert "Without its photo ink.png has the scores of its recipe alone." in outcome.err
    lines = [line.split() for line in report.splitlines()]
    assert ["settings.lam", f"{PLAIN.lam:g}", "0.5"] in lines
    assert ["prompts.1.text", "oil", "ink"] in lines
    assert ["content", "loss,", "last", "step", "1.5", "1.5"] in lines
    document = json.loads(cli("inspect", "--compare", "out.png", "ink.png", "--json").out)
    assert document["differences"]["settings.lam"] == [PLAIN.lam, 0.5]
    assert document["scores"]["seconds"] == [2.0, 2.0]


# --- usage -----------------------------------------------------------------------------------------------------------

USAGE = [
    (["out.png", "--command", "--replay"], "--command and --replay exclude each other"),
    (["--command"], "--command needs a FILE"),
    (["out.png", "--compare"], "--compare takes two pictures, not 1"),
    (["out.png", "photo.png", "--replay"], "--replay takes one picture"),
    (["-", "--replay"], "--replay needs a file"),
    (["-", "-"], "can be read once"),
    (["out.png", "--command", "--json"], "--json holds the command"),
    (["out.png", "--photo", "photo.png"], "--photo has no effect"),
    (["out.png", "-o", "x.png"], "-o has no effect"),
    (["out.png", "--command", "-o", "-"], "-o - goes with --replay"),
    (["out.png", "--replay", "--json", "-o", "-"], "-o - goes with --replay"),
    (["out.png", "photo.png", "--command", "-o", "a.png"], "-o names one file"),
    (["out.png", "--force"], "--force has no effect"),
    (["out.png", "--replay", "--force"], "--force has no effect"),
    (["out.png", "--max-pixels", "many"], "--max-pixels 'many' is not a whole number"),
    (["out.png", "--plot", "a.xyz"], "suffix"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_wrong_usage_is_two_lines_and_exit_2(cli: Cli, photo: Path, arguments: list[str], message: str) -> None:
    outcome = cli("inspect", *arguments)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 2, outcome.err
    assert message in outcome.err


@pytest.mark.parametrize("action", [["--command"], ["--replay"], ["--plot", "p.png"]])
def test_what_needs_a_recipe_says_so(cli: Cli, photo: Path, action: list[str]) -> None:
    outcome = cli("inspect", "photo.png", *action)
    assert (outcome.code, outcome.out) == (3, b"")
    assert "photo.png carries no recipe" in outcome.err


# --- this machine ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """No cache, no configuration, one invented device."""
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(tmp_path / "cache"))
    for name in (
        "DIFFSTYLER_CONFIG",
        *(f"DIFFSTYLER_{k}_WEIGHTS" for k in ("PHOTO", "ART", "CLIP", "VGG", "AESTHETIC")),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    device = {
        "name": "cuda:0",
        "model": "Imagined",
        "cores": 9,
        "memory": 8 * 10**9,
        "free": None,
        "dtypes": ["fp32", "bf16"],
    }
    facts = {
        "devices": [device | {"emulated": ["bf16"]}],
        "default": {"device": "cuda", "dtype": "bfloat16", "why": "it is the fastest here"},
    }
    monkeypatch.setattr("diffstyler_cli.cli.inspect.facts.devices", lambda: facts)
    return facts


def test_what_runs_here_and_what_is_missing(cli: Cli, bare: dict[str, Any]) -> None:
    report = text(cli("inspect"))
    for row in (
        "diffstyler 0.1.0",
        "Imagined",
        "8.0 GB",
        "bf16 (emulated, slow)",
        "auto takes cuda in bfloat16: it is",
    ):
        assert row in report, report
    for row in (
        "(what --models auto takes)",
        "wikiart_256",
        "5 of 5 are missing, 4.7 GB in all",
        "diffstyler download",
    ):
        assert row in report, report
    document = json.loads(cli("inspect", "--json").out)
    assert document["default"] == bare["default"]
    assert (document["auto"], document["next"]) == ("lite", "diffstyler download")
    assert document["missing"]["full"] == ["photo", "art", "clip", "vgg", "aesthetic"]
    assert cli("inspect", "-q") == Outcome(0, b"", "")


def test_a_given_weight_file_is_named(
    cli: Cli, bare: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pth").write_bytes(b"x" * 5000)
    monkeypatch.setenv("DIFFSTYLER_ART_WEIGHTS", str(tmp_path / "w.pth"))
    parts = {part["key"]: part for part in json.loads(cli("inspect", "--json").out)["models"]["full"]}
    assert (parts["art"]["state"], parts["art"]["bytes"]) == ("given", 5000)
    assert "5.0 kB" in text(cli("inspect"))


def test_a_broken_torch_or_configuration_is_reported_not_raised(
    cli: Cli, bare: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, Any]:
        raise ImportError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr("diffstyler_cli.cli.inspect.facts.devices", broken)
    (tmp_path / "bad.toml").write_text("weights = 3")
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(tmp_path / "bad.toml"))
    report = " ".join(text(cli("inspect")).split())
    assert "libcudart.so.12" in report
    assert "weights is a table" in report


def test_devices_of_this_machine() -> None:
    from diffstyler_cli.cli.inspect.facts import devices

    facts = devices()
    cpu = facts["devices"][0]
    assert cpu["name"] == "cpu"
    assert "fp32" in cpu["dtypes"]
    assert facts["default"]["why"]

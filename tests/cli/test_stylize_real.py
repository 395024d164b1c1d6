"""The command line with the real lite models, through the front door, at the smallest settings."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_harness import environment
from PIL import Image

from diffstyler_cli.models.lite.architecture import WEIGHTS

TINY = ("--size", "64", "--steps", "2", "--models", "lite", "--device", "cpu", "--seed", "3")

pytestmark = pytest.mark.skipif(not list(WEIGHTS.glob("*.safetensors")), reason="the lite models are not trained yet")


def run(*arguments: str, stdin: bytes = b"", code: int = 0) -> tuple[bytes, str]:
    main = "from diffstyler_cli.cli.app import main; main()"
    command = [sys.executable, "-c", main, "stylize", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment(), timeout=300)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout, done.stderr.decode()


def test_two_variations_with_every_loss_and_their_recipes(photo: Path) -> None:
    from diffstyler_cli.images.metadata import read_recipe

    out, err = run("photo.png", "oil painting:2", "watercolor", *TINY, "-n", "2", "--json", "--preview-path", "p.jpg")
    document = json.loads(out)
    assert (document["models"], document["device"], document["error"]) == ("lite", "cpu", None)
    assert [r["seed"] for r in document["results"]] == [3, 4]
    for result in document["results"]:
        assert set(result["losses"]) == {"instruction", "content", "nce", "aesthetic", "tv"}
        assert all(term["final"]["grad_norm"] > 0 for term in result["losses"].values())
        assert {"free", "sample", "write"} <= set(result["timings"])
        width, height = result["size"]
        assert width * 30 == pytest.approx(height * 40, rel=0.1)
        with Image.open(result["path"]) as picture:
            assert picture.size == (width, height)
        recipe = read_recipe(Path(result["path"]))
        assert recipe is not None
        assert recipe["settings"]["seed"] == result["seed"]
    with Image.open("p.jpg") as preview:
        assert preview.size == (width, height)
    assert "Sampling 2/2" in err


def test_a_pipe_gives_the_same_picture_as_a_file(photo: Path) -> None:
    piped, _ = run("-", "pencil sketch", *TINY, "-q", "-o", "-", stdin=photo.read_bytes())
    out, err = run("photo.png", "pencil sketch", *TINY, "-q", "-o", "a.png")
    assert (out, err) == (b"a.png\n", "")
    assert Image.open(io.BytesIO(piped)).tobytes() == Image.open("a.png").tobytes()


def test_style_image_and_other_networks_to_guide_through(photo: Path) -> None:
    Image.radial_gradient("L").convert("RGB").save("style.png")
    for more in (["--guide", "none"], ["--guide", "both", "--solver", "dpmpp_2m"], ["--guidance-scale", "0"]):
        out, _ = run("photo.png", "--style-image", "style.png:2", *TINY, "-q", *more)
        assert Path(out.decode().strip()).exists()


def test_a_prompt_of_only_unknown_words_is_exit_2(photo: Path) -> None:
    out, err = run("photo.png", "xqzzy vwkrp", *TINY, code=2)
    assert out == b""
    assert "xqzzy vwkrp" in err
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


def test_one_unknown_word_is_a_notice(photo: Path) -> None:
    _, err = run("photo.png", "oil painting xqzzy", *TINY)
    assert "xqzzy" in err

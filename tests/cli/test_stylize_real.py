"""The command line with the real lite models, at the smallest settings; one run is a process of its own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import environment
from PIL import Image

TINY = ("--size", "64", "--steps", "2", "--models", "lite", "--device", "cpu", "--dtype", "fp32", "--seed", "3")
Cli = Callable[..., tuple[int, str, str]]


def test_two_variations_with_every_loss_and_their_recipes(photo: Path, lite_cli: Cli) -> None:
    from diffstyler_cli.images.metadata import read_recipe

    more = ("-n", "2", "--json", "--preview-path", "p.jpg")
    code, out, err = lite_cli("stylize", "photo.png", "oil painting:2", "watercolor", *TINY, *more)
    assert code == 0, err
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


@pytest.mark.slow
def test_a_pipe_gives_the_same_picture_as_a_file(photo: Path, lite_cli: Cli) -> None:
    main = "from diffstyler_cli.cli.app import main; main()"
    command = [sys.executable, "-c", main, "stylize", "-", "pencil sketch", *TINY, "-q", "-o", "-"]
    piped = subprocess.run(command, input=photo.read_bytes(), capture_output=True, env=environment(), timeout=300)
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert lite_cli("stylize", "photo.png", "pencil sketch", *TINY, "-q", "-o", "a.png") == (0, "a.png\n", "")
    assert Image.open(io.BytesIO(piped.stdout)).tobytes() == Image.open("a.png").tobytes()


def test_style_image_and_other_networks_to_guide_through(photo: Path, lite_cli: Cli) -> None:
    Image.radial_gradient("L").convert("RGB").save("style.png")
    for more in (["--guide", "none"], ["--guide", "both", "--solver", "dpmpp_2m"], ["--guidance-scale", "0"]):
        code, out, err = lite_cli("stylize", "photo.png", "--style-image", "style.png:2", *TINY, "-q", *more)
        assert (code, err) == (0, "")
        assert Path(out.strip()).exists()


def test_a_prompt_of_only_unknown_words_is_exit_2(photo: Path, lite_cli: Cli) -> None:
    code, out, err = lite_cli("stylize", "photo.png", "xqzzy vwkrp", *TINY)
    assert (code, out) == (2, "")
    assert "xqzzy vwkrp" in err
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


def test_one_unknown_word_is_a_notice(photo: Path, lite_cli: Cli) -> None:
    code, _, err = lite_cli("stylize", "photo.png", "oil painting xqzzy", *TINY)
    assert code == 0
    assert "xqzzy" in err

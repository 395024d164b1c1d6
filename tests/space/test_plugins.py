"""Networks of other packages: the example of docs/networks.md, installed; and packages that are wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from plugin_packages import FROM_PYTHON, HALVES, MODULE, PYPROJECT, Install, entry

from diffstyler_cli import Stylizer
from diffstyler_cli.errors import UsageError, WeightsError
from diffstyler_cli.models.plugins import networks
from diffstyler_cli.sample import SAMPLE

SMALL = {"size": 64, "steps": 2, "seed": 1, "cutouts": 1, "lam": 0.5}


def test_the_example_is_short() -> None:
    assert len(MODULE.splitlines() + PYPROJECT.splitlines()) <= 25


def test_the_example_of_the_document_works_when_it_is_installed(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: Stylizer
) -> None:
    assert "grey" not in networks()
    install("site", PYPROJECT, MODULE)
    assert "grey_networks" not in sys.modules
    plugin = networks()["grey"]
    assert plugin.source == "package grey-networks 1.0"
    assert "grey_networks" not in sys.modules, "nothing of it is imported before it is asked for"
    drawer = plugin()
    parts = stylizer.components.with_networks("cpu", art=drawer)
    own = Stylizer(parts, torch.device("cpu"), torch.float32)
    result = own.stylize(SAMPLE, "oil painting", **SMALL)
    model = result.recipe["models"]["art"]
    assert (model["name"], model["source"]) == ("grey", "package grey-networks 1.0")
    assert re.fullmatch("[0-9a-f]{64}", model["sha256"])
    assert result.image.tobytes() != stylizer.stylize(SAMPLE, "oil painting", **SMALL).image.tobytes()

    # and the lines of the document
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Stylizer, "load", lambda *_: stylizer)
    monkeypatch.setattr(Stylizer, "stylize", _quickly(Stylizer.stylize))
    (tmp_path / "photo.jpg").write_bytes(Path(SAMPLE).read_bytes())
    exec(FROM_PYTHON, {})
    assert (tmp_path / "grey.png").stat().st_size > 0


def _quickly(stylize: Callable[..., object]) -> Callable[..., object]:
    return lambda *given: stylize(*given, **SMALL)


def test_either_role_may_be_its(install: Install, stylizer: Stylizer) -> None:
    install("site", PYPROJECT, MODULE)
    grey = networks()["grey"]
    parts = stylizer.components.with_networks("cpu", grey(), grey())
    assert (parts.photo.role, parts.art.role) == ("photo", "art")
    both = Stylizer(parts, torch.device("cpu"), torch.float32)
    both.stylize(SAMPLE, "oil painting", **SMALL)
    assert both.notices == ["grey takes neither prompts nor style images: the losses alone follow them."]


def test_a_network_may_bring_the_codec_of_its_space(install: Install, stylizer: Stylizer) -> None:
    install("site", entry("halves", "grey_networks:pair"), f"import dataclasses\n{MODULE}{HALVES}")
    halves = networks()["halves"]
    own = Stylizer(stylizer.components.with_networks("cpu", halves(), halves()), torch.device("cpu"), torch.float32)
    assert own.stylize(SAMPLE, "oil painting", **SMALL).image.size == (78, 52)
    with pytest.raises(UsageError, match=r"grey and lite-art cannot be mixed: one works on halves \(3 channels\)"):
        stylizer.components.with_networks("cpu", halves())


@pytest.mark.parametrize(
    ("target", "module", "words"),
    [
        ("grey_networks:nothing", MODULE, "AttributeError"),
        ("grey_networks:load", "raise RuntimeError('no GPU here')", "RuntimeError: no GPU here"),
        ("grey_networks:load", "import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
        ("grey_networks:load", "def load():\n    return 3", "returned int and no network"),
        ("grey_networks:load", "def load():\n    return 1, 2", "returned int and no network"),
    ],
)
def test_a_wrong_package_is_named_with_its_fault(install: Install, target: str, module: str, words: str) -> None:
    install("site", entry("broken", target), module)
    assert list(networks()) == ["broken"]
    with pytest.raises(WeightsError, match=words) as caught:
        networks()["broken"]()
    assert "grey-networks 2.1" in caught.value.message
    assert caught.value.advice


def test_names_are_sorted_and_the_first_package_in_the_path_has_a_name(install: Install) -> None:
    install("later", entry("same", package="later") + 'zebra = "x:y"\n', MODULE, "later_networks")
    install("first", entry("same", package="first") + 'apple = "x:y"\n', MODULE, "first_networks")
    found = networks()
    assert list(found) == ["apple", "same", "zebra"]
    assert found["same"].package == "first"


def test_finding_networks_imports_no_torch(install: Install) -> None:
    target = install("site", PYPROJECT, MODULE)
    code = (
        "import sys; from diffstyler_cli.models.plugins import networks; "
        "assert list(networks()) == ['grey']; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": f"{Path(__file__).parents[2] / 'src'}:{target}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"

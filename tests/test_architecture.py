"""Which room may know which: the import contracts of pyproject.toml, no circle, and what the mathematics may import."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
CONTRACTS = [c["id"] for c in tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import of every module: those inside functions and those for types alone too."""
    return grimp.build_graph("diffstyler_cli", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_an_import_contract_is_kept(contract: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(PYPROJECT), limit_to_contracts=(contract,), no_cache=True)
    logging.getLogger("diffstyler_cli").disabled = False  # import-linter's own logging switches all others off
    assert code == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_module_imports_itself_through_others(graph: grimp.ImportGraph) -> None:
    """Depth first; a module that is met again on the way to it closes a circle, which is named."""
    done: set[str] = set()
    for start in sorted(graph.modules):
        way = [start]
        left = [sorted(graph.find_modules_directly_imported_by(start))]
        while way:
            following = left[-1].pop() if left[-1] else None
            if following is None:
                done.add(way.pop())
                left.pop()
            elif following in way:
                pytest.fail(" -> ".join([*way[way.index(following) :], following]))
            elif following not in done:
                way.append(following)
                left.append(sorted(graph.find_modules_directly_imported_by(following)))


def test_the_mathematics_imports_torch_errors_and_the_standard_library_alone(graph: grimp.ImportGraph) -> None:
    rooms = ("diffstyler_cli.diffusion", "diffstyler_cli.losses")
    own = set.union(*(graph.find_descendants(room) | {room} for room in rooms))
    known = own | {"torch", "diffstyler_cli.errors"} | sys.stdlib_module_names
    for module in sorted(own):
        assert graph.find_modules_directly_imported_by(module) <= known, module

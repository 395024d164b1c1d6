"""The mathematics stays free of terminals, files and model code."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "diffstyler_cli"
FILES = sorted(path for part in ("diffusion", "losses") for path in (PACKAGE / part).glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_torch_and_errors_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots = {alias.name.split(".")[0] for alias in node.names}
            assert roots <= {"torch", *sys.stdlib_module_names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in {"torch", *sys.stdlib_module_names}
        elif isinstance(node, ast.ImportFrom) and node.level == 2:
            assert node.module in {"errors", "losses.objective"}

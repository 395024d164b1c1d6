"""Everything in this folder is marked gpu, and needs the device that DIFFSTYLER_TEST_DEVICE names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from sets import DEVICE

    there = DEVICE != "cuda" or torch.cuda.is_available()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.xdist_group("gpu"))
            if not there:
                item.add_marker(pytest.mark.skip(reason="needs CUDA"))

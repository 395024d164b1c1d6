"""In CI an unexpected skip is a failure."""

from __future__ import annotations

import pytest

FILE = """
import pytest

@pytest.mark.skipif(True, reason="needs CUDA")
def test_expected():
    pass

def test_unexpected():
    pytest.skip("not today")

@pytest.mark.xfail
def test_xfail():
    assert False
"""


@pytest.mark.parametrize(("ci", "failed"), [("", 0), ("true", 1)])
def test_an_unexpected_skip_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, failed: int
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makepyfile(FILE)
    result = pytester.runpytest_inprocess("-p", "skips", "-p", "no:xdist")
    result.assert_outcomes(skipped=2 - failed, failed=failed, xfailed=1)


@pytest.mark.parametrize(("ci", "errors"), [("", 0), ("true", 1)])
def test_so_does_a_file_that_skips_itself(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, errors: int
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makepyfile('import pytest\n\npytest.importorskip("no_such_module", reason="not installed")\n')
    result = pytester.runpytest_inprocess("-p", "skips", "-p", "no:xdist")
    result.assert_outcomes(skipped=1 - errors, errors=errors)

"""Several processes share the rewriting of asserts, and pytest finds what each has done."""

import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.support import rewriting


def test_each_process_rewrites_its_share_as_pytest_looks_for_it(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(rewriting, "CHECKOUT", tmp_path)
    files = [tmp_path / "tests" / f"test_{name}.py" for name in "abc"]
    files[0].parent.mkdir()
    for path in files:
        path.write_text("def test_it():\n    assert [1]\n")
    for number, done in ((0, [True, False, True]), (1, [True, True, True])):
        rewriting.rewrite_share(pytestconfig, number, 2)
        assert [_is_done(path) for path in files] == done


def _is_done(path: Path) -> bool:
    cached = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
    return rewrite._read_pyc(path, cached) is not None

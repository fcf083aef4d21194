"""Asserts of tests, rewritten once where several processes collect the same files.

In a fresh clone each process would rewrite those of all files, which takes up to 17 s of CPU: all
begin at once. Here each does its share first, and finds the others' in the cache of bytecode.
"""

import sys

import pytest
from _pytest.assertion import rewrite

from tests.support import CHECKOUT


def rewrite_share(config: pytest.Config, number: int, of: int) -> None:
    """Rewrites every `of`-th file of tests, from the file `number` on; those that are done stay."""
    if sys.dont_write_bytecode:
        return
    state = config.stash[rewrite.assertstate_key]
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py"))[number::of]:
        folder = rewrite.get_cache_dir(path)
        cached = folder / f"{path.stem}{rewrite.PYC_TAIL}"
        if rewrite.try_makedirs(folder) and rewrite._read_pyc(path, cached) is None:
            source, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(state, code, source, cached)

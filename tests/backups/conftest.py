"""Tests of backups run over every kind of store, but for those that look into a folder, or are
about many rows.
"""

import pytest

from tests.support.stores import KINDS

IN_A_FOLDER = {"folder_of", "path_of", "run"}  # what looks there, or has a process do it


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_kind" in metafunc.fixturenames:
        alone = IN_A_FOLDER & {*metafunc.function.__code__.co_names}
        alone |= {name for name in ("hundred_thousand",) if name in metafunc.function.__name__}
        metafunc.parametrize("store_kind", ["folder"] if alone else KINDS, indirect=True)

"""A feed that is shipped into a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.stores.folder import FolderStore
from tests.support.lakes import Fed


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Fed]:
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"))
    yield fed
    fed.close()

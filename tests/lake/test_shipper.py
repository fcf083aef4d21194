"""The thread that ships: how often it tries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.errors import StoreUnavailable
from service.lake.shipper import Shipper
from service.runtime.metrics import Metrics
from service.stores.folder import FolderStore
from tests.support.lakes import Fed
from tests.support.workers import PAUSE


def test_commits_do_not_have_it_try_again_and_again_where_the_store_is_away(
    tmp_path: Path, monkeypatch: Any
) -> None:
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"))
    fed.check()
    tried = 0

    def away() -> int:
        nonlocal tried
        tried += 1
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(fed.shipping, "round", away)
    shipper = Shipper(fed.shipping, fed.outbox, fed.lake, Metrics(), 3600, 1)  # each commit fills
    shipper.start()
    try:
        _until(lambda: tried == 1)
        for _ in range(10):
            fed.insert()
            PAUSE(0.01)
        assert tried == 1
    finally:
        shipper.stop()  # at once, though it waits
        fed.close()


def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        PAUSE(0.01)

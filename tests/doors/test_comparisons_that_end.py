"""A comparison that a service at its end does not make keeps nobody waiting."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.backups.paired_places import Found
from service.backups.restoring import compare
from service.doors.differences import Differences, PageAsked
from service.doors.tasks import Tasks, is_running
from service.errors import Unavailable
from service.stores.folder import FolderStore
from tests.support.lakes import Fed
from tests.support.tables import DICTIONARY


class Rules:
    """A rulebook, as far as comparisons ask for one."""

    dictionary = DICTIONARY

    def table(self, name: str) -> Any:
        return DICTIONARY.tables[name]


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Fed]:
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"))
    yield fed
    fed.close()


def test_one_that_waits_and_one_that_comes_too_late_are_told(
    fed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, rules, go_on = Tasks(), Rules(), threading.Event()
    door = Differences(fed.database, tasks, lambda: rules)  # type: ignore[arg-type,return-value]
    found = Found([fed.backup()], fed.catalogue)

    def slowly(*args: Any) -> Any:
        assert go_on.wait(30)
        return compare(*args)

    monkeypatch.setattr("service.doors.differences.compare", slowly)
    first = door.begin(found)
    waiting = door.begin(found, page=PageAsked(after=(1,)))
    ending = threading.Thread(target=door.stop)
    ending.start()
    with pytest.raises(Unavailable):
        waiting.done.result(30)
    go_on.set()
    ending.join()
    assert first.done.result(30).results
    fed.insert()
    with pytest.raises(Unavailable):
        door.begin(found)
    assert not any(map(is_running, tasks.newest_first()))

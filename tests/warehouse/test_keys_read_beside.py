"""A service takes rows while the keys of its large tables are still being read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from service.engines.duckdb import Database
from service.judge.key_reading import Beside
from service.runtime.settings import Settings
from service.warehouse.writer import Writer
from tests.support.door import Door, found, open_door
from tests.support.rows import department, hire
from tests.support.tables import DICTIONARY

To = list[Callable[[], None]]


@pytest.fixture
def to_read(monkeypatch: pytest.MonkeyPatch) -> To:
    """What reads keys, once a test calls it."""
    held: To = []
    beside = partial(Beside, at_once=-1, begin=held.append)
    monkeypatch.setattr("service.warehouse.writer.Beside", beside)
    return held


def look(door: Door, there: list[int], new: list[int], gone: int) -> None:
    """Rows are judged by what is there: seeds, rows that came in, and one that was removed."""
    again = door.rows([department(number) for number in [*there, *new]])
    assert {*found(again)} == {*range(len(there))}
    assert door.kept(new) == new
    hires = [hire(door.fresh()[0], department_id=number) for number in [*there, *new, gone]]
    kept_out = door.rows(hires, table="hired_employees")
    assert found(kept_out) == {len(hires) - 1: [("department_id", "relationships")]}
    assert door.client.delete(f"/v1/tables/departments/rows/{new[-1]}").status_code == 409


def test_rows_are_judged_before_and_after_the_keys_are_read(
    built: Settings, tmp_path: Path, to_read: To
) -> None:
    with open_door(built, tmp_path) as door:
        first, second, third, gone = door.fresh(4)
        assert door.rows([department(gone)]).status_code == 201
        assert door.client.delete(f"/v1/tables/departments/rows/{gone}").status_code == 200
        look(door, [1, 2], [first], gone)
        assert to_read
        while to_read:
            to_read.pop()()
        look(door, [1, 2, first], [second], gone)
        look(door, [1, 2, first, second], [third], gone)


def test_a_writer_that_ends_reads_no_further(
    database: Database, to_read: To, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(database, DICTIONARY, waiting=1, group_rows=1)
    writer.start()
    [reading] = writer.keys._readings
    monkeypatch.setattr(reading._ended, "wait", to_read.pop())  # it reads when it is waited for
    writer.stop()
    assert reading.has_ended
    assert not reading.done

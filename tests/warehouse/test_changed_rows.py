"""Rows that are changed, removed and added: the table, what is noted of them, and who is told."""

from datetime import datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from service.ops.changes import end_listening, listen
from service.ops.row_history import SENT, ChangedBy, ChangedByMany, with_loads
from service.warehouse import changed_rows
from service.warehouse.changed_rows import add_rows, change_rows, keep_keys, remove_rows, temporary
from tests.support import world

AT = datetime.fromisoformat("2026-01-02 03:04:05")
BY = ChangedBy("load", "ann", AT)
SAMPLES = world.SAMPLES
FIRST = -9223372036854775808


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, list[Any], Any]] = []

    def add(self, table: str, operation: str, rows: pa.Table, load_ids: Any = None) -> None:
        ids = load_ids if load_ids is None or isinstance(load_ids, str) else load_ids.to_pylist()
        assert rows.schema == SAMPLES.arrow_schema
        self.said.append((table, operation, rows.column("id").to_pylist(), ids))

    def rows_changed(self, *_: Any) -> None: ...


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        world.create(connection, *world.dictionary().tables.values())
        world.fill(connection)
        yield connection


@pytest.fixture
def told(connection):
    told = Told()
    listen(connection, told)
    yield told
    end_listening(connection)


def rows(connection, where="true"):
    """Rows of samples, as the engine gives them: nothing is lost on the way."""
    return connection.execute(f"from core.samples where {where}").to_arrow_table()


def noted(connection):
    found = connection.execute(
        "select load_id, actor, row_key, operation, before, after from ops.changes order by number"
    ).fetchall()
    return [
        (*said, before and msgspec.json.decode(before), after and msgspec.json.decode(after))
        for *said, before, after in found
    ]


def changed(table, **values):
    for name, value in values.items():
        place = table.schema.get_field_index(name)
        kind = table.schema.field(place).type
        table = table.set_column(place, name, pa.array([value] * table.num_rows, kind))
    return table


def test_rows_that_differ_are_changed_noted_and_told(connection, told):
    kept = rows(connection)
    sent = pa.concat_tables(
        [changed(rows(connection, "id = 1"), text="new"), rows(connection, "id = 0")]
    )
    assert change_rows(connection, SAMPLES, SENT, BY, sent) == 1
    assert rows(connection, "id = 1").column("text").to_pylist() == ["new"]
    assert rows(connection, "id <> 1").equals(kept.filter(pc.not_equal(kept["id"], 1)))
    [(load, actor, key, operation, before, after)] = noted(connection)
    assert (load, actor, key, operation) == ("load", "ann", "1", "update")
    assert before == dict.fromkeys(SAMPLES.column_names) | {"id": 1}
    assert after == before | {"text": "new"}
    assert told.said == [("samples", "update", [1], "load")]


def test_every_value_survives_in_what_is_noted(connection):
    sent = rows(connection)
    assert connection.execute("delete from core.samples").fetchall() == [(4,)]
    assert add_rows(connection, SAMPLES, SENT, BY, sent) == 4
    assert rows(connection).sort_by("id").equals(sent.sort_by("id"))
    shown = {said[5]["id"]: said[5] for said in noted(connection)}
    for row in sent.to_pylist():
        expected = dict(row)
        for name in ("day", "moment"):
            if row[name] is not None:
                expected[name] = row[name].isoformat() + ("Z" if name == "moment" else "")
        assert shown[row["id"]] == expected
        assert repr(shown[row["id"]]["ratio"]) == repr(row["ratio"])  # -0.0 is not 0.0


def test_rows_of_several_loads_are_changed_at_once_and_again(connection, told):
    one = with_loads(changed(rows(connection, "id = 1"), text="one"), "first", "ann")
    two = with_loads(changed(rows(connection, "id = 0"), text="two"), "second", None)
    many = ChangedByMany(AT)
    assert change_rows(connection, SAMPLES, SENT, many, pa.concat_tables([one, two])) == 2
    assert change_rows(connection, SAMPLES, SENT, many, changed(one, text="three")) == 1
    said = [(load, actor, key) for load, actor, key, *_ in noted(connection)]
    assert sorted(said[:2], key=str) == [("first", "ann", "1"), ("second", None, "0")]
    assert said[2] == ("first", "ann", "1")
    assert noted(connection)[2][4]["text"] == "one"
    assert told.said[1] == ("samples", "update", [1], ["first"])
    assert sorted(zip(*told.said[0][2:], strict=True)) == [(0, "second"), (1, "first")]


@pytest.mark.parametrize(("where", "gone"), [("id < 1", {FIRST, 0}), ("true", 4), ("false", set())])
def test_rows_that_a_condition_finds_are_removed(connection, told, where, gone):
    before = rows(connection).column("id").to_pylist()
    gone = set(before) if gone == 4 else gone
    assert keep_keys(connection, SAMPLES, "some", where, []) == len(gone)
    assert remove_rows(connection, SAMPLES, temporary("some"), BY) == len(gone)
    assert set(rows(connection).column("id").to_pylist()) == set(before) - gone
    assert {int(said[2]) for said in noted(connection)} == gone
    assert all(said[4] and said[5] is None for said in noted(connection))
    assert {key for _, _, keys, _ in told.said for key in keys} == gone


def test_many_rows_are_told_in_parts(connection, told, monkeypatch):
    monkeypatch.setattr(changed_rows, "TOLD_ROWS", 2048)
    connection.execute(
        "insert into core.samples (id, text) select i, 'a' from range(1000, 4000) as r(i)"
    )
    connection.execute(
        "create temp table new as select * replace ('b' as text) from core.samples where text = 'a'"
    )
    connection.execute("begin")
    assert change_rows(connection, SAMPLES, temporary("new"), BY) == 3000
    assert [len(keys) for _, _, keys, _ in told.said] == [2048, 952]
    ((count, most),) = connection.execute(
        "select count(distinct row_key), max(json_extract_string(after, '$.text')) from ops.changes"
    ).fetchall()
    assert (count, most) == (3000, "b")

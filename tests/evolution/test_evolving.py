"""What a dictionary that changes does to the rows of a warehouse: counted, refused, or done."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from service.dictionary import Dictionary
from service.dictionary.evolution import compare
from service.evolution.broken_rules import BrokenRules
from service.evolution.evolving import evolve, read_dictionary_text, refusal, saved_dictionary
from service.evolution.lost_values import Effect, LostValues
from service.evolution.rejections_to_come import rejections_to_come
from tests.support.changed_dictionary import content_of, dictionary

PLAIN = {"id": "integer", "name": "varchar", "size": "integer", "price": "decimal(5,2)",
         "moment": "timestamp", "parent": "integer"}  # fmt: skip
ROWS = """
    (1, 'one', 5, 1.50, '2020-01-01 00:00:00', null),
    (2, ' ', 300, 2.25, '2020-01-02 12:00:00', 1),
    (3, null, null, 100, null, 7),
    (4, 'one', 40000, 3, '2020-01-03 00:00:00', 2)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a warehouse with one filled table and what a build has put on record."""
    folder = tmp_path_factory.mktemp("warehouse")
    with duckdb.connect(str(folder / "warehouse")) as connection:
        for schema in ("core", "ops"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table core.things (id integer primary key, name varchar, size integer,"
            " price decimal(5,2), moment timestamp, parent integer);"
            f"insert into core.things values {ROWS};"
            "create table ops.dictionary (content varchar);"
            "create table ops.erased (table_name varchar);"
            "create table ops.loads (load_id varchar, table_name varchar, kind varchar,"
            " status varchar, number bigint);"
            "create table ops.rejections (load_id varchar, table_name varchar, payload varchar,"
            " status varchar, is_text boolean, number bigint);"
            "create table ops.alterations (altered_at timestamp, kind varchar, table_name varchar,"
            " column_name varchar, was varchar, becomes varchar, lost bigint)"
        )
        connection.execute("insert into ops.dictionary values (?)", [content_of(things=PLAIN)])
    return folder


@pytest.fixture
def warehouse(folder: Path, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    shutil.copy(folder / "warehouse", tmp_path / "warehouse")
    with duckdb.connect(str(tmp_path / "warehouse")) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def changed(gone: str = "", **columns: str) -> Mapping[str, str]:
    """The table of now: some columns otherwise, some gone."""
    kept = {name: said for name, said in PLAIN.items() if name not in gone.split()}
    return {**kept, **columns}


# What the columns are now; what is refused, with how many values and the keys of the first rows.
LOST: dict[str, tuple[Mapping[str, str], list[tuple[str, int, tuple[str, ...]]]]] = {
    "dropped": (changed(gone="name"), [("column dropped", 3, ("1", "2", "4"))]),
    "fits": (changed(size="bigint", price="decimal(7,3)"), []),
    "narrowed_and_fits": (changed(price="decimal(5,2)", parent="smallint"), []),
    "narrowed": (changed(size="smallint"), [("column narrowed", 1, ("4",))]),
    "narrowed_to_nothing": (changed(size="tinyint"), [("column narrowed", 2, ("2", "4"))]),
    "fewer_digits": (changed(price="decimal(4,1)"), [("column narrowed", 1, ("2",))]),
    "no_room": (changed(price="decimal(4,2)"), [("column narrowed", 1, ("3",))]),
    "no_time": (changed(moment="date"), [("column narrowed", 1, ("2",))]),
    "in_utc": (changed(moment="timestamp with time zone"), []),
    "not_a_number": (changed(name="integer"), [("column retyped", 3, ("1", "2", "4"))]),
    "as_text": (changed(size="varchar", price="varchar", moment="varchar"), []),
    "renamed_and_narrowed": (
        changed(gone="size", width="smallint;was=size"), [("column narrowed", 1, ("4",))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_values_that_would_be_lost_or_do_not_fit_are_counted(
    name: str, warehouse: duckdb.DuckDBPyConnection
) -> None:
    columns, expected = LOST[name]
    old, new = dictionary(things=PLAIN), dictionary(things=columns)
    lost = LostValues(warehouse, old, new)
    effects = [lost.of(each) for each in compare(old, new)]
    refused = [each for each in effects if each.refused]
    assert [(each.change.kind, each.rows, each.first_keys) for each in refused] == expected


# What the columns are now; how many rows break which rule, and the keys of the first.
BROKEN: dict[str, tuple[Mapping[str, str], list[tuple[str, int, tuple[str, ...]]]]] = {
    "nothing": (PLAIN, []),
    "required": (changed(name="varchar;not_null"), [("not_null", 1, ("3",))]),
    "blank": (changed(name="varchar;not_blank"), [("not_blank", 1, ("2",))]),
    "shorter": (changed(name="varchar(2)"), [("max_length", 2, ("1", "4"))]),
    "twice": (changed(name="varchar;unique"), [("unique", 1, ("1", "4"))]),
    "range": (changed(size="bigint;in_range(max=500)"), [("in_range", 1, ("4",))]),
    "range_of_another_name": (
        changed(gone="size", width="bigint;was=size;in_range(max=500)"), [("in_range", 1, ("4",))],
    ),
    "added_required": (changed(extra="integer;not_null"), [("not_null", 4, ("1", "2", "3", "4"))]),
    "added_with_default": (changed(extra="integer;not_null;default=1"), []),
    "added_with_a_default_that_breaks": (
        changed(extra="integer;in_range(min=5);default=1"), [("in_range", 4, ("1", "2", "3", "4"))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_rows_that_break_a_rule_that_is_new_are_counted(
    name: str, warehouse: duckdb.DuckDBPyConnection
) -> None:
    columns, expected = BROKEN[name]
    assert broken(warehouse, dictionary(things=columns)) == expected


def broken(
    warehouse: duckdb.DuckDBPyConnection, new: Dictionary
) -> list[tuple[str, int, tuple[str, ...]]]:
    old = dictionary(things=PLAIN)
    found: list[Effect] = [*BrokenRules(warehouse, old, new).of(compare(old, new))]
    return [(str(each.rule), each.rows, each.first_keys) for each in found]


def test_references_that_would_lead_nowhere_are_counted(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    refers = changed(
        gone="parent", other="integer;was=parent;relationships(to='others',field='id')"
    )
    new = dictionary(things=refers, others={"id": "integer"})
    assert broken(warehouse, new) == [("relationships", 3, ("2", "3", "4"))], "others is empty"


def test_open_rejections_are_judged_by_both_dictionaries(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    payloads = [
        """{"id": 5, "name": "five", "size": 40000}""",
        """{"id": 6, "size": 1, "price": "12.345"}""",
        """{"id": 7, "name": null, "size": 1}""",
    ]
    for number, payload in enumerate(payloads):
        warehouse.execute(
            "insert into ops.rejections values ('load', 'things', ?, 'open', false, ?)",
            [payload, number],
        )
    old = dictionary(things=PLAIN)
    new = dictionary(
        things=changed(gone="name size", width="smallint;was=size", price="decimal(6,3)")
    )
    (found,) = rejections_to_come(warehouse, old, new)
    assert (found.table, found.open, found.judged) == ("things", 3, 3)
    # Of the old, the second has too many digits. Of the new, the first is too large, and it and the
    # third name a column that is gone, of which only the first has a value.
    assert (found.fit_before, found.fit_then, found.unnamed) == (2, 1, 1)


NOW = changed(gone="name size", title="varchar;was=name", extra="integer;default=3")
ALTERING = [
    "alter table core.things drop column size",
    "alter table core.things rename column name to title",
    "alter table core.things add column extra integer default 3",
    "alter table core.things alter column extra drop default",
]


def saving(content: str) -> list[str]:
    return [*ALTERING, f"update ops.dictionary set content = '{content}'"]


class Watched:
    """A connection that looks at what a kill would leave, before and after each statement."""

    def __init__(self, real: duckdb.DuckDBPyConnection, look: Callable[[], None]) -> None:
        self._real, self._look = real, look

    def __getattr__(self, name: str) -> Any:
        def looked_at(*args: Any) -> Any:
            self._look()
            done = getattr(self._real, name)(*args)
            self._look()
            return done

        return looked_at


def left(path: Path, at: Path) -> tuple[Any, ...]:
    """The columns, the rows and the dictionary of a warehouse whose process was killed."""
    at.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if file.is_file():
            shutil.copy(file, at / file.name)
    with duckdb.connect(str(at / path.name)) as connection:
        rows = connection.execute("from core.things order by id")
        columns = [each[0] for each in rows.description]
        dictionary = saved_dictionary(connection)
        assert dictionary is not None
        noted = connection.execute("select count(*) from ops.alterations").fetchone()
        return columns, rows.fetchall(), dictionary.tables["things"].column_names, noted


def test_a_kill_between_any_two_statements_leaves_all_or_nothing(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content, seen = content_of(things=NOW), list[tuple[Any, ...]]()

    def look() -> None:
        seen.append(left(tmp_path / "warehouse", tmp_path / f"left{len(seen)}"))

    new, statements = read_dictionary_text(content), saving(content)
    assert evolve(Watched(warehouse, look), new, statements, ["drop:things.size"]) == []
    look()
    before, after = seen[0], seen[-1]
    assert before != after
    assert [*before[0]] == [*PLAIN]
    assert {*after[0]} == {*NOW} == {*after[2]}
    assert after[3] == (3,)
    assert [each for each in seen if each not in (before, after)] == []
    assert len(seen) > 2 * len(statements)


def test_what_fails_leaves_all_as_it_was(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = content_of(things=NOW)
    new, path = read_dictionary_text(content), tmp_path / "warehouse"
    before = left(path, tmp_path / "before")
    refused = evolve(warehouse, new, saving(content))
    assert refusal(refused) == (
        "things.size dropped: 3 values would be lost\nHINT: --allow drop:things.size"
    )
    with pytest.raises(duckdb.CatalogException):
        evolve(warehouse, new, [*saving(content), "drop table nothing"], ["drop:things.size"])
    assert left(path, tmp_path / "after") == before

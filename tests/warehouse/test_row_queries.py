"""Filters, orders and pages of rows, each against the same done in Python."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fnmatch import translate
from functools import cmp_to_key
from operator import eq, ge, gt, le, lt, ne
from re import IGNORECASE, match
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.dictionary import Column, Table
from service.dictionary.column_types import TYPES
from service.dictionary.rule import Rule
from service.engines.duckdb import insert_arrow
from service.errors import BadRequest
from service.warehouse import row_queries
from service.warehouse.row_order import RowOrder
from service.warehouse.row_queries import FEW, RowQuery, count, page

KINDS = {
    "id": "integer",
    "order": "varchar",  # as a parameter is called
    "big": "bigint",
    "weight": "double",
    "broken": "boolean",
    "found_on": "date",
    "seen_at": "timestamp",
}
REQUIRED = ("id", "found_on")
TABLE = Table(
    "things",
    "One row per thing.",
    "id",
    tuple(
        Column(name, TYPES[kind], "", (Rule("not_null", name, {}),) * (name in REQUIRED))
        for name, kind in KINDS.items()
    ),
)
VALUES: dict[str, list[Any]] = {
    "order": [None, "", "a", "A", "ab", "b%", "é", "a*b", "x,y", 'q"', "null"],
    "big": [None, -(2**63), -1, 0, 7, 2**63 - 1],
    "weight": [None, -1e300, -0.5, 0.0, 0.1, 2.0],
    "broken": [None, True, False],
    "found_on": [date(1, 1, 1), date(2021, 7, 27), date(9999, 12, 31)],
    "seen_at": [None, datetime(1, 1, 1), datetime(2021, 7, 27), datetime(2021, 7, 27, 0, 0, 0, 1)],  # noqa: DTZ001
}
Row = dict[str, Any]


def row_of(number: int) -> Row:
    """A row whose values follow from its number, in all sorts of combinations."""
    row: Row = {"id": number}
    for place, (name, values) in enumerate(VALUES.items()):
        row[name] = values[number * (2 * place + 1) % len(values)]
    return row


ROWS = [row_of(number) for number in range(127)]


def add(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    fields = [(column.name, column.type.arrow) for column in TABLE.columns]
    insert_arrow(connection, "core.things by name", pa.Table.from_pylist(rows, pa.schema(fields)))


def made(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema core")
    columns = ", ".join(f'"{name}" {kind}' for name, kind in KINDS.items())
    connection.execute(f"create table core.things ({columns}, primary key (id))")
    add(connection, rows)
    return connection


@pytest.fixture(scope="module")
def things() -> Iterator[duckdb.DuckDBPyConnection]:
    with made(ROWS) as connection:
        yield connection


def written(value: Any) -> str:
    """A value as a filter writes it."""
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return str(value).lower() if isinstance(value, bool) else str(value)


COMPARED = {"eq": eq, "neq": ne, "gt": gt, "gte": ge, "lt": lt, "lte": le}
PATTERNS = ["a*", "*", "*b", "A*", "*%*", "é", "*,*", "_", "", "**a**b*", "*a*.b*", "a*[*", "***"]
NAMES = [name for name in KINDS if name != "id"]


def listed(values: list[Any]) -> str:
    quoted = (written(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "(" + ",".join(f'"{each}"' for each in quoted) + ")"


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A column, a filter as it is written, and the same as a function of a value."""
    name = draw(st.sampled_from(["id", *NAMES]))
    known = st.sampled_from([v for v in VALUES.get(name, range(0, 130, 7)) if v is not None])
    operator = draw(st.sampled_from([*COMPARED, "in", "is", "like", "ilike"]))
    if operator in COMPARED:
        value, test = draw(known), COMPARED[operator]
        text, fits = written(value), lambda found: test(found, value)
    elif operator == "in":
        several = draw(st.lists(known, min_size=1, max_size=3))
        text, fits = listed(several), lambda found: found in several
    elif operator == "is" or name != "order":
        operator, text, fits = "is", "null", lambda found: found is None
    else:
        pattern = draw(st.sampled_from(PATTERNS))
        flags = IGNORECASE if operator == "ilike" else 0
        text = pattern
        fits = lambda found: match(translate(pattern), found, flags) is not None  # noqa: E731
    negated = draw(st.booleans())

    def holds(found: Any) -> bool:
        if operator == "is":
            return bool(fits(found)) != negated
        return found is not None and bool(fits(found)) != negated

    return name, f"{'not.' if negated else ''}{operator}.{text}", holds


@st.composite
def orders(draw: st.DrawFn) -> tuple[str, Any]:
    """An order as it is written, and the same as a key to sort by."""
    names = draw(st.lists(st.sampled_from(["id", *NAMES]), max_size=3, unique=True))
    ways = [(name, draw(st.booleans()), draw(st.booleans())) for name in names]
    text = ",".join(f"{name}{'.desc' * down}{'.nullsfirst' * first}" for name, down, first in ways)

    def compare(one: Row, other: Row) -> int:
        for name, down, first in [*ways, ("id", False, False)]:
            here, there = one[name], other[name]
            if here == there:
                continue
            if None in (here, there):
                return -1 if (here is None) == first else 1
            return -1 if (here < there) != down else 1
        return 0

    return text, cmp_to_key(compare)


def asked(text: str, filters: list[tuple[str, str, Any]]) -> RowQuery:
    ordered = [("order", text)] if text else []
    return RowQuery.read(TABLE, [*ordered, *((f"column.{name}", f) for name, f, _ in filters)])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(conditions(), max_size=3), orders())
def test_filters_and_orders_choose_what_python_would(things, filters, order):
    fitting = [row for row in ROWS if all(holds(row[name]) for name, _, holds in filters)]
    query = asked(order[0], filters)
    found = page(things, query, None, 1000).rows
    expected = [row["id"] for row in sorted(fitting, key=order[1])]
    assert [row[0] for row in found.values] == expected
    assert page(things, query, None, FEW).rows == found  # which asks in another way
    assert count(things, query, exact=True).rows == len(expected)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(conditions(), max_size=1), orders(), st.integers(15, 60))
def test_pages_in_any_order_visit_each_row_once_while_others_come_in(filters, order, limit):
    fitting = {row["id"] for row in ROWS if all(holds(row[name]) for name, _, holds in filters)}
    query, seen, after, later = asked(order[0], filters), list[int](), None, 1000
    with made(ROWS) as connection:
        while True:
            found = page(connection, query, after, limit)
            seen += [row[0] for row in found.rows.values]
            if found.last is None:
                break
            after = found.last
            add(connection, [row_of(number) for number in range(later, later + 3)])
            later += 3
    assert len(seen) == len(set(seen))
    assert {each for each in seen if each < 1000} == fitting


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ([("nope", "eq.1")], "nope"),
        ([("big", "1")], "big"),
        ([("big", "is.1")], "big"),
        ([("big", "like.1*")], "big"),
        ([("big", "eq.1.5")], "big"),
        ([("big", "eq.9223372036854775808")], "big"),
        ([("big", "between.1")], "big"),
        ([("big", "is.true")], "big"),
        ([("big", "in.1,2")], "big"),
        ([("big", "in.()")], "big"),
        ([("big", "in.(1,x)")], "big"),
        ([("big", 'in.("1)')], "big"),
        ([("big", "")], "big"),
        ([("weight", "eq.1e999")], "weight"),
        ([("broken", "eq.yes")], "broken"),
        ([("found_on", "gte.2021-02-30")], "found_on"),
        ([("seen_at", "gte.yesterday")], "seen_at"),
        ([("column.order", "eq.\0")], "order"),
        ([("order", "nope")], "order"),
        ([("order", "big.down")], "order"),
        ([("order", "big.asc.desc")], "order"),
        ([("order", "big,big.desc")], "order"),
        ([("order", "")], "order"),
        ([("order", "id"), ("order", "id")], "order"),
        ([("select", "id,nope")], "select"),
        ([("select", "id,id")], "select"),
        ([("select", "")], "select"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_parameter(items, named):
    with pytest.raises(BadRequest) as told:
        RowQuery.read(TABLE, items)
    assert told.value.members["parameter"] == named


@pytest.mark.timeout(60)
@pytest.mark.parametrize("operator", ["like", "ilike"])
def test_a_pattern_of_many_stars_takes_no_longer_than_one_of_few(operator):
    row = {**row_of(1), "order": "a" * 255}
    with made([row]) as connection:
        for end, there in (("*b", 0), ("*a", 1)):  # for SQL's own like, years
            pattern = f"{operator}.{'*a' * 200}{end}"
            query = RowQuery.read(TABLE, [("column.order", pattern)])
            assert count(connection, query, exact=True).rows == there


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ([("id", "gt.1")] * 101, "more than 100 filters"),
        ([("id", f"in.({','.join(map(str, range(600)))})")] * 2, "more than 1000 values"),
        ([("column.order", f"like.{'*a' * 501}")], "1000 characters"),
    ],
)
def test_a_query_says_no_more_than_it_can_be_asked(items, problem):
    with pytest.raises(BadRequest, match=problem):
        RowQuery.read(TABLE, items)
    RowQuery.read(TABLE, items[:-1])


def test_a_filter_on_a_column_that_is_named_like_a_parameter_is_written_with_column(things):
    query = RowQuery.read(TABLE, [("column.order", "eq.ab"), ("order", "id.desc")])
    found = page(things, query, None, 1000).rows.dicts()
    assert {row["order"] for row in found} == {"ab"}


def test_the_columns_come_in_the_order_that_they_are_asked_in(things):
    query = RowQuery.read(TABLE, [("select", "seen_at,id"), ("id", "eq.2")])
    found = page(things, query, None, 10).rows
    assert found.dicts() == [{"seen_at": shown(ROWS[2]["seen_at"]), "id": 2}]


def shown(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}Z"


def test_a_place_belongs_to_its_order(things):
    by_name = page(things, RowQuery.read(TABLE, [("order", "big")]), None, 2).last
    assert by_name is not None
    for other in ("big.desc", "big.nullsfirst", "weight", "big,weight", "id"):
        with pytest.raises(BadRequest):
            RowOrder.read(TABLE, other).values_of(by_name)
    assert RowOrder.read(TABLE, "big.asc.nullslast,id,weight").values_of(by_name)


@pytest.mark.parametrize("wrong", [["x"], [2**40], [1, 2], [], [None], [{}], [[1]], [True]])
def test_a_place_of_other_types_is_refused(wrong):
    with pytest.raises(BadRequest):
        RowOrder.read(TABLE, None).values_of(wrong)


def test_an_estimate_ends_where_it_is_told_to(things, monkeypatch):
    monkeypatch.setattr(row_queries, "COUNTED", 50)
    query = RowQuery.read(TABLE, [("id", "gte.0")])
    assert count(things, query, exact=False) == row_queries.RowCount(50, False)
    assert count(things, query, exact=True) == row_queries.RowCount(len(ROWS), True)
    few = RowQuery.read(TABLE, [("id", "lt.50")])
    assert count(things, few, exact=False) == row_queries.RowCount(50, True)


def test_a_date_is_the_first_moment_of_its_day(things):
    moment = datetime(2021, 7, 27, tzinfo=UTC) + timedelta(microseconds=1)
    for text, expected in (("eq.2021-07-27", "2021-07-27T00:00:00Z"), ("gt.2021-07-27", None)):
        query = RowQuery.read(TABLE, [("seen_at", text)])
        found = {row["seen_at"] for row in page(things, query, None, 1000).rows.dicts()}
        assert found == {expected or f"{moment.replace(tzinfo=None).isoformat()}Z"}

"""The pages of a report, one after the other, are its rows, each once, whatever it is sorted by."""

import math
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dictionary import Report
from service.dictionary.report_nodes import read_report
from service.reports import marts

COLUMNS = ("day", "place", "amount", "number")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "2021-01-01", "2021-12-31", "1066-10-14"]),
        st.sampled_from([None, "", "a", "A", "é", "ab"]),
        st.sampled_from([None, 0.1, -1.5, 1e300, math.nan]),
    ),
    max_size=8,
)
PARTS = st.sampled_from(COLUMNS[:3]).flatmap(
    lambda name: st.sampled_from([name, f"{name} desc", f"{name} asc NULLS first"])
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("create schema marts")
        yield made


def pages(
    connection: duckdb.DuckDBPyConnection, report: Report, limit: int
) -> Iterator[tuple[str, ...]]:
    place = None
    while True:
        found = marts.report(connection, report, {}, limit, place)
        assert len(found.rows.values) <= limit
        yield from (tuple(map(repr, row)) for row in found.rows.values)
        if found.last is None:
            return
        place = found.last


@settings(deadline=None, max_examples=40)
@given(ROWS, st.lists(PARTS, max_size=3, unique_by=lambda part: part.split()[0]), st.integers(1, 4))
@pytest.mark.parametrize("scalars", [{}, {"total": 0}])
def test_pages_are_all_rows_in_their_order(connection, scalars, rows, order, limit):
    connection.execute(
        "create or replace table marts.m"
        " (day date, place varchar, amount double, number integer, total integer)"
    )
    if rows:
        values = [[*row, number] for number, row in enumerate(rows)]
        connection.executemany("insert into marts.m values (?, ?, ?, ?, 7)", values)
    said = {"columns": COLUMNS, "order_by": order, "scalars": scalars, "where": "number % 3 < 2"}
    report = read_report("some", "m", said, grain=("number",))
    whole = marts.report(connection, report, {})
    assert [*pages(connection, report, limit)] == [tuple(map(repr, r)) for r in whole.rows.values]
    assert {row[3] for row in whole.rows.values} == {n for n in range(len(rows)) if n % 3 < 2}

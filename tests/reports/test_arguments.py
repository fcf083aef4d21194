"""Parameters of reports: of every type that a column may have, as their texts say them."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest

from service.api.openapi.row_parameters import report_parameter
from service.dictionary import DictionaryError
from service.dictionary.report_nodes import read_report
from service.errors import BadRequest
from service.reports import marts
from service.reports.arguments import as_asked, read_arguments

ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
MOMENT = datetime(2021, 7, 27, 14, 2, 8, tzinfo=UTC)
# Of each type: a text, its value, another value, the JSON Schema, and what is no such value.
CASES: dict[str, tuple[str, Any, Any, dict[str, str], str]] = {
    "text": ("a b", "a b", "c", {"type": "string"}, ""),
    "varchar(3)": ("a b", "a b", "c", {"type": "string"}, ""),
    "number": ("1.5", 1.5, 2.0, {"type": "number"}, "one"),
    "double": ("1.5", 1.5, 2.0, {"type": "number"}, "one"),
    "year": ("2021", 2021, 2022, {"type": "integer"}, "MMXXI"),
    "smallint": ("-7", -7, 8, {"type": "integer"}, "70000"),
    "bigint": ("9007199254740993", 9007199254740993, 9007199254740992, {"type": "integer"}, "1.5"),
    "decimal(20,4)": (
        *("1234567890123456.7891", Decimal("1234567890123456.7891")),
        *(Decimal("1234567890123456.7892"), {"type": "number"}, "1.00001"),
    ),
    "boolean": ("true", True, False, {"type": "boolean"}, "yes"),
    "uuid": (ID.upper(), UUID(ID), UUID(int=7), {"type": "string", "format": "uuid"}, "6ba7b810"),
    "date": (
        *("2021-07-27", date(2021, 7, 27), date(2021, 7, 28)),
        *({"type": "string", "format": "date"}, "27.7.2021"),
    ),
    "time": ("16:02:08", time(16, 2, 8), time(4), {"type": "string", "format": "time"}, "4 pm"),
    "timestamp": (
        *("2021-07-27T14:02:08Z", MOMENT.replace(tzinfo=None), MOMENT.replace(tzinfo=None, year=1)),
        *({"type": "string", "format": "date-time"}, "now"),
    ),
    "timestamptz": (
        *("2021-07-27T16:02:08+02:00", MOMENT, MOMENT.replace(year=1999)),
        *({"type": "string", "format": "date-time"}, "now"),
    ),
}
SQL_NAMES = {"text": "varchar", "number": "double", "year": "integer"}


@pytest.mark.parametrize("kind", CASES)
def test_a_parameter_finds_the_rows_of_its_value_and_of_no_other(kind: str) -> None:
    text, value, other, schema, wrong = CASES[kind]
    said = {"parameters": [{"name": "v", "type": kind}], "columns": ["n"], "order_by": ["n"]}
    report = read_report("r", "m", said)
    assert report_parameter(report.takes[0])["schema"] == schema
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema marts")
        connection.execute(f"create table marts.m (n integer, v {SQL_NAMES.get(kind, kind)})")
        connection.executemany("insert into marts.m values (?, ?)", [(1, value), (2, other)])
        for asked in (text, as_asked(value)):
            arguments = read_arguments(report, [("v", asked)])
            found = marts.report(connection, report, arguments, 10, None)
            assert [tuple(row) for row in found.rows.values] == [(1,)], asked
    if wrong:
        with pytest.raises(BadRequest, match="v is not"):
            read_arguments(report, [("v", wrong)])


@pytest.mark.parametrize(("kind", "said"), [("json", "any but json"), ("float", "double, or")])
def test_a_type_that_no_parameter_can_have_is_refused(kind: str, said: str) -> None:
    with pytest.raises(DictionaryError, match=said):
        read_report("r", "m", {"parameters": [{"name": "v", "type": kind}], "columns": ["v"]})

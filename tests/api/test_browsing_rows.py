"""GET of rows by filters, in any order, counted; and all of them as a file."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.api.v1.row_answers import ENDINGS
from tests.support.answers import all_pages, is_problem

HIRES = "/v1/tables/hired_employees/rows"
SHOWN = "id, name, strftime(datetime, '%Y-%m-%dT%H:%M:%SZ'), department_id, job_id"


def test_filters_narrow_and_orders_sort(reader, truth):
    asked = {"department_id": "in.(1,3)", "datetime": "gte.2021-06-01", "order": "name.desc"}
    rows = all_pages(reader, HIRES, "rows", **asked, limit=100)
    assert [tuple(row.values()) for row in rows] == truth(
        f"select {SHOWN} from core.hired_employees where department_id in (1, 3)"
        " and datetime >= timestamp '2021-06-01' order by name desc, id"
    )


def test_two_filters_of_one_column_both_hold_on_every_page(reader):
    first = reader.get(f"{HIRES}?id=gte.10&id=lt.20&limit=4")
    second = reader.get(first.links["next"]["url"])
    ids = [row["id"] for row in [*first.json()["rows"], *second.json()["rows"]]]
    assert ids == sorted(ids)
    assert set(ids) <= {*range(10, 20)}


def test_rows_are_counted_where_that_is_asked_for(reader, truth):
    ((rows,),) = truth("select count(*) from core.hired_employees where job_id < 50")
    for kind in ("exact", "estimated"):
        answer = reader.get(
            f"{HIRES}?job_id=lt.50&limit=1", headers={"Prefer": f"wait=1, count={kind}"}
        )
        said = answer.json()
        assert (said["count"], said["count_exact"]) == (rows, True)
        assert answer.headers["preference-applied"] == f"count={kind}"
        assert answer.headers["x-total-count"] == str(rows)
    assert "count" not in reader.get(f"{HIRES}?limit=1").json()


def test_only_the_columns_that_are_selected_come(reader):
    rows = reader.get(f"{HIRES}?select=name,id&limit=2").json()["rows"]
    assert [list(row) for row in rows] == [["name", "id"]] * 2


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("nope=eq.1", "nope"),
        ("department_id=3", "department_id"),
        ("department_id=eq.three", "department_id"),
        ("datetime=gte.soon", "datetime"),
        ("order=nope", "order"),
        ("select=nope", "select"),
        ("limit=10001", "limit"),
        ("limit=1&limit=2", "limit"),
        ("format=xml", "format"),
        ("after=x&after=y", "after"),
    ],
)
def test_what_cannot_be_read_names_its_parameter(reader, query, parameter):
    answer = reader.get(f"{HIRES}?{query}")
    assert is_problem(answer, 400, "bad-request")
    assert answer.json()["parameter"] == parameter


def test_a_column_that_is_not_there_is_told_with_those_that_are(reader):
    known = reader.get(f"{HIRES}?nope=eq.1").json()["known"]
    assert {"id", "name", "datetime", "department_id", "job_id", "order", "limit"} <= {*known}


def test_the_next_of_one_order_is_none_of_another(reader):
    after = reader.get(f"{HIRES}?order=name&limit=1").json()["next"]
    answer = reader.get(HIRES, params={"order": "name.desc", "after": after})
    assert is_problem(answer, 400, "bad-request")


def read(form: str, body: bytes) -> list[dict[str, object]]:
    """The rows of a file, values as text."""
    if form == "parquet":
        rows = pq.read_table(io.BytesIO(body)).to_pylist()
    elif form == "arrow":
        rows = pa.ipc.open_stream(body).read_all().to_pylist()
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(body.decode())))
    elif form == "ndjson":
        rows = [json.loads(line) for line in body.splitlines()]
    else:
        rows = json.loads(body)["rows"]
    return [
        {
            name: value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "hour") else str(value)
            for name, value in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize("form", ENDINGS)
def test_a_file_has_all_rows_that_fit_in_every_format(reader, truth, form):
    expected = truth(f"select {SHOWN} from core.hired_employees where id > 100 order by id desc")
    for asked in (f".{form}?", f"?limit=all&format={form}&"):
        answer = reader.get(f"{HIRES}{asked}id=gt.100&order=id.desc")
        found = [tuple(row.values()) for row in read(form, answer.content)]
        assert found == [tuple(map(str, row)) for row in expected]


@pytest.mark.parametrize("form", ENDINGS)
def test_a_file_without_rows_is_one_of_its_format(reader, form):
    assert read(form, reader.get(f"{HIRES}.{form}?id=lt.0").content) == []


def test_timestamps_of_typed_files_say_that_they_are_in_utc(reader):
    body = reader.get(f"{HIRES}.parquet?limit=3").content
    table = pq.read_table(io.BytesIO(body))
    assert table.schema.field("datetime").type == pa.timestamp("us", "UTC")
    assert table.num_rows == 3


def test_a_whole_table_is_of_one_moment_though_rows_come_in(client):
    with client.stream("GET", f"{HIRES}.ndjson") as answer:
        pieces = answer.iter_bytes()
        begun = next(pieces)
        hire = {"id": 90_001, "name": "Later", "datetime": "2021-01-01T00:00:00Z"}
        client.post(HIRES, json={**hire, "department_id": 1, "job_id": 1}).raise_for_status()
        body = begun + b"".join(pieces)
    assert b"Later" not in body
    assert b"Later" in client.get(f"{HIRES}?id=eq.90001").content

"""GET /v1/reports: the answers, as they are at this moment."""

import base64
import csv
import hashlib
import io
import json
from collections import Counter
from xml.etree import ElementTree

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.api.http.paging import cursor
from tests.support.answers import is_problem

QUARTERS = "/v1/reports/hires_by_quarter"
ABOVE = "/v1/reports/departments_above_mean"
TIME = "/v1/reports/hires_over_time"
REPORTS = {
    "departments_above_mean",
    "hires_by_quarter",
    "hires_over_time",
    "rejections_by_rule_and_day",
}


def hires_in(truth, year):
    """Department id, department, job and quarter of every hire of a year, counted in Python."""
    departments = dict(truth("select id, department from core.departments"))
    jobs = dict(truth("select id, job from core.jobs"))
    for moment, department_id, job_id in truth(
        "select datetime, department_id, job_id from core.hired_employees"
    ):
        if moment.year == year:
            quarter = (moment.month + 2) // 3
            yield department_id, departments[department_id], jobs[job_id], quarter


@pytest.mark.parametrize("year", [2021, 2022])
def test_hires_are_counted_by_department_job_and_quarter(reader, truth, year):
    counted = Counter((name, job, quarter) for _, name, job, quarter in hires_in(truth, year))
    names = sorted({key[:2] for key in counted}, key=lambda pair: tuple(map(str.encode, pair)))
    expected = [(*pair, *(counted[*pair, q] for q in (1, 2, 3, 4))) for pair in names]

    rows = reader.get(QUARTERS, params={"year": year}).json()["rows"]

    assert list(rows[0]) == ["department", "job", "q1", "q2", "q3", "q4"]
    assert [tuple(row.values()) for row in rows] == expected


@pytest.mark.parametrize("year", [2021, 2022])
def test_departments_above_the_mean_of_all_are_listed_by_hires_then_id(reader, truth, year):
    departments = dict(truth("select id, department from core.departments"))
    counted = Counter(department_id for department_id, *_ in hires_in(truth, year))
    mean = sum(counted.values()) / len(departments)  # those without hires count, too
    above = [id_ for id_ in departments if counted[id_] > mean]
    above.sort(key=lambda id_: (-counted[id_], id_))

    answer = reader.get(ABOVE, params={"year": year}).json()

    assert answer["mean"] == pytest.approx(mean, abs=1e-4)
    assert answer["rows"] == [
        {"id": id_, "department": departments[id_], "hired": counted[id_]} for id_ in above
    ]


def test_a_year_without_hires_has_no_rows_and_a_mean_of_zero(reader):
    assert reader.get(f"{ABOVE}?year=1066").json() == {"mean": 0.0, "rows": []}
    assert reader.get(f"{QUARTERS}?year=1066").json() == {"rows": []}


def test_a_hire_counts_as_soon_as_it_is_in(client):
    hire = {"id": 9001, "name": "A", "datetime": "1999-12-31T23:59:59Z"}
    client.post("/v1/tables/hired_employees/rows", json={**hire, "department_id": 1, "job_id": 1})
    rows = client.get(f"{QUARTERS}?year=1999").json()["rows"]
    assert [list(row.values())[2:] for row in rows] == [[0, 0, 0, 1]]
    assert client.get(f"{ABOVE}?year=1999").json()["rows"][0]["hired"] == 1


def test_reports_are_listed_with_what_they_take_and_show(reader):
    listed = {report["name"]: report for report in reader.get("/v1/reports").json()}
    assert listed["departments_above_mean"] == {
        "name": "departments_above_mean",
        "description": "Departments that hired more employees in one year than the mean"
        " of all departments.",
        "parameters": ["year"],
        "takes": [
            {
                "name": "year",
                "type": "year",
                "description": "Year of the hires.",
                "required": True,
                "several": False,
                "choices": [],
            }
        ],
        "columns": ["id", "department", "hired"],
        "chart": {
            "kind": "bars",
            "label": ["department"],
            "values": ["hired"],
            "parts": None,
            "mean": "mean",
            "sort": "value",
        },
        "href": ABOVE,
    }
    assert set(listed) == REPORTS


def test_csv_and_ndjson_have_the_rows_alone(reader):
    rows = reader.get(f"{ABOVE}?year=2021").json()["rows"]
    as_csv = reader.get(f"{ABOVE}?year=2021", headers={"Accept": "text/csv"}).text
    as_lines = reader.get(f"{ABOVE}?year=2021", headers={"Accept": "application/x-ndjson"}).text
    assert list(csv.DictReader(io.StringIO(as_csv))) == [
        {name: str(value) for name, value in row.items()} for row in rows
    ]
    assert [json.loads(line) for line in as_lines.splitlines()] == rows


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "year"),
        ("?year=", "year"),
        ("?year=x", "year"),
        ("?year=20.5", "year"),
        ("?year=99999999999", "year"),
        ("?year=" + "9" * 5000, "year"),
        ("?year=%00", "year"),
        ("?year=2021&year=2022", "year"),
        ("?year=2021&mouth=1", "mouth"),
        ("?Year=2021", "Year"),
    ],
)
def test_a_parameter_that_is_missing_or_wrong_is_named(reader, query, parameter):
    answer = reader.get(ABOVE + query)
    assert is_problem(answer, 400, "bad-request")
    assert answer.json()["parameter"] == parameter


def test_an_unknown_report_is_told_with_the_known_ones(reader):
    answer = reader.get("/v1/reports/nope")
    assert is_problem(answer, 404, "not-found")
    assert set(answer.json()["known"]) == REPORTS


def test_a_format_that_no_one_can_make_is_not_acceptable(reader):
    answer = reader.get(f"{ABOVE}?year=2021", headers={"Accept": "application/pdf"})
    assert is_problem(answer, 406, "not-acceptable")


def test_a_warehouse_that_was_renamed_answers_its_reports(settings, serve):
    renamed = settings.warehouse.with_name("elsewhere.duckdb")
    settings.warehouse.rename(renamed)
    with serve(msgspec.structs.replace(settings, warehouse=renamed)) as client:
        answer = client.get(ABOVE, params={"year": 2021})
    assert answer.status_code == 200
    assert answer.json()["rows"]


def test_parameters_that_may_be_left_out_narrow_a_report(reader):
    everything = reader.get(TIME).json()["rows"]
    asked = {"since": "2021-03-01", "until": "2021-06-01", "department": ["Archives", "Workshops"]}
    assert reader.get(TIME, params=asked).json()["rows"] == [
        row
        for row in everything
        if "2021-03-01" <= row["month"] < "2021-06-01"
        and row["department"] in ("Archives", "Workshops")
    ]
    assert reader.get(f"{TIME}?since=&until=&department=").json()["rows"] == everything


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("since=2021-02-30", "since"),
        ("since=2021-01-01&since=2021-01-02", "since"),
        ("limit=0", "limit"),
        ("limit=all", "limit"),
        ("limit=1&limit=2", "limit"),
        ("format=xml", "format"),
        ("department=%00", "department"),
    ],
)
def test_a_value_of_another_type_is_named(reader, query, parameter):
    answer = reader.get(f"{TIME}?{query}")
    assert is_problem(answer, 400, "bad-request")
    assert answer.json()["parameter"] == parameter


ORDER_OF_TIME = 'hires_over_time "month" nulls last,"department" nulls last'
CURSORS = {
    "no text of ours": "x",
    "no place": cursor(),
    "a number of rows": cursor(1),
    "too little": cursor(ORDER_OF_TIME, "2021-01-01"),
    "no month": cursor(ORDER_OF_TIME, "2021-02-30", "Archives"),
    "no text": cursor(ORDER_OF_TIME, "2021-01-01", 1),
    "of another report": cursor("hires_by_quarter", "Archives", "Clerk", "2021"),
}


@pytest.mark.parametrize("after", CURSORS.values(), ids=CURSORS)
def test_a_cursor_of_another_kind_is_a_bad_request(reader, after):
    assert is_problem(reader.get(TIME, params={"after": after}), 400, "bad-request")


def test_a_place_in_a_report_may_be_where_no_row_is(reader):
    """The row of a cursor may be gone."""
    after = cursor(ORDER_OF_TIME, "2021-03-01", "B")
    rows = reader.get(TIME, params={"after": after}).json()["rows"]
    assert rows == [
        row
        for row in reader.get(TIME).json()["rows"]
        if (row["month"], row["department"].encode()) > ("2021-03-01", b"B")
    ]


def test_rows_that_come_between_two_pages_move_no_other_row(client):
    first = client.get(TIME, params={"limit": 5})
    following = client.get(first.links["next"]["url"]).json()["rows"]
    hire = {"id": 9002, "name": "A", "datetime": "1901-12-31T23:59:59Z"}
    client.post("/v1/tables/hired_employees/rows", json={**hire, "department_id": 1, "job_id": 1})
    assert client.get(TIME, params={"limit": 5}).json()["rows"] != first.json()["rows"]
    assert client.get(first.links["next"]["url"]).json()["rows"] == following


def test_the_pages_of_a_report_are_all_of_its_rows(reader):
    found, answer = [], reader.get(f"{QUARTERS}?year=2021&limit=150")
    while True:
        found += answer.json()["rows"]
        if "next" not in answer.links:
            break
        answer = reader.get(answer.links["next"]["url"])
    assert "next" not in answer.json()
    assert found == reader.get(f"{QUARTERS}?year=2021").json()["rows"]


@pytest.mark.parametrize("ending", ["json", "csv", "ndjson", "parquet", "arrow"])
def test_a_path_with_an_ending_is_a_file_of_the_rows(reader, ending):
    rows = reader.get(f"{QUARTERS}?year=2021").json()["rows"]
    body = reader.get(f"{QUARTERS}.{ending}?year=2021").content
    found = read_file(ending, body)
    assert [[str(v) for v in row.values()] for row in found] == [
        [str(v) for v in row.values()] for row in rows
    ]
    assert read_file(ending, reader.get(f"{QUARTERS}.{ending}?year=1066").content) == []


def read_file(ending, body):
    if ending == "parquet":
        return pq.read_table(io.BytesIO(body)).to_pylist()
    if ending == "arrow":
        return pa.ipc.open_stream(body).read_all().to_pylist()
    if ending == "csv":
        return list(csv.DictReader(io.StringIO(body.decode())))
    return (
        [json.loads(line) for line in body.splitlines()]
        if ending == "ndjson"
        else json.loads(body)["rows"]
    )


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_each_report_is_drawn(reader, name):
    asked = "" if name == "hires_over_time" else "year=2021"
    answer = reader.get(f"/v1/reports/{name}.svg?{asked}")
    assert answer.headers["content-type"] == "image/svg+xml"
    svg = ElementTree.fromstring(answer.content)
    style = svg.findtext("{http://www.w3.org/2000/svg}style", "")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]
    by_accept = reader.get(f"/v1/reports/{name}?{asked}", headers={"Accept": "image/png"})
    assert by_accept.content == reader.get(f"/v1/reports/{name}.png?{asked}").content
    assert by_accept.content.startswith(b"\x89PNG")


def test_a_report_that_is_not_there_is_none_with_an_ending_either(reader):
    assert is_problem(reader.get("/v1/reports/nope.csv"), 404, "not-found")
    assert is_problem(reader.get("/v1/reports/hires_over_time.exe"), 404, "not-found")

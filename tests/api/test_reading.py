"""GET of rows: page after page, or one by its id, in the format that the client likes."""

import csv
import io
import json
from contextlib import suppress
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.http.negotiation import FORMATS, OFFERED, NotAcceptable, chosen
from service.api.http.paging import cursor, key_of
from service.errors import BadRequest
from tests.support.answers import all_pages, is_problem

HIRES = "/v1/tables/hired_employees/rows"
SELECT_HIRES = (
    "select id, name, strftime(datetime, '%Y-%m-%dT%H:%M:%SZ'), department_id, job_id"
    " from core.hired_employees order by id"
)


@pytest.mark.parametrize("limit", [97, 1000, 10_000])
def test_the_pages_put_together_are_the_table_in_order_of_its_key(reader, truth, limit):
    rows = all_pages(reader, HIRES, "rows", limit=limit)
    assert [tuple(row.values()) for row in rows] == truth(SELECT_HIRES)


def test_a_row_has_its_columns_in_the_order_of_the_dictionary(reader):
    row = reader.get(HIRES, params={"limit": 1}).json()["rows"][0]
    assert list(row) == ["id", "name", "datetime", "department_id", "job_id"]


def test_a_hundred_rows_come_when_no_limit_is_named(reader):
    assert len(reader.get(HIRES).json()["rows"]) == 100


def test_a_page_that_ends_with_the_last_row_has_no_next(reader, truth):
    ((rows,),) = truth("select count(*) from core.jobs")
    answer = reader.get("/v1/tables/jobs/rows", params={"limit": rows})
    assert (len(answer.json()["rows"]), answer.json()["next"]) == (rows, None)
    assert "link" not in answer.headers


def test_the_link_leads_where_the_next_in_the_body_does(reader):
    first = reader.get(HIRES, params={"limit": 3})
    by_link = reader.get(first.links["next"]["url"])
    by_body = reader.get(HIRES, params={"limit": 3, "after": first.json()["next"]})
    assert by_link.json() == by_body.json()
    assert by_link.json()["rows"][0]["id"] > first.json()["rows"][-1]["id"]


def test_rows_that_come_in_between_two_pages_neither_repeat_nor_skip_any(client):
    ids = [5000, 6000, 7000, 8000]
    row = {"name": "A", "datetime": "2021-01-01T00:00:00Z", "department_id": 1, "job_id": 1}
    client.post(HIRES, json=[{**row, "id": id_} for id_ in ids])
    first = client.get(HIRES, params={"limit": 2, "after": cursor(4999)})
    client.post(HIRES, json=[{**row, "id": id_} for id_ in (5500, 6500)])

    second = client.get(first.links["next"]["url"])

    assert [row["id"] for row in first.json()["rows"]] == [5000, 6000]
    assert [row["id"] for row in second.json()["rows"]] == [6500, 7000]


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "", "x", "1e9", "9" * 5000, "%00", "٣"])
def test_a_limit_that_is_none_is_a_bad_request_that_names_it(reader, limit):
    answer = reader.get(f"{HIRES}?limit={limit}")
    assert is_problem(answer, 400, "bad-request")
    assert answer.json()["detail"].startswith("limit: ")


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "!",
        "%FF",
        "☃",
        "9" * 5000,
        cursor("text"),
        cursor(None),
        cursor(1.5),
        cursor(1, 2),
        cursor(),
        cursor(2**40),
        cursor({"id": 1}),
    ],
)
def test_a_cursor_that_is_not_ours_is_a_bad_request(reader, after):
    assert is_problem(reader.get(HIRES, params={"after": after}), 400, "bad-request")


NUMBERS, TEXTS = st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(NUMBERS | TEXTS))
def test_a_cursor_is_read_as_what_it_was_made_of(key):
    assert list(key_of(cursor(*key), *map(type, key))) == key


@given(st.text())
def test_any_other_text_is_no_cursor_or_a_key_of_the_right_types(text):
    try:
        number, name = key_of(text, int, str)
    except BadRequest:
        return
    assert isinstance(number, int)
    assert isinstance(name, str)


def test_one_row_is_found_by_its_id(reader, truth):
    ((first, name),) = truth("select id, name from core.hired_employees order by id limit 1")
    row = reader.get(f"{HIRES}/{first}").json()
    assert (row["id"], row["name"]) == (first, name)


@pytest.mark.parametrize(
    "row_id", ["999999", "-1", "x", "9" * 30, "9" * 5000, "%00", "1'--", "1e0"]
)
def test_an_id_that_no_row_has_is_not_found(reader, row_id):
    answer = reader.get(f"{HIRES}/{row_id}")
    assert is_problem(answer, 404, "not-found")
    assert answer.json()["table"] == "hired_employees"


def test_csv_has_a_header_and_the_same_rows(reader):
    as_json = reader.get(HIRES, params={"limit": 50}).json()["rows"]
    answer = reader.get(HIRES, params={"limit": 50}, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.DictReader(io.StringIO(answer.text))) == [
        {name: str(value) for name, value in row.items()} for row in as_json
    ]
    assert "next" in answer.links


def test_ndjson_has_one_row_a_line(reader):
    as_json = reader.get(HIRES, params={"limit": 50}).json()["rows"]
    answer = reader.get(HIRES, params={"limit": 50}, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == as_json
    assert "next" in answer.links


def test_one_row_comes_in_every_format(reader):
    as_json = reader.get(f"{HIRES}/1").json()
    as_csv = reader.get(f"{HIRES}/1", headers={"Accept": "text/csv"}).text
    as_line = reader.get(f"{HIRES}/1", headers={"Accept": "application/x-ndjson"}).text
    assert next(csv.DictReader(io.StringIO(as_csv)))["name"] == as_json["name"]
    assert json.loads(as_line) == as_json


@pytest.mark.parametrize("form", OFFERED)
def test_caches_are_told_that_the_format_depends_on_accept(reader, form):
    assert reader.get(HIRES, headers={"Accept": form}).headers["vary"].split(", ")[0] == "Accept"


def test_what_no_one_can_make_is_not_acceptable(reader):
    answer = reader.get(HIRES, headers={"Accept": "application/pdf"})
    assert is_problem(answer, 406, "not-acceptable")
    assert answer.json()["offered"] == list(FORMATS.values())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*", "application/json"),
        ("application/x-ndjson, */*;q=0.1", "application/x-ndjson"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv"),
        ("application/json;q=0.5,text/csv;q=0.5", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/*;q=0, */*", "text/csv"),
        ("text/csv ; header=present ; q=0.1, application/json;q=0.01", "text/csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv;q=nan", "text/csv"),
        (",,text/csv,,", "text/csv"),
    ],
)
def test_the_format_is_the_one_that_the_client_likes_best(accept, expected):
    assert chosen(accept) == expected


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "*/*;q=0", ";;;", "json", "application/json+x"]
)
def test_a_client_that_likes_none_of_them_gets_none(accept):
    with pytest.raises(NotAcceptable):
        chosen(accept)


@given(st.text())
def test_any_accept_chooses_a_format_or_none(accept):
    with suppress(NotAcceptable):
        assert chosen(accept) in OFFERED


def things(client: httpx.Client, accept: str = "application/json") -> httpx.Response:
    return client.get("/v1/tables/odd_things/rows", headers={"Accept": accept})


def test_values_of_every_type_come_out_as_they_went_in(odd):
    rows = {row["code"]: tuple(row.values())[1:] for row in things(odd).json()["rows"]}
    seen_at = "2021-11-07T02:48:42Z"
    assert rows == {
        'comma, "quote"': (2**63 - 1, 0.1, True, "0001-01-01", seen_at),
        "two\nlines": (-(2**63), -1e-7, False, "9999-12-31", "2021-11-07T02:48:42.5Z"),
        "nothing": (None, None, None, None, None),
        "Ünïcode ☃ 𝄞": (0, 12.5, True, "2024-02-29", "2021-11-07T00:48:42.000001Z"),
        "a/b?c=d#e%20&f": (1, 1.0, False, "2021-01-01", "0001-01-01T00:00:00Z"),
    }


def test_rows_that_came_out_as_csv_can_go_in_again(odd):
    text = things(odd, "text/csv").text
    answer = odd.post(
        "/v1/tables/odd_things/rows?dry_run=true",
        content=text.encode(),
        headers={"Content-Type": "text/csv"},
    )
    violations = [each["rule"] for row in answer.json()["rejections"] for each in row["violations"]]
    assert violations == ["unique"] * 5  # nothing is wrong but that they are there


def test_csv_writes_truth_in_small_letters_and_nothing_for_what_is_missing(odd):
    rows = {row["code"]: row for row in csv.DictReader(io.StringIO(things(odd, "text/csv").text))}
    assert rows['comma, "quote"']["broken"] == "true"
    assert set(rows["nothing"].values()) == {"nothing", ""}


def test_pages_go_by_a_key_of_text_in_binary_order(odd):
    rows = all_pages(odd, "/v1/tables/odd_things/rows", "rows", limit=1)
    codes = [row["code"] for row in rows]
    assert len(codes) == 5
    assert codes == sorted(codes, key=str.encode)


def test_a_row_is_found_by_a_key_of_text(odd):
    for code in ("two\nlines", "Ünïcode ☃ 𝄞"):
        answer = odd.get(f"/v1/tables/odd_things/rows/{quote(code, safe='')}")
        assert answer.json()["code"] == code


def test_text_that_no_row_has_is_not_found(odd):
    for code in ("%00", "%FF", "%ED%A0%80", "x" * 5000):
        assert odd.get(f"/v1/tables/odd_things/rows/{code}").status_code == 404

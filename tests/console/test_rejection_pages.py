"""The work list: rejections in groups, corrected in place, as a group, or by a file."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.support.pages import HTML, checked, links_with, seen, sent, token_of
from tests.support.services import serving, settings_in
from tests.support.uploads import MOMENT

PLACE = "/rejections"
HX = {**HTML, "HX-Request": "true"}
numbers = count(20_000)


@pytest.fixture(scope="module")
def client(built, tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of a service that the tests of this file share; each has rejections of its own."""
    own = settings_in(tmp_path_factory.mktemp("rejections"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield client


def hire(**other: Any) -> dict[str, Any]:
    usual = {"name": "Ada", "datetime": MOMENT, "department_id": 1, "job_id": 1}
    return {"id": next(numbers), **usual, **other}


def rejected(client: httpx.Client, *rows: Any, table: str = "hired_employees") -> tuple[str, list]:
    """The load and the ids of rows that were kept out."""
    answer = client.post(f"/v1/tables/{table}/rows", json=list(rows)).json()
    assert answer["rejected"] == len(rows), answer
    return answer["load_id"], [each["rejection_id"] for each in answer["rejections"]]


def one(client: httpx.Client, rejection_id: str) -> Any:
    return client.get(f"/v1/rejections/{rejection_id}").json()


def correct(client: httpx.Client, rejection_id: str, headers=HTML, **values: Any) -> httpx.Response:
    form: dict[str, Any] = {f"value.{name}": value for name, value in values.items()}
    if "leave_out" in values:
        form["leave_out"] = form.pop("value.leave_out")
    form |= {"token": token_of(client), "back": f"{PLACE}?table=hired_employees"}
    return client.post(f"{PLACE}/{rejection_id}/correct", data=form, headers=headers)


def test_rows_are_in_groups_by_column_and_rule_and_each_state_has_a_url(client):
    load, _ = rejected(
        client,
        hire(department_id=None),
        hire(department_id=None, name=" "),
        hire(department_id=99),
        {**hire(), "nmae": "x"},
        "no row",
    )
    page = seen(client, f"{PLACE}?load={load}")
    assert "5 open · 0 accepted · 0 dismissed" in page.text
    for words in ("2 department_id missing", "1 department_id refers to no row", "1 name blank"):
        assert words in page.text
    (group,) = [
        link for link in links_with(page, "column=department_id") if "rule=not_null" in link
    ]
    page = seen(client, group)
    assert page.html.count('class="open"') == 2
    assert page.html.count("<input form=") == 3  # what is wrong is a field, and nothing else
    (group,) = links_with(seen(client, f"{PLACE}?load={load}"), "rule=unknown_field")
    assert seen(client, group).html.count('class="open"') == 1
    for link in links_with(page, PLACE):
        assert client.get(link, headers=HTML).status_code == 200, link


def test_a_value_is_corrected_in_its_cell_and_the_counts_are_asked_for_anew(client):
    load, [first, second] = rejected(client, hire(department_id=None), hire(department_id=99))
    row = correct(client, first, HX, department_id="3")
    assert row.status_code == 200
    assert row.headers["hx-trigger"] == "corrected"
    assert "✓ accepted" in row.text
    assert f"/rejections/{first}" in row.text
    assert "<html" not in row.text
    assert one(client, first)["status"] == "accepted"
    groups = client.get(f"{PLACE}/groups?load={load}&table=hired_employees", headers=HX).text
    assert re.search(r"<b[^>]*>1</b> open.*<b[^>]*>1</b> accepted", groups)
    row = correct(client, second, HX, department_id="98")
    assert "hx-trigger" not in row.headers
    assert "departments has no row with id 98" in row.text
    assert 'value="98"' in row.text
    assert one(client, second)["status"] == "open"
    # A second Enter of the first row finds what it did.
    assert "✓ accepted" in correct(client, first, HX, department_id="3").text


def test_without_scripts_a_form_does_the_same(client):
    _, [rejection] = rejected(client, hire(department_id=99, name=" <b>&"))
    answer = correct(client, rejection, department_id="97", name=" ")
    assert answer.status_code == 422
    page = checked(answer)
    assert 'value="97"' in page.html
    assert "departments has no row with id 97" in page.text
    answer = correct(client, rejection, department_id="2", name="<b>Ada</b>")
    assert answer.status_code == 303
    page = seen(client, answer.headers["location"].partition("#")[0])
    assert "accepted" in page.text
    assert answer.headers["location"].startswith(f"{PLACE}?table=hired_employees&done=")
    page = seen(client, f"{PLACE}/{rejection}")
    assert "Its row went in" in page.text
    assert page.text.count("rejected {") == 1  # what was tried
    assert "<b>Ada</b>" in page.text


def test_a_row_keeps_the_types_of_what_was_sent_where_nothing_was_typed(client):
    row = hire(department_id=None)
    _, [rejection] = rejected(client, row)
    correct(client, rejection, department_id="4")
    stored = client.get(f"/v1/tables/hired_employees/rows/{row['id']}").json()
    assert stored == {**row, "department_id": 4}


def test_a_field_that_is_no_column_is_left_out_when_that_is_said(client):
    _, [rejection] = rejected(client, {**hire(), "nmae": "<i>x</i>"})
    page = seen(client, f"{PLACE}/{rejection}")
    assert "nmae is not a column" in page.text
    assert "<i>x</i>" in page.text
    assert correct(client, rejection).status_code == 422
    assert correct(client, rejection, leave_out="nmae").status_code == 303
    assert one(client, rejection)["status"] == "accepted"


def test_what_is_no_row_is_shown_as_it_is_and_typed_anew(client):
    _, [rejection] = rejected(client, "no <b>row</b>")
    page = seen(client, f"{PLACE}/{rejection}")
    assert "no <b>row</b>" in page.text
    row = hire()
    values = {name: str(value) for name, value in row.items()}
    assert correct(client, rejection, **values).status_code == 303
    assert client.get(f"/v1/tables/hired_employees/rows/{row['id']}").json() == row


def test_one_value_is_set_for_a_group_once_it_is_known_what_would_happen(client):
    twice = hire(department_id=None)
    load, ids = rejected(client, hire(department_id=None), twice, {**twice}, hire(name=""))
    group = {"table": "hired_employees", "load": load, "column": "department_id"}
    form = {**group, "rule": "not_null", "value": "5", "do": "look"}
    page = checked(sent(client, f"{PLACE}/set", form))
    assert "3 rows with department_id = 5 : 2 go in, 1 still fails." in page.text
    assert [one(client, each)["status"] for each in ids] == ["open"] * 4
    assert one(client, ids[0])["replays"] == []
    wrong = sent(client, f"{PLACE}/set", {**form, "do": "do", "expected": "4"})
    assert wrong.status_code == 409
    done = sent(client, f"{PLACE}/set", {**form, "do": "do", "expected": "3"})
    assert done.status_code == 303
    assert "done=2+rows+accepted" in done.headers["location"]
    assert sorted(one(client, each)["status"] for each in ids) == ["accepted"] * 2 + ["open"] * 2
    nothing = checked(sent(client, f"{PLACE}/set", {**form, "value": "99"}))
    assert re.search(r'value="do" disabled', nothing.html)


def test_a_group_is_dismissed_with_a_reason_and_tried_again_as_it_is(client):
    load, ids = rejected(client, *[hire(job_id=None) for _ in range(3)], hire(job_id=184))
    group = {"table": "hired_employees", "load": load, "column": "job_id"}
    form = {**group, "rule": "not_null", "reason": "tests <of> ours"}
    page = checked(sent(client, f"{PLACE}/dismiss", {**form, "do": "look"}))
    assert "3 rows: they stay out for good, because: tests <of> ours." in page.text
    assert one(client, ids[0])["status"] == "open"
    assert (
        sent(client, f"{PLACE}/dismiss", {**form, "do": "do", "expected": "3"}).status_code == 303
    )
    assert {one(client, each)["resolution"] for each in ids[:3]} == {"tests <of> ours"}
    trail = client.get("/v1/trail").json()["entries"]
    assert {each["subject"] for each in trail if each["action"] == "rejection.dismiss"} >= {
        *ids[:3]
    }
    assert client.get("/v1/audit").json()["ok"]
    client.post("/v1/tables/jobs/rows", json=[{"id": 184, "job": "Tester"}])
    again = sent(client, f"{PLACE}/again", {"table": "hired_employees", "load": load})
    assert "1+row+accepted" in again.headers["location"]
    assert one(client, ids[3])["status"] == "accepted"
    assert "say why" in sent(client, f"{PLACE}/dismiss", {**form, "reason": " "}).text


def test_rows_go_out_as_csv_and_come_back_corrected(client):
    load, ids = rejected(client, hire(department_id=None), hire(department_id=None), hire(name=""))
    page = seen(client, f"{PLACE}?load={load}")
    (link,) = links_with(page, "/rejections/export.csv")
    saved = client.get(link, headers=HTML)
    assert saved.headers["content-type"].startswith("text/csv")
    assert "attachment" in saved.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(saved.text)))
    assert {row["rejection_id"] for row in rows} == {*ids}
    for row in rows:
        row["department_id"] = row["department_id"] or "6"
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows([*rows, {"rejection_id": "nothing"}])
    data = {"token": token_of(client), "back": f"{PLACE}?load={load}"}
    files = {"file": ("open.csv", text.getvalue().encode("utf-16"))}
    answer = client.post(f"{PLACE}/import", data=data, files=files, headers=HTML)
    page = seen(client, answer.headers["location"].partition("#")[0])
    assert "4 rows in the file: 2 accepted, 1 still fail, 1 could not be tried" in page.text
    bad = {"file": ("x.csv", b"a,b\n1,2\n")}
    answer = client.post(f"{PLACE}/import", data=data, files=bad, headers=HTML)
    assert "x.csv has no column rejection_id" in checked(answer).text


def test_pages_of_a_list_follow_each_other_and_are_small(client):
    load, ids = rejected(client, *[hire(name="", department_id=99) for _ in range(120)])
    place, found = f"{PLACE}?load={load}&table=hired_employees", list[str]()
    while place:
        page = seen(client, place)
        assert len(page.html) < 100_000
        found += re.findall(r' action="/rejections/([^/]+)/correct"', page.html)
        (place, *_) = [*links_with(page, "after="), ""]
    assert sorted(found) == sorted(ids)


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/v1/x", ""])
def test_a_form_leads_back_to_the_list_and_nowhere_else(client, back):
    _, [rejection] = rejected(client, hire(department_id=None))
    form = {"value.department_id": "1", "back": back}
    answer = sent(client, f"{PLACE}/{rejection}/correct", form)
    assert answer.headers["location"].startswith("/rejections?done=")


def test_what_is_wrong_with_a_request_is_told(client):
    for path, status in (("?status=shut", 400), ("?table=nothing", 404), ("/nothing", 404)):
        seen(client, f"{PLACE}{path}", status)
    assert correct(client, "nothing").status_code == 404
    assert sent(client, f"{PLACE}/set", {"value": "1", "do": "do"}).status_code == 400
    assert sent(client, f"{PLACE}/set", {"token": "x"}).status_code == 403

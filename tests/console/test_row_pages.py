"""Rows as a grid, each state of which has a URL; a row with its references and its history."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import httpx
import pyarrow.parquet as pq
import pytest
from pyarrow import BufferReader

from tests.support.pages import HTML, links_with, seen
from tests.support.services import client_of

ROWS = "/tables/hired_employees/rows"
V1 = "/v1/tables/hired_employees/rows"


@pytest.fixture(scope="module")
def visitor(reader) -> Iterator[httpx.Client]:
    """A client of the service that all tests share, whose pages the API document does not tell."""
    with client_of(reader.base_url) as visitor:
        yield visitor


def names(page) -> list[str]:
    """The names in the column of that name."""
    return re.findall(r'data-label="name"[^>]*><bdi>([^<]*)</bdi>', page.html)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "order=name.desc",
        "department_id=eq.3&order=datetime",
        "name=ilike.*a*&department_id=in.(1,2)&order=department_id.desc,name",
        "job_id=not.is.null&datetime=gte.2021-07-01",
    ],
)
def test_a_grid_shows_what_the_api_answers_page_after_page(visitor, query):
    place, url = f"{ROWS}?{query}", f"{V1}?{query}"
    for _ in range(2):
        page, answer = seen(visitor, place), visitor.get(url).json()
        assert [unescape(each) for each in names(page)] == [row["name"] for row in answer["rows"]]
        assert len(page.html) < 100_000
        following = links_with(page, "after=")
        assert bool(following) == bool(answer["next"])
        if not following:
            break
        (place,) = following
        url = f"{V1}?{urlsplit(place).query}"


def test_headers_sort_one_way_and_then_the_other(visitor):
    page = seen(visitor, f"{ROWS}?department_id=eq.3")
    (link,) = links_with(page, "order=name")
    assert dict(parse_qsl(urlsplit(link).query)) == {"department_id": "eq.3", "order": "name"}
    page = seen(visitor, link)
    assert 'aria-sort="ascending"' in page.html
    (link,) = links_with(page, "order=name.desc")
    assert 'aria-sort="descending"' in seen(visitor, link).html


def test_facets_come_later_or_at_once_and_each_value_is_a_link(visitor, truth):
    page = seen(visitor, f"{ROWS}?department_id=eq.3")
    assert 'hx-get="/tables/hired_employees/facets?department_id=eq.3"' in page.html
    fragment = visitor.get("/tables/hired_employees/facets?department_id=eq.3", headers=HTML).text
    (count,) = truth("select count(*) from core.hired_employees where department_id = 3")[0]
    assert f'<b class="num">{count}</b> rows' in fragment
    assert "<html" not in fragment
    (link,) = links_with(page, "_counts=true")
    whole = seen(visitor, link)
    assert f"{count} rows" in whole.text
    assert "Customer Care" in whole.text
    for value, rows in truth("select department_id, count(*) from core.hired_employees group by 1"):
        ending = re.compile(rf"department_id=eq\.{value}(&|$)")
        (link,) = [link for link in links_with(whole, "department_id=") if ending.search(link)][-1:]
        assert re.search(rf"{rows}</span> <bdi>{value}</bdi>", whole.html)
        assert len(names(seen(visitor, link))) == min(rows, 100)


def test_a_filter_is_added_by_the_form_and_taken_off_by_its_chip(visitor):
    asked = {"_to": "department_id=eq.3&order=name", "_column": "name", "_operator": "ilike"}
    answer = visitor.get(
        ROWS.replace("rows", "filter"), params={**asked, "_value": "ö"}, headers=HTML
    )
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert dict(parse_qsl(urlsplit(place).query)) == {
        "department_id": "eq.3",
        "order": "name",
        "name": "ilike.*ö*",
    }
    page = seen(visitor, place)
    assert names(page)
    assert all("ö" in each.lower() for each in names(page))
    assert f"{ROWS}?department_id=eq.3&order=name" in links_with(page, "order=name")


@pytest.mark.parametrize("query", ["department_id=eq.x", "nothing=eq.1", "order=nothing", "name=x"])
def test_a_filter_that_cannot_be_read_is_told_and_the_others_can_be_typed_anew(visitor, query):
    page = seen(visitor, f"{ROWS}?{query}", 400)
    assert 'role="alert"' in page.html
    assert 'name="_column"' in page.html


def test_the_rows_of_a_grid_are_saved_as_files_and_asked_for_by_curl(visitor, truth):
    page = seen(visitor, f"{ROWS}?department_id=eq.3&order=name")
    (count,) = truth("select count(*) from core.hired_employees where department_id = 3")[0]
    saved = {
        each: visitor.get(links_with(page, f"rows.{each}")[0], headers=HTML)
        for each in ("csv", "parquet")
    }
    assert saved["csv"].text.count("\r\n") == count + 1
    assert pq.read_table(BufferReader(saved["parquet"].content)).num_rows == count
    assert all("attachment" in each.headers["content-disposition"] for each in saved.values())
    (command,) = re.findall(r"curl &#39;(http[^&]*(?:&amp;[^&]*)*)&#39;", page.html)
    assert len(httpx.get(command.replace("&amp;", "&")).json()["rows"]) == 100


def test_a_row_leads_to_what_it_refers_to_and_back(visitor, truth):
    (key, department) = truth("select id, department_id from core.hired_employees limit 1")[0]
    page = seen(visitor, f"{ROWS}/{key}")
    assert f"/tables/departments/rows/{department}" in links_with(page, "/tables/departments")
    parent = seen(visitor, f"/tables/departments/rows/{department}")
    (link,) = links_with(parent, "/tables/hired_employees/rows?")
    assert link == f"{ROWS}?department_id=eq.{department}"
    history = visitor.get(f"{ROWS}/{key}/history", headers=HTML)
    assert "never kept out" in history.text
    for missing in ("0", "x", "99999999999999999999"):
        seen(visitor, f"{ROWS}/{missing}", 404)


def test_the_history_of_a_row_is_when_it_was_kept_out_and_how_it_went_in(client):
    sent = {"id": 30_001, "name": "", "datetime": "2021-06-14T09:30:00Z", "department_id": 1}
    answer = client.post(V1, json=[{**sent, "job_id": 1}]).json()
    rejection = answer["rejections"][0]["rejection_id"]
    client.post(f"/v1/rejections/{rejection}/replay", json={**sent, "job_id": 1, "name": "A<b>"})
    with client_of(client.base_url) as http:
        page = seen(http, f"{ROWS}/30001?_history=true")
    assert "name is blank" in page.text or "name is missing" in page.text
    assert "Corrected, and went in" in page.text
    assert f"/rejections/{rejection}" in links_with(page, "/rejections/")
    assert "A<b>" in page.text


def test_tables_tell_their_rows_what_is_to_be_corrected_and_the_last_load(visitor, truth):
    page = seen(visitor, "/tables")
    for name, rows in truth("select 'jobs', count(*) from core.jobs"):
        assert f"/tables/{name}/rows" in links_with(page, f"/tables/{name}")
        assert f"{rows} " in page.text
    assert "/rejections?table=hired_employees" in links_with(page, "/rejections")
    page = seen(visitor, "/tables/hired_employees")
    assert "one row per hire" in page.text.lower()
    for link in ("/tables/hired_employees/insert", ROWS, "/dictionary/departments"):
        assert any(each.startswith(link) for _, each in page.links), link
    seen(visitor, "/tables/nothing", 404)

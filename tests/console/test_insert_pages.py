"""Rows put into a table by its pages: a form, a paste box, a file that is looked at first."""

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.answers import looks
from tests.support.pages import HTML, checked, links_with, seen, sent, token_of
from tests.support.services import serving, settings_in
from tests.support.uploads import HEADER, MOMENT, hires

INSERT = "/tables/hired_employees/insert"
# With names that are nearly those of the columns, in another order, and a column too many.
FOREIGN = (
    "\N{BYTE ORDER MARK}Name;DateTime;note;Department ID;job-id;ID\r\n"
    f"Ada Byron;{MOMENT};x;1;1;9001\r\n"
    f"<b>Grace</b>;{MOMENT};x;99;1;9002\r\n"
    f"Alan;never;x;1;;9003\r\n"
)


@pytest.fixture(scope="module")
def client(built, tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of a service that the tests of this file share; each has rows of its own."""
    own = settings_in(tmp_path_factory.mktemp("insert"))
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        client.spool = own.spool  # type: ignore[attr-defined]
        yield client


def typed(**values: Any) -> dict[str, str]:
    return {f"value.{name}": str(value) for name, value in values.items()}


def hire(number: int, **other: Any) -> dict[str, str]:
    usual = {"id": number, "name": "Ada", "datetime": MOMENT, "department_id": 1, "job_id": 1}
    return typed(**usual, **other) if not other else typed(**{**usual, **other})


def dropped(client: httpx.Client, content: str | bytes, name: str = "hires.csv", **said: str):
    """Where a dropped file is looked at."""
    data = {"token": token_of(client), "pasted": "", **said}
    answer = client.post(f"{INSERT}/file", data=data, files={"file": (name, content)}, headers=HTML)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def pasted(client: httpx.Client, text: str) -> str:
    data: Any = {"token": (None, token_of(client)), "pasted": (None, text), "file": ("", b"")}
    answer = client.post(f"{INSERT}/file", files=data, headers=HTML)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def settled(client: httpx.Client, place: str):
    """The page of a draft when nothing runs any more."""
    for _ in looks():
        if "<progress" not in (page := seen(client, place)).html:
            break
        assert client.get(f"{place}/state", headers=HTML).status_code == 200
    assert 'hx-trigger="every' not in page.html
    return page


def rows(client: httpx.Client, number: int) -> httpx.Response:
    return client.get(f"/v1/tables/hired_employees/rows/{number}")


def test_the_form_is_made_from_the_dictionary(client):
    page = seen(client, INSERT)
    entry = client.get("/dictionary/hired_employees").json()
    for column in entry["columns"]:
        assert f'name="value.{column["name"]}"' in page.html
        assert column["description"].replace("`", "") in page.text
        for rule in column["rules"]:
            assert rule["words"].lower() in page.text.lower() or rule["rule"] == "not_null"
    assert "Customer Care" in page.text  # what a department's number means
    assert len(page.html) < 100_000


def test_a_row_goes_in_and_a_second_click_is_the_same_one(client):
    form = {"once": "first", **hire(9100)}
    answers = [sent(client, f"{INSERT}/row", form) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert {each.headers["location"] for each in answers} == {f"{INSERT}?added=9100"}
    assert rows(client, 9100).status_code == 200
    page = seen(client, f"{INSERT}?added=9100")
    assert links_with(page, "/rows/9100") == ["/tables/hired_employees/rows/9100"]
    again = sent(client, f"{INSERT}/row", {**form, "once": "second"})
    assert again.status_code == 422
    assert "9100 is taken by another row" in checked(again).text


def test_a_row_with_faults_comes_back_with_what_was_typed_and_is_not_put_on_record(client):
    before = client.get("/v1/rejections/summary").json()
    form = hire(9101, name=" <i>x</i> ", department_id="99", datetime="")
    answer = sent(client, f"{INSERT}/row", {"once": "x", **form})
    assert answer.status_code == 422
    page = checked(answer)
    assert "departments has no row with id 99" in page.text
    assert "datetime is missing" in page.text
    assert 'value=" &lt;i&gt;x&lt;/i&gt; "' in page.html
    assert page.html.count('aria-invalid="true"') == 2
    assert client.get("/v1/rejections/summary").json() == before
    assert rows(client, 9101).status_code == 404


def test_a_file_is_told_how_it_is_read_and_what_would_go_in_before_anything_does(client):
    place = dropped(client, FOREIGN, "C:\\from\\<x>.csv")
    assert place.startswith(f"{INSERT}/")
    page = seen(client, place)
    assert "names columns that are not known: note" in page.text
    assert "--columns" not in page.text
    (columns,) = re.findall(r'name="columns" value="([^"]+)"', page.html)
    assert columns == "name,datetime,-,department_id,job_id,id"
    assert sent(client, place, {"do": "look", "columns": columns}).status_code == 303
    page = settled(client, place)
    for words in ("<x>.csv", "delimiter ';', header, UTF-8 with BOM, CRLF line ends"):
        assert words in page.text
    assert "left out" in page.text
    assert "1 row goes in, 2 do not." in page.text
    assert "departments has no row with id 99" in page.text
    assert "<b>Grace</b>" in page.text  # the values of the lines, as they are
    assert page.html.count('class="wrong"') == 3
    assert rows(client, 9001).status_code == 404
    assert client.get("/v1/loads?kind=file").json()["loads"] == []


def test_columns_are_mapped_by_hand_and_it_is_looked_at_again(client):
    text = f"a,b,c,d,e\nAda,{MOMENT},1,9201,1\n"
    place = dropped(client, text, header="false")
    page = settled(client, place)
    assert "1 row goes in" not in page.text
    chosen = ["name", "datetime", "department_id", "id", "job_id"]
    form = {f"field.{i}": name for i, name in enumerate(chosen)} | {"header": "true", "do": "look"}
    answer = sent(client, place, form)
    assert (answer.status_code, answer.headers["location"]) == (303, place)
    page = settled(client, place)
    assert "1 row goes in, 0 do not." in page.text
    assert "as said" in page.text


def test_what_was_looked_at_is_loaded_once_however_often_it_is_clicked(client):
    lines = HEADER + hires(9300, 5) + f"9305,Bad,{MOMENT},99,1\n"
    place = dropped(client, lines)
    assert "5 rows go in, 1 does not." in settled(client, place).text
    for _ in range(2):
        answer = sent(client, place, {"do": "load"})
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    page = settled(client, place)
    assert "✓ 5 rows went in" in page.text
    loads = client.get("/v1/loads?kind=file").json()["loads"]
    assert [(each["source"], each["accepted"]) for each in loads] == [("hires.csv", 5)]
    (link,) = links_with(page, "/rejections?")
    assert link == f"/rejections?table=hired_employees&load={loads[0]['load_id']}"
    assert rows(client, 9304).status_code == 200
    again = settled(client, dropped(client, lines))
    assert "0 rows go in, 1 does not; 5 are there already." in again.text


@pytest.mark.parametrize(
    ("write", "first"),
    [
        (lambda n: f"id\tname\tdatetime\tdepartment_id\tjob_id\n{n}\tAda\t{MOMENT}\t1\t1\n", 9401),
        (lambda n: f'[{{"id": {n}, "name": "A", "datetime": "{MOMENT}", "department_id": 1,'
                   f' "job_id": 1}}, {{"id": "{n}"}}]', 9402),
        (lambda n: f'{{"id": {n}, "name": "A", "datetime": "{MOMENT}", "department_id": 1,'
                   f' "job_id": 1}}\n{{"id": {n}}}\n', 9403),
    ],
    ids=["a spreadsheet", "JSON", "NDJSON"],
)  # fmt: skip
def test_pasted_rows_go_the_same_way(client, write: Callable[[int], str], first: int):
    place = pasted(client, write(first))
    page = settled(client, place)
    assert "1 row goes in" in page.text
    for _ in range(2):
        assert sent(client, place, {"do": "load"}).status_code == 303
    assert "✓ 1 row went in" in settled(client, place).text
    assert rows(client, first).status_code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 a workbook", "Excel workbook"),
        (b"", "choose a file"),
        (b"[1, 2", "It cannot be read"),
        (b"[]", "1 to 1,000 rows"),
    ],
)
def test_what_cannot_be_read_is_told(client, content: bytes, words: str):
    data = {"token": token_of(client), "pasted": ""}
    answer = client.post(f"{INSERT}/file", data=data, files={"file": ("x", content)}, headers=HTML)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"], headers=HTML)
    assert words.lower() in checked(answer).text.lower()


def test_a_file_without_the_token_or_with_two_contents_is_refused_and_not_kept(client):
    files = {"file": ("x.csv", HEADER.encode())}
    before = {*client.spool.iterdir()}
    refused = client.post(f"{INSERT}/file", data={"pasted": ""}, files=files, headers=HTML)
    assert refused.status_code == 403
    data = {"token": token_of(client), "pasted": "id\n1"}
    refused = client.post(f"{INSERT}/file", data=data, files=files, headers=HTML)
    assert refused.status_code == 400
    for content_type in ("text/csv", "multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {**HTML, "Content-Type": content_type}
        refused = client.post(f"{INSERT}/file", content=b"--y\r\n", headers=headers)
        assert refused.status_code in (400, 415)
    assert {*client.spool.iterdir()} == before


def test_a_draft_that_is_not_there_any_more_is_told(client):
    for path in ("/nothing", "/nothing/state"):
        page = seen(client, INSERT + path, 404)
        assert "not kept any more" in page.text
    assert sent(client, f"{INSERT}/nothing", {"do": "load"}).status_code == 404
    place = dropped(client, HEADER + hires(9500, 1))
    other = place.replace("hired_employees", "jobs")
    assert client.get(other, headers=HTML).status_code == 404

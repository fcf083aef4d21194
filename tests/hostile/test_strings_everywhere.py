"""Texts that mean harm, in every place where a client can put one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.chance import done
from tests.support.door import Door
from tests.support.log_lines import Lines, logging_to_lines
from tests.support.projects import Project
from tests.support.rows import CSV, JSON
from tests.support.services import serving
from tests.support.strings import EVERY, LINES, LOG, SQL

PATHS = [
    "/v1/tables/{}",
    "/v1/tables/{}/rows",
    "/v1/tables/{}/rows/1",
    "/v1/tables/{}/backups",
    "/v1/tables/departments/rows/{}",
    "/v1/loads/{}",
    "/v1/rejections/{}",
    "/v1/backups/{}",
    "/v1/backups/{}/file",
    "/v1/builds/{}",
    "/v1/reports/{}",
]
QUERIES = [
    ("/v1/tables/departments/rows", "after"),
    ("/v1/tables/departments/rows", "limit"),
    ("/v1/loads", "table"),
    ("/v1/loads", "kind"),
    ("/v1/loads", "status"),
    ("/v1/loads", "after"),
    ("/v1/rejections", "table"),
    ("/v1/rejections", "rule"),
    ("/v1/rejections", "load_id"),
    ("/v1/rejections", "status"),
    ("/v1/rejections", "since"),
    ("/v1/rejections", "until"),
    ("/v1/rejections", "after"),
    ("/v1/rejections/summary", "table"),
    ("/v1/backups", "after"),
    ("/v1/reports/hires_by_quarter", "year"),
]
OF_FILES = ["delimiter", "header", "columns", "encoding"]
OF_ANY_FILE = ["filename", "null"]  # any text will do, so that the file is loaded
HEADERS = ["Idempotency-Key", "Prefer", "Content-Type", "Content-Encoding", "Accept"]
HIRES = "id,name,datetime,department_id,job_id\n"
NOT_SEEN = "\x07\x08\x7f"  # so it is blank
SECRET = "gh_secret-that-no-log-may-have"


def sound(answer: httpx.Response) -> httpx.Response:
    """The answer, which tells nothing of the machine and has no header that was slipped in."""
    assert answer.status_code < 500, (answer.request.url, answer.text)
    assert "x-injected" not in answer.headers
    assert not any(c in value for value in answer.headers.values() for c in "\r\n\0")
    for told in ("Traceback", "duckdb.", "Binder Error", "Parser Error", "/tmp/"):
        said = json.dumps(answer.json()) if "json" in answer.headers["content-type"] else ""
        assert told not in said or told in str(answer.request.url), said
    done["texts in every place"] += 1
    return answer


def books(door: Door) -> dict[str, Any]:
    """The whole warehouse, but for files that are still being looked at: dry runs leave nothing."""
    passing = ("ops.files", "ops.landed")
    return {name: rows for name, rows in door.everything().items() if name not in passing}


def nothing_else(door: Door, before: dict[str, Any]) -> None:
    """No schema, table or setting has come or gone, and the audit finds the books right."""
    assert books(door).keys() == before.keys()
    assert door.client.get("/v1/audit").json()["ok"]


def test_a_text_in_a_path_finds_nothing(door: Door):
    before = books(door)
    for path in PATHS:
        for text in EVERY:
            said = quote(text, safe="")
            answer = sound(door.client.get(path.format(said)))
            assert answer.status_code in (400, 404, 405) or answer.json() is not None
            sound(door.client.delete(path.format(said)))
    assert books(door) == before


def test_a_text_in_a_query_finds_nothing_that_it_does_not_name(door: Door):
    before = books(door)
    for path, name in QUERIES:
        for text in EVERY:
            answer = sound(door.client.get(path, params={name: text}))
            assert answer.status_code in (200, 400, 404), answer.text
            if answer.status_code == 200 and name in ("rule", "load_id"):
                assert answer.json()["rejections"] == []
    assert books(door) == before


def test_a_text_about_a_file_is_only_that(door: Door):
    before = books(door)
    for text in EVERY:
        for name in OF_FILES:
            assert about_a_file(door, {name: text}) in (202, 400, 422)
        if about_a_file(door, dict.fromkeys(OF_ANY_FILE, text)) != 202:
            for name in OF_ANY_FILE:
                assert about_a_file(door, {name: text}) in (202, 400, 422)
    nothing_else(door, before)


def about_a_file(door: Door, said: dict[str, str]) -> int:
    """The status of the answer to a dry run of which that is said."""
    answer = door.client.post(
        "/v1/tables/departments/files",
        params={**said, "dry_run": "true"},
        content=b"id,department\n7000,x\n",
        headers={"content-type": CSV},
    )
    return sound(answer).status_code


def test_a_text_in_a_header_is_only_that(door: Door):
    before = books(door)
    for name in HEADERS:
        for text in EVERY:
            value = text.replace("\r", "").replace("\n", "").replace("\0", "").encode()[:4000]
            headers = [(b"content-type", JSON.encode()), (name.lower().encode(), value)]
            content = b'[{"id": 0, "department": "x"}]'
            path = "/v1/tables/departments/rows"
            sound(door.client.post(path, content=content, headers=headers))
    nothing_else(door, before)


def test_a_text_in_a_row_is_kept_to_the_letter(door: Door):
    before = books(door)
    for text in EVERY:
        [number] = door.fresh()
        for row in ({"id": number, "department": text}, {"id": text, "department": "x"}):
            sound(door.rows([row]))
        sound(door.rows([{"id": number, text: "x"}]))
        sound(door.tables({text: [{"id": number}]}))
        kept = door.ask("select department from core.departments where id = ?", number)
        fits = len(text) <= 255 and "\0" not in text and text != NOT_SEEN
        assert kept == ([(text,)] if fits else [])
    nothing_else(door, before)


@pytest.mark.parametrize("call", ["restore", "backups"])
def test_a_text_in_what_is_asked_for_is_only_that(door: Door, call: str):
    before = books(door)
    for text in EVERY:
        for body in ({"backup_id": text}, {"codec": text}, {text: 1}):
            answer = sound(door.client.post(f"/v1/tables/jobs/{call}", json=body))
            assert answer.status_code in (400, 404)
        assert sound(door.client.post("/v1/restore", json={"set_id": text})).status_code == 404
    assert books(door) == before


def test_a_text_in_the_paths_of_the_settings_is_only_that(tmp_path: Path):
    project = Project(tmp_path / 'it\'s; drop schema core; -- {{ 1 }} "x" %s ñ')
    project.write("departments", "id,department\n1,One\n2,\n")
    for table, header in (("jobs", "id,job\n"), ("hired_employees", HIRES)):
        project.write(table, header)
    project.build()
    with serving(project.settings) as client:
        assert client.get("/v1/tables/departments").json()["rows"] == 1
        made = client.post("/v1/tables/departments/backups").json()
        asked = {"backup_id": made["backup_id"]}
        answer = client.post("/v1/tables/departments/restore", json=asked)
        assert (answer.status_code, answer.json()["rows_after"]) == (200, 1)
        assert client.get("/v1/audit").json()["ok"]


def test_the_link_to_the_next_page_holds_no_more_than_one_link(door: Door):
    door.rows([{"id": 0, "department": str(number)} for number in range(3)])
    for text in LINES:
        answer = sound(
            door.client.get("/v1/rejections", params={"limit": 1, "since": "2000-01-01T00:00:00Z"})
        )
        assert answer.headers["link"].count("rel=") == 1, text


@pytest.fixture(params=["json", "console"])
def logged(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """What is logged, in either form."""
    with logging_to_lines(log_format=request.param) as lines:
        yield lines


def test_no_text_makes_a_line_of_its_own_in_the_log_and_no_secret_is_there(
    door: Door, logged: Lines
):
    headers = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "cookie": SECRET}
    for text in [*LOG, *LINES, *SQL, "the last"]:
        path = f"/v1/tables/{quote(text, safe='')}"
        sound(door.client.get(path, params={"x": text}, headers=headers))
    lines = list(logged.until("the last"))
    assert len(lines) > len([*LOG, *LINES, *SQL])
    for line in lines:
        assert line.isprintable()
        assert SECRET not in line
        assert "forged" not in line or "request" in line
        if line.startswith("{"):
            assert json.loads(line)["event"] == "request"

"""Odd headers, paths and manners: never a fault of ours, and never in the way of others."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest

from tests.support.answers import is_problem
from tests.support.door import Door, open_door
from tests.support.rows import CSV, JSON, NDJSON, department
from tests.support.services import serving

# Headers


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "json",
        "application/jsonx",
        "text/csv, application/json",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "text/csv; charset=latin1",
        'text/csv; charset="windows-1252"',
        "\xff\xfe",
        "a" * 5000,
    ],
)
def test_a_content_type_that_cannot_be_read_is_unsupported(door: Door, kind):
    [number] = door.fresh()
    body = msgspec.json.encode([department(number)])
    headers = {"content-type": kind.encode("latin-1")}
    door.refuses(415, "unsupported-format", body, kind=None, headers=headers)


def test_rows_of_several_tables_do_not_come_as_text(door: Door):
    for kind in (CSV, NDJSON, "text/plain"):
        answer = door.tables(b"id\n1\n", {"content-type": kind})
        assert is_problem(answer, 415, "unsupported-format")


ODD_HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-request-id", b"\xff\xfe"),
    (b"x-request-id", b"a" * 5000),
    (b"x-request-id", b"forged\tline"),
    (b"accept", b"\xff;q=banana"),
    (b"accept-encoding", b"\xe9"),
    (b"authorization", b"Bearer \xff"),
    (b"cookie", b"=;=;\xff=\xff; a"),
    (b"prefer", b"\xff, \xfe=\xfd"),
    (b"prefer", b"wait=" + b"9" * 5000),
    (b"range", b"bytes=0-"),
    (b"expect", b"nothing"),
    (b"if-match", b'"x"'),
    (b"content-language", b"tlh"),
    (b"traceparent", b"00-\xff"),
    (b"x", b"y" * 30_000),
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: repr(header)[:40])
def test_odd_headers_change_nothing(door: Door, header):
    [number] = door.fresh()
    answer = door.rows([department(number)], headers=dict([header]))
    assert answer.status_code == 201
    assert answer.headers["x-request-id"].isprintable()
    assert len(answer.headers["x-request-id"]) <= 64
    assert door.kept([number]) == [number]


def test_header_lines_of_the_same_name_are_one_list_where_there_may_be_one(door: Door):
    [number] = door.fresh()
    body = msgspec.json.encode([department(number), department(0)])

    def post(*lines: tuple[str, str]) -> httpx.Response:
        return door.client.post("/v1/tables/departments/rows", content=body, headers=lines)

    strict = post(("prefer", "respond-async"), ("prefer", "handling=strict"))
    assert strict.headers["preference-applied"] == "handling=strict"
    two_types = post(("content-type", JSON), ("content-type", CSV))
    assert is_problem(two_types, 400, "bad-request")
    two_keys = post(("idempotency-key", "one"), ("idempotency-key", "two"))
    assert is_problem(two_keys, 400, "bad-request")
    assert door.kept([number]) == []


# Paths, methods and parameters


def test_an_unknown_table_is_told_with_the_known_ones(door: Door):
    known = ["departments", "jobs", "hired_employees"]
    for name in (
        "nothing",
        "Departments",
        "departments%00",
        "%ff",
        "core.departments",
        "☃",
        "a" * 3000,
    ):
        answer = door.rows(b"not even JSON", name)
        assert is_problem(answer, 404, "unknown-table"), answer.text
        assert sorted(answer.json()["known"]) == sorted(known)
    answer = door.tables({"departments": [department(0)], "nothing": []})
    assert is_problem(answer, 404, "unknown-table")
    assert sorted(answer.json()["known"]) == sorted(known)


@pytest.mark.parametrize(
    "path", ["/v1/rows/", "/v1/row", "/v2/rows", "/v1/tables/jobs/rows/1/2", "//", "/%00"]
)
def test_an_unknown_path_is_not_found(door: Door, path):
    answer = door.client.post(path, content=b"[]")
    assert answer.status_code in (404, 405) or path == "/v1/rows/"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/v1/tables/departments/rows", "/v1/rows"])
def test_a_wrong_method_is_told_with_the_right_ones(door: Door, method, path):
    answer = door.client.request(method, path)
    assert is_problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["allow"].split(", ")


@pytest.mark.parametrize(
    "query", ["dry_run=banana", "dry_run=", "dry_rum=true", "dry_run=true&dry_run=false", "%ff=%ff"]
)
def test_a_parameter_that_is_not_known_or_not_readable_inserts_nothing(door: Door, query):
    [number] = door.fresh()
    body = msgspec.json.encode([department(number)])
    for path, content in (
        ("/v1/tables/departments/rows", body),
        ("/v1/rows", b'{"departments":%b}' % body),
    ):
        answer = door.client.post(f"{path}?{query}", content=content)
        assert is_problem(answer, 400, "bad-request"), answer.text
    assert door.kept([number]) == []


# Connections


def talk(door: Door, *pieces: bytes) -> bytes:
    """What the service says to bytes that no client library would send."""
    url = door.client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


HEAD = (
    b"POST /v1/tables/departments/rows HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\n"
)


@pytest.mark.parametrize(
    "request_",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"FROB / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD + b"Bad Header: x\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: banana\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"X: a\0b\r\n\r\n",
        os.urandom(64) + b"\r\n\r\n",
    ],
    ids=range(12),
)
def test_what_is_not_http_is_refused_and_harms_no_one(door: Door, request_):
    answer = talk(door, request_)
    assert answer == b"" or answer.split()[1].startswith(b"4")
    assert door.client.get("/health/live").status_code == 200


@pytest.mark.parametrize("cut", [0, 10, len(HEAD), len(HEAD) + 30])
def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(door: Door, cut):
    [number] = door.fresh()
    body = b'[{"id": %d, "department": "x"}]' % number
    request = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    before = door.everything()
    talk(door, request[:cut])
    answer = door.rows([department(0)], dry_run="true")
    assert answer.status_code == 422
    assert door.everything() == before


def test_a_full_queue_is_told_with_a_time_to_come_again(built, tmp_path):
    with open_door(built, tmp_path) as door:
        settings = msgspec.structs.replace(door.settings, queue_requests=1)
    with serving(settings) as client:
        small = Door(client, settings)
        answers = [r for r in many_at_once(small, 64) if r.status_code != 201]
        for answer in answers:
            assert is_problem(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        kept = small.ask("select count(*) from core.departments where id >= 1000000")
        assert kept == [(64 - len(answers),)]


def many_at_once(door: Door, number: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda n: door.rows([department(n)]), door.fresh(number)))

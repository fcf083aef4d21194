"""POST of rows by clients that are careless or hostile: never a fault of ours, nothing lost."""

import gzip
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from tests.api.conftest import is_problem
from tests.api.door import CSV, JSON, MSGPACK, NDJSON, Door, counts, department, found, open_door
from tests.conftest import serving

MiB = 1 << 20
LIMIT = 16 * MiB


@pytest.fixture(scope="module")
def door(built, tmp_path_factory):
    with open_door(built, tmp_path_factory.mktemp("hostile")) as door:
        yield door


def refused(door: Door, status: int, slug: str, *request: Any, **options: Any) -> dict[str, Any]:
    """The problem that is answered to a request of which nothing is kept."""
    before = door.everything()
    answer = door.rows(*request, **options)
    assert is_problem(answer, status, slug), (answer.status_code, answer.text)
    assert door.everything() == before
    return dict(answer.json())


# Bodies that are not what they say

PACK = msgspec.msgpack.encode
MALFORMED: list[tuple[str, bytes]] = [
    (JSON, b""),
    (JSON, b" "),
    (JSON, b"["),
    (JSON, b"[{]"),
    (JSON, b'[{"id": 1},]'),
    (JSON, b'[{"id": 1}] []'),
    (JSON, b'{"id": 1}{"id": 2}'),
    (JSON, b'{"id": 01}'),
    (JSON, b"[{'id': 1}]"),
    (JSON, b'[{"id": NaN}]'),
    (JSON, b'[{"id": Infinity}]'),
    (JSON, b'[{"id": 1, /* one */ "department": "x"}]'),
    (JSON, b'"text"'),
    (JSON, b"1"),
    (JSON, b"null"),
    (JSON, b'\xef\xbb\xbf[{"id": 1, "department": "x"}]'),
    (JSON, '[{"id": 1, "department": "x"}]'.encode("utf-16")),
    (JSON, b'[{"id": 1, "department": "caf\xe9"}]'),
    (JSON, b'[{"id": 1, "department": "\xed\xa0\x80"}]'),
    (JSON, b'[{"id": 1, "department": "\\ud800"}]'),
    (JSON, b'[{"id": 1, "department": "\\udc00\\ud800"}]'),
    (JSON, b'[{"id": 1, "department": "a\x00b"}]'),
    (JSON, b'[{"id": 1, "department": "a\nb"}]'),
    (JSON, b'[{"\\ud800": 1}]'),
    (JSON, b'[{"id": 1e999, "extra": "\xff"}]'),
    (NDJSON, b'{"id": 1}\n{'),
    (NDJSON, b'{"id": 1},\n{"id": 2}'),
    (NDJSON, b'{"id": 1} {"id": 2}'),
    (NDJSON, b'[{"id": 1}, {"id": 2}'),
    (NDJSON, b'{"id": 1\n"department": "x"}\n{"id": 2}, {"id": 3}'),
    (NDJSON, b'{"id": 1,\n"department": "x"}\n'),
    (CSV, b"id,department\n1,caf\xe9\n"),
    (CSV, "id,department\n1,x\n".encode("utf-16")),
    (CSV, b'id,department\n1,"x\n'),
    (CSV, b'id,department\n1,"x"y\n'),
    (CSV, b"id,id\n1,2\n"),
    (CSV, b"id,department,department\n1,x,x\n"),
    (MSGPACK, b""),
    (MSGPACK, b"\xc1"),
    (MSGPACK, b"\x91\x82"),
    (MSGPACK, b"\xdd\xff\xff\xff\xff"),
    (MSGPACK, b"\xdf\xff\xff\xff\xff"),
    (MSGPACK, PACK([department(1)])[:-1]),
    (MSGPACK, PACK([department(1)]) + b"\xc0"),
    (MSGPACK, PACK("text")),
    (MSGPACK, b"\x05"),
    (MSGPACK, b"\x91\x81\xa2id\xa1\xff"),
    (MSGPACK, b"\x91\x81\xa2id\xa3\xed\xa0\x80"),
    (MSGPACK, b"\x91\x81\x81\x01\x02\x03"),
    (MSGPACK, b"\x91\x81\xa2id\xc7\x0c\xff\x00\x00\x00\x00\x7f" + b"\xff" * 7),
]


@pytest.mark.parametrize(("kind", "body"), MALFORMED)
def test_a_body_that_is_not_of_its_format_is_malformed(door: Door, kind, body):
    said = refused(door, 400, "malformed-body", body, kind=kind)
    assert set(said) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize("depth", [70, 500, 900, 990, 1000, 1100, 100_000])
@pytest.mark.parametrize("form", ['[%s"id": %s1%s}]', '[%s"department": "x", "extra": %s1%s}]'])
def test_what_is_nested_too_deeply_is_malformed(door: Door, form, depth):
    bodies = [form % ("{", "[" * depth, "]" * depth), form % ("{", '{"a":' * depth, "}" * depth)]
    for body in (*bodies, "[" * depth + "]" * depth):
        refused(door, 400, "malformed-body", body.encode())
        refused(door, 400, "malformed-body", body.encode(), kind=NDJSON)
    refused(door, 400, "malformed-body", b"\x91" * depth + b"\xc0", kind=MSGPACK)
    packed = b"\x91\x81\xa5extra" + b"\x91" * depth + b"\xc0"
    refused(door, 400, "malformed-body", packed, kind=MSGPACK)
    in_a_key = b"\x91\x81" + b"\x91" * depth + b"\xc0\xc0"
    refused(door, 400, "malformed-body", in_a_key, kind=MSGPACK)


def test_what_is_nested_less_deeply_is_told_as_it_was_sent(door: Door):
    value: Any = 1
    for _ in range(60):
        value = [value]
    answer = door.rows([{**department(0), "extra": value}])
    assert answer.status_code == 422
    assert answer.json()["rejections"][0]["violations"][1]["value"] == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"null",
        b'{"departments": null}',
        b'{"departments": 5}',
        b'{"departments": "x"}',
        b'{"departments": [], "departments": []}',
        b'{"departments": [{"id": 1, "department": "x"}], "jobs": [], "\\u0064epartments": []}',
        b'{"departments": [}',
        b'{"departments": [{"id": 1}]} x',
        b"\xff",
    ],
)
def test_a_body_for_several_tables_must_be_rows_by_table(door: Door, body):
    before = door.everything()
    assert is_problem(door.tables(body), 400, "malformed-body")
    assert door.everything() == before


def test_a_table_that_stands_twice_in_messagepack_is_malformed(door: Door):
    body = b"\x82" + 2 * (PACK("departments") + PACK([department(1)]))
    answer = door.tables(body, {"content-type": MSGPACK})
    assert is_problem(answer, 400, "malformed-body")


# Rows that are odd


def pairs(*fields: tuple[str, Any]) -> bytes:
    return (
        b"{" + b",".join(b"%b:%b" % tuple(map(msgspec.json.encode, pair)) for pair in fields) + b"}"
    )


def map_of(*fields: tuple[Any, Any]) -> bytes:
    return bytes([0x80 + len(fields)]) + b"".join(PACK(part) for pair in fields for part in pair)


def test_a_field_that_stands_twice_in_a_row_is_a_violation_and_never_dropped(door: Door):
    one, two, three, four, five = door.fresh(5)
    twice = pairs(("id", one), ("department", "x"), ("id", two))
    spelt = b'{"id": %d, "department": "a: b", "\\u0064epartment": "\\u003a"}' % three
    bodies = {
        JSON: b"[%b,%b,%b]" % (twice, spelt, pairs(("id", four), ("department", "c: \\u003a"))),
        NDJSON: b"%b\n%b\n" % (twice, spelt) + pairs(("id", five), ("department", "d")),
    }
    for kind, body in bodies.items():
        answer = door.rows(body, kind=kind)
        assert counts(answer) == (3, 1, 2)
        assert found(answer) == {
            0: [("id", "repeated_field")],
            1: [("department", "repeated_field")],
        }
        load_id = answer.json()["load_id"]
        kept = door.ask(
            "select payload from ops.rejections where load_id = ? order by position", load_id
        )
        assert [payload.encode() for (payload,) in kept] == [twice, spelt]
    assert door.kept([one, two, three]) == []


@pytest.mark.parametrize("wrap", [b"\x91%b", b"%b"])
def test_a_field_that_stands_twice_in_a_map_is_a_violation(door: Door, wrap):
    one, two = door.fresh(2)
    row = map_of(("id", one), ("id", two), ("department", "x"))
    answer = door.rows(wrap % row, kind=MSGPACK)
    assert found(answer) == {0: [("id", "repeated_field")]}
    assert door.kept([one, two]) == []


def test_a_single_object_with_a_field_twice_is_rejected(door: Door):
    one, two = door.fresh(2)
    answer = door.rows(pairs(("id", one), ("id", two), ("department", "x")))
    assert found(answer) == {0: [("id", "repeated_field")]}
    answer = door.rows(pairs(("id", one), ("id", one), ("department", "x")))
    assert found(answer) == {0: [("id", "repeated_field")]}
    assert door.kept([one, two]) == []


def test_numbers_that_no_type_has_room_for_are_violations_that_repeat_them(door: Door):
    [number] = door.fresh()
    huge = [b"1e400", b"-1E+9999999", b"9" * 5000, b"-" + b"9" * 400 + b".5", b"1" * 40]
    rows = [b'{"id": %b, "department": %b}' % (each, each) for each in huge]
    good = b'{"id": %d, "department": "x"}' % number
    for kind, body in {
        JSON: b"[%b]" % b",".join([*rows, good]),
        NDJSON: b"\n".join([*rows, good]),
    }.items():
        answer = door.rows(body, kind=kind)
        if kind == JSON:
            assert counts(answer) == (6, 1, 5)
        both = [("id", "type"), ("department", "type")]
        assert [found(answer)[row] for row in range(5)] == [both] * 5
        values = [answer.json()["rejections"][row]["violations"][0]["value"] for row in range(3)]
        assert [str(value).encode() for value in values] == huge[:3]
    [(payload,)] = door.ask(
        "select payload from ops.rejections where payload like '%1E+9999999%' limit 1"
    )
    assert payload.encode() == rows[1]


@pytest.mark.parametrize(
    ("row", "violations"),
    [
        ({}, [("id", "not_null"), ("department", "not_null")]),
        ({"id": None, "department": None}, [("id", "not_null"), ("department", "not_null")]),
        ({"id": True, "department": False}, [("id", "type"), ("department", "type")]),
        ({"id": "1", "department": 1}, [("id", "type"), ("department", "type")]),
        ({"id": [1], "department": {}}, [("id", "type"), ("department", "type")]),
        ({"id": 2**31, "department": ""}, [("id", "type"), ("department", "not_blank")]),
        ({"id": 1.5, "department": "x" * 256}, [("id", "type"), ("department", "max_length")]),
        (
            {"ID": 1, "department": "x", "": 2},
            [("id", "not_null"), ("ID", "unknown_field"), ("", "unknown_field")],
        ),
        ([], [(None, "type")]),
        (None, [(None, "type")]),
        (7, [(None, "type")]),
        ("row", [(None, "type")]),
        ([1, "x"], [(None, "type")]),
    ],
)
@pytest.mark.parametrize("kind", [JSON, NDJSON, MSGPACK])
def test_an_odd_row_is_rejected_alone(door: Door, kind, row, violations):
    [number] = door.fresh()
    answer = door.rows([row, department(number)], kind=kind)
    assert (answer.status_code, found(answer)) == (207, {0: violations})
    assert door.kept([number]) == [number]


def test_what_only_messagepack_can_say_is_told_in_words(door: Door):
    [number] = door.fresh()
    extension, bytes_ = b"\xd4\x05a", b"\xc4\x02\x00\xff"
    moment, infinite = b"\xd6\xff\x00\x00\x00\x01", b"\xcb\x7f\xf0" + b"\0" * 6
    odd = [
        PACK("id") + value + PACK("department") + value
        for value in (extension, bytes_, moment, infinite)
    ]
    keys = [key + PACK(1) for key in (b"\xc0", b"\xc3", b"\x05", b"\x92\x01\x02", b"\xc4\x01a")]
    rows = [b"\x82" + each for each in odd] + [bytes([0x80 + len(keys)]) + b"".join(keys)]
    body = bytes([0x90 + len(rows) + 1]) + b"".join(rows) + PACK(department(number))
    answer = door.rows(body, kind=MSGPACK)
    assert counts(answer) == (6, 1, 5)
    both = [("id", "type"), ("department", "type")]
    assert [found(answer)[row] for row in range(4)] == [both] * 4
    assert [rule for _, rule in found(answer)[4]] == ["not_null"] * 2 + ["unknown_field"] * 5
    assert door.kept([number]) == [number]


def test_text_is_kept_to_the_last_character(door: Door):
    texts = [
        "nul \0 nul",
        "a\u2028\u2029",
        "e\u0301 \xe9",
        "\U0010ffff",
        "\x7f\x80\ufffe\ufeff",
        "𝄞" * 255,
    ]
    for kind in (JSON, NDJSON, MSGPACK, CSV):
        numbers = door.fresh(len(texts))
        answer = door.rows(
            [department(*each) for each in zip(numbers, texts, strict=True)], kind=kind
        )
        assert answer.status_code == 201
        for number, text in zip(numbers, texts, strict=True):
            kept = door.ask("select department from core.departments where id = ?", number)
            assert kept == [(text,)]


def test_a_csv_line_with_too_many_fields_or_too_few_is_rejected(door: Door):
    [number] = door.fresh()
    body = b"id,department\n%d,x,y,,z\n%d\n%d,x\n" % (number, number, number)
    answer = door.rows(body, kind=CSV)
    assert found(answer) == {0: [(None, "unknown_field")], 1: [("department", "not_null")]}
    assert answer.json()["rejections"][0]["violations"][0]["value"] == "y,,z"
    load_id = answer.json()["load_id"]
    kept = door.ask(
        "select payload from ops.rejections where load_id = ? order by position", load_id
    )
    assert msgspec.json.decode(kept[0][0]) == {
        "id": str(number),
        "department": "x",
        "_rest": ["y", "", "z"],
    }


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
    refused(door, 415, "unsupported-format", body, kind=None, headers=headers)


def test_rows_of_several_tables_do_not_come_as_text(door: Door):
    for kind in (CSV, NDJSON, "text/plain"):
        answer = door.tables(b"id\n1\n", {"content-type": kind})
        assert is_problem(answer, 415, "unsupported-format")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip;q=1", "utf-8", "\xff"])
def test_a_content_encoding_that_cannot_be_undone_is_unsupported(door: Door, encoding):
    headers = {"content-encoding": encoding.encode("latin-1")}
    refused(door, 415, "unsupported-format", b"[]", headers=headers)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_is_not_of_its_encoding_or_cut_short_is_malformed(door: Door, encoding):
    whole = compress(
        encoding, b"id,department\n" + b"".join(b"%d,x\n" % i for i in door.fresh(300))
    )
    cut = [whole[:-1], whole[:-9], whole[: len(whole) // 2], whole[:3], whole + whole[:40]]
    for body in (*cut, b"not compressed", whole + b"rubbish", b"\0" + whole):
        refused(door, 400, "malformed-body", body, kind=CSV, headers={"content-encoding": encoding})
    mixed = {"gzip": "zstd", "zstd": "gzip"}[encoding]
    refused(door, 400, "malformed-body", whole, kind=CSV, headers={"content-encoding": mixed})


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "x-gzip", "GZIP"])
def test_a_body_may_be_compressed_in_pieces(door: Door, encoding):
    one, two = door.fresh(2)
    pieces = [b"id,department\n", b"%d,x\n" % one, b"", b"%d,y\n" % two]
    body = b"".join(compress("zstd" if encoding == "zstd" else "gzip", piece) for piece in pieces)
    answer = door.rows(body, kind=CSV, headers={"content-encoding": encoding})
    assert counts(answer) == (2, 2, 0)


def compress(encoding: str, body: bytes) -> bytes:
    return gzip.compress(body) if encoding == "gzip" else zstandard.ZstdCompressor().compress(body)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [LIMIT + 1, 64 * LIMIT])
def test_a_small_body_that_becomes_a_large_one_is_too_large(door: Door, encoding, size):
    compressor = zstandard.ZstdCompressor().compressobj() if encoding == "zstd" else None
    if compressor:
        pieces = [compressor.compress(bytes(MiB)) for _ in range(size // MiB)]
        bomb = b"".join([*pieces, compressor.compress(bytes(size % MiB)), compressor.flush()])
    else:
        one = gzip.compress(bytes(MiB))
        bomb = one * (size // MiB) + gzip.compress(bytes(size % MiB))
    assert len(bomb) < LIMIT
    refused(door, 413, "too-large", bomb, headers={"content-encoding": encoding})


def test_a_body_that_is_too_large_is_refused_before_it_is_all_here(door: Door):
    refused(door, 413, "body-too-large", b"[" + b" " * LIMIT + b"]")
    large = b"[" + b" " * (LIMIT - 2) + b"]"
    answer = door.rows(large)
    assert is_problem(answer, 422, "wrong-number-of-rows")

    def without_end() -> Any:
        for _ in range(100_000):
            yield bytes(64 * 1024)

    try:
        answer = door.client.post(
            "/v1/tables/departments/rows",
            content=without_end(),
            headers={"content-type": JSON, "transfer-encoding": "chunked"},
        )
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # the answer was there, and the connection closed, before all was sent
    else:
        assert is_problem(answer, 413, "body-too-large")


def test_many_small_members_do_not_hold_the_service_up(door: Door):
    body = gzip.compress(b"") * 100_000
    answer = door.rows(body, kind=CSV, headers={"content-encoding": "gzip"})
    assert is_problem(answer, 422, "wrong-number-of-rows")


def test_of_far_too_many_rows_the_number_is_told(door: Door):
    answer = door.rows(b"[" + b"1," * 1_000_000 + b"1]")
    assert is_problem(answer, 422, "wrong-number-of-rows")
    assert counts(answer) == (1_000_001, 0, 1_000_001)


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
    (b"x-forwarded-for", b"\xff"),
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


def test_header_lines_of_the_same_name_are_one_list(door: Door):
    [number] = door.fresh()
    body = msgspec.json.encode([department(number), department(0)])

    def post(*lines: tuple[str, str]) -> httpx.Response:
        return door.client.post("/v1/tables/departments/rows", content=body, headers=lines)

    strict = post(("prefer", "respond-async"), ("prefer", "handling=strict"))
    assert strict.headers["preference-applied"] == "handling=strict"
    two_types = post(("content-type", JSON), ("content-type", CSV))
    assert is_problem(two_types, 415, "unsupported-format")
    keys = [("idempotency-key", "one"), ("idempotency-key", "two")]
    assert door.kept([number]) == []
    assert post(*keys).status_code == 207
    assert post(*keys).headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in post(keys[0]).headers


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


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
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


def test_no_answer_tells_of_files_statements_or_code(door: Door):
    secrets = [str(door.settings.warehouse.parent), "Traceback", "insert into", ".py", "duckdb"]
    for kind, body in MALFORMED:
        text = door.rows(body, kind=kind).text
        assert not [secret for secret in secrets if secret.lower() in text.lower()]


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


HEAD = b"POST /v1/tables/departments/rows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"FROB / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
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

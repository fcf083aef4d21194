"""Bodies that are not what they say, or too much: refused as a whole, and nothing is kept."""

import gzip
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from tests.support.answers import is_problem
from tests.support.door import Door, counts
from tests.support.rows import CSV, FORMATS, JSON, MSGPACK, NDJSON, department
from tests.support.wire import chunked, request, wired

MiB = 1 << 20
LIMIT = 16 * MiB
TOO_LARGE = 413, "body-too-large"


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
    (JSON, b'\xef\xbb\xbf\xef\xbb\xbf[{"id": 1, "department": "x"}]'),
    (JSON, b'[\xef\xbb\xbf{"id": 1, "department": "x"}]'),
    (NDJSON, b'{"id": 1, "department": "x"}\n\xef\xbb\xbf{"id": 2, "department": "x"}'),
    (MSGPACK, b"\xef\xbb\xbf" + PACK([department(1)])),
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
    (CSV, b'id,"department\n1,x\n'),
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
    said = door.refuses(400, "malformed-body", body, kind=kind)
    assert set(said) == {"type", "title", "status", "detail"}


def posted(door: Door, path: str, body: bytes) -> httpx.Response:
    """The answer to a body in JSON."""
    return door.client.post(path, content=body, headers={"content-type": JSON})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_text_in_another_encoding_is_told_so_at_every_door(door: Door, encoding):
    row = '{"id": 1, "department": "x"}'
    for kind, text in ((JSON, f"[{row}]"), (NDJSON, row), (CSV, "id,department\n1,x\n")):
        said = door.refuses(400, "malformed-body", text.encode(encoding), kind=kind)
        assert "UTF-16" in said["detail"]
    for path, text in (
        ("/v1/rows", f'{{"departments": [{row}]}}'),
        ("/v1/rejections/replay", "[]"),
        ("/v1/tables/departments/restore", '{"backup_id": "latest"}'),
    ):
        answer = posted(door, path, text.encode(encoding))
        assert is_problem(answer, 400, "malformed-body")
        assert "UTF-16" in answer.json()["detail"]


def test_the_mark_of_utf_8_before_a_text_is_passed_over_at_every_door(door: Door):
    mark, (first, second, third, fourth, fifth) = b"\xef\xbb\xbf", door.fresh(5)
    assert door.rows(mark + msgspec.json.encode([department(first)])).status_code == 201
    assert door.rows(mark + msgspec.json.encode(department(second))).status_code == 201
    assert door.rows(mark + FORMATS[NDJSON]([department(third)]), kind=NDJSON).status_code == 201
    several = mark + msgspec.json.encode({"departments": [department(fourth)]})
    assert posted(door, "/v1/rows", several).status_code == 201
    rejected = door.rows(mark + msgspec.json.encode([department(first)])).json()["rejections"]
    assert [each["rule"] for each in rejected[0]["violations"]] == ["unique"]
    for path, body in (
        (f"/v1/rejections/{rejected[0]['rejection_id']}/replay", department(fifth)),
        ("/v1/rejections/replay", []),
        ("/v1/tables/departments/backups", {}),
    ):
        answer = posted(door, path, mark + msgspec.json.encode(body))
        assert answer.is_success or body == [], answer.text
        assert "malformed" not in answer.text


@pytest.mark.parametrize("depth", [70, 500, 900, 990, 1000, 1100, 100_000])
@pytest.mark.parametrize("form", ['[%s"id": %s1%s}]', '[%s"department": "x", "extra": %s1%s}]'])
def test_what_is_nested_too_deeply_is_malformed(door: Door, form, depth):
    bodies = [form % ("{", "[" * depth, "]" * depth), form % ("{", '{"a":' * depth, "}" * depth)]
    for body in (*bodies, "[" * depth + "]" * depth):
        door.refuses(400, "malformed-body", body.encode())
        door.refuses(400, "malformed-body", body.encode(), kind=NDJSON)
    door.refuses(400, "malformed-body", b"\x91" * depth + b"\xc0", kind=MSGPACK)
    packed = b"\x91\x81\xa5extra" + b"\x91" * depth + b"\xc0"
    door.refuses(400, "malformed-body", packed, kind=MSGPACK)
    in_a_key = b"\x91\x81" + b"\x91" * depth + b"\xc0\xc0"
    door.refuses(400, "malformed-body", in_a_key, kind=MSGPACK)


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


def test_no_answer_tells_of_files_statements_or_code(door: Door):
    secrets = [str(door.settings.warehouse.parent), "Traceback", "insert into", ".py", "duckdb"]
    for kind, body in MALFORMED:
        text = door.rows(body, kind=kind).text
        assert not [secret for secret in secrets if secret.lower() in text.lower()]


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip;q=1", "utf-8", "\xff"])
def test_a_content_encoding_that_cannot_be_undone_is_unsupported(door: Door, encoding):
    headers = {"content-encoding": encoding.encode("latin-1")}
    door.refuses(415, "unsupported-format", b"[]", headers=headers)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_is_not_of_its_encoding_or_cut_short_is_malformed(door: Door, encoding):
    whole = compress(
        encoding, b"id,department\n" + b"".join(b"%d,x\n" % i for i in door.fresh(300))
    )
    cut = [whole[:-1], whole[:-9], whole[: len(whole) // 2], whole[:3], whole + whole[:40]]
    for body in (*cut, b"not compressed", whole + b"rubbish", b"\0" + whole):
        door.refuses(400, "malformed-body", body, kind=CSV, headers={"content-encoding": encoding})
    mixed = {"gzip": "zstd", "zstd": "gzip"}[encoding]
    door.refuses(400, "malformed-body", whole, kind=CSV, headers={"content-encoding": mixed})


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
    door.refuses(413, "too-large", bomb, headers={"content-encoding": encoding})


def test_a_body_that_is_too_large_is_refused_before_it_is_all_here(door: Door):
    door.refuses(*TOO_LARGE, b"[" + b" " * LIMIT + b"]")
    large = b"[" + b" " * (LIMIT - 2) + b"]"
    answer = door.rows(large)
    assert is_problem(answer, 422, "wrong-number-of-rows")

    head = (f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
    without_end = chunked(bytes(LIMIT), b"]").removesuffix(chunked())
    with wired(door.client) as wire:
        wire.send(request("POST", "/v1/tables/departments/rows", b"", *head), without_end)
        status, headers, content = wire.answer()
    assert is_problem(httpx.Response(status, headers=headers, content=content), *TOO_LARGE)


def test_many_small_members_do_not_hold_the_service_up(door: Door):
    body = gzip.compress(b"") * 100_000
    answer = door.rows(body, kind=CSV, headers={"content-encoding": "gzip"})
    assert is_problem(answer, 422, "wrong-number-of-rows")


@pytest.mark.parametrize("rows", [90_000, 1_000_000])
def test_of_too_many_rows_the_number_is_told_up_to_a_hundred_thousand(door: Door, rows: int):
    answer = door.rows(b"[" + b"1," * (rows - 1) + b"1]")
    assert is_problem(answer, 422, "wrong-number-of-rows")
    counted = min(rows, 100_001)
    assert counts(answer) == (counted, 0, counted)

"""Thousands of broken requests: none is a fault of ours, and every row of each is accounted for."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from tests.support.door import Door
from tests.support.rows import (
    AVRO,
    CSV,
    ENCODINGS,
    FORMATS,
    JSON,
    MSGPACK,
    NDJSON,
    TABLES,
    bad_hire,
    department,
    hire,
    job,
)

REQUESTS = 1500
PIECES = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b"null",
        b"true",
        b"NaN",
        b"1e400",
        b"-0",
        b"0.0",
        b"-",
        b"1.0",
        b"9" * 30,
        b"9" * 5000,
        b"1e-7",
    ),
    *(
        b'"id"',
        b'"id":',
        b'"id":1,',
        b'"\\u0069d":2,',
        b'"department":"x",',
        b"\\ud800",
        b"\\u0000",
    ),
    *(
        b"{}",
        b"[]",
        b"[[[[",
        b'{"a":',
        b"[" * 80,
        b"]" * 80,
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"   ",
    ),
    *(b"2021-02-30T00:00:00Z", b"9999-12-31T23:59:59.999999Z", b"2021-07-27T16:02:08+25:00", b"id"),
    *(
        b"\xc0",
        b"\xc1",
        b"\x80",
        b"\x90",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\x00\x00\x00\x01",
        b"\xd4\x05a",
    ),
    *(b"\xcb\x7f\xf8\0\0\0\0\0\0", b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\0" * 7, b"\xc7\x0c\xff"),
    *(b"\x91" * 80, b"\xc4\x02\xff\xff", b"\xd6\xff\xff\xff\xff\xff", b"\xa2id", b"\xaadepartment"),
]
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1,
        2**31,
        2**63,
        2**64 - 1,
        1e30,
        1.5,
        -0.0,
        1e308,
        "",
        " ",
        "\0",
        "x" * 300,
    ),
    *("1", "\u2028", "𝄞", [], {}, [[1]], {"a": {"b": None}}, "2021-02-29T00:00:00Z", "2021-07-27"),
]
KINDS = [
    JSON,
    NDJSON,
    CSV,
    MSGPACK,
    AVRO,
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "\xff",
]
HEADERS: list[tuple[str, list[bytes]]] = [
    (
        "prefer",
        [b"handling=strict", b"handling=lenient", b"handling=x", b"\xff", b";,=", b"wait=1"],
    ),
    ("idempotency-key", [b"a", b"b", b"c", b"", b"x" * 300, b"\xff\xfe", b'"']),
    ("content-encoding", [b"gzip", b"zstd", b"identity", b"br", b"", b"\xff", b"gzip, zstd"]),
    ("x-request-id", [b"\xff", b"fine", b"x" * 500]),
    ("accept", [b"text/csv", b"\xff", b"*/*;q=banana"]),
]
MAKE: dict[str, Callable[[int], dict[str, Any]]] = {
    "departments": department,
    "jobs": job,
    "hired_employees": hire,
}
QUERIES = [""] * 30 + ["?dry_run=true", "?dry_run=x", "?dry_run", "?x=1", "?%ff=%00"]
PATHS = ["/v1/rows", "/v1/tables/nothing/rows", "/v1/tables/%ff/rows"] + [
    f"/v1/tables/{name}/rows" for name in TABLES for _ in range(3)
]


@dataclass
class Tally:
    """What the service said that it received, accepted, rejected and listed."""

    of: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        is_error = answer.status_code >= 400
        assert answer.headers["content-type"] == (
            "application/problem+json" if is_error else "application/json"
        )
        said = answer.json()
        dry = said.get("load_id") is None
        if dry or answer.headers.get("idempotency-replayed"):
            return
        for each in said["tables"].values() if "tables" in said else [said]:
            assert each["received"] == each["accepted"] + each["rejected"]
            assert len(each["rejections"]) <= each["rejected"]
            self.of.update({name: each[name] for name in ("received", "accepted", "rejected")})
            self.of["listed"] += len(each["rejections"])


def in_the_books(door: Door) -> Counter[str]:
    """The same figures, as the warehouse has them."""
    [(received, accepted, rejected)] = door.ask(
        "select sum(received), sum(accepted), sum(rejected) from ops.loads where kind = 'batch'"
    )
    [(listed,)] = door.ask(
        "select count(*) from ops.rejections where load_id in"
        " (select load_id from ops.loads where kind = 'batch')"
    )
    known = {"received": received, "accepted": accepted, "rejected": rejected, "listed": listed}
    return Counter({name: int(count or 0) for name, count in known.items()})


def rows_in_core(door: Door) -> int:
    return sum(door.ask(f"select count(*) from core.{name}")[0][0] for name in TABLES)


def rows(random: Random, door: Door, table: str) -> list[Any]:
    """Some rows that fit, some that do not."""
    made: list[Any] = []
    for number in door.fresh(random.randint(1, 4)):
        of = MAKE[table]
        row = random.choice([*[of(number)] * 5, of(random.randint(-2, 5)), bad_hire(number)])
        if random.random() < 0.2:
            row[random.choice(list(row))] = random.choice(VALUES)
        made.append(row)
    return [*made, *made[:1]] if random.random() < 0.1 else made


def broken(random: Random, body: bytes) -> bytes:
    """The body with something changed somewhere, or nothing."""
    for _ in range(random.choice([0, 0, 0, 0, 1, 1, 2, 6])):
        start, stop = sorted(random.randrange(len(body) + 1) for _ in range(2))
        change = random.randrange(6)
        if change == 0:
            body = body[:start] + body[stop:]
        elif change == 1:
            body = body[:stop] + body[start:stop] + body[stop:]
        elif change == 2 and body:
            at = random.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ 1 << random.randrange(8)]) + body[at + 1 :]
        elif change == 3:
            body = body[:start]
        else:
            body = body[:start] + random.choice(PIECES) + body[start:]
    return body


def request(random: Random, door: Door) -> tuple[str, bytes, list[tuple[bytes, bytes]]]:
    path, kind = random.choice(PATHS), random.choice(KINDS[:5] * 10 + KINDS[5:])
    encode = FORMATS.get(kind, msgspec.json.encode)
    if path == "/v1/rows":
        names = random.sample(TABLES, random.randint(1, 3))
        several = {name: rows(random, door, name) for name in names}
        body = (msgspec.msgpack.encode if kind == MSGPACK else msgspec.json.encode)(several)
    else:
        table = random.choice([name for name in TABLES if name in path] or TABLES)
        made = rows(random, door, table)
        body = encode([each for each in made if set(each) == set(made[0])])
    body = broken(random, body)
    headers = [(b"content-type", kind.encode("latin-1"))]
    for name, values in HEADERS:
        if random.random() < 0.1:
            headers.append((name.encode(), random.choice(values)))
    coding = dict(headers).get(b"content-encoding", b"").decode("latin-1")
    if coding in ENCODINGS and random.random() < 0.9:
        body = ENCODINGS[coding](body)
        body = broken(random, body) if random.random() < 0.2 else body
    return path + random.choice(QUERIES), body, headers


@pytest.mark.parametrize("seed", range(2))
def test_no_request_is_a_fault_of_ours_and_no_row_is_lost(door: Door, seed):
    random, tally = Random(seed), Tally()
    before, rows_before = in_the_books(door), rows_in_core(door)
    for _ in range(REQUESTS // 2):
        path, body, headers = request(random, door)
        tally.note(door.client.post(path, content=body, headers=headers))
    assert in_the_books(door) - before == +tally.of
    assert rows_in_core(door) - rows_before == tally.of["accepted"]
    # The requests were worth sending: each kind of answer came often.
    assert all(tally.statuses[status] > 20 for status in (201, 207, 400, 404, 415, 422)), tally
    assert every_row_is_sound(door) == []


def every_row_is_sound(door: Door) -> list[Any]:
    """Rows in the tables that break a rule, looked for with plain SQL."""
    return [
        *broken_names(
            door, (("departments", "department"), ("jobs", "job"), ("hired_employees", "name"))
        ),
        *door.ask(
            "select * from core.hired_employees where datetime is null"
            " or department_id not in (select id from core.departments)"
            " or job_id not in (select id from core.jobs)"
        ),
    ]


def broken_names(door: Door, columns: Iterable[tuple[str, str]]) -> list[Any]:
    return [
        row
        for table, name in columns
        for row in door.ask(
            f"select * from core.{table} where id is null or id < 1 or {name} is null"
            f" or length({name}) > 255 or trim({name}, ' \u2028') = ''"
        )
    ]

"""Bodies for the insert door: rows by a grammar, well or badly said, then damaged at random."""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from tests.support.odd_values import TEXTS
from tests.support.rows import CSV, ENCODINGS, JSON, MSGPACK, NDJSON
from tests.support.strings import SQL

Pairs = list[tuple[str, Any]]
MOMENTS = [
    *("2021-07-27T16:02:08Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
    *(
        "2021-02-30T00:00:00Z",
        "2021-07-27T24:00:00Z",
        "2021-07-27 16:02:08Z",
        "0000-01-01T00:00:00Z",
    ),
    *(
        "2021-07-27T16:02:08+02:00",
        "2021-07-27",
        "2021-07-27T16:02:08.1234567Z",
        "٢٠٢١-07-27T16:02:08Z",
    ),
    *("2021-07-27T16:02:60Z", "2021-07-27T16:02:08Z\n", "infinity", "now()"),
]
NUMBERS: list[Any] = [
    *(0, -1, 1, 5, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63)),
    *(2**64 - 1, 1.0, 1.5, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 123456789.0),
]
OTHERS: list[Any] = [None, True, False, [], {}, [[1]], {"a": {"b": [None]}}, "", "1", "5", "1.0"]
RAW_NUMBERS = [
    *("1e400", "-1e400", "1E2", "1.0e0", "-0", "0.0", "9" * 30, "9" * 400, "1" + "0" * 5000),
    *("1e-400", "00", "01", "+1", "1.", ".5", "NaN", "Infinity", "-Infinity", "1e", "0x10"),
]
PIECES = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\n", b"\r\n", b"\r", b"\0", b" ", b"\t"),
    *(b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8"),
    *(b"null", b"true", b"1e400", b"9" * 30, b"{}", b"[]", b"[" * 70, b"]" * 70, b'{"a":' * 70),
    *(b'"id"', b'"id":1,', b'"\\u0069d":2,', b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b"\\u003a"),
    *(b'"a\\u003ab":', b"\\/", b"\\x", b"/*", b"//", b"#", b"'", b'""', b";", b"id,"),
    *(
        b"\xc0",
        b"\xc1",
        b"\x80",
        b"\x90",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\x00\x00\x00\x01",
        b"\x91" * 70,
    ),
    *(
        b"\xcb\x7f\xf8\0\0\0\0\0\0",
        b"\xcb\x7f\xf0\0\0\0\0\0\0",
        b"\xcf" + b"\xff" * 8,
        b"\xd4\x05a",
    ),
    *(
        b"\xd6\xff\xff\xff\xff\xff",
        b"\xd7\xff" + b"\xff" * 8,
        b"\xc7\x0c\xff" + b"\x7f" * 12,
        b"\xc4\x02\xff\xff",
    ),
    *(b"\xa2id", b"\x82\xa2id\x01\xa2id\x02", b"\xd9\x02id", b"\xca\x7f\x80\0\0", b"\xa1\xff"),
]


def value(random: Random, type_name: str, number: int) -> Any:
    """One that fits, most of the time."""
    chosen = random.random()
    if chosen < 0.06:
        return random.choice(OTHERS)
    if chosen < 0.10:
        return random.choice(NUMBERS)
    if type_name in ("integer", "bigint"):
        return number if chosen < 0.9 else random.choice(NUMBERS)
    if type_name == "double":
        return random.choice(NUMBERS) if chosen < 0.5 else random.uniform(-1e9, 1e9)
    if type_name == "boolean":
        return random.random() < 0.5
    if type_name == "timestamp":
        return random.choice(MOMENTS) if chosen < 0.4 else moment(random)
    if type_name == "date":
        return random.choice(["2024-02-29", "2023-02-29", "0001-01-01", "9999-12-31", "2021-1-1"])
    return text(random) if chosen < 0.5 else f"Row {number}"


def text(random: Random) -> str:
    """One of those that were ever read in two ways, or any characters."""
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(SQL)
    if kind == 1:
        return str(random.choice(TEXTS))
    if kind == 2:
        return random.choice("aé🎉:\u2028") * random.choice([254, 255, 256])
    codes = [random.randrange(0x20, 0xD800) for _ in range(random.randrange(8))]
    return "".join(map(chr, codes))


def moment(random: Random) -> str:
    """A moment, nearly always one that there is."""
    return (
        f"{random.randint(1, 9999):04}-{random.randint(1, 12):02}-{random.randint(1, 29):02}"
        f"T{random.randint(0, 24):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}Z"
    )


def row(random: Random, columns: Mapping[str, str], number: int) -> Pairs:
    """A row of `columns` (their types by name), whose key is `number` if it fits."""
    pairs: Pairs = [(name, value(random, kind, number)) for name, kind in columns.items()]
    pairs[0] = (pairs[0][0], number if random.random() < 0.95 else pairs[0][1])
    change = random.random()
    if change < 0.04:
        pairs.append(random.choice(pairs))
    elif change < 0.07:
        pairs.append((random.choice(["extra", "", "a:b", "ID", "id ", "ïd", *SQL[:4]]), 1))
    elif change < 0.10:
        pairs.pop(random.randrange(len(pairs)))
    elif change < 0.13:
        random.shuffle(pairs)
    return pairs


def in_json(random: Random, rows: list[Pairs]) -> bytes:
    """An array, with white space and escapes as a writer may well put them."""
    if len(rows) == 1 and random.random() < 0.3:
        return _object(random, rows[0]).encode("utf-8", "surrogatepass")
    space = random.choice(["", "", " ", "\n", "\r\n\t"])
    said = f",{space}".join(_object(random, each) for each in rows)
    return f"{space}[{said}{space}]".encode("utf-8", "surrogatepass")


def in_ndjson(random: Random, rows: list[Pairs]) -> bytes:
    """A row a line."""
    end = random.choice(["\n", "\n", "\r\n", "\n\n"])
    return end.join(_object(random, each) for each in rows).encode("utf-8", "surrogatepass")


def _object(random: Random, pairs: Pairs) -> str:
    colon = random.choice([":", ":", ": ", " :\t"])
    said = (f"{_scalar(random, name)}{colon}{_scalar(random, each)}" for name, each in pairs)
    return "{" + ",".join(said) + "}"


def _scalar(random: Random, said: Any) -> str:
    if isinstance(said, str) and random.random() < 0.1:  # every character escaped
        units = said.encode("utf-16-be", "surrogatepass").hex()
        return '"' + "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)) + '"'
    if isinstance(said, int | float) and random.random() < 0.03:
        return random.choice(RAW_NUMBERS)
    return json.dumps(said, ensure_ascii=random.random() < 0.5)


def in_csv(random: Random, rows: list[Pairs]) -> bytes:
    """The header of the first row, then each row's values."""
    end = random.choice(["\n", "\r\n"])
    header = [name for name, _ in rows[0]]
    lines = [header, *([_plain(each) for _, each in pairs] for pairs in rows)]
    said = end.join(",".join(_field(random, each) for each in line) for line in lines)
    bom = "\ufeff" if random.random() < 0.05 else ""
    return f"{bom}{said}{end if random.random() < 0.8 else ''}".encode("utf-8", "surrogatepass")


def _plain(said: Any) -> str:
    return "" if said is None else said if isinstance(said, str) else json.dumps(said)


def _field(random: Random, said: str) -> str:
    if any(mark in said for mark in ',"\r\n') or random.random() < 0.1:
        return '"' + said.replace('"', '""') + '"'
    return said


def in_msgpack(random: Random, rows: list[Pairs]) -> bytes:
    """An array of maps, in which a name may well stand twice."""
    maps = [_map(random, pairs) for pairs in rows]
    if len(maps) == 1 and random.random() < 0.3:
        return maps[0]
    if len(maps) < 16 and random.random() < 0.8:
        return bytes([0x90 | len(maps)]) + b"".join(maps)
    return b"\xdd" + len(maps).to_bytes(4) + b"".join(maps)


def _map(random: Random, pairs: Pairs) -> bytes:
    items = [msgspec.msgpack.encode(each) for pair in pairs for each in pair]
    if len(pairs) < 16 and random.random() < 0.9:
        return bytes([0x80 | len(pairs)]) + b"".join(items)
    return b"\xde" + len(pairs).to_bytes(2) + b"".join(items)


WRITERS: Mapping[str, Callable[[Random, list[Pairs]], bytes]] = {
    JSON: in_json,
    NDJSON: in_ndjson,
    CSV: in_csv,
    MSGPACK: in_msgpack,
}


def damaged(random: Random, body: bytes) -> bytes:
    """The body with something changed somewhere."""
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        start, stop = sorted(random.randrange(len(body) + 1) for _ in range(2))
        stop = min(stop, start + 40) if random.random() < 0.8 else stop
        change = random.randrange(6)
        if change == 0:
            body = body[:start] + body[stop:]
        elif change == 1:
            body = body[:stop] + body[start:stop] + body[stop:]
        elif change == 2 and body:
            at = random.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ 1 << random.randrange(8)]) + body[at + 1 :]
        elif change == 3:
            body = body[:start] if random.random() < 0.5 else body[start:]
        else:
            body = body[:start] + random.choice(PIECES) + body[start:]
    return body


def compressed(random: Random, body: bytes) -> tuple[bytes, str]:
    """The body in one of the encodings, now and then damaged in it; and the encoding."""
    encoding = random.choice(["identity"] * 4 + ["gzip", "zstd"])
    body = ENCODINGS[encoding](body)
    if encoding != "identity" and random.random() < 0.2:
        body = damaged(random, body)
    return body, encoding

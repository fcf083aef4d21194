"""A lake, read by itself: what its segments name, checked, and the tables that come of it."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow.parquet as pq

from service.stores.store import Store

Row = dict[str, Any]
KEYS = {
    "_loads": ("load_id", "table_name"),
    "_rejections": ("rejection_id",),
    "_replays": ("load_id", "rejection_id"),
    "_dictionary": ("dictionary",),
}


@dataclass
class ReadLake:
    """The segments of a lake, and the rows of its tables in their order."""

    segments: list[dict[str, Any]]
    rows: dict[str, list[Row]]

    @property
    def last(self) -> int:
        return int(self.segments[-1]["last"]) if self.segments else 0

    def state(self, table: str) -> list[Row]:
        """What the table is at the end: the last row of each key, without what was deleted."""
        found: dict[Any, Row] = {}
        for row in self.rows.get(table, []):
            own = {name: value for name, value in row.items() if not name.startswith("_")}
            if row["_operation"] == "reset":
                found.clear()
                continue
            key = tuple(own[name] for name in KEYS.get(table, ("id",)))
            if row["_operation"] == "delete":
                assert found.pop(key) == own
            elif row["_operation"] == "insert":
                assert key not in found
                found[key] = own
            else:
                found[key] = own
        return sorted(found.values(), key=lambda row: str(list(row.values())[:2]))


def read_lake(store: Store) -> ReadLake:
    """All of a lake; asserts that it is whole, without a gap, each sequence once."""
    segments = [_json(store, each.name) for each in store.list("segments")]
    segments.sort(key=lambda segment: segment["first"])
    rows: dict[str, list[Row]] = {}
    end = 0
    for segment in segments:
        assert segment["first"] == end + 1
        end = segment["last"]
        seen: Counter[int] = Counter()
        for file in segment["files"]:
            found = list(_rows(store, file))
            assert [*dict.fromkeys(row["_sequence"] for row in found)] == sorted(
                {row["_sequence"] for row in found}
            )
            seen.update({row["_sequence"] for row in found})
            _check_numbers(found)
            rows.setdefault(file["table"], []).extend(found)
        assert sorted(seen) == list(range(segment["first"], end + 1))
    return ReadLake(segments, rows)


def _json(store: Store, name: str) -> dict[str, Any]:
    return dict(msgspec.json.decode(store.read(name, 1 << 24)[0]))


def _rows(store: Store, file: dict[str, Any]) -> Iterator[Row]:
    with store.open(file["path"]) as opened:
        data = opened.read()
    assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert len(data) == file["bytes"]
    table = pq.read_table(io.BytesIO(data))
    assert table.num_rows == file["rows"]
    yield from table.to_pylist()


def _check_numbers(rows: list[Row]) -> None:
    expected: Counter[int] = Counter()
    for row in rows:
        assert row["_number"] == expected[row["_sequence"]]
        expected[row["_sequence"]] += 1

"""A lake, read by itself: what its segments name, checked, and the tables that come of it."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.restoring import restore
from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.lake.lake import Lake
from service.lake.lake_check import check_lake
from service.lake.shipping import Shipping
from service.ops.rejection_filters import RejectionFilter, dismiss_all
from service.outbox.feed_state import prepare
from service.outbox.outbox import Outbox
from service.stores.folder import FolderStore
from service.stores.store import Store
from service.warehouse.writer import Writer
from tests.support import world
from tests.support.tables import DICTIONARY, department, done, insert

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
        begin = end if segment["snapshot"] else segment["first"]
        assert sorted(seen) == list(range(begin, end + 1))
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


class Killed(Exception):
    """A shipper ends here, as if by kill -9."""


class Fed:
    """A small warehouse with a writer, an outbox and a lake, made without dbt.

    It can be ended at any step of shipping, and opened again.
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        most_bytes: int = 1 << 30,
        gate: str = "gate",
        path_said: Path | None = None,
    ) -> None:
        """`path_said` is where the gate says that its warehouse is, on its own machine."""
        with duckdb.connect(path) as connection:
            world.create(connection, *DICTIONARY.tables.values())
            connection.execute("insert into ops.dictionary values (true, '{}', now()::timestamp)")
            connection.execute("insert into core.departments values (1, 'one'), (2, 'two')")
        self.path, self.store, self.most_bytes = path, store, most_bytes
        self.catalogue = Catalogue(FolderStore(path.with_suffix(".backups")))
        self.numbers = count(1_000)
        self.gate, self.path_said = gate, path_said or path
        self.open()

    def open(self, segment_bytes: int = 128 << 20) -> None:
        self.database = Database(self.path)
        with closing(self.database.connect()) as connection:
            prepare(connection, self.most_bytes)
        self.outbox = Outbox()
        self.writer = Writer(self.database, DICTIONARY, 1000, 20_000, outbox=self.outbox)
        self.writer.start()
        self.lake = Lake(self.store, self.gate, str(self.path_said))
        self.shipping = Shipping(
            self.database, self.writer, self.outbox, self.lake, segment_bytes, self._step
        )
        self.die_at: str | None = None
        self.seen_steps: list[str] = []

    def _step(self, name: str) -> None:
        self.seen_steps.append(name)
        if name == self.die_at:
            raise Killed

    def close(self) -> None:
        """As after a kill: the lease is not given up."""
        self.writer.stop()
        self.database.close()

    def reopen(self, segment_bytes: int = 128 << 20) -> None:
        self.close()
        self.open(segment_bytes)

    def ship(self, die_at: str | None = None) -> None:
        """A round; with `die_at`, it is killed at that step, and the service is opened again."""
        self.die_at = die_at
        try:
            self.shipping.round()
        except Killed:
            self.reopen()
        self.die_at = None

    def is_recording(self) -> bool:
        """Whether what is committed is part of the feed."""
        return self.outbox.state.recording

    def insert(self, rows: int = 1, name: str = "x") -> None:
        """Departments, and one row that is rejected."""
        many = [department(next(self.numbers), name) for _ in range(rows)]
        done(self.writer.insert(insert("departments", *many, department(1))))

    def backup(self) -> Entry:
        with self.database.reading() as connection:
            (entry,) = back_up(
                connection,
                [DICTIONARY.tables["departments"]],
                self.catalogue,
                "deflate",
                dictionary_version=DICTIONARY.version,
            )
        return entry

    def restore(self, entry: Entry) -> None:
        def put(connection: Connection) -> None:
            restore(connection, DICTIONARY, [entry], self.catalogue)

        done(self.writer.run(put, ["departments"]))

    def dismiss(self) -> None:
        """All open rejections."""
        wanted = RejectionFilter(status="open")
        done(self.writer.run(lambda c: dismiss_all(c, wanted, "no", None, None)))

    def check(self) -> ReadLake:
        """Ships all, and asserts that the lake is whole and gives the tables."""
        self.ship()
        lake = read_lake(self.store)
        with self.database.reading() as connection:
            for table, place in (
                *((name, f"core.{name}") for name in DICTIONARY.tables),
                *((book, f"ops.{book[1:]}") for book in ("_loads", "_rejections", "_replays")),
            ):
                found = connection.execute(f"from {place}").to_arrow_reader().read_all()
                wanted = [
                    {k: v for k, v in row.items() if k != "number"} for row in found.to_pylist()
                ]
                assert _texts(lake.state(table)) == _texts(wanted), table
        with closing(self.database.connect()) as connection:
            connection.begin()
            checked = check_lake(connection, DICTIONARY, self.store)
        assert checked.ok, checked.problems
        return lake


def _texts(rows: list[Row]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)

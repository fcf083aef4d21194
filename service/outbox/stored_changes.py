"""What the outbox holds, read back in the order of the feed.

`source` is one of its tables, or `UNSHIPPED`: both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa

from service.engines.engine import Connection
from service.outbox.content import DICTIONARY, Part, decoded
from service.outbox.feed_state import UNSHIPPED

_PARTS = "sequence, place, table_name, operation, rows, shape, content"
FETCHED = 4  # parts at a time: each may be some megabytes


@dataclass
class Range:
    """Sequences from `first` to `last`, whose changes take `bytes`, and the tables they changed."""

    first: int
    last: int
    bytes: int = 0
    shapes: dict[str, str] = field(default_factory=dict)  # of the columns of each table

    def take(self, sequence: int, parts: Sequence[tuple[str, int, str]]) -> bool:
        """Adds a commit; False if it has other columns, or another dictionary, than those before.

        So all files of a segment have one schema.
        """
        shapes = {table: shape for table, _, shape in parts}
        others = any(self.shapes.get(table, shape) != shape for table, shape in shapes.items())
        if self.shapes and (others or DICTIONARY in shapes):
            return False
        self.last = sequence
        self.bytes += sum(size for _, size, _ in parts)
        self.shapes |= shapes
        return True


def next_range(connection: Connection, source: str, base: int, most_bytes: int) -> Range | None:
    """The next commits behind `base`, until they are `most_bytes`; None where there are none."""
    rows = connection.execute(
        f"select sequence, table_name, bytes, shape from {source}"
        " where sequence > ? order by sequence, place",
        [base],
    )
    found = Range(base + 1, base)
    for sequence, parts in groupby(iter(rows.fetchone, None), key=lambda row: row[0]):
        if found.bytes >= most_bytes or not found.take(sequence, [row[1:] for row in parts]):
            break
    return found if found.shapes else None


def batches_of(
    connection: Connection,
    first: int,
    last: int,
    table: str | None = None,
    source: str = UNSHIPPED,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of the feed from `first` to `last`, of one table or of all, and whose they are.

    In the order of their commits; within one, those of a table in theirs.
    """
    numbers: dict[str, int] = {}
    current = 0
    for part in _parts(connection, first, last, table, source):
        if part.sequence != current:
            numbers, current = {}, part.sequence
        start = numbers.get(part.table, 0)
        numbers[part.table] = start + part.rows
        yield part.table, decoded(part, start)


def _parts(
    connection: Connection, first: int, last: int, table: str | None, source: str
) -> Iterator[Part]:
    only, more = ("", []) if table is None else (" and table_name = ?", [table])
    places = connection.execute(
        f"select sequence, place from {source} where sequence between ? and ?{only}"
        " order by sequence, place",
        [first, last, *more],
    ).fetchall()
    for at in range(0, len(places), FETCHED):
        (low, low_place), (high, high_place) = places[at], places[at : at + FETCHED][-1]
        rows = connection.execute(
            f"select {_PARTS} from {source} where sequence between ? and ?{only}"
            " and (sequence > ? or place >= ?) and (sequence < ? or place <= ?)"
            " order by sequence, place",
            [low, high, *more, low, low_place, high, high_place],
        ).fetchall()
        for row in rows:
            yield Part(*row)

"""The change segments of the gate that are on the lake: which files a build on Spark takes in.

Only files that a segment names count. A snapshot is the whole state, of all tables.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pyarrow as pa

from service.lake.segments import Segment, firsts, read_chain
from service.spark.lists import write_list
from service.stores.store import Store

LIST = "spark/segments.parquet"  # read by macros/engines/spark/changes.sql
ALL = "*"  # in place of a table's name: a snapshot has all of them
SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("name", pa.string()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("rows", pa.int64()),
    ]
)


class WrongSegments(Exception):
    """What is on the lake is not the changes of one gate without a gap; the message says why."""


def list_segments(store: Store) -> int:
    """Writes down which files count, for Spark; returns the number of the last change, or 0.

    Raises:
        WrongSegments: changes are missing, or of another gate.
        LakeDamaged: a segment cannot be read.
    """
    segments = [*read_chain(store)]
    _check(store, segments)
    write_list(store, LIST, [*_rows(segments)], SCHEMA)
    return segments[-1].last if segments else 0


def _check(store: Store, segments: list[Segment]) -> None:
    for before, each in pairwise(segments):
        if each.gate != before.gate and not each.snapshot:  # which takes the place of all before
            raise WrongSegments(f"the lake has changes of two gates, {before.gate} and {each.gate}")
    last = segments[-1].last if segments else 0
    if behind := [first for first in firsts(store) if first > last]:
        raise WrongSegments(
            f"the lake lacks the changes {last + 1} to {behind[0] - 1};"
            " `gatehouse lake verify` says more"
        )


def _rows(segments: Iterable[Segment]) -> Iterator[dict[str, object]]:
    for segment in segments:
        numbers = {"first": segment.first, "last": segment.last}
        if segment.snapshot:
            yield {"table_name": ALL, **numbers}
        for file in segment.files:
            name = file.path.rpartition("/")[2]
            yield {"table_name": file.table, "name": name, "rows": file.rows, **numbers}

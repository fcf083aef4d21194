"""A file on its way into the raw layer: its lines, part after part."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from service.files.ahead import ahead
from service.files.opening import Counted
from service.files.reading import LINE, rows_of, schema_of
from service.files.shape import Shape, UnreadableFile

# Lines, and bytes, that are judged and committed together; inserts wait for about a second.
PART = 500_000
PART_BYTES = 64 << 20


class Source:
    """An open file; each `land` brings the next part of its lines into a table."""

    def __init__(
        self,
        path: Path,
        shape: Shape,
        names: tuple[str, ...],
        most_bytes: int,
        behind: int = 0,
        counted: Counted = lambda _: None,
        at_once: bool = False,
    ) -> None:
        """`names` are the table's columns; lines up to number `behind` were landed before.

        `at_once` makes one part of it, however long it is.
        """
        self.shape, self._schema, self._at_once = shape, schema_of(names), at_once
        rows = rows_of(path, shape, names, most_bytes, counted)
        self._batches = ahead(_those_behind(rows, behind))
        self._next: pa.RecordBatch | None = None
        self._failed: Exception | None = None
        self.exhausted = False
        self._step()

    def land(self, connection: duckdb.DuckDBPyConnection, target: str) -> None:
        """Adds the next part to `target`; afterwards `exhausted` says whether that was all.

        Raises:
            UnreadableFile: the file is damaged further on.
        """
        lines = pa.RecordBatchReader.from_batches(self._schema, self._part())
        arrow_lines = lines.__arrow_c_stream__()  # noqa: F841 - DuckDB finds it by its name
        try:
            connection.execute(f"insert into {target} by name select * from arrow_lines")
        except duckdb.Error:
            if self._failed is None:
                raise
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Lets go of the file."""
        self._batches.close()

    def _part(self) -> Iterator[pa.RecordBatch]:
        count, size = 0, 0
        while self._next is not None and (self._at_once or (count < PART and size < PART_BYTES)):
            count, size = count + self._next.num_rows, size + self._next.nbytes
            yield self._next
            self._step()

    def _step(self) -> None:
        try:
            self._next = next(self._batches, None)
        except UnreadableFile as error:
            self._failed, self._next = error, None
        self.exhausted = self._next is None


def _those_behind(batches: Any, line: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if line:
            batch = batch.filter(pc.greater(batch[LINE], line))
        if batch.num_rows:
            yield batch


# The files that this process loads, by load; others that a build comes upon are opened by it.
under_way: dict[str, Source] = {}

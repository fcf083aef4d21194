"""A CSV file on its way into the table ``raw.<table>``: its lines, part after part."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from service.engines.duckdb import DatabaseError, insert_arrow
from service.engines.engine import Connection
from service.formats.csv.dialect import Dialect, LineCounts, UnreadableFile
from service.formats.csv.opening import Counted
from service.formats.csv.reader import Block, blocks_of, schema_of
from service.runtime.prefetch import ahead

# Lines, and bytes, that are judged and committed together; inserts wait for about a second.
PART = 500_000
PART_BYTES = 64 << 20
# What DuckDB keeps together, and packs in one thread: from smaller batches it would have to copy
# such groups together first, which takes as long as all else.
GROUP = 122_880
GROUP_BYTES = 32 << 20


class CsvSource:
    """An open file; each `land` brings the next part of its lines into a table."""

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        names: tuple[str, ...],
        max_bytes: int,
        *,
        after: int = 0,
        counted: Counted = lambda _: None,
        at_once: bool = False,
    ) -> None:
        """Opens the file at `path`, of a table with the columns `names`.

        Lines up to number `after` were landed before. `counted` is told how many bytes were read.
        `at_once` makes one part of the file, however long it is.
        """
        self.dialect, self._schema, self._at_once = dialect, schema_of(names), at_once
        self.counts, self.last_line = LineCounts(), after  # of the part that was landed last
        blocks = blocks_of(path, dialect, names, max_bytes, counted)
        self._blocks = ahead(_behind(blocks, after))
        self._next: Block | None = None
        self._failed: Exception | None = None
        self.exhausted = False
        self._step()

    def land(self, connection: Connection, target: str) -> None:
        """Inserts the next part into the table `target`; `exhausted` then says if it was the last.

        Raises:
            UnreadableFile: the file is damaged further on.
        """
        lines = pa.RecordBatchReader.from_batches(self._schema, in_groups(self._part()))
        try:
            insert_arrow(connection, f"{target} by name", lines)
        except DatabaseError:
            if self._failed is None:
                raise
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """Lets go of the file."""
        self._blocks.close()

    def _part(self) -> Iterator[pa.RecordBatch]:
        self.counts = LineCounts()
        count, size = 0, 0
        while self._next is not None and (self._at_once or (count < PART and size < PART_BYTES)):
            records = self._next.records
            count, size = count + records.num_rows, size + records.nbytes
            self.counts.add(self._next.counts)
            self.last_line = self._next.last_line
            yield records
            self._step()

    def _step(self) -> None:
        try:
            self._next = next(self._blocks, None)
        except UnreadableFile as error:
            self._failed, self._next = error, None
        self.exhausted = self._next is None


def in_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in the same order in batches of GROUP rows, the last with fewer.

    A batch has fewer, too, where GROUP rows are more than GROUP_BYTES.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= GROUP or size >= GROUP_BYTES:
            whole = pa.concat_batches(waiting)
            while whole.num_rows >= GROUP:
                yield whole.slice(0, GROUP)
                whole = whole.slice(GROUP)
            if size >= GROUP_BYTES and whole.num_rows:
                yield whole
                whole = whole.slice(whole.num_rows)
            waiting, rows, size = [whole], whole.num_rows, whole.nbytes
    if rows:
        yield pa.concat_batches(waiting)


def _behind(blocks: Iterable[Block], line: int) -> Iterator[Block]:
    """The blocks behind a line, which is the last one of a block."""
    return (block for block in blocks if block.last_line > line)

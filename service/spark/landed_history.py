"""History files on their way to Spark: read by our reader, put onto the lake as Parquet, in parts.

The parts of a file are ``history/<table>/<digest>-<part>.parquet``, where the digest is of the file
and of how it is read; ``<digest>.json`` is written last. What is there whole is not landed again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa

from service.dictionary import Column, Table
from service.dictionary.file_options import read_options
from service.dictionary.written_values import Unreadable
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import (
    Dialect,
    DialectOptions,
    ExpectedColumn,
    LineCounts,
    UnreadableFile,
)
from service.formats.csv.reader import Block, blocks_of
from service.runtime.prefetch import ahead
from service.spark.lists import MOST, parquet, write_list
from service.stores.store import Store

LIST = "spark/history.parquet"  # read by macros/engines/spark/asked.sql
FOLDER = "history"
PARTS, DONE = "-*.parquet", ".json"
PART_BYTES = 128 << 20  # of text in memory; a tenth of that as Parquet
NO_LIMIT = 1 << 62  # bytes; what is in the folder of the history was put there by its owner
WHOLE = 64_000_000  # bytes up to which a file is told by what is in it
THREADS = 2
KEPT = "__kept"  # behind a column's name: what Python makes of its texts


class LandedHistory(msgspec.Struct):
    """One table's history on the lake; counts are of lines, as ``ops.loads`` names them."""

    table_name: str
    path: str
    state: str
    parts: str  # a pattern
    delimiter: str
    columns: str  # a JSON list
    last_line: int
    lines: int | None
    header_lines: int
    blank_lines: int
    skipped_lines: int
    record_lines: int
    described: str


_TYPES = {str: pa.string(), int: pa.int64(), int | None: pa.int64()}
SCHEMA = pa.schema([(f.name, _TYPES[f.type]) for f in msgspec.structs.fields(LandedHistory)])


@dataclass(frozen=True)
class HistoryFile:
    """A table's history, and what the YAML says of how it is written."""

    table: Table
    path: Path
    options: dict[str, Any]

    @property
    def state(self) -> str:
        """Changes when the file does: a digest, or of a large one its size and time of change."""
        found = self.path.stat()
        if found.st_size < WHOLE:
            return hashlib.md5(self.path.read_bytes(), usedforsecurity=False).hexdigest()
        return f"{found.st_size} {found.st_mtime_ns}"

    @property
    def expected(self) -> tuple[ExpectedColumn, ...]:
        """The columns, as the reader wants them."""
        return tuple(
            ExpectedColumn(each.name, each.type.name, each.must_be_sent, each.names_in_files)
            for each in self.table.columns
        )

    @property
    def kept_apart(self) -> list[Column]:
        """The columns whose texts Python reads; is_kept_apart() says the same in SQL."""
        return [each for each in self.table.columns if each.normalise or each.type.name == "json"]

    @property
    def folder(self) -> str:
        """The folder of the lake that it comes into."""
        return f"{FOLDER}/{self.table.name}"

    def name(self, state: str) -> str:
        """What the names of its objects begin with, read in this way."""
        made = [(each.name, each.normalise, each.default) for each in self.kept_apart]
        said = msgspec.json.encode([state, str(self.path), self.options, self.expected, *made])
        return f"{self.folder}/{hashlib.sha256(said).hexdigest()[:16]}"


def land_history(
    store: Store, files: Iterable[HistoryFile], tell: Callable[[str], None]
) -> list[LandedHistory]:
    """Lands what is not there yet, and writes down for Spark what there is.

    `tell` is told of each file in words.

    Raises:
        UnreadableFile: a file makes no sense; its path stands first.
    """
    with ThreadPoolExecutor(THREADS, thread_name_prefix="landing") as pool:
        landed = [*pool.map(partial(_landed, store), files)]
    for each in landed:
        tell(f"{each.path}: {each.described}")
    write_list(store, LIST, [msgspec.to_builtins(each) for each in landed], SCHEMA)
    return landed


def forget_others(store: Store, landed: Iterable[LandedHistory]) -> None:
    """Removes what was landed of these tables before."""
    for each in landed:
        own = each.parts.removesuffix(PARTS)
        for stored in [*store.list(f"{FOLDER}/{each.table_name}")]:
            if not stored.name.startswith(own):
                store.remove(stored.name)


def _landed(store: Store, file: HistoryFile) -> LandedHistory:
    state = file.state
    name = file.name(state)
    if store.exists(f"{name}{DONE}"):
        return msgspec.json.decode(store.read(f"{name}{DONE}", MOST)[0], type=LandedHistory)
    for stored in [*store.list(file.folder)]:  # left by a landing that was killed
        if stored.name.startswith(name):
            store.remove(stored.name)
    try:
        options = DialectOptions(**read_options(file.options))
        dialect = detect_dialect(file.path, file.expected, options, NO_LIMIT)
        counts, last_line = _land_parts(store, file, dialect, name)
    except UnreadableFile as error:
        raise UnreadableFile(f"{file.path}: {error.detail}") from error
    found = LandedHistory(
        file.table.name,
        str(file.path),
        state,
        f"{name}{PARTS}",
        dialect.delimiter,
        msgspec.json.encode([name for name in dialect.columns if name is not None]).decode(),
        last_line,
        dialect.lines or None,
        counts.header,
        counts.blank,
        counts.skipped,
        counts.records,
        dialect.described(),
    )
    store.put(f"{name}{DONE}", msgspec.json.encode(found))  # the commit point
    return found


def _land_parts(
    store: Store, file: HistoryFile, dialect: Dialect, name: str
) -> tuple[LineCounts, int]:
    counts, last_line = LineCounts(), 0
    blocks = ahead(blocks_of(file.path, dialect, file.table.column_names, NO_LIMIT))
    try:
        first = next(blocks)
        for number, part in enumerate(_parts(chain([first], blocks))):
            lines = pa.Table.from_batches([block.records for block in part])
            for column in file.kept_apart:
                texts = [_kept(column, text) for text in lines[column.name].to_pylist()]
                lines = lines.append_column(f"{column.name}{KEPT}", pa.array(texts, pa.string()))
            with store.writing(f"{name}-{number:05d}.parquet") as target:
                target.write(parquet(lines))
            for block in part:
                counts.add(block.counts)
                last_line = block.last_line
    finally:
        blocks.close()
    return counts, last_line


def _kept(column: Column, text: str | None) -> str | None:
    """A text as it is kept, normalised or a document in its one form; None of what is none."""
    try:
        read = None if text is None else column.type.from_text(text)
    except Unreadable:
        return None
    return cast(str | None, column.adjusted(read))


def _parts(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """The blocks in lists of about PART_BYTES; the first is there even if it has no record."""
    part: list[Block] = []
    size = 0
    for block in blocks:
        part.append(block)
        size += block.records.nbytes
        if size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part

"""The rows of a CSV file as Arrow columns of text, each with the number of its line.

Most lines are plain: those of a block are found by numpy and read by Arrow all at once. The others
(line breaks in quotes, too many fields, stray quotes …) are read one by one, by record_reader.py.
Lines that say nothing are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from service.formats.csv.dialect import BACKSLASH, Dialect, LineCounts, UnreadableFile
from service.formats.csv.fitting import Fitting
from service.formats.csv.head import Head
from service.formats.csv.lines import Lines, Mask, Places
from service.formats.csv.opening import BLOCK, SWAPPED, Counted, in_utf8, pieces, shown
from service.formats.csv.record_reader import END_OF_FILE, Record, Records

MAX_LINE = 16 << 20  # bytes; a file with a longer line is no CSV file
UNSWAPPED = str.maketrans("\r\n", "\n\r")
LINE, LINES, SURPLUS, PROBLEM, TEXT = "line", "_lines", "_rest", "_problem", "_text"


def schema_of(names: tuple[str, ...]) -> pa.Schema:
    """The Arrow schema of what `rows_of` brings.

    The number of the record's first line and how many lines it has, then columns of text: one for
    each of `names`; the fields that a record has too many; what is wrong with one that could not
    be read; what was written, where the fields do not say it.
    """
    texts = (*names, SURPLUS, PROBLEM, TEXT)
    numbers = [(LINE, pa.int64()), (LINES, pa.int64())]
    return pa.schema([*numbers, *((name, pa.string()) for name in texts)])


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file: the records in them, and what every line is."""

    records: pa.RecordBatch
    counts: LineCounts
    last_line: int


def rows_of(
    path: Path, dialect: Dialect, names: tuple[str, ...], max_bytes: int
) -> pa.RecordBatchReader:
    """The records of a file, as a stream of batches of `schema_of`; see `blocks_of`."""
    blocks = blocks_of(path, dialect, names, max_bytes)
    return pa.RecordBatchReader.from_batches(schema_of(names), (each.records for each in blocks))


def blocks_of(
    path: Path,
    dialect: Dialect,
    names: tuple[str, ...],
    max_bytes: int,
    counted: Counted = lambda _: None,
) -> Iterator[Block]:
    """The lines of a file of `dialect`, block after block; memory does not grow with the file.

    Raises:
        UnreadableFile: while the blocks are read.
    """
    raw = in_utf8(pieces(path, max_bytes, counted), dialect.encoding, dialect.bom)
    return _Reader(dialect, names).blocks(raw)


class _Reader:
    def __init__(self, dialect: Dialect, names: tuple[str, ...]) -> None:
        self._dialect, self._names = dialect, names
        self._schema = schema_of(names)
        self._fitting = Fitting(dialect.fields)
        self._width = self._fitting.width
        self._records = Records(
            dialect.delimiter,
            dialect.quote,
            dialect.escape,
            encoding=dialect.encoding,
            nulls=frozenset(dialect.nulls),
            fits=self._fitting.fits,
        )
        self._head = Head(dialect, self._records)
        self._says_all = not dialect.nulls and None not in dialect.columns
        self._ghosts = [i for i, field in enumerate(dialect.fields) if field.is_ghost]
        self._line = 1  # of the file, that comes next
        self._size = 0  # of what was read, in UTF-8
        self._around = " \t".replace(dialect.delimiter, "")
        self._empty = b" \t\r\n" + dialect.delimiter.encode() + dialect.quote.encode()
        self._is_mac = dialect.newline == "CR"

    def blocks(self, raw: Iterator[bytes]) -> Iterator[Block]:
        """The blocks of what is read."""
        rest = b""
        for piece in raw:
            rest += piece.translate(SWAPPED) if self._is_mac else piece
            cut = rest.rfind(b"\n") + 1
            if cut >= BLOCK or (cut and len(rest) > 2 * BLOCK):
                used, block = self._block(rest[:cut], last=False)
                if used:
                    yield block
                rest = rest[used:]
            elif not cut and len(rest) > MAX_LINE:
                raise UnreadableFile(f"a line is longer than {MAX_LINE >> 20} MiB")
        text = rest.rstrip(END_OF_FILE)
        if text and not text.endswith(b"\n"):
            rest = text  # it ends a line that has no end of its own
        if rest:
            yield self._block(rest if rest.endswith(b"\n") else rest + b"\n", last=True)[1]

    def _block(self, block: bytes, last: bool) -> tuple[int, Block]:
        """How many bytes of a block were used, and what they say: lines behind all before."""
        dialect = self._dialect
        lines = Lines(
            block,
            dialect.delimiter,
            self._width,
            quote=dialect.quote,
            escapes=dialect.escape == BACKSLASH,
            nulls=bool(dialect.nulls),
        )
        counts = LineCounts()
        self._head.mark(block, lines, self._line)
        odd, used = self._odd(block, lines, last, counts)
        count = int(np.searchsorted(lines.starts, used))
        plain = self._plain(block, lines, count)
        self._line, self._size = self._line + count, self._size + used
        records = odd
        if plain is not None:
            of_plain = int(lines.plain[:count].sum())
            counts.blank += of_plain - len(plain)
            records = pa.concat_batches([plain, odd])
        counts.records = pc.sum(records[LINES]).as_py() or 0
        return used, Block(records, counts, self._line - 1)

    def _plain(self, block: bytes, lines: Lines, count: int) -> pa.RecordBatch | None:
        numbers = np.flatnonzero(lines.plain[:count])
        if not len(numbers):
            return None
        body = _kept(block, lines, numbers, count)
        table = csv.read_csv(
            pa.py_buffer(body),
            csv.ReadOptions(
                column_names=[str(i) for i in range(self._width)],
                use_threads=False,
                block_size=len(body) + 1,
            ),
            csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote if lines.has_quotes else False,
                ignore_empty_lines=False,
            ),
            csv.ConvertOptions(
                column_types={str(i): pa.string() for i in range(self._width)},
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,  # it was looked at before
            ),
        )
        columns = [column.combine_chunks() for column in table.columns]
        if lines.trim:
            columns = [_empty_is_null(pc.utf8_trim(each, self._around)) for each in columns]
        blank = _all_null(columns)
        if self._dialect.nulls:
            marks = pa.array(self._dialect.nulls, pa.string())
            columns = [pc.if_else(pc.is_in(each, marks), None, each) for each in columns]
        by_name = dict(zip(self._dialect.columns, columns, strict=True))
        nothing = text = surplus = pa.nulls(len(numbers), pa.string())
        for i in self._ghosts:
            surplus = pc.coalesce(surplus, columns[i])
        if not self._says_all or lines.trim:
            text = _texts(body, lines, numbers)
        elif (unsaid := lines.unsaid[numbers]).any():
            text = _texts(body, lines, numbers, unsaid)
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array(numbers + self._line),
                pa.array(np.ones(len(numbers), np.int64)),
                *(by_name.get(name, nothing) for name in self._names),
                *(surplus, nothing, text),
            ],
            schema=self._schema,
        )
        return batch if blank is None else batch.filter(pc.invert(blank))

    def _odd(
        self, block: bytes, lines: Lines, last: bool, counts: LineCounts
    ) -> tuple[pa.RecordBatch, int]:
        """The lines that are not plain, and where the first is that goes on behind the block.

        `counts` has those of them that are no record.
        """
        rows: list[tuple[object, ...]] = []
        closed = last or self._size + len(block) > self._dialect.last_quote
        blank = lines.blank_from(self._head.last + 1 - self._line)
        at = 0
        for i in np.flatnonzero(~(lines.plain | blank)).tolist():
            start = int(lines.starts[i])
            if start < at:
                continue
            number, line = self._line + i, block[start : int(lines.ends[i])]
            if self._head.passes_over(number, line):
                counts.skipped += 1
                at = int(lines.ends[i]) + 1
                continue
            try:
                record = self._records.read(block, start, closed)
            except UnreadableFile as error:
                raise UnreadableFile(f"line {number}: {error.detail}") from None
            if record is None:
                counts.blank += int(blank[:i].sum())
                return self._batch(rows), start
            at, covered = record.end, 1
            if at > start + len(line) + 1:  # it has several
                within = slice(i, np.searchsorted(lines.starts, at))
                lines.plain[within] = blank[within] = False
                covered = block.count(b"\n", start, at)
            if self._head.is_header(number, record):
                counts.header += covered
            elif record.problem or any(record.fields) or self._says(block[start:at]):
                rows.append((number, covered, *self._row(record, block[start:at])))
            else:
                counts.blank += covered
        counts.blank += int(blank.sum())
        return self._batch(rows), len(block)

    def _says(self, text: bytes) -> bool:
        """Whether a record has more than delimiters and quotes, such as words for no value."""
        return bool(text.strip(self._empty))

    def _row(self, record: Record, written: bytes) -> tuple[object, ...]:
        """The texts of a record, as the schema has them."""
        said = shown(self._unswapped(written.rstrip(b"\r\n")), self._dialect.encoding)
        settled = self._fitting.settled(record.fields)
        if problem := record.problem or settled.problem:
            return *(None for _ in self._names), None, problem, said
        values, surplus = settled.values, None
        if settled.surplus:
            surplus = self._dialect.delimiter.join(settled.surplus)
        if self._is_mac:
            values = [value.translate(UNSWAPPED) for value in values]
        by_name = dict(zip(self._dialect.columns, values, strict=False))
        return *(by_name.get(name) or None for name in self._names), surplus, None, said

    def _unswapped(self, text: bytes) -> bytes:
        return text.translate(SWAPPED) if self._is_mac else text

    def _batch(self, rows: list[tuple[object, ...]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True) if rows else [() for _ in self._schema]
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(columns, self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _kept(block: bytes, lines: Lines, numbers: Places, count: int) -> bytes:
    """The lines `numbers` of the first `count`, one behind the other."""
    if len(numbers) == len(lines.ends):
        return block
    lengths = lines.ends[:count] + 1 - lines.starts[:count]
    marks = np.frombuffer(block, np.uint8, int(lines.ends[count - 1]) + 1)
    return marks[np.repeat(lines.plain[:count], lengths)].tobytes()


def _texts(body: bytes, lines: Lines, numbers: Places, which: Mask | None = None) -> pa.Array:
    """What was written in each of the lines of `body`, or in those of them that are asked for."""
    lengths = lines.ends[numbers] + 1 - lines.starts[numbers]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(body))
    if which is not None:
        texts = pc.if_else(pa.array(which), texts, None)
    return pc.utf8_rtrim(texts, "\r\n")


def _empty_is_null(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _all_null(columns: list[pa.Array]) -> pa.Array | None:
    """The rows in which every column is null; None when there is none."""
    if any(column.null_count == 0 for column in columns):
        return None
    null = columns[0].is_null()
    for column in columns[1:]:
        null = pc.and_(null, column.is_null())
    return null if pc.any(null).as_py() else None

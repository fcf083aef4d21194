"""Cuts files of rows into batches, without changing a byte of any row."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.cli.failures import Failure, WrongSettings
from service.errors import DamagedBackup
from service.formats.avro.raw_records import RawRecords
from service.runtime.decoding_errors import in_words

FORMATS = ("json", "ndjson", "csv", "avro")
EXTENSIONS = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".avro": "avro",
}
csv.field_size_limit(2**31 - 1)  # the service limits whole bodies


@dataclass(frozen=True)
class RowChunk:
    """The body of one request; `first_row` counts from 0, from the beginning of the file."""

    first_row: int
    body: bytes
    content_type: str


def batches(path: str, form: str | None, rows: int, size: int) -> Iterator[RowChunk]:
    """The rows of the file at `path` ("-" is stdin), at most `rows` and about `size` bytes a batch.

    Raises:
        WrongSettings: there is no such file, or its format is not known.
        Failure: the file is not of its format, or holds no rows.
    """
    form = form or EXTENSIONS.get(Path(path).suffix.lower())
    if form is None:
        raise WrongSettings(
            f"the format of {path} does not follow from its name", f"--format {'|'.join(FORMATS)}"
        )
    with _opened(path) as file:
        batch = None
        for batch in READERS[form](path, file, rows, size):
            yield batch
        if batch is None:
            raise Failure(f"{path} holds no rows")


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise WrongSettings(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


def _json(path: str, file: BinaryIO, rows: int, size: int) -> Iterator[RowChunk]:
    """A JSON array (or one object); it is held in memory."""
    text = file.read().removeprefix(b"\xef\xbb\xbf").strip()
    try:
        found = msgspec.json.decode(text, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Failure(f"{path} is not a JSON array of rows: {in_words(error)}") from error
    records = [text] if isinstance(found, dict) else map(bytes, found)
    for first, part in _parts(records, rows, size):
        yield RowChunk(first, b"[" + b",".join(part) + b"]", "application/json")


def _ndjson(path: str, file: BinaryIO, rows: int, size: int) -> Iterator[RowChunk]:
    """One JSON row a line; blank lines are passed over."""

    def records() -> Iterator[bytes]:
        for number, line in enumerate(file, 1):
            if text := line.strip():
                try:
                    msgspec.json.decode(text, type=msgspec.Raw)
                except msgspec.DecodeError as error:
                    raise Failure(
                        f"{path}, line {number} is not JSON: {in_words(error)}"
                    ) from error
                yield text

    for first, part in _parts(records(), rows, size):
        yield RowChunk(first, b"\n".join(part), "application/x-ndjson")


def _csv(path: str, file: BinaryIO, rows: int, size: int) -> Iterator[RowChunk]:
    """A CSV file with a header, which goes before every batch."""
    records = _csv_records(path, file)
    header = next(records, b"")
    if header and not header.endswith((b"\n", b"\r")):
        header += b"\n"
    for first, part in _parts(records, rows, size):
        yield RowChunk(first, header + b"".join(part), "text/csv")


def _csv_records(path: str, file: BinaryIO) -> Iterator[bytes]:
    """The records as they stand in the file: what the csv module took to read each of them."""
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    reader = csv.reader(lines())
    try:
        for record in reader:
            if record:
                yield b"".join(taken)
            taken.clear()
    except csv.Error as error:
        raise Failure(f"{path}, line {reader.line_num} is not CSV: {error}") from error


def _avro(path: str, file: BinaryIO, rows: int, size: int) -> Iterator[RowChunk]:
    """An Avro file; each batch is one of the same schema."""
    try:
        records = RawRecords(BufferedReader(file))  # type: ignore[arg-type]
        for first, part in _parts(records, rows, size):
            yield RowChunk(first, records.file_of(part), "application/avro")
    except DamagedBackup as error:
        raise Failure(f"{path} is not Avro as it should be: {error.detail}") from error


def _parts(records: Iterable[bytes], rows: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Lists of at most `rows` records and `size` bytes, each with the number of its first."""
    first, part, bulk = 0, list[bytes](), 0
    for record in records:
        if part and (len(part) == rows or bulk + len(record) > size):
            yield first, part
            first, part, bulk = first + len(part), [], 0
        part.append(record)
        bulk += len(record) + 1
    if part:
        yield first, part


READERS: dict[str, Callable[[str, BinaryIO, int, int], Iterator[RowChunk]]] = {
    "json": _json,
    "ndjson": _ndjson,
    "csv": _csv,
    "avro": _avro,
}

"""The rows of a request body, by its media type: where a format is chosen."""

from collections.abc import Callable
from functools import cached_property, lru_cache

import msgspec

from service.dictionary import Table
from service.errors import MalformedBody, UnsupportedFormat
from service.formats.bodies.avro_rows import AvroRows
from service.formats.bodies.csv_rows import CsvRows
from service.formats.bodies.fields import Fields, tables_of_json, tables_of_msgpack
from service.formats.bodies.json_rows import JsonRows, NdjsonRows
from service.formats.bodies.msgpack_rows import MsgpackRows
from service.formats.bodies.rows_protocol import Rows, decoding
from service.formats.bodies.text_bodies import without_mark

CHARSETS = ("utf-8", "utf8", "us-ascii")

FORMATS: dict[str, Callable[[bytes], Rows]] = {
    "application/json": JsonRows,
    "application/x-ndjson": NdjsonRows,
    "text/csv": CsvRows,
    "application/msgpack": MsgpackRows,
    "application/avro": AvroRows,
}

MANY: dict[str, tuple[Callable[[bytes], Fields], Callable[[bytes], Rows]]] = {
    "application/json": (tables_of_json, JsonRows),
    "application/msgpack": (tables_of_msgpack, MsgpackRows),
}
BINARY = ("application/msgpack", "application/avro")  # all others are text
PACKED = ("application/avro",)  # a few bytes of it may be many rows
OF_A_TABLE: dict[str, Callable[[bytes, Table | None], Rows]] = {
    "text/csv": CsvRows,
    "application/avro": AvroRows,
}  # by whose columns they are read


@lru_cache(100)
def media_type(content_type: str) -> str:
    """The media type of a Content-Type; JSON when it is empty.

    Raises:
        UnsupportedFormat: it names a charset that is not UTF-8.
    """
    name, *parameters = content_type.lower().split(";")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip().strip('"') not in CHARSETS:
            raise UnsupportedFormat(f"bodies come in UTF-8, not {value.strip()}")
    return name.strip() or "application/json"


def rows_of(body: bytes, content_type: str, table: Table | None = None) -> Rows:
    """The rows of a decompressed body; of `table`, by whose columns CSV and Avro are read.

    Raises:
        UnsupportedFormat: there is no such format.
        MalformedBody: the body is not of the format.
    """
    name = media_type(content_type)
    if name not in FORMATS:
        raise UnsupportedFormat(f"rows come as {', '.join(FORMATS)}, not {name}")
    with decoding():
        body = body if name in BINARY else without_mark(body)
        return OF_A_TABLE[name](body, table) if name in OF_A_TABLE else FORMATS[name](body)


def by_table(body: bytes, content_type: str) -> dict[str, Rows]:
    """The rows of a decompressed body that is an object: rows by table.

    Raises:
        UnsupportedFormat: tables do not come in that format.
        MalformedBody: the body is not of the format, or names a table twice, or more than
            MAX_TABLES.
    """
    name = media_type(content_type)
    if name not in MANY:
        raise UnsupportedFormat(f"rows of several tables come as {', '.join(MANY)}, not {name}")
    decode, rows = MANY[name]
    body = body if name in BINARY else without_mark(body)
    try:
        with decoding():
            tables = [(table.text, rows(bytes(raw))) for table, raw in decode(body).items()]
    except msgspec.ValidationError:
        raise MalformedBody("the body must be an object: rows by table") from None
    if len(dict(tables)) < len(tables):
        raise MalformedBody("a table stands twice in the body")
    return dict(tables)


class LazyRows:
    """A body that was judged elsewhere; its rows are looked for only when one has to be told."""

    def __init__(self, body: bytes, content_type: str, table: Table) -> None:
        self._body, self._content_type, self._table = body, content_type, table

    @cached_property
    def _rows(self) -> Rows:
        return rows_of(self._body, self._content_type, self._table)

    @property
    def from_text(self) -> bool:
        """As of Rows."""
        return self._rows.from_text

    def payload(self, position: int) -> bytes:
        """As of Rows."""
        return self._rows.payload(position)

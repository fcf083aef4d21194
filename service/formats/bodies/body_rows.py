"""The formats that rows may come in. Each knows how to decode all rows at once, or one by one."""

import csv
import io
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, Protocol

import msgspec

from service.errors import BadRequest, MalformedBody, UnsupportedFormat
from service.formats.bodies.fields import (
    Fields,
    colons,
    fields_of_json,
    fields_of_msgpack,
    not_too_deep,
    plain_from_json,
    repeated,
)

csv.field_size_limit(2**31 - 1)  # bodies have a limit of their own
BLOCK = 25  # rows that are decoded at once where a body has rows that do not fit
CHARSETS = ("utf-8", "utf8", "us-ascii")


class Rows(Protocol):
    """The rows of one request body, as they were sent."""

    from_text: bool  # whether every value is text, to be read as its column's type

    def __len__(self) -> int: ...

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        """All rows as structs; msgspec.ValidationError when one of them does not fit."""

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        """Each row as a struct, or None where it does not fit."""

    def colons(self, positions: Sequence[int]) -> int | None:
        """How many colons the rows at `positions` have: one for each field, and those in texts.

        A decoder drops all but the last of two fields of one name: then there are more than what
        it decoded accounts for. None where no field can have been dropped.
        """

    def repeated(self, position: int) -> list[str]:
        """The fields that one row has more than once; `plain` has the last value of each."""

    def plain(self, position: int) -> Any:
        """One row as it was sent, in plain Python values."""

    def payload(self, position: int) -> bytes:
        """One row as it was sent, in JSON."""


class JsonRows:
    """A JSON array of rows; a single object counts as an array of one."""

    from_text = False

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._one = body.lstrip()[:1] == b"{"
        self._raws: list[msgspec.Raw] | None = None

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        decoded = _decoder(struct, many=not self._one)(self._body)
        return [decoded] if self._one else decoded

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        structs: list[Any] = []
        for start in range(0, len(self.raws), BLOCK):
            block = self.raws[start : start + BLOCK]
            try:
                structs += _decoder(struct, many=True)(b"[%b]" % b",".join(block))
            except msgspec.ValidationError:
                structs += _one_by_one(_decoder(struct), block)
        return structs

    def colons(self, positions: Sequence[int]) -> int | None:
        whole = self._raws is None or len(positions) == len(self._raws)
        raws = self.raws if not whole else []
        text = self._body if whole else b"".join([raws[i] for i in positions])
        if b"\\" in text and b"\\u003" in text:  # a colon in text may be written like that
            return -1
        return colons(text)

    def repeated(self, position: int) -> list[str]:
        return repeated(fields_of_json, self.raws[position])

    @property
    def raws(self) -> list[msgspec.Raw]:
        if self._raws is None:
            self._raws = [msgspec.Raw(self._body)] if self._one else self._split()
        return self._raws

    def _split(self) -> list[msgspec.Raw]:
        try:
            return msgspec.json.decode(self._body, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raise MalformedBody("the body must be an array of rows, or one row") from None

    def __len__(self) -> int:
        return len(self.raws)

    def plain(self, position: int) -> Any:
        return plain_from_json(self.raws[position])

    def payload(self, position: int) -> bytes:
        return bytes(self.raws[position]).strip()


class NdjsonRows(JsonRows):
    """One JSON row a line (blank lines are passed over)."""

    def __init__(self, body: bytes) -> None:
        lines = [line for line in body.split(b"\n") if line.strip()]
        super().__init__(b"[" + b",".join(lines) + b"]")
        self._raws = [_one_value(line) for line in lines]


class MsgpackRows:
    """A MessagePack array of rows; a single map counts as an array of one."""

    from_text = False

    def __init__(self, body: bytes) -> None:
        try:
            self._raws = msgspec.msgpack.decode(body, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            self._raws = [msgspec.Raw(body)]
            if not isinstance(self.plain(0), dict):
                raise MalformedBody("the body must be an array of rows, or one row") from None

    def __len__(self) -> int:
        return len(self._raws)

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        structs = self.each(struct)
        if None in structs:
            raise msgspec.ValidationError("not all rows fit")
        return structs

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        structs = _one_by_one(msgspec.msgpack.Decoder(struct).decode, self._raws)
        for position, kept in enumerate(structs):
            if kept is not None and not self._has_all(position, kept) and self.repeated(position):
                structs[position] = None
        return structs

    def colons(self, positions: Sequence[int]) -> int | None:
        return None  # `each` has seen to it

    def _has_all(self, position: int, kept: msgspec.Struct) -> bool:
        # A map of up to 15 fields says in its first byte how many there are.
        first = _in_msgpack(kept)[0]
        return first == memoryview(self._raws[position])[0] and first < 0x90

    def repeated(self, position: int) -> list[str]:
        return repeated(fields_of_msgpack, self._raws[position])

    def plain(self, position: int) -> Any:
        try:
            return not_too_deep(msgspec.msgpack.decode(self._raws[position]))
        except msgspec.ValidationError as error:  # a time that no type has room for
            raise MalformedBody(f"row {position} cannot be decoded: {error}") from None

    def payload(self, position: int) -> bytes:
        return msgspec.json.encode(self.plain(position), enc_hook=repr)


class CsvRows:
    """A CSV file with a header, comma-separated, in UTF-8; an empty field is a missing value."""

    from_text = True

    def __init__(self, body: bytes) -> None:
        try:
            lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
            self._header = next(lines, [])
            self._lines = [line for line in lines if line]
        except (UnicodeDecodeError, csv.Error) as error:
            raise MalformedBody(f"the body is not CSV in UTF-8: {error}") from None
        if len(set(self._header)) < len(self._header):
            raise MalformedBody("a column stands twice in the header")

    def __len__(self) -> int:
        return len(self._lines)

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        raise msgspec.ValidationError("text has to be read value by value")

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        return [None] * len(self)

    def colons(self, positions: Sequence[int]) -> int | None:
        return None

    def repeated(self, position: int) -> list[str]:
        return []  # the header has each name once

    def plain(self, position: int) -> dict[str | None, Any]:
        line = self._lines[position]
        row: dict[str | None, Any] = {
            name: value or None for name, value in zip(self._header, line, strict=False)
        }
        if len(line) > len(self._header):
            row[None] = line[len(self._header) :]
        return row

    def payload(self, position: int) -> bytes:
        row = self.plain(position)
        return msgspec.json.encode({"_rest" if key is None else key: row[key] for key in row})


@lru_cache(64)  # structs come and go with the dictionary
def _decoder(struct: type[msgspec.Struct], many: bool = False) -> Callable[[Any], Any]:
    kind = list[struct] if many else struct  # type: ignore[valid-type]
    return msgspec.json.Decoder(kind).decode


_one_value = msgspec.json.Decoder(msgspec.Raw).decode
_in_msgpack = msgspec.msgpack.Encoder().encode


def _one_by_one(decode: Callable[[Any], Any], raws: Sequence[msgspec.Raw]) -> list[Any]:
    structs: list[Any] = []
    for raw in raws:
        try:
            structs.append(decode(raw))
        except msgspec.ValidationError:
            structs.append(None)
    return structs


def by_table(body: bytes, content_type: str) -> dict[str, Rows]:
    """The rows of a decompressed body that is an object: rows by table.

    Raises:
        UnsupportedFormat: tables do not come in that format.
        MalformedBody: the body is not of the format, or names a table twice.
    """
    name = media_type(content_type)
    if name not in MANY:
        raise UnsupportedFormat(f"rows of several tables come as {', '.join(MANY)}, not {name}")
    decode, rows = MANY[name]
    try:
        with decoding():
            tables = [(table.text, rows(bytes(raw))) for table, raw in decode(body).items()]
    except msgspec.ValidationError:
        raise MalformedBody("the body must be an object: rows by table") from None
    if len(dict(tables)) < len(tables):
        raise MalformedBody("a table stands twice in the body")
    return dict(tables)


FORMATS: dict[str, Callable[[bytes], Rows]] = {
    "application/json": JsonRows,
    "application/x-ndjson": NdjsonRows,
    "text/csv": CsvRows,
    "application/msgpack": MsgpackRows,
}

MANY: dict[str, tuple[Callable[[bytes], Fields], Callable[[bytes], Rows]]] = {
    "application/json": (fields_of_json, JsonRows),
    "application/msgpack": (fields_of_msgpack, MsgpackRows),
}


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


def rows_of(body: bytes, content_type: str) -> Rows:
    """The rows of a decompressed body.

    Raises:
        UnsupportedFormat: there is no such format.
        MalformedBody: the body is not of the format.
    """
    name = media_type(content_type)
    if name not in FORMATS:
        raise UnsupportedFormat(f"rows come as {', '.join(FORMATS)}, not {name}")
    with decoding():
        return FORMATS[name](body)


class LazyRows:
    """A body that was judged elsewhere; its rows are looked for only when one has to be told."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body, self._content_type = body, content_type

    @cached_property
    def _rows(self) -> Rows:
        return rows_of(self._body, self._content_type)

    @property
    def from_text(self) -> bool:
        """As of Rows."""
        return self._rows.from_text

    def payload(self, position: int) -> bytes:
        """As of Rows."""
        return self._rows.payload(position)


class decoding:  # noqa: N801 - reads as a statement
    """Turns what msgspec says of a body that is not of its format into MalformedBody."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, msgspec.ValidationError):
            return
        if isinstance(error, RecursionError):
            raise MalformedBody("the body is nested too deeply") from None
        if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
            raise MalformedBody(f"the body cannot be decoded: {error}") from None


def preference(header: str, name: str, known: tuple[str, ...]) -> str:
    """What a ``Prefer`` header (RFC 7240) says of `name`, else the first of `known`.

    Raises:
        BadRequest: it asks for something that is not known.
    """
    for part in header.split(","):
        key, _, value = part.split(";")[0].partition("=")
        if key.strip().lower() == name:
            wanted = value.strip().strip('"').lower()
            if wanted not in known:
                raise BadRequest(f"Prefer: {name} must be one of {', '.join(known)}")
            return wanted
    return known[0]

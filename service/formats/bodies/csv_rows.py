"""Rows in CSV: a header, and a line for each row."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from service.errors import MalformedBody

csv.field_size_limit(2**31 - 1)  # bodies have a limit of their own


class CsvRows:
    """A CSV file with a header, comma-separated, in UTF-8; an empty field is a missing value."""

    from_text = True
    drops_repeated = False

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

    def colons(self, positions: Sequence[int]) -> int:
        return 0

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

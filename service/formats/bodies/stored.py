"""Rows that are on record, or come in pieces, read as they were the first time."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.formats.bodies.csv_rows import CsvRows
from service.formats.bodies.json_rows import JsonRows

REST = "_rest"  # what a line has beyond the columns of its table


class TextRows(CsvRows):
    """Rows whose values are text, to be read as their columns' types: lines of CSV, decoded.

    What is under REST stands for fields beyond the last column; a row that is no object is a line
    that could not be read.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def plain(self, position: int) -> Any:
        row = self._rows[position]
        if not isinstance(row, dict):
            return row
        plain: dict[str | None, Any] = {name: row[name] for name in row if name != REST}
        if (rest := row.get(REST)) is not None:
            plain[None] = rest if isinstance(rest, list) else [rest]
        return plain

    def payload(self, position: int) -> bytes:
        return msgspec.json.encode(self._rows[position])


def json_rows(payloads: Sequence[bytes]) -> JsonRows:
    """Rows of any kind in JSON, whatever each of them is."""
    return JsonRows(b"[" + b",".join(payloads) + b"]")


def in_names_of_now(payload: str, former_names: Mapping[str, str]) -> str:
    """A row that is on record, in JSON, with its columns by the names that they have now.

    `former_names` has those by what they were before. What is no object stays as it is, and so does
    every value, to the digit.
    """
    if not any(name in payload for name in former_names) or not payload.startswith("{"):
        return payload
    row = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    names = {name: former_names.get(name, name) for name in row}
    said = {name if now in row else now: row[name] for name, now in names.items()}
    return msgspec.json.encode(said).decode()

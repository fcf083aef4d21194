"""Rows in JSON: an array of objects, or an object a line."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import Any

import msgspec

from service.dictionary.written_values import JsonText
from service.errors import MalformedBody
from service.formats.bodies.fields import (
    check_parts_of_json,
    exact_from_json,
    fields_of_json,
    plain_from_json,
)
from service.formats.bodies.repeated_fields import colons_of_json, repeated
from service.formats.bodies.rows_protocol import MAX_READ, check_rows, one_by_one

MARKS_A_ROW = 30  # beyond which, on average, a body of very many parts is no body of rows
BLOCK = 25  # rows that are decoded at once where a body has rows that do not fit
_one_value = msgspec.json.Decoder(msgspec.Raw).decode


@lru_cache(64)  # structs come and go with the dictionary
def _decoder(struct: type[msgspec.Struct], many: bool = False) -> Callable[[Any], Any]:
    kind = list[struct] if many else struct  # type: ignore[valid-type]
    return msgspec.json.Decoder(kind).decode


_marks = re.compile(rb'"(?:[^"\\]|\\.)*+"?+|[,\[{\]}]', re.DOTALL).finditer  # texts hide some


def _check_rows(body: bytes) -> None:
    """Looks at an array before rows are made of it.

    Raises:
        WrongNumberOfRows: there are more than MAX_READ.
        MalformedBody: there are more names and values than so many rows can have.
    """
    if len(body) <= 2 * MAX_READ or body.count(b",") < MAX_READ:
        return
    level, rows = 0, 1
    for number, found in enumerate(_marks(body)):
        mark = body[found.start()]
        if mark == ord(","):
            rows += level == 1
        elif mark != ord('"'):
            level += 1 if mark in b"[{" else -1
        check_rows(rows)
        if number > MARKS_A_ROW * MAX_READ:
            raise MalformedBody("a body has more names and values than so many rows can have")


class JsonRows:
    """A JSON array of rows; a single object counts as an array of one."""

    from_text = False
    drops_repeated = True

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
                structs += one_by_one(_decoder(struct), block)
        return structs

    def colons(self, positions: Sequence[int]) -> int:
        if self._raws is None or len(positions) == len(self._raws):
            return colons_of_json(self._body)
        return colons_of_json(b"".join([self._raws[i] for i in positions]))

    def repeated(self, position: int) -> list[str]:
        check_parts_of_json(self.raws[position])
        return repeated(fields_of_json, self.raws[position])

    @property
    def raws(self) -> list[msgspec.Raw]:
        if self._raws is None:
            self._raws = [msgspec.Raw(self._body)] if self._one else self._split()
        return self._raws

    def _split(self) -> list[msgspec.Raw]:
        _check_rows(self._body)
        try:
            return msgspec.json.decode(self._body, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raise MalformedBody("the body must be an array of rows, or one row") from None

    def __len__(self) -> int:
        return len(self.raws)

    def plain(self, position: int) -> Any:
        return plain_from_json(self.raws[position])

    def exact(self, position: int, names: Sequence[str]) -> Mapping[str, JsonText]:
        return exact_from_json(self.raws[position], names) if names else {}

    def payload(self, position: int) -> bytes:
        return bytes(self.raws[position]).strip()


class NdjsonRows(JsonRows):
    """One JSON row a line (blank lines are passed over)."""

    def __init__(self, body: bytes) -> None:
        there = filter(bytes.strip, BytesIO(body))  # there may be millions that are blank
        lines = list(islice(there, MAX_READ + 1))
        check_rows(len(lines))
        super().__init__(b"[" + b",".join(lines) + b"]")
        self._raws = [_one_value(line) for line in lines]

"""Rows in JSON: an array of objects, or an object a line."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from service.errors import MalformedBody
from service.formats.bodies.fields import check_parts_of_json, fields_of_json, plain_from_json
from service.formats.bodies.repeated_fields import colons_of_json, repeated
from service.formats.bodies.rows_protocol import one_by_one

BLOCK = 25  # rows that are decoded at once where a body has rows that do not fit
_one_value = msgspec.json.Decoder(msgspec.Raw).decode


@lru_cache(64)  # structs come and go with the dictionary
def _decoder(struct: type[msgspec.Struct], many: bool = False) -> Callable[[Any], Any]:
    kind = list[struct] if many else struct  # type: ignore[valid-type]
    return msgspec.json.Decoder(kind).decode


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

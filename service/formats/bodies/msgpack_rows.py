"""Rows in MessagePack: an array of maps."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from service.dictionary.written_values import JsonText
from service.errors import MalformedBody
from service.formats.bodies.fields import fields_of_msgpack, not_too_deep
from service.formats.bodies.msgpack_parts import check_parts_of_msgpack, entries_of
from service.formats.bodies.repeated_fields import repeated
from service.formats.bodies.rows_protocol import check_rows, one_by_one
from service.runtime.decoding_errors import in_words


@lru_cache(64)  # structs come and go with the dictionary
def reads_raw(struct: type[msgspec.Struct]) -> bool:
    """Whether a struct has fields that are taken as they are written."""
    return any("msgspec.Raw" in str(field.type) for field in msgspec.structs.fields(struct))


_in_msgpack = msgspec.msgpack.Encoder().encode


class MsgpackRows:
    """A MessagePack array of rows; a single map counts as an array of one."""

    from_text = False
    drops_repeated = False  # `each` looks for repeated fields itself

    def __init__(self, body: bytes) -> None:
        check_rows(entries_of(body))
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
        if reads_raw(struct):  # which it would take for JSON
            return [None] * len(self)
        structs = one_by_one(msgspec.msgpack.Decoder(struct).decode, self._raws)
        for position, kept in enumerate(structs):
            if kept is not None and not self._has_all(position, kept) and self.repeated(position):
                structs[position] = None
        return structs

    def colons(self, positions: Sequence[int]) -> int:
        return 0

    def _has_all(self, position: int, kept: msgspec.Struct) -> bool:
        # A map of up to 15 fields says in its first byte how many there are.
        first = _in_msgpack(kept)[0]
        return first == memoryview(self._raws[position])[0] and first < 0x90

    def repeated(self, position: int) -> list[str]:
        check_parts_of_msgpack(memoryview(self._raws[position]))
        return repeated(fields_of_msgpack, self._raws[position])

    def plain(self, position: int) -> Any:
        check_parts_of_msgpack(memoryview(self._raws[position]))
        try:
            return not_too_deep(msgspec.msgpack.decode(self._raws[position]))
        except msgspec.ValidationError as error:  # a time that no type has room for
            raise MalformedBody(f"row {position} cannot be decoded: {in_words(error)}") from None

    def exact(self, position: int, names: Sequence[str]) -> Mapping[str, JsonText]:
        return {}  # numbers are binary: `plain` has all that was sent

    def payload(self, position: int) -> bytes:
        row = self.plain(position)
        written = msgspec.json.encode(row, enc_hook=repr)
        # JSON has no word for NaN, bytes and the like. What it has instead might go in next time.
        return written if msgspec.json.decode(written) == row else msgspec.json.encode(repr(row))

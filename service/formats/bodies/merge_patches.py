"""JSON merge patches of rows (RFC 7396): the columns that change, and what they become."""

from dataclasses import dataclass

import msgspec

from service.errors import MalformedBody
from service.formats.bodies.fields import fields_of_json
from service.formats.bodies.rows_protocol import decoding
from service.formats.bodies.text_bodies import without_mark

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class MergePatch:
    """The fields of a patch as they were written; one that stands twice is there twice."""

    fields: tuple[tuple[str, bytes], ...]

    @classmethod
    def read(cls, body: bytes) -> "MergePatch":
        """What a body says.

        Raises:
            MalformedBody: it is not JSON, or no object.
        """
        try:
            with decoding():
                found = fields_of_json(without_mark(body))
        except msgspec.ValidationError:
            raise MalformedBody("a patch is an object: the columns that change") from None
        return cls(tuple((name.text, bytes(value)) for name, value in found.items()))

    def applied(self, row: str) -> bytes:
        """The row, JSON, with the fields in place of its own.

        A null stays one: of a row, a column that is left out and one that is null are not the same
        where a column has a default.
        """
        named = {name for name, _ in self.fields}
        kept = [(name, bytes(value)) for name, value in _members(row).items() if name not in named]
        pairs = (msgspec.json.encode(name) + b":" + value for name, value in [*kept, *self.fields])
        return b"{" + b",".join(pairs) + b"}"

"""JSON merge patches of rows (RFC 7396): the columns that change, and what they become."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from service.errors import MalformedBody
from service.formats.bodies.fields import DEEPEST, fields_of_json
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
                found = _fields(without_mark(body))
        except msgspec.ValidationError:
            raise MalformedBody("a patch is an object: the columns that change") from None
        return cls(tuple(found))

    def applied(self, row: str, documents: Collection[str] = ()) -> bytes:
        """The row, JSON, with the fields in place of its own, or merged with those of `documents`.

        A null stays one: of a row, a column that is left out and one that is null are not the same
        where a column has a default.
        """
        named = {name for name, _ in self.fields}
        there = {name: bytes(value) for name, value in _members(row).items()}
        kept = [(name, value) for name, value in there.items() if name not in named]
        said = [
            (name, merged(there[name], value) if name in documents else value)
            for name, value in self.fields
        ]
        return _object([*kept, *said])


def merged(target: bytes, patch: bytes, levels: int = DEEPEST) -> bytes:
    """What a patch makes of a JSON value (RFC 7396, section 2), numbers as they are written.

    `target` has no member twice. Objects of a patch that are part of no document are left as they
    are, for the judge: those that have, whose names are no text, and what is deeper than so many
    `levels`.
    """
    if not patch.startswith(b"{") or not levels:
        return patch
    try:
        said = _fields(patch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return patch
    if len({name for name, _ in said}) < len(said):
        return patch
    found = _members(target) if target.startswith(b"{") else {}
    members = {name: bytes(value) for name, value in found.items()}
    for name, value in said:
        if value == b"null":
            members.pop(name, None)
        else:
            members[name] = merged(members.get(name, b"null"), value, levels - 1)
    return _object(members.items())


def _fields(text: bytes) -> list[tuple[str, bytes]]:
    """The members of an object, as they stand there."""
    return [(name.text, bytes(value).strip()) for name, value in fields_of_json(text).items()]


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    pairs = (msgspec.json.encode(name) + b":" + value for name, value in members)
    return b"{" + b",".join(pairs) + b"}"

"""What a replay of several rows takes: corrected rows, or values for all rows of a filter."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from service.api.http.negotiation import JSON
from service.doors.replay_changes import Changes
from service.doors.replay_runs import Correction
from service.errors import BadRequest, MalformedBody, UnsupportedFormat, shortened
from service.formats.bodies.body_rows import media_type
from service.formats.bodies.rows_protocol import decoding
from service.formats.bodies.text_bodies import without_mark
from service.gate import Gate
from service.ops.rejection_filters import RejectionFilter
from service.runtime.decoding_errors import in_words

NOTHING = msgspec.Raw(b"")


class Corrected(msgspec.Struct, forbid_unknown_fields=True):
    """A rejection and the row to try in its place: `row`, or its values as text, as CSV has them
    (`text`: "5" is a number, "" no value). With neither, the same row is tried again.
    """

    rejection_id: str
    row: Any = UNSET
    text: dict[str, str | None] | UnsetType = UNSET


class _Corrected(msgspec.Struct, forbid_unknown_fields=True):
    """The same, with the row as it was sent."""

    rejection_id: str
    row: msgspec.Raw = NOTHING
    text: dict[str, str | None] | UnsetType = UNSET


class SetValues(msgspec.Struct, forbid_unknown_fields=True):
    """Values that all rows of a filter have, by column."""

    set: dict[str, Any]


def changes_of(gate: Gate, wanted: RejectionFilter, sent: SetValues) -> Changes:
    if wanted.table is None or not sent.set:
        raise BadRequest("to set values, name the table, and at least one of its columns")
    known = gate.table(wanted.table).column_names
    if unknown := [name for name in sent.set if name not in known]:
        detail = f"{wanted.table} has no column {shortened(unknown[0])!r}; columns: "
        raise BadRequest(f"{detail}{', '.join(known)}", known=list(known))
    return sent.set


def read_sent(body: bytes, content_type: str) -> list[Correction] | SetValues | None:
    """The rows to try, or the values to set; None where the body is empty."""
    if not body.strip():
        return None
    if media_type(content_type) != JSON:
        raise UnsupportedFormat(f"corrected rows come as {JSON}, not {media_type(content_type)}")
    try:
        with decoding():
            found = msgspec.json.decode(without_mark(body), type=list[_Corrected] | SetValues)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"the body does not fit: {in_words(error)}") from None
    return found if isinstance(found, SetValues) else [_correction(each) for each in found]


def _correction(sent: _Corrected) -> Correction:
    row = None if sent.row == NOTHING else bytes(sent.row)
    text = None if isinstance(sent.text, UnsetType) else sent.text
    if row is not None and text is not None:
        raise MalformedBody(f"{sent.rejection_id} has both row and text")
    return Correction(sent.rejection_id, row, text)

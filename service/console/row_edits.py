"""What is typed over a row, and how it is changed or removed: by the door of changes.

Texts are read as those of a CSV file are; only those that differ from what stood there count.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from service.api.http.etags import is_row
from service.console.row_form import is_known, kept_of
from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.doors.row_changes import Asking
from service.errors import PreconditionFailed
from service.formats.bodies.merge_patches import MergePatch
from service.gate import Gate
from service.judge.batch import Violation
from service.warehouse.one_row import Becoming, RowChange, RowChanged, missing, read_key
from service.warehouse.work import Idempotency

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decoded = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class RowEdit:
    """Which row is meant, as it was when it was shown (its `tag`), and by whom.

    A second click of the same form (`once`) finds the answer to the first.
    """

    table: Table
    key: Any
    tag: str
    actor: str | None
    once: str

    def check(self, row: str | None) -> None:
        """Raises PreconditionFailed where the row is not as it was shown."""
        if not is_row(self.tag, row, strongly=True):
            raise PreconditionFailed("someone has changed the row meanwhile; nothing was done")


def texts_of(table: Table, row: str) -> dict[str, str]:
    """The values of a row, JSON, as one types them; empty where there is none."""
    values = _members(row)
    return {name: _text(bytes(values[name])) for name in table.column_names}


def texts_of_key(table: Table, key: str) -> dict[str, str]:
    """The values of a row's primary key, a part of the path, as one types them.

    Raises:
        NotFound: no row could have such a key.
    """
    read_key(table, key)
    return table.key.texts_of(key)


def _text(value: bytes) -> str:
    """A text is itself, and all else as it is written in JSON: a decimal has all its digits."""
    if value == b"null":
        return ""
    return str(_decoded(value)) if value.startswith(b'"') else value.decode()


async def change_row(gate: Gate, edit: RowEdit, typed: Mapping[str, str]) -> list[Violation]:
    """Changes the columns whose text is another; what is wrong with it, nothing if it was changed.

    It is judged first: what has faults comes back to who typed it, and is not put on record.

    Raises:
        NotFound: the row is gone.
        PreconditionFailed: it is another by now.
        DanglingReferences: other rows refer to what it would give up.
    """

    def becoming(row: str | None) -> bytes:
        if row is None:
            raise missing(edit.table, edit.key)
        return MergePatch.read(_patch(edit.table, row, typed)).applied(row)

    asked = _asked(edit, typed)
    if not await asyncio.to_thread(is_known, gate, asked):
        judged = await _done(gate, edit, becoming, asked, dry_run=True)
        if judged is not None and judged.violations:
            return judged.violations
    done = await _done(gate, edit, becoming, asked)
    return done.violations if done is not None else []


async def remove_row(gate: Gate, edit: RowEdit) -> None:
    """Removes the row.

    Raises:
        NotFound, PreconditionFailed: as `change_row`.
        DanglingReferences: other rows refer to it.
    """

    def nothing(row: str | None) -> None:
        if row is None:
            raise missing(edit.table, edit.key)

    await _done(gate, edit, nothing, _asked(edit, {}))


def _asked(edit: RowEdit, said: Mapping[str, str]) -> Idempotency:
    meant = [edit.table.name, str(edit.key), edit.tag, said]
    digest = hashlib.sha256(msgspec.json.encode(meant)).hexdigest()
    return Idempotency(f"form/{edit.actor or ''}/{edit.once}/{digest}", digest)


async def _done(
    gate: Gate, edit: RowEdit, becoming: Becoming, asked: Idempotency, dry_run: bool = False
) -> RowChanged | None:
    """What became of the row; None where a click before has done it."""
    change = RowChange(edit.table, edit.key, becoming, edit.check, dry_run)
    asking = Asking(edit.actor, asked, lambda _: kept_of(asked))
    changed = await asyncio.wrap_future(gate.row_changes.change(change, asking))
    return changed if isinstance(changed, RowChanged) else None


def _patch(table: Table, row: str, typed: Mapping[str, str]) -> bytes:
    """A merge patch of what was typed otherwise than it stands in the row."""
    shown = texts_of(table, row)
    patch = {
        column.name: _value(column, text)
        for column in table.columns
        if column.name not in table.key_names
        and (text := _as_sent(typed[column.name])) != _as_sent(shown[column.name])
    }
    return msgspec.json.encode(patch)


def _as_sent(text: str) -> str:
    """A text as a form brings it back that was filled with it: HTML keeps not every character."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def _value(column: Column, text: str) -> Any:
    """A text as JSON has the value; as it is where it is none, so that the judge says why."""
    if not text.strip():
        return None
    try:
        value = column.type.from_text(text)
    except Unreadable:
        return text
    if column.type.name == "json":
        return msgspec.Raw(value.encode())
    return value if isinstance(value, bool | int | float) else text

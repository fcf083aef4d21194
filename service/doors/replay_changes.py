"""Rejected rows with one value set for all of them, to be tried again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from service.doors.replay_runs import Correction
from service.ops.stored_rejections import StoredRejection

Changes: TypeAlias = Mapping[str, Any]  # a value by column; {}: rows are tried as they were


@dataclass(frozen=True)
class ReplayTry:
    """How the rejections of a filter are tried: by whom, with what set, how many are expected."""

    actor: str | None
    changes: Changes = field(default_factory=dict)
    dry_run: bool = False
    expected: int | None = None
    may_change: bool = True  # whether rows that are there may be changed


def changed(stored: StoredRejection, changes: Changes) -> Correction:
    """The row of a rejection with `changes` made in it; a line that is no row stays as it is."""
    if not changes or not stored.payload.startswith("{"):
        return Correction(stored.rejection_id)
    if not stored.is_text:
        fields = msgspec.json.decode(stored.payload, type=dict[str, msgspec.Raw])  # every digit
        row_bytes = msgspec.json.encode({**fields, **changes})
        return Correction(stored.rejection_id, row=row_bytes)
    row = msgspec.json.decode(stored.payload)
    texts = {name: _text(value) for name, value in changes.items()}
    return Correction(stored.rejection_id, text={**row, **texts})


def _text(value: Any) -> str | None:
    """A value as a file would write it."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()

"""Rejected rows that are tried again: what the writer does besides inserting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from service.engines.engine import Connection
from service.errors import Conflict
from service.judge.admission import Verdict
from service.judge.batch import Violation
from service.ops import records
from service.ops.replays import accepted_among

_encoded = msgspec.json.Encoder(enc_hook=repr).encode
_decoded = msgspec.json.Decoder(list[Violation]).decode


@dataclass(frozen=True)
class Retry:
    """A rejection whose row is tried again: the corrected one, in JSON, or (None) the same."""

    rejection_id: str
    payload: str | None
    violations: str  # those on record, in JSON


@dataclass(frozen=True)
class Retries:
    """The tries of an insert, by position; they are counted in the load `load_id` if it is open."""

    tries: Sequence[Retry]
    load_id: str | None = None


class Settled(Conflict):
    """Rows of these rejections have gone in: they are not tried again."""

    def __init__(self, rejection_ids: Sequence[str]) -> None:
        super().__init__("its row has gone in", rejection_ids=rejection_ids)


def settled(connection: Connection, replay: Retries, meanwhile: set[str]) -> Settled | None:
    """The complaint that rows have gone in, or are among `meanwhile`; None if none has."""
    ids = [each.rejection_id for each in replay.tries]
    gone_in = accepted_among(connection, ids) | meanwhile.intersection(ids)
    return Settled(sorted(gone_in)) if gone_in else None


def entries(
    verdict: Verdict, replay: Retries, load: records.LoadRecord, replayed_at: datetime
) -> list[records.ReplayRecord]:
    """What `ops.replays` says of a verdict on rows that were tried again, in their order."""
    outcomes = dict.fromkeys(verdict.rejected, "rejected")
    outcomes |= dict.fromkeys(verdict.present, "already_present")
    outcomes |= dict.fromkeys(verdict.changed, "changed")
    return [
        records.ReplayRecord(
            load_id=load.load_id,
            rejection_id=each.rejection_id,
            table_name=load.table_name,
            outcome=outcomes.get(position, "accepted"),
            payload=each.payload,
            violations=_unless_same(verdict.rejected.get(position), each.violations),
            replayed_at=replayed_at,
            actor=load.actor,
        )
        for position, each in enumerate(replay.tries)
    ]


def in_json(violations: Sequence[Violation]) -> str:
    """Violations as they stand in the books; values that JSON does not know are written as text."""
    return _encoded(violations).decode()


def _unless_same(violations: Sequence[Violation] | None, before: str) -> str | None:
    """The violations in JSON, unless they are those of before."""
    if violations is None:
        return None
    # History writes the values of keys as text.
    said = [(each.column, each.rule, each.message) for each in violations]
    if said == [(each.column, each.rule, each.message) for each in _decoded(before)]:
        return None
    return in_json(violations)

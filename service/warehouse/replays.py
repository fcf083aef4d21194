"""Rejected rows that are tried again: what the writer does besides inserting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import pyarrow as pa

from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import Conflict
from service.judge.admission import Verdict
from service.judge.batch import Violation
from service.ops import records
from service.ops.replays import accepted_among

POSITION = '"position in the request"'  # a column that no table has
_encoded = msgspec.json.Encoder(enc_hook=repr).encode
_decoded = msgspec.json.Decoder(list[Violation]).decode


@dataclass(frozen=True)
class Retry:
    """A rejection whose row is tried again: the corrected one, in JSON, or (None) the same."""

    rejection_id: str
    payload: str | None
    violations: str  # those on record, in JSON
    may_be_present: bool  # a row of a file, as it was: its content may be there already


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


def find_present(connection: Connection, verdict: Verdict, replay: Retries) -> None:
    """Moves the rows of files that are there with the same content from rejected to present."""
    found = [
        (row, position)
        for row, position in enumerate(verdict.batch.positions)
        if replay.tries[position].may_be_present and _only_taken(verdict.rejected.get(position, ()))
    ]
    if not found:
        return
    table = verdict.batch.table
    indices = pa.array([row for row, _ in found], pa.int64())
    rows = verdict.batch.fitting.take(indices).append_column(
        POSITION.strip('"'), pa.array([position for _, position in found], pa.int64())
    )
    same = " and ".join(
        f"sent.{name} is not distinct from kept.{name}" for name in map(quoted, table.column_names)
    )
    key = quoted(table.primary_key)
    present = query_arrow(
        connection,
        f"select sent.{POSITION} from arrow_rows as sent inner join {core(table.name)} as kept"
        f" on sent.{key} = kept.{key} where {same} order by all",
        rows,
    ).fetchall()
    verdict.present = [position for (position,) in present]
    for position in verdict.present:
        del verdict.rejected[position]


def _only_taken(violations: Sequence[Violation]) -> bool:
    return bool(violations) and all(each.rule == "unique" for each in violations)


def entries(
    verdict: Verdict, replay: Retries, load: records.LoadRecord, replayed_at: datetime
) -> list[records.ReplayRecord]:
    """What `ops.replays` says of a verdict on rows that were tried again, in their order."""
    outcomes = dict.fromkeys(verdict.rejected, "rejected")
    outcomes |= dict.fromkeys(verdict.present, "already_present")
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

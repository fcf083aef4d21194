"""Rejected rows that are tried again: what the writer does besides inserting them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import pyarrow as pa

from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import Conflict
from service.judge.admission import Verdict
from service.judge.judge import Violation
from service.ops import records

PLACE = '"its place"'  # a column that no table has
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
    # As Arrow rows: a list as a parameter takes 100 times as long.
    found = query_arrow(
        connection,
        "select rejection_id from ops.rejections"
        " where status = 'accepted' and rejection_id in (select id from arrow_rows)",
        pa.table({"id": ids}),
    ).fetchall()
    gone_in = {rejection_id for (rejection_id,) in found} | meanwhile.intersection(ids)
    return Settled(sorted(gone_in)) if gone_in else None


def find_present(connection: Connection, verdict: Verdict, replay: Retries) -> None:
    """Moves the rows of files that are there with the same content from rejected to present."""
    found = [
        (place, position)
        for place, position in enumerate(verdict.batch.positions)
        if replay.tries[position].may_be_present and _only_taken(verdict.rejected.get(position, ()))
    ]
    if not found:
        return
    table = verdict.batch.table
    places = pa.array([place for place, _ in found], pa.int64())
    rows = verdict.batch.fitting.take(places).append_column(
        PLACE.strip('"'), pa.array([position for _, position in found], pa.int64())
    )
    same = " and ".join(
        f"sent.{name} is not distinct from kept.{name}" for name in map(quoted, table.column_names)
    )
    key = quoted(table.primary_key)
    present = query_arrow(
        connection,
        f"select sent.{PLACE} from arrow_rows as sent inner join {core(table.name)} as kept"
        f" on sent.{key} = kept.{key} where {same} order by all",
        rows,
    ).fetchall()
    verdict.present = [position for (position,) in present]
    for position in verdict.present:
        del verdict.rejected[position]


def _only_taken(violations: Sequence[Violation]) -> bool:
    return bool(violations) and all(each.rule == "unique" for each in violations)


def record(
    connection: Connection,
    replays: Sequence[records.ReplayRecord],
    counted: Iterable[records.LoadRecord],
) -> None:
    """Writes tries into their book; whose row is in is accepted; `counted` joins open loads."""
    records.write(connection, replays)
    went_in = [each for each in replays if each.outcome != "rejected"]
    if went_in:
        rows = pa.table(
            {
                "id": [each.rejection_id for each in went_in],
                "load_id": [each.load_id for each in went_in],
                "moment": [each.replayed_at for each in went_in],
                "actor": pa.array([each.actor for each in went_in], pa.string()),
            }
        )
        query_arrow(
            connection,
            "update ops.rejections set status = 'accepted', resolved_at = gone_in.moment,"
            " resolved_by = gone_in.actor, resolution = gone_in.load_id"
            " from arrow_rows as gone_in where rejection_id = gone_in.id",
            rows,
        )
    for load in counted:
        connection.execute(
            "update ops.loads set received = received + ?, accepted = accepted + ?,"
            " rejected = rejected + ?, already_present = already_present + ?"
            " where load_id = ? and table_name = ?",
            [
                *(load.received, load.accepted, load.rejected, load.already_present),
                *(load.load_id, load.table_name),
            ],
        )


def entries(
    verdict: Verdict, replay: Retries, load: records.LoadRecord, moment: datetime
) -> list[records.ReplayRecord]:
    """A verdict on rows that were tried again, as it goes into the book."""
    present = set(verdict.present)
    return [
        records.ReplayRecord(
            load.load_id,
            each.rejection_id,
            load.table_name,
            "already_present"
            if position in present
            else "rejected"
            if position in verdict.rejected
            else "accepted",
            each.payload,
            _news(verdict.rejected.get(position), each.violations),
            moment,
            load.actor,
        )
        for position, each in enumerate(replay.tries)
    ]


def in_json(violations: Sequence[Violation]) -> str:
    """Violations as they stand in the books; values that JSON does not know are written as text."""
    return _encoded(violations).decode()


def _news(violations: Sequence[Violation] | None, before: str) -> str | None:
    """The violations in JSON, unless they are those of before."""
    if violations is None:
        return None
    # History writes the values of keys as text.
    said = [(each.column, each.rule, each.message) for each in violations]
    if said == [(each.column, each.rule, each.message) for each in _decoded(before)]:
        return None
    return in_json(violations)


def end_interrupted(connection: Connection, now: datetime) -> None:
    """Says of replays that a killed service has left that they ended; what they did is counted."""
    connection.execute(
        "update ops.loads set status = 'failed', finished_at = ?, detail = ?"
        " where kind = 'replay' and status = 'running'",
        [now, "the service stopped; what it had tried is counted"],
    )

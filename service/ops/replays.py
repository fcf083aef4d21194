"""Replays in the schema ``ops``: which rejections are settled, and what came of each try."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.ops import records
from service.ops.changes import rows_changed


def accepted_among(connection: Connection, rejection_ids: Sequence[str]) -> set[str]:
    """Those of the rejections whose rows have gone in."""
    # As Arrow rows: a list as a parameter takes 100 times as long.
    found = query_arrow(
        connection,
        "select rejection_id from ops.rejections"
        " where status = 'accepted' and rejection_id in (select id from arrow_rows)",
        pa.table({"id": pa.array(rejection_ids, pa.string())}),
    ).fetchall()
    return {rejection_id for (rejection_id,) in found}


def record(
    connection: Connection,
    replays: Sequence[records.ReplayRecord],
    counted: Iterable[records.LoadRecord],
) -> None:
    """Writes tries down, in the open transaction.

    A rejection whose row went in becomes accepted. The counts of `counted` are added to their
    loads, which are on record already.
    """
    records.write(connection, replays)
    went_in = [each for each in replays if each.outcome != "rejected"]
    if went_in:
        _accept(connection, went_in)
    for load in counted:
        connection.execute(
            "update ops.loads set received = received + ?, accepted = accepted + ?,"
            " changed = coalesce(changed, 0) + ?, rejected = rejected + ?,"
            " already_present = already_present + ?"
            " where load_id = ? and table_name = ?",
            [
                *(load.received, load.accepted, load.changed, load.rejected, load.already_present),
                *(load.load_id, load.table_name),
            ],
        )
        said = [load.load_id, load.table_name]
        rows_changed(connection, "_loads", "load_id = ? and table_name = ?", said)


def _accept(connection: Connection, went_in: Sequence[records.ReplayRecord]) -> None:
    rows = pa.table(
        {
            "id": [each.rejection_id for each in went_in],
            "load_id": [each.load_id for each in went_in],
            "replayed_at": [each.replayed_at for each in went_in],
            "actor": pa.array([each.actor for each in went_in], pa.string()),
        }
    )
    query_arrow(
        connection,
        "update ops.rejections set status = 'accepted', resolved_at = gone_in.replayed_at,"
        " resolved_by = gone_in.actor, resolution = gone_in.load_id"
        " from arrow_rows as gone_in where rejection_id = gone_in.id",
        rows,
    )
    rows_changed(connection, "_rejections", "rejection_id in (select id from arrow_rows)", (), rows)


def end_interrupted(connection: Connection, now: datetime) -> None:
    """Marks replays that a killed service has left running as failed; what they did is counted."""
    connection.execute(
        "update ops.loads set status = 'failed', finished_at = ?, detail = ?"
        " where kind = 'replay' and status = 'running'",
        [now, "the service stopped; what it had tried is counted"],
    )
    rows_changed(connection, "_loads", "kind = 'replay' and finished_at = ?", [now])

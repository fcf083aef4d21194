"""Rejections in groups: how many there are of each reason, and many that are dismissed at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa

from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.ops import records
from service.ops.queries import SHAPE_OF_VIOLATIONS
from service.ops.records import TrailRecord
from service.runtime.clock import utc_now

MAX_GROUPS = 50  # what clients sent can be the name of an unknown field


@dataclass(frozen=True)
class ReasonGroup:
    """How many rejections broke a rule of a column; None: of the row as a whole."""

    table: str
    column: str | None
    rule: str
    rows: int


@dataclass(frozen=True)
class GroupCounts:
    """Rejections by status, and those of one status by reason, the largest groups first.

    A row that broke several rules is in several groups.
    """

    open: int
    accepted: int
    dismissed: int
    groups: Sequence[ReasonGroup]


def group_counts(
    connection: Connection, table: str | None, load_id: str | None, status: str
) -> GroupCounts:
    """The counts of all rejections, or those of a table, of a load; groups are of one status."""
    where = "(?1 is null or table_name = ?1) and (?2 is null or load_id = ?2)"
    query = f"select status, count(*) from ops.rejections where {where} group by 1"
    statuses = dict(connection.execute(query, [table, load_id]).fetchall())
    found = connection.execute(
        f"""
        with broken as (
            select table_name, list_distinct(from_json(violations, ?3)) as reasons
            from ops.rejections where {where} and status = ?4
        ),
        reasons as (select table_name, unnest(reasons) as reason from broken)
        select table_name, reason."column", reason.rule, count(*) as rows
        from reasons group by all order by rows desc, 1, 2, 3 limit ?5
        """,
        [table, load_id, SHAPE_OF_VIOLATIONS, status, MAX_GROUPS],
    ).fetchall()
    counts = {name: statuses.get(name, 0) for name in ("open", "accepted", "dismissed")}
    return GroupCounts(**counts, groups=[ReasonGroup(*row) for row in found])


def dismiss_open(
    connection: Connection, rejection_ids: Sequence[str], reason: str | None, actor: str | None
) -> int:
    """Says, in the open transaction, of those that are open that they stay out; how many it was."""
    now = utc_now()
    said = pa.table(
        {
            "id": pa.array(rejection_ids, pa.string()),
            "at": pa.array([now] * len(rejection_ids), pa.timestamp("us")),
            "actor": pa.array([actor] * len(rejection_ids), pa.string()),
            "reason": pa.array([reason] * len(rejection_ids), pa.string()),
        }
    )
    done = query_arrow(
        connection,
        "update ops.rejections set status = 'dismissed', resolved_at = said.at,"
        " resolved_by = said.actor, resolution = said.reason from arrow_rows as said"
        " where rejection_id = said.id and status = 'open' returning rejection_id",
        said,
    ).fetchall()
    records.write(
        connection,
        [
            TrailRecord(str(uuid4()), now, actor, "rejection.dismiss", rejection_id, reason)
            for (rejection_id,) in done
        ],
    )
    return len(done)

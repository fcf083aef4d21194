"""Rejections on record, as far as it takes to try their rows again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from service.engines.duckdb import Database, query_arrow
from service.engines.engine import Connection
from service.errors import NotFound
from service.ops.records import BEFORE_ALL
from service.ops.rejection_filters import RejectionFilter
from service.runtime.resolutions import OnConflict

_SELECT = """
    select
        rejection_id, table_name, position, payload, violations, status,
        coalesce(is_text, by_file), by_file, on_conflict, number
    from (
        select
            rejections.*,
            coalesce(loads.kind in ('history', 'file'), false) as by_file,
            loads.on_conflict
        from ops.rejections as rejections
        left join ops.loads as loads using (load_id, table_name)
    )
"""


@dataclass(frozen=True)
class StoredRejection:
    """A rejected row; `payload` and `violations` are JSON."""

    rejection_id: str
    table: str
    position: int
    payload: str
    violations: str
    status: str
    is_text: bool  # whether the values are text
    by_file: bool  # whether the row is a line of a file
    on_conflict: OnConflict | None  # what its load said; None: what its door does
    number: int  # a rejection of later has a higher one


def by_ids(connection: Connection, rejection_ids: Sequence[str]) -> dict[str, StoredRejection]:
    """The rejections of these ids, by id; those that are not there are left out."""
    # As Arrow rows: a list as a parameter takes 100 times as long.
    wanted = pa.table({"id": pa.array(rejection_ids, pa.string())})
    query = f"{_SELECT} where rejection_id in (select id from arrow_rows)"
    rows = query_arrow(connection, query, wanted).fetchall()
    return {row[0]: StoredRejection(*row) for row in rows}


def by_id(connection: Connection, rejection_id: str) -> StoredRejection:
    """The rejection of that id.

    Raises:
        NotFound: there is none.
    """
    found = by_ids(connection, [rejection_id]).get(rejection_id)
    if found is None:
        raise NotFound("there is no such rejection")
    return found


def tables_with(connection: Connection, wanted: RejectionFilter) -> set[str]:
    """The names of the tables that have rejections of a filter."""
    where, values = wanted.sql()
    rows = connection.execute(
        f"select distinct table_name from ops.rejections where {where}", values
    ).fetchall()
    return {name for (name,) in rows}


def last_number(connection: Connection) -> int:
    """The number of the last rejection on record."""
    query = "select coalesce(max(number), ?) from ops.rejections"
    ((number,),) = connection.execute(query, [BEFORE_ALL]).fetchall()
    return int(number)


def open_parts(
    database: Database, wanted: RejectionFilter, until: int, size: int
) -> Iterator[list[StoredRejection]]:
    """The rejections of a filter up to number `until`, oldest first, at most `size` at a time.

    Each part is read in a transaction of its own, so that what became of the last is seen.
    """
    where, values = wanted.sql()
    after = (BEFORE_ALL, -1, "")
    while True:
        with database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} where {where} and number <= ?"
                " and number >= ? and (number, position, rejection_id) > (?, ?, ?)"
                " order by number, position, rejection_id limit ?",
                [*values, until, after[0], *after, size],
            ).fetchall()
        if not rows:
            return
        found = [StoredRejection(*row) for row in rows]
        after = (found[-1].number, found[-1].position, found[-1].rejection_id)
        yield found

"""How much the warehouse has: rows of each table of record, entries of each book.

Also, in ``ops.journal``, the journal that counts them outside of the warehouse.
"""

from collections.abc import Iterable

from service.engines.engine import Connection
from service.engines.sql import core
from service.ops.sequences import noted_ids

LOADS, ENDED, RECEIVED = "ops.loads", "ops.loads.ended", "ops.loads.received"
REJECTIONS, REPLAYS, TRAIL = "ops.rejections", "ops.replays", "ops.trail"
# What is only ever added to: whatever changes a table of record adds to one of these.
BOOKS = (LOADS, ENDED, RECEIVED, REJECTIONS, REPLAYS, TRAIL)
_BOOKS = {
    LOADS: (LOADS, "count(*)"),
    ENDED: (LOADS, "count(finished_at)"),
    RECEIVED: (LOADS, "coalesce(sum(received), 0)::bigint"),
    REJECTIONS: (REJECTIONS, "count(*)"),
    REPLAYS: (REPLAYS, "count(*)"),
    TRAIL: (TRAIL, "count(*)"),
}
_CORE = "core."


def name_of_table(table: str) -> str:
    """What the rows of a table of record are counted under."""
    return f"{_CORE}{table}"


def table_of_name(name: str) -> str | None:
    """The table of record whose rows are counted under that name; None if it is a book's."""
    return name.removeprefix(_CORE) if name.startswith(_CORE) else None


def stored_counts(connection: Connection, tables: Iterable[str] | None = None) -> dict[str, int]:
    """The counts of the books and of `tables` (None: of all that there are), by name; and the last
    ids that were given.

    A book that is not there, since no build has made it, has nothing.
    """
    there = _tables(connection, "ops")
    if tables is None:
        tables = sorted(_tables(connection, "core"))
    wanted = dict(_BOOKS) | {name_of_table(table): (core(table), "count(*)") for table in tables}
    known = [
        (name, place, what)
        for name, (place, what) in wanted.items()
        if name not in _BOOKS or place.removeprefix("ops.") in there
    ]
    # One row each: of as many subqueries in one row, DuckDB takes 20 times as long to make a plan.
    counted = [f"select {n}, {what} from {place}" for n, (_, place, what) in enumerate(known)]
    rows = connection.execute(" union all ".join(counted)).fetchall() if counted else []
    counts = dict.fromkeys(BOOKS, 0) | {known[n][0]: count for n, count in rows}
    return counts | (noted_ids(connection) if "sequences" in there else {})


def _tables(connection: Connection, schema: str) -> set[str]:
    found = connection.execute(
        "select table_name from information_schema.tables"
        " where table_schema = ? and table_type = 'BASE TABLE'",
        [schema],
    ).fetchall()
    return {name for (name,) in found}


def gone_tables(connection: Connection) -> set[str]:
    """The tables of record that builds have removed, or given another name, by the names under
    which their rows are counted.
    """
    if "alterations" not in _tables(connection, "ops"):
        return set()
    found = connection.execute(
        "select coalesce(was, table_name) from ops.alterations"
        " where kind in ('table removed', 'table renamed')"
    ).fetchall()
    return {name_of_table(name) for (name,) in found if name not in _tables(connection, "core")}


def journal_of(connection: Connection) -> tuple[str, int] | None:
    """The id of the warehouse's journal, and how often it was begun anew; None: it has none."""
    there = "journal" in _tables(connection, "ops")
    found = connection.execute("select id, number from ops.journal").fetchall() if there else []
    return found[0] if found else None


def set_journal(connection: Connection, id_: str, number: int) -> None:
    """Says which journal is the warehouse's, in the open transaction."""
    connection.execute(
        "create table if not exists ops.journal (id varchar not null, number bigint not null)"
    )
    connection.execute("delete from ops.journal")
    connection.execute("insert into ops.journal values (?, ?)", [id_, number])

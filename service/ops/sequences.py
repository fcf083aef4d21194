"""The last id that each table with a generated key has given: ``ops.sequences``.

A row of it is changed in the transaction of the rows that get the ids, so an id is given once for
ever, whatever becomes of its row. Restores, and a warehouse made anew, only move it on.
"""

from collections.abc import Iterable, Mapping

from service.dictionary import Table
from service.engines.engine import Connection
from service.engines.sql import core, quoted

_COUNTED = "ops.sequences."


def name_of_sequence(table: str) -> str:
    """What the journal of commits notes the last id of a table under."""
    return f"{_COUNTED}{table}"


def last_ids(connection: Connection, tables: Iterable[Table]) -> dict[str, int]:
    """The last id of each of the tables whose keys are generated; 0 where none was given.

    It is never below the highest that is there.
    """
    wanted = {table.name: table.generated.name for table in tables if table.generated}
    if not wanted:
        return {}
    noted = dict(connection.execute("select table_name, last_id from ops.sequences").fetchall())
    return {name: max(noted.get(name, 0), _highest(connection, name, key))
            for name, key in wanted.items()}  # fmt: skip


def noted_ids(connection: Connection) -> dict[str, int]:
    """The last ids as they are on record, by the names that the journal has for them."""
    found = connection.execute("select table_name, last_id from ops.sequences").fetchall()
    return {name_of_sequence(table): last for table, last in found}


def ids_not_noted(connection: Connection, table: Table) -> tuple[int, int] | None:
    """The highest id that a table has, and the last on record, where that one is lower."""
    if table.generated is None:
        return None
    noted = noted_ids(connection).get(name_of_sequence(table.name), 0)
    highest = _highest(connection, table.name, table.generated.name)
    return (highest, noted) if highest > noted else None


def move_on(connection: Connection, last: Mapping[str, int]) -> None:
    """Has each table give ids beyond `last` from now on, in the open transaction."""
    for table, id_ in last.items():
        ((changed,),) = connection.execute(
            "update ops.sequences set last_id = greatest(last_id, ?) where table_name = ?",
            [id_, table],
        ).fetchall()
        if not changed:
            connection.execute("insert into ops.sequences values (?, ?)", [table, id_])


def move_on_to_rows(connection: Connection, table: Table) -> None:
    """As `move_on`, beyond the rows that a table has now; nothing where its key is no id."""
    if table.generated:
        highest = _highest(connection, table.name, table.generated.name)
        move_on(connection, {table.name: highest})


def tables_noted(counts: Mapping[str, int]) -> dict[str, int]:
    """The last ids among the counts of a journal, by table."""
    return {
        name.removeprefix(_COUNTED): last
        for name, last in counts.items()
        if name.startswith(_COUNTED)
    }


def _highest(connection: Connection, table: str, key: str) -> int:
    found = connection.execute(
        f"select coalesce(max({quoted(key)}), 0) from {core(table)}"
    ).fetchall()
    return max(int(found[0][0]), 0)

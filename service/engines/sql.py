"""SQL that every engine understands: names, and counting."""

from service.engines.engine import Connection


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def core(table: str) -> str:
    """The table of record of that name, as SQL names it."""
    return f"core.{quoted(table)}"


def count_rows(connection: Connection, table: str) -> int:
    """The number of rows of a table of record."""
    (count,) = connection.execute(f"select count(*) from {core(table)}").fetchall()[0]
    return int(count)

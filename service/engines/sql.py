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


def shown_value(value: str, type_name: str) -> str:
    """An expression of a type as answers show it: a timestamp as ISO 8601 text with ``Z``."""
    # A cast gives a fraction of a second only where there is one, and strftime always.
    if type_name.startswith("timestamp"):
        return f"replace(cast({value} as varchar), ' ', 'T') || 'Z'"
    return value

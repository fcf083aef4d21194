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
    """An expression as SQL selects it to be shown: numbers and truths as they are, else as text.

    `type_name` is the engine's or the dictionary's name. A timestamp is ISO 8601 text with ``Z``,
    a decimal has all its digits.
    """
    # A cast gives a fraction of a second only where there is one, and strftime always.
    kind, text = type_name.partition("(")[0], f"cast({value} as varchar)"
    if kind == "timestamp with time zone":
        return f"replace(cast(timezone('UTC', {value}) as varchar), ' ', 'T') || 'Z'"
    if kind.startswith("timestamp"):
        return f"replace({text}, ' ', 'T') || 'Z'"
    if kind == "decimal":  # DuckDB writes .5 where all digits are behind the point
        return rf"regexp_replace({text}, '^(-?)\.', '\10.')"
    return text if kind in ("uuid", "time") else value

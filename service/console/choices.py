"""Values to choose from: those of a column that refers to a small table, with what they mean."""

from service.dictionary import Column
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.gate import Gate

MAX_CHOICES = 200


def choices_of(connection: Connection, gate: Gate, column: Column) -> list[tuple[str, str]]:
    """The values that a column may refer to, as text, each with the first text of its row.

    There are none of a column that refers to nothing, or to a table of more than MAX_CHOICES rows.
    """
    if column.reference is None:
        return []
    parent, key = gate.table(column.reference.args["parent"]), column.reference.args["field"]
    texts = [each.name for each in parent.columns if each.type.name == "varchar"]
    label = quoted(texts[0]) if texts else "''"
    found = connection.execute(
        f"select cast({quoted(key)} as varchar), {label} from {core(parent.name)}"
        f" where {quoted(key)} is not null order by {quoted(key)} limit ?",
        [MAX_CHOICES + 1],
    ).fetchall()
    return [] if len(found) > MAX_CHOICES else [(value, text or "") for value, text in found]

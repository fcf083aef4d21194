"""A dictionary that takes the place of another: tables and all that names them, at once."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from service.dictionary import Dictionary
from service.dictionary.dictionary_change import DictionaryChange
from service.dictionary.evolution import compare
from service.dictionary.manifest import read_saved
from service.engines.engine import Connection
from service.evolution.lost_values import Effect, LostValues

SAVED = "select content from ops.dictionary"


def saved_dictionary(connection: Connection) -> Dictionary | None:
    """The dictionary that the warehouse was last built by; None where no build has ended."""
    row = connection.execute(SAVED).fetchone()
    return None if row is None else read_dictionary_text(row[0])


def read_dictionary_text(content: str) -> Dictionary:
    """The dictionary of a text as ``ops.dictionary`` keeps it.

    Raises:
        DictionaryError: as `read_saved`.
    """
    return read_saved(msgspec.json.decode(content))


def altering(old: Dictionary | None, new: Dictionary) -> list[DictionaryChange]:
    """The changes by which tables of record have another form."""
    return [change for change in compare(old, new) if change.alters]


def evolve(
    connection: Connection,
    new: Dictionary,
    statements: Sequence[str],
    allowed: Collection[str] = (),
) -> list[Effect]:
    """Alters tables by `statements`, in one transaction; the effects that are refused, if any are:
    then nothing is done.

    `connection` has no transaction. Among the statements is the one that saves the dictionary.
    """
    connection.begin()
    try:
        old = saved_dictionary(connection)
        assert old is not None
        found = LostValues(connection, old, new, allowed)
        effects = [found.of(change) for change in altering(old, new)]
        refused = [effect for effect in effects if effect.refused]
        if refused:
            connection.rollback()
            return refused
        for statement in statements:
            connection.execute(statement)
        _record(connection, effects)
        connection.commit()  # the commit point: tables and dictionary, or neither
    except BaseException:
        connection.rollback()
        raise
    return []


def _record(connection: Connection, effects: Sequence[Effect]) -> None:
    for effect in effects:
        change = effect.change
        row: list[Any] = [change.kind, change.table, change.column, change.was, change.becomes]
        connection.execute(
            "insert into ops.alterations (altered_at, kind, table_name, column_name, was, becomes,"
            " lost) values (cast(timezone('UTC', now()) as timestamp), ?, ?, ?, ?, ?, ?)",
            [*row, effect.rows],
        )


def refusal(refused: Sequence[Effect]) -> str:
    """Why a build is refused, for people: a line for each change, and what can be said."""
    lines = [f"{each.change.described}: {each.refused}" for each in refused]
    if says := [each.allowed_by for each in refused if each.allowed_by]:
        lines.append(f"HINT: --allow {' --allow '.join(says)}")
    return "\n".join(lines)

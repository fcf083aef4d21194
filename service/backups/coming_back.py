"""Rows that were erased, and that a backup still has: a restore does not bring them back unsaid."""

from typing import Any

from service.backups.comparing import WHAT
from service.dictionary import Table
from service.engines.engine import Connection
from service.errors import BringsBackErased
from service.judge.findings import FIRST_IDS
from service.ops import erased_rows
from service.runtime.wording import counted


def let_erased(connection: Connection, table: Table, differences: str) -> None:
    """Has rows that were erased, and would come back, be erased no more."""
    erased_rows.allow(connection, table.name, _coming(connection, table, differences))


def check_erased(connection: Connection, table: Table, differences: str) -> None:
    """Raises BringsBackErased where rows that were erased would come back."""
    if keys := _coming(connection, table, differences):
        raise BringsBackErased(
            f"{counted(len(keys), 'erased row')} of {table.name} would come back",
            table=table.name,
            count=len(keys),
            first_ids=keys[:FIRST_IDS],
        )


def _coming(connection: Connection, table: Table, differences: str) -> list[Any]:
    coming = f"(select * from {differences} where {WHAT} = 'add')"
    return erased_rows.erased_among(connection, table, coming)

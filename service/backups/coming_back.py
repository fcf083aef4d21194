"""Rows that were erased, and that a backup still has: a restore does not bring them back unsaid."""

from service.backups.comparing import WHAT
from service.dictionary import Table
from service.engines.engine import Connection
from service.errors import BringsBackErased
from service.judge.findings import FIRST_IDS
from service.ops import erased_rows
from service.runtime.wording import counted


def let_erased(connection: Connection, table: Table, differences: str, allowed: bool) -> None:
    """Looks for erased rows among those that would come back; where it is `allowed`, they are
    erased no more.

    Raises:
        BringsBackErased: there are some, and they are not to come back.
    """
    coming = f"(select * from {differences} where {WHAT} = 'add')"
    keys = erased_rows.erased_among(connection, table, coming)
    if not keys:
        return
    if not allowed:
        raise BringsBackErased(
            f"{counted(len(keys), 'erased row')} of {table.name} would come back",
            table=table.name,
            count=len(keys),
            first_ids=keys[:FIRST_IDS],
        )
    erased_rows.allow(connection, table.name, keys)

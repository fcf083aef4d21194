"""How often each rule of each column was broken, by the rejections that are on record."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.engines.engine import Connection


@dataclass(frozen=True)
class ViolationCount:
    """How many rejected rows broke a rule: those that are open, and all there ever were.

    `column` is None where it is no column of the table that did.
    """

    table: str
    column: str | None
    rule: str
    open: int
    ever: int


class ViolationCounts:
    """The counts of one warehouse. To count a million rejections takes a second, so they are kept
    until there are others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: tuple[Any, ...] | None = None
        self._counts: Sequence[ViolationCount] = ()

    def read(self, connection: Connection) -> Sequence[ViolationCount]:
        """All counts, those of the most open rejections first."""
        with self._lock:
            state = _state(connection)
            if state != self._state:
                self._counts, self._state = _counted(connection), state
            return self._counts


def open_by_table(connection: Connection) -> dict[str, int]:
    """How many rejections are open, by table; one that is not there has none."""
    query = "select table_name, count(*) from ops.rejections where status = 'open' group by 1"
    return dict(connection.execute(query).fetchall())


def _state(connection: Connection) -> tuple[Any, ...]:
    """Changes when a rejection comes, or its status does, whoever changes it."""
    [state] = connection.execute(
        "select count(*), bit_xor(hash(rejection_id, status, violations)) from ops.rejections"
    ).fetchall()
    return state  # type: ignore[no-any-return]


def _counted(connection: Connection) -> Sequence[ViolationCount]:
    found = connection.execute(
        """
        with broken as (
            select table_name, status, unnest(from_json(violations, ?)) as violation
            from ops.rejections
        ),
        columns as (
            select table_name, column_name from information_schema.columns
            -- of this database: a copy of it may be attached
            where table_catalog = current_database() and table_schema = 'core'
        )
        select
            broken.table_name,
            columns.column_name,
            violation.rule,
            count(*) filter (status = 'open') as open,
            count(*) as ever
        from broken
        left join columns
            on columns.table_name = broken.table_name
            and columns.column_name = violation."column"
        group by 1, 2, 3
        order by open desc, ever desc, 1, 2, 3
        """,
        ['[{"column": "varchar", "rule": "varchar"}]'],
    ).fetchall()
    return [ViolationCount(*row) for row in found]

"""What becomes of rows that were kept out, and wait, by another dictionary."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from service.dictionary import Dictionary, Table
from service.dictionary.evolution import table_before
from service.engines.engine import Connection
from service.formats.bodies.rows_protocol import Rows
from service.formats.bodies.stored import TextRows, in_names_of_now, json_rows
from service.judge.judge import Judge

JUDGED = 10_000  # rejections of a table, the oldest
_OPEN = """
    select payload, coalesce(is_text, loads.kind in ('history', 'file'), false)
    from ops.rejections as rejections left join ops.loads as loads using (load_id, table_name)
    where table_name = ? and rejections.status = 'open' order by rejections.number limit ?
"""


@dataclass(frozen=True)
class RejectionsToCome:
    """The open rejections of a table, by its name of before: `judged` of them were looked at, of
    which so many fit by themselves, before and then. `unnamed` have values of columns that the
    table will not have: as they are, they cannot be tried again.
    """

    table: str
    open: int
    judged: int
    fit_before: int
    fit_then: int
    unnamed: int


def rejections_to_come(
    connection: Connection, old: Dictionary, new: Dictionary
) -> Iterator[RejectionsToCome]:
    """For each table of before that has open rejections."""
    query = "select table_name, count(*) from ops.rejections where status = 'open' group by all"
    counts = dict(connection.execute(query).fetchall())
    for name, table in old.tables.items():
        if name not in counts:
            continue
        rows = connection.execute(_OPEN, [name, JUDGED]).fetchall()
        then = next((t for t in new.tables.values() if table_before(t, old, new) is table), None)
        yield RejectionsToCome(
            *(name, counts[name], len(rows), _fitting(table, rows)),
            fit_then=_fitting(then, rows) if then else 0,
            unnamed=_unnamed(table, then, rows) if then else len(rows),
        )


def _fitting(table: Table, rows: Sequence[tuple[str, bool]]) -> int:
    judge = Judge(table)
    parts = [[row[0] for row in rows if row[1] is is_text] for is_text in (True, False)]
    return sum(
        judge.judge(_rows(table, part, is_text)).fitting.num_rows
        for part, is_text in zip(parts, (True, False), strict=True)
        if part
    )


def _rows(table: Table, payloads: Sequence[str], is_text: bool) -> Rows:
    of_now = [in_names_of_now(payload, table.former_names) for payload in payloads]
    if is_text:
        return TextRows([msgspec.json.decode(payload) for payload in of_now])
    return json_rows([payload.encode() for payload in of_now])


def _unnamed(table: Table, then: Table, rows: Sequence[tuple[str, bool]]) -> int:
    gone = set(table.column_names) - {*then.column_names, *then.former_names}
    return sum(1 for payload, _ in rows if gone and gone & _said(payload))


def _said(payload: str) -> set[str]:
    row = msgspec.json.decode(payload)
    if not isinstance(row, dict):
        return set()
    return {name for name, value in row.items() if value is not None}

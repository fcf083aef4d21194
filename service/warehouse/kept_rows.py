"""The rows that are there when a batch is judged: stored ones, and those that its group brings."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.dictionary.timestamps import Mask
from service.engines.column_sql import has_same_key, is_there, listed, value_of
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.judge.batch import Batch
from service.judge.columns import KeysOf
from service.judge.key_index import KeyIndex
from service.judge.orphans import parent_of
from service.judge.resolution import Numbers, There, rows_there
from service.ops.row_history import SENT, keys_in
from service.warehouse.group_rows import write_rows
from service.warehouse.work import Group

NUMBER = "number of the row"  # a column that no table has
AT_ONCE = 1 << 16  # rows
NONE = There(np.zeros(0, np.int64), np.zeros(0, np.bool_))


class KeptRows:
    """As `RowsThere` of judge/resolution.py, in the writer's transaction.

    What the group brings, and what is looked for, is written before it is looked at.
    """

    def __init__(self, connection: Connection, dictionary: Dictionary, group: Group) -> None:
        self._connection, self.dictionary, self._group = connection, dictionary, group
        self._ahead: dict[int, tuple[Batch, There]] = {}  # by the batch's identity

    def _bring_in(self, table: Table, keys: Sequence[Any] | None) -> None:
        if self._group.waits_for(table, keys):
            write_rows(self._connection, self._group)

    def look_ahead(self, batches: Iterable[Batch], keys: KeyIndex) -> None:
        """Compares the rows of batches that are there by now in one go: most of what a query takes
        is the same for a few rows and for many. `keys` are those that are there.
        """
        tables: dict[str, list[tuple[Batch, Numbers]]] = {}
        for batch in batches:
            if (there := rows_there(batch, keys)).size:
                tables.setdefault(batch.table.name, []).append((batch, there))
        for parts in tables.values():
            rows = pa.concat_tables(batch.fitting.take(there) for batch, there in parts)
            is_there, is_same = self._ask(parts[0][0].table, rows)
            ends = accumulate((len(there) for _, there in parts), initial=0)
            for (batch, there), (start, end) in zip(parts, pairwise(ends), strict=True):
                own = is_there[start:end]
                self._ahead[id(batch)] = batch, There(there[own], is_same[start:end][own])

    def seen(self, batch: Batch) -> There:
        """What looking ahead has found."""
        return self._ahead[id(batch)][1] if id(batch) in self._ahead else NONE

    def compared(self, batch: Batch, rows: Numbers) -> There:
        """Those `rows` of ``batch.fitting``, ascending, whose key is there."""
        table, known = batch.table, self.seen(batch)
        values = batch.keys[table.primary_key]
        # Requests of the group may have brought more of them since, or have changed some.
        if len(rows) == len(known.rows) and not self._group.has_changed(
            table, map(values.__getitem__, rows.tolist())
        ):
            return known
        self._bring_in(table, [values[row] for row in rows.tolist()])
        is_there, is_same = self._ask(table, batch.fitting.take(rows))
        return There(rows[is_there], is_same[is_there])

    def _ask(self, table: Table, rows: pa.Table) -> tuple[Mask, Mask]:
        """Which of the rows have a key that is there, and which of these are the same."""
        columns = map(quoted, table.column_names)
        same = " and ".join(f"sent.{name} is not distinct from kept.{name}" for name in columns)
        numbered = rows.append_column(NUMBER, pa.array(np.arange(rows.num_rows)))
        found = query_arrow(
            self._connection,
            f"select sent.{quoted(NUMBER)} as number, {same} as is_same from arrow_rows as sent"
            f" inner join {core(table.name)} as kept on {has_same_key(table, 'sent', 'kept')}",
            numbered,
        ).fetchnumpy()
        is_there, is_same = np.zeros((2, rows.num_rows), np.bool_)
        is_there[found["number"]] = True
        is_same[found["number"]] = found["is_same"]
        return is_there, is_same

    def values(self, table: Table, rows: pa.Table, names: Sequence[str]) -> Mapping[Any, Any]:
        """The values of the columns `names` of the stored rows that have the keys of `rows`, by
        key and then by name; they are as in `Batch.keys`.
        """
        wanted = (table.key, *map(table.column, names))
        columns = ", ".join(dict.fromkeys(quoted(part.name) for c in wanted for part in c.parts))
        there = self._those_of(table, rows, f"select {columns}")
        found = KeysOf(table, there.to_arrow_reader(AT_ONCE).read_all())
        values = zip(*(found[name] for name in names), strict=True)
        return {
            key: dict(zip(names, row, strict=True))
            for key, row in zip(found[table.primary_key], values, strict=True)
        }

    def referred(self, table: Table, rows: pa.Table, child: Table, column: Column) -> set[Any]:
        """Which values of the stored rows that have the keys of `rows` a column of `child` has."""
        self._bring_in(child, None)
        field = table.column(parent_of(column)[1])
        distinct = (
            f"select distinct {listed(column)} from {core(child.name)}"
            f" where {is_there(column)} and {value_of(column)} in (select {value_of(field)}"
        )
        there = self._those_of(table, rows, distinct, ")").to_arrow_reader(AT_ONCE).read_all()
        return set(KeysOf(child, there)[column.name])

    def _those_of(self, table: Table, rows: pa.Table, select: str, rest: str = "") -> Connection:
        """The stored rows that have the keys of `rows`."""
        key = value_of(table.key)
        return query_arrow(
            self._connection,
            f"{select} from {core(table.name)} where {key} in {keys_in(table, SENT)}{rest}",
            rows.select(list(table.key_names)),
        )

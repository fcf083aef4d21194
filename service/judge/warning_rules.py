"""The rules of severity `warn`: what breaks one goes in, and is told of."""

from typing import Any

import numpy as np
import pyarrow as pa

from service.dictionary import Table
from service.formats.bodies.body_rows import LazyRows
from service.judge.batch import Batch, Violation
from service.judge.row_rules import RowRules
from service.judge.value_by_value import SentValue, texts_of


class WarningRules:
    """Those of one table; false where it has none."""

    def __init__(self, table: Table) -> None:
        own = (rule for rule in table.warnings if not rule.needs_other_rows)
        self._rules = RowRules(table, own)

    def __bool__(self) -> bool:
        return bool(self._rules.rules)

    def of(self, batch: Batch) -> dict[int, list[Violation]]:
        """What is told of the rows of ``batch.fitting``, by their positions."""
        sent = _Sent(batch)
        found: dict[int, list[Violation]] = {}
        for each in self._rules.broken(batch.fitting, sent.texts):
            column = each.rule.column
            for row in np.flatnonzero(each.rows).tolist():
                position = batch.positions[row]
                value = sent.value(position, column) if column else None
                found.setdefault(position, []).append(
                    Violation(column, each.rule.kind, each.message(row, value), value)
                )
        return found


class _Sent:
    """The values of a batch as they were sent."""

    def __init__(self, batch: Batch) -> None:
        assert batch.rows is not None
        assert not isinstance(batch.rows, LazyRows)
        self._rows, self._positions = batch.rows, batch.positions
        self._exact = batch.table.exact_columns

    def value(self, position: int, column: str) -> Any:
        row = self._rows.plain(position)
        exact = self._rows.exact(position, self._exact)
        return SentValue(row.get(column), exact.get(column)).told if isinstance(row, dict) else None

    def texts(self, column: str) -> pa.Array:
        return texts_of([self.value(position, column) for position in self._positions])

"""The rows of one request for one table, as they are once each was judged on its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.dictionary import Table
from service.formats.bodies.body_rows import LazyRows
from service.formats.bodies.rows_protocol import Rows
from service.judge.columns import Adjusted, KeysOf, sets_of, without
from service.judge.key_sets import KeySet


class Violation(msgspec.Struct, frozen=True):
    """One reason why a row is kept out; `value` is what was sent."""

    column: str | None
    rule: str
    message: str
    value: Any = None


@dataclass
class Broken:
    """A row that does not fit on its own; `keys` are its readable values in the key columns."""

    violations: list[Violation]
    keys: dict[str, Any]


@dataclass
class Batch:
    """The rows of one request for one table, judged on their own.

    `positions` (0-based, in the request) and `keys` (values of the key columns) go along with
    the rows of `fitting`; the rows of `broken` are by position. Where the values of a column are at
    hand as a set, without None, it is in `sets`. `warnings` are what is told of rows of
    `fitting`, which go in all the same, by position.
    """

    table: Table
    received: int
    fitting: pa.Table
    positions: Sequence[int]
    keys: Mapping[str, Sequence[Any]]
    broken: dict[int, Broken] = field(default_factory=dict)
    rows: Rows | LazyRows | None = None
    sets: Mapping[str, KeySet] = field(default_factory=dict)
    adjusted: Adjusted | None = None  # goes along with the rows of `fitting`
    warnings: dict[int, list[Violation]] = field(default_factory=dict)

    def without(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> "Batch":
        """The same request without those rows of `fitting`, whose numbers are ascending."""
        if not len(rows):
            return self
        left = np.ones(self.fitting.num_rows, np.bool_)
        left[rows] = False
        fitting = without(self.fitting, rows)
        return replace(
            self,
            fitting=fitting,
            positions=list(map(self.positions.__getitem__, np.flatnonzero(left).tolist())),
            keys=KeysOf(self.table, fitting),
            sets=sets_of(self.table, fitting) if self.sets else {},
            adjusted=self.adjusted and self.adjusted.only(left),
        )

    def sums_adjusted(self, *left_out: Collection[int]) -> tuple[int, int]:
        """How many values of the rows are defaults, and how many normalised; those at the positions
        `left_out` do not count.
        """
        kept = self.adjusted
        if kept is None:
            return 0, 0
        if gone := set().union(*left_out):
            kept = kept.only(np.array([i not in gone for i in self.positions], np.bool_))
        return int(kept.defaulted.sum()), int(kept.normalised.sum())

    def payload(self, position: int) -> str:
        """What was sent at `position`, in JSON."""
        assert self.rows is not None
        return self.rows.payload(position).decode()

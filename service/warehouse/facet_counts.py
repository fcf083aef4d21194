"""Facets and counts that were found once, kept until the table changes.

To count the values of a column of 10 million rows takes 30 to 500 ms; ten people who look at one
table, or one who goes back and forth, need that once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from service.dictionary import Column, Table
from service.engines.engine import Connection
from service.warehouse import facets
from service.warehouse.facets import CountedRows
from service.warehouse.row_queries import RowQuery

T = TypeVar("T")
KEPT = 256  # of all tables; the least recently used go first
MAX_VALUES = 100  # longer lists of values are not kept


class FacetCounts:
    """What was counted, of all tables. Threads may share it."""

    def __init__(self, versions: Mapping[str, int]) -> None:
        """`versions` has a number for each table, another one after each change."""
        self._versions = versions
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._under_way: dict[Hashable, threading.Event] = {}

    def of(self, table: Table) -> "TableCounts":
        """The counts of a table as it is; to be asked for before the snapshot that is counted.

        What is committed in between has another version, so that it is counted anew.
        """
        version = (table.name, self._versions[table.name], table.fingerprint)
        return TableCounts(lambda key, count: self._once((version, key), count))

    def _once(self, key: Hashable, count: Callable[[], T]) -> T:
        """What was counted before, else by another thread that is at it, else by this one."""
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    found: T = self._kept[key]
                    return found
                other = self._under_way.get(key)
                if other is None:
                    done = self._under_way[key] = threading.Event()
                    break
            other.wait()  # if that one was stopped, this one counts
        try:
            counted = count()
            self._keep(key, counted)
        finally:
            with self._lock:
                del self._under_way[key]
            done.set()
        return counted

    def _keep(self, key: Hashable, counted: Any) -> None:
        with self._lock:
            self._kept[key] = counted
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


class TableCounts:
    """The counts of one version of a table."""

    def __init__(self, once: Callable[[Hashable, Callable[[], Any]], Any]) -> None:
        self._once = once

    def counted(
        self, connection: Connection, query: RowQuery, columns: Sequence[Column], limit: int
    ) -> CountedRows:
        """As `facets.counted`."""
        if limit > MAX_VALUES:
            return facets.counted(connection, query, columns, limit)
        filters = frozenset((each.column.name, each.text) for each in query.filters)
        key = (filters, tuple(column.name for column in columns), limit)
        found: CountedRows = self._once(
            key, lambda: facets.counted(connection, query, columns, limit)
        )
        return found

"""Evaluates predicates of the dictionary over Arrow rows, by a DuckDB that can do nothing else.

It is in memory, reads and writes no file, loads no extension, and its settings are locked. What a
predicate may say, predicates.py decides.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from types import MappingProxyType
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from service.engines.sql import quoted
from service.errors import Unavailable

Rows: TypeAlias = pa.Table | pa.RecordBatch
Stream: TypeAlias = pa.Table | pa.RecordBatch | pa.RecordBatchReader

MEMORY = "512MB"
SECONDS = 5.0  # that one batch of rows may take; a thousand rows take a millisecond
TICK_SECONDS = 0.5
PREPARED = 64  # statements that a thread keeps compiled
NO_TYPES: Mapping[str, str] = MappingProxyType({})


class PredicateFailed(Exception):
    """An expression fails on one of the rows."""


def _too_much() -> Unavailable:
    return Unavailable("the rules of the table take too long for these rows; nothing was written")


class Sandbox:
    """One DuckDB of a process, with a cursor for each thread."""

    def __init__(self) -> None:
        self._root = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "memory_limit": MEMORY,
                "threads": 1,  # each thread that asks works itself
            },
        )
        self._root.execute("set TimeZone = 'UTC'")
        # It would take what stands in try() twice out of it, and there it fails.
        self._root.execute("set disabled_optimizers = 'common_subexpressions'")
        self._root.execute("set lock_configuration = true")
        self._own, self._numbers = threading.local(), count()
        self._watch = _Watch()

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The cursor of this thread."""
        found: duckdb.DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        if found is None:
            found = self._own.cursor = self._root.cursor()
        return found

    def evaluate(
        self,
        expressions: Sequence[str],
        rows: Rows,
        types: Mapping[str, str] = NO_TYPES,
        seconds: float = SECONDS,
    ) -> list[pa.ChunkedArray]:
        """The value of each expression for each of the `rows`, whose columns it may name.

        `types` are those of columns, by name, that DuckDB does not take Arrow's for.

        Raises:
            PredicateFailed: an expression fails on a row.
            Unavailable: it took longer than so many `seconds`, or more memory than there is.
        """
        return self._answers(expressions, rows.schema, rows, types, seconds)

    def evaluate_each(
        self,
        expressions: Sequence[str],
        rows: Rows,
        types: Mapping[str, str] = NO_TYPES,
        seconds: float = SECONDS,
    ) -> list[pa.ChunkedArray]:
        """As `evaluate`, but null where an expression fails on a row; raises Unavailable alone.

        Each row is a chunk of its own: DuckDB's try() gives wrong answers for other rows of the
        same chunk (1.5.6, two in a thousand, beside a failing one).
        """
        tried = [f"try(({each}\n))" for each in expressions]
        batches = rows.to_batches() if isinstance(rows, pa.Table) else [rows]
        single = (batch.slice(i, 1) for batch in batches for i in range(len(batch)))
        stream = pa.RecordBatchReader.from_batches(rows.schema, single)
        return self._answers(tried, rows.schema, stream, types, seconds)

    def _answers(
        self,
        expressions: Sequence[str],
        schema: pa.Schema,
        rows: Stream,
        types: Mapping[str, str],
        seconds: float,
    ) -> list[pa.ChunkedArray]:
        if seconds <= 0:
            raise _too_much()
        cursor = self.cursor
        try:
            asked = self._prepared(expressions, schema, types)
            with self._watch.bounded(cursor, seconds), asked.rows.being(rows):
                return list(cursor.execute(asked.statement).to_arrow_table().columns)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise _too_much() from None
        except duckdb.Error as error:
            raise PredicateFailed(type(error).__name__) from None  # its words have values of rows

    def _prepared(
        self, expressions: Sequence[str], schema: pa.Schema, types: Mapping[str, str]
    ) -> "_Prepared":
        """Compiled once a thread: that takes longer than to evaluate it for a thousand rows."""
        own: OrderedDict[Any, _Prepared] | None = getattr(self._own, "prepared", None)
        if own is None:
            own = self._own.prepared = OrderedDict()
        key = (*expressions, *schema.names, *map(str, schema.types), *types.items())
        if key in own:
            own.move_to_end(key)
            return own[key]
        while len(own) >= PREPARED:
            own.popitem(last=False)[1].forget(self.cursor)
        own[key] = _Prepared(self.cursor, next(self._numbers), expressions, schema, types)
        return own[key]


@cache
def sandbox() -> Sandbox:
    """That of this process; made when it is asked for first."""
    return Sandbox()


class _Rows:
    """What a prepared statement reads: other rows of the same schema each time."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._stream: Stream = schema.empty_table()

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._stream.__arrow_c_stream__(requested_schema)

    @contextmanager
    def being(self, stream: Stream) -> Iterator[None]:
        self._stream = stream
        try:
            yield
        finally:
            self._stream = self._schema.empty_table()


class _Prepared:
    """Expressions that a cursor has compiled, and the rows that they are asked of."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        number: int,
        expressions: Sequence[str],
        schema: pa.Schema,
        types: Mapping[str, str],
    ) -> None:
        self._name, self.rows = f"rows_{number}", _Rows(schema)
        self.statement = f"execute ask_{self._name}"
        casts = ", ".join(
            f"cast({quoted(n)} as {type_}) as {quoted(n)}" for n, type_ in types.items()
        )
        read = f"(select * replace ({casts}) from {self._name})" if types else self._name
        selected = ", ".join(f"({each}\n) as c{i}" for i, each in enumerate(expressions))
        cursor.register(self._name, self.rows)
        cursor.execute(f"prepare ask_{self._name} as select {selected} from {read}")

    def forget(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(f"deallocate ask_{self._name}")
        cursor.unregister(self._name)


class _Watch:
    """Interrupts what takes too long: a thread of its own, which sleeps while nothing runs."""

    def __init__(self) -> None:
        self._running: dict[duckdb.DuckDBPyConnection, float] = {}
        self._lock, self._any = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def bounded(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        with self._lock:
            self._running[cursor] = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="sandbox", daemon=True)
                self._thread.start()
        self._any.set()
        try:
            yield
        finally:
            with self._lock:  # an interruption that comes later would meet what is run next
                del self._running[cursor]

    def _look(self) -> None:
        while self._any.wait():
            time.sleep(TICK_SECONDS)
            with self._lock:
                if not self._running:
                    self._any.clear()
                late = [c for c, until in self._running.items() if until < time.monotonic()]
                for cursor in late:
                    with suppress(duckdb.Error):
                        cursor.interrupt()

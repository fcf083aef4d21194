"""Small Parquet files on the lake in which Spark finds what Python has put there.

A macro of dbt-spark cannot call Python, so what it would ask is written down before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.stores.store import Store

MOST = 1 << 30  # bytes of a list


def parquet(table: pa.Table) -> pa.Buffer:
    """A table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def write_list(
    store: Store, name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> None:
    """Writes the rows as the object `name`, in place of what is there; there may be none."""
    data = parquet(pa.Table.from_pylist([*rows], schema)).to_pybytes()
    version = store.read(name, MOST)[1] if store.exists(name) else None
    store.put(name, data, version)

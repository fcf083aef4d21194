"""All rows that fit a query as Arrow batches, of one snapshot, with little of them in memory."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.formats.row_streams import IS_JSON
from service.warehouse.row_order import LISTED
from service.warehouse.row_queries import RowQuery
from service.warehouse.stored_rows import documents_of, shown

BATCH = 30_720  # rows; a quarter of a group of DuckDB's


def batches(
    connection: Connection,
    query: RowQuery,
    after: Sequence[Any] | None,
    limit: int | None,
    typed: bool,
) -> pa.RecordBatchReader:
    """At most `limit` rows (None: all) in the query's order, from the one after the place `after`.

    With `typed` timestamps are ``timestamp[us, UTC]``, else text as it is shown. The transaction of
    `connection` has to stay open while they are read.
    """
    where, values = query.where(after)
    columns = ", ".join(map(quoted, query.names)) if typed else shown(query.columns)
    ends = "" if limit is None else "limit ?"
    found = connection.execute(
        f"select {columns} from {core(query.table.name)} as {LISTED} where {where}"
        f" order by {query.order.sql()} {ends}",
        [*values, *([] if limit is None else [limit])],
    ).to_arrow_reader(BATCH)
    return _in_utc(found) if typed else _marked(found, documents_of(query.columns))


def _marked(found: pa.RecordBatchReader, documents: frozenset[str]) -> pa.RecordBatchReader:
    """The same, where fields say whether their texts are JSON."""
    if not documents:
        return found
    fields = [
        field.with_metadata(IS_JSON) if field.name in documents else field for field in found.schema
    ]
    schema = pa.schema(fields)
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in found))


def _in_utc(found: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same, where timestamps say that they are in UTC."""
    fields = [
        field.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in found.schema
    ]
    schema = pa.schema(fields)
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in found))

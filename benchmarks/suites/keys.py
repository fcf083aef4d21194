"""Keys: what the service holds of them in memory, and what DuckDB's own primary key takes.

Each figure comes from a process of its own. Told is CPU time, which other work of the machine
disturbs least.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.bench import Bench, in_words
from benchmarks.processes import rss_mb
from benchmarks.report import spread
from benchmarks.rounds import Entry, Figures, interleaved, values
from service.engines.duckdb import open_bare, query_arrow
from service.engines.engine import Connection
from service.judge.key_sets import KeySet, key_set
from service.judge.stored_keys import StoredKeys

# How the key of the i-th row is made, and its type.
KEYS = {
    "text": ("'customer-' || md5(i::varchar)[:12]", "varchar"),
    "UUID": ("md5(i::varchar)::uuid", "uuid"),
    "scattered bigint": ("(hash(i) >> 1)::bigint", "bigint"),
    "bigint, one after the other": ("i::bigint", "bigint"),
}
TRANSACTIONS, ROWS = 30, 4000
ASKED = 1000  # values of a batch
AT_ONCE = 1 << 15
MEMORY = ("", "bytes a key", "CPU s to fill", "CPU µs to ask for 1000", "Python set, bytes a key")
INDEX = ("", "primary key", "CPU ms of 4000 rows", "index MB", "file MB", "a row by key, CPU ms",
         "200 keys, CPU ms")  # fmt: skip


def run(bench: Bench) -> None:
    """Both tables, for tables of the largest size that is asked for."""
    rows = bench.large
    entries = [Entry(kind, partial(_alone, _held, kind, rows)) for kind in KEYS]
    found = interleaved(entries, bench.rounds)
    names = ("bytes", "fill", "ask", "set_bytes")
    table = [[kind, *(spread(values(found[kind], name)) for name in names)] for kind in KEYS]
    bench.report.table(f"Keys in memory, {in_words(rows)}", MEMORY, table, found)
    entries = [
        Entry(f"{kind}, {has}", partial(_alone, _indexed, kind, rows, has == "yes", bench.folder))
        for kind in KEYS
        for has in ("yes", "no")
    ]
    found = interleaved(entries, bench.rounds)
    names = ("transaction", "index_mb", "file_mb", "row", "keys")
    table = [
        [*entry.name.rsplit(", ", 1), *(spread(values(found[entry.name], name)) for name in names)]
        for entry in entries
    ]
    bench.report.table(f"DuckDB's primary key, {in_words(rows)} rows", INDEX, table, found)


def _alone(measure: Callable[..., Figures], *arguments: Any) -> Figures:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def _cpu(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _batches(connection: Connection, kind: str, first: int, rows: int) -> Iterator[Any]:
    made, type_name = KEYS[kind]
    shown = made if type_name == "bigint" else f"({made})::varchar"
    found = connection.execute(
        f"select {shown} as key from range({first}, {first + rows}) as r(i)"
    ).to_arrow_reader(AT_ONCE)
    for batch in found:
        column = batch.column(0)
        yield column.to_numpy() if type_name == "bigint" else column.to_pylist()


def _held(kind: str, rows: int) -> Figures:
    with open_bare(Path(":memory:")) as connection:
        type_name = KEYS[kind][1]
        batches = list(_batches(connection, kind, 0, rows))
        keys = StoredKeys(type_name, lambda suspects: ())
        before = rss_mb(os.getpid())
        fill = _cpu(lambda: keys.fill(rows, batches))
        held = (rss_mb(os.getpid()) - before) * 1e6 / rows
        new = [
            key_set(type_name, [*map(int, each)] if type_name == "bigint" else each)
            for each in _batches(connection, kind, rows, 100 * ASKED)
        ]
        asked: list[KeySet] = [
            key_set(type_name, part) for each in new for part in np.array_split([*each], 30)
        ]
        ask = _cpu(lambda: [keys.there(each) for each in asked])
        return {
            "bytes": held,
            "fill": fill,
            "ask": ask * 1e6 * ASKED / sum(map(len, asked)),
            "set_bytes": _as_set(batches, rows),
        }


def _as_set(batches: list[Any], rows: int) -> float:
    before = rss_mb(os.getpid())
    values: set[Any] = set()
    while batches:
        values.update(batches.pop().tolist() if hasattr(batches[-1], "tolist") else batches.pop())
    return (rss_mb(os.getpid()) - before) * 1e6 / rows


def _indexed(kind: str, rows: int, has_key: bool, folder: Path) -> Figures:
    path = folder / "keys.duckdb"
    made, type_name = KEYS[kind]
    content = (
        "'name ' || i as name, timestamp '2021-01-01' + to_seconds(i) as moment, (i % 12)::int as a"
    )
    select = f"select {made} as id, {content} from range({{}}, {{}}) as r(i)"
    with open_bare(path) as connection:
        constraint = "primary key" if has_key else "not null"
        columns = f"id {type_name} {constraint}, name varchar, moment timestamp, a integer"
        connection.execute(f"create table t ({columns})")
        connection.execute(f"insert into t {select.format(0, rows)}")
    size = path.stat().st_size
    with open_bare(path) as connection:
        connection.execute("set threads = 1")
        parts = [
            connection.execute(select.format(rows + i * ROWS, rows + i * ROWS + ROWS))
            .to_arrow_reader(ROWS).read_all()
            for i in range(TRANSACTIONS)
        ]  # fmt: skip
        times = [_cpu(partial(_insert, connection, part, type_name)) for part in parts]
        index = connection.execute(
            "select memory_usage_bytes from duckdb_memory() where tag = 'ART_INDEX'"
        ).fetchall()
        ids = [f"{each}" for part in parts for each in part["id"].to_pylist()[::50]]
        figures = {
            "transaction": 1000 * median(times),
            "index_mb": index[0][0] / 1e6 if index else 0,
            "file_mb": size / 1e6,
            "row": 1000 * median(_cpu(partial(_look, connection, type_name, [i])) for i in ids[:9]),
            "keys": 1000 * _cpu(partial(_look, connection, type_name, ids[:200])),
        }
    path.unlink()
    return figures


def _insert(connection: Connection, rows: pa.Table, type_name: str) -> None:
    connection.begin()
    query = f"insert into t select id::{type_name}, name, moment, a from arrow_rows"
    query_arrow(connection, query, rows)
    connection.commit()


def _look(connection: Connection, type_name: str, ids: list[str]) -> None:
    asked = ", ".join(f"cast(? as {type_name})" for _ in ids)
    connection.execute(f"select * from t where id in ({asked})", ids).fetchall()

"""Tables with every kind of key, and requests for them."""

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import msgspec
import pytest

from service.dictionary import Column, Dictionary
from service.engines.duckdb import Database
from service.formats.bodies.body_rows import LazyRows, rows_of
from service.judge.batch import Batch
from service.judge.judge import Judge
from service.judge.process.frames import batch_of, verdict_of
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.work import Idempotency, Insert, Outcome
from tests.support.world import DEPARTMENTS, column, key, table

Row = dict[str, Any]


def _reference(name: str, type_name: str, parent: str, field: str) -> Column:
    to = {"to": f"ref('{parent}')", "parent": parent, "field": field}
    return column(name, type_name, relationships=to)


BADGES = table(
    "badges",
    key(type_name="bigint"),
    column("code", "varchar", not_null={}, unique={}, max_length={"length": 8}),
    column("locker", "integer", unique={}),  # nullable
    _reference("department_id", "integer", "departments", "id"),  # nullable
)
VISITS = table("visits", key("id", "varchar"), _reference("badge", "varchar", "badges", "code"))
DICTIONARY = Dictionary({each.name: each for each in (DEPARTMENTS, BADGES, VISITS)}, {})
DEPARTMENT_ID = ("departments", "id")
JUDGES = {name: Judge(each) for name, each in DICTIONARY.tables.items()}


def department(number: int | None, name: str = "Fleet") -> Row:
    return {"id": number, "department": name}


def judged(name: str, *rows: Any) -> Batch:
    """The batch of a request that brings `rows`."""
    return JUDGES[name].judge(rows_of(msgspec.json.encode(rows), ""))


def carried(batch: Batch) -> Batch:
    """The same batch, judged by the other process."""
    said, data = verdict_of(batch)
    judge, body = Judge(batch.table), LazyRows(b"", "", batch.table)
    came = batch_of(pickle.loads(pickle.dumps(said)), bytes(data), judge, body)
    return replace(came, rows=batch.rows)


WAYS = pytest.mark.parametrize("way", [lambda batch: batch, carried], ids=["here", "apart"])


def insert(name: str, *rows: Any, **options: Any) -> Insert:
    """A request that brings rows of one table."""
    return Insert([judged(name, *rows)], **options)


def named(
    request: Insert, key: str, asks: str = "this", during: Callable[[], Any] = lambda: None
) -> Insert:
    """The same request with an Idempotency-Key; `during` is called within its transaction."""

    def render(outcome: Outcome) -> records.AnswerRecord:
        during()
        return answer(key, asks, str(outcome.load_id))

    return replace(request, idempotency=Idempotency(key, asks), render=render)


def answer(key: str, asks: str, body: str) -> records.AnswerRecord:
    return records.AnswerRecord(
        key=key, request=asks, status=201, headers="{}", body=body.encode(), created_at=utc_now()
    )


def violations(outcome: Outcome) -> dict[int, list[tuple[str | None, str]]]:
    """Column and rule of what is wrong, by position, of a request for one table."""
    [verdict] = outcome.verdicts
    return {
        position: [(each.column, each.rule) for each in found]
        for position, found in verdict.rejected.items()
    }


@dataclass
class Books:
    """What the warehouse says, to a connection that sees nothing uncommitted."""

    database: Database

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.reading() as connection:
            return connection.execute(query).fetchall()

    def ids(self, name: str) -> list[Any]:
        return [row[0] for row in self.ask(f"select * from core.{name} order by 1")]

    def count(self, book: str) -> int:
        [(count,)] = self.ask(f"select count(*) from {book}")
        return int(count)


def behind_the_back(database: Database, *departments: int) -> None:
    """Puts departments into the warehouse without the writer's knowledge."""
    connection: duckdb.DuckDBPyConnection = database.connect()
    for number in departments:
        connection.execute("insert into core.departments values (?, 'behind')", [number])
    connection.close()


class WatchedLock:
    """A lock that says when it was taken, and when someone has to wait for it."""

    def __init__(self) -> None:
        self.taken, self.waited_for = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def acquire(self, timeout: float = -1) -> bool:
        if not self._lock.acquire(blocking=False):
            self.waited_for.set()
            if not self._lock.acquire(timeout=timeout):
                return False
        self.taken.set()
        return True

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def done(future: "Future[Any]") -> Any:
    return future.result(60)

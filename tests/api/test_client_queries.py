"""Queries of clients: they end when they take too long, and when no one waits any more."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from service.api.http.client_queries import asked, streamed
from service.engines.duckdb import Database
from service.errors import Unavailable
from service.warehouse.query_pool import QueryPool

FOR_EVER = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "some.duckdb"
    duckdb.connect(str(path)).close()
    database = Database(path)
    queries = QueryPool(database)
    yield SimpleNamespace(queries=queries, settings=SimpleNamespace(query_seconds=0.2))
    queries.close()  # comes back only when nothing runs any more
    database.close()


def request(*messages: str) -> Any:
    """A request whose client sends these messages, and then stays."""
    waiting = list(messages)

    async def receive() -> dict[str, str]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": waiting.pop(0)}

    return SimpleNamespace(receive=receive, scope={})


def test_a_query_is_answered(gate):
    found = asyncio.run(
        asked(request("http.request"), gate, lambda c: c.execute("select 7").fetchone())
    )
    assert found == (7,)


def test_what_a_query_raises_is_raised(gate):
    with pytest.raises(ZeroDivisionError):
        asyncio.run(asked(request(), gate, lambda _: 1 / 0))


def test_a_query_that_takes_too_long_is_stopped_and_told(gate):
    with pytest.raises(Unavailable, match=r"longer than 0\.2 seconds"):
        asyncio.run(asked(request(), gate, lambda c: c.execute(FOR_EVER).fetchall()))


def test_a_query_of_several_statements_ends_by_the_first_interruption(gate):
    def work(connection: Any) -> None:
        while True:
            connection.execute("select 1").fetchall()

    with pytest.raises(Unavailable):
        asyncio.run(asked(request(), gate, work))


def test_a_query_whose_client_goes_away_is_stopped(gate):
    gate.settings.query_seconds = 600
    with pytest.raises(Unavailable, match="gone"):
        asyncio.run(
            asked(
                request("http.request", "http.disconnect"),
                gate,
                lambda c: c.execute(FOR_EVER).fetchall(),
            )
        )


def test_a_stream_that_is_left_in_the_middle_lets_go_of_its_snapshot(gate):
    closed = []

    def pieces(connection: Any) -> Iterator[bytes]:
        try:
            yield b"one"
            connection.execute(FOR_EVER).fetchall()
            yield b"two"
        finally:
            closed.append(True)

    async def leave() -> None:
        answer = await streamed(request(), gate, pieces, "text/plain", {})
        sent: Any = answer.iterator
        assert await anext(sent) == b"one"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(sent), 0.1)

    asyncio.run(leave())
    gate.queries.close()
    assert closed == [True]


def test_what_fails_before_the_first_piece_is_told(gate):
    def pieces(connection: Any) -> Iterator[bytes]:
        connection.execute("select nothing from nowhere")
        yield b""

    with pytest.raises(duckdb.CatalogException):
        asyncio.run(streamed(request(), gate, pieces, "text/plain", {}))

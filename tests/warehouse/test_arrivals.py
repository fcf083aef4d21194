"""Small requests that come at the same time are waited for; a loop that stands still is not."""

import asyncio
import threading

import pytest

from service.errors import KeyReused
from service.warehouse import arrivals
from service.warehouse.arrivals import Arrivals
from service.warehouse.work import Outcome
from tests.support.tables import Books, department, insert, named, violations


def test_small_requests_that_come_turn_by_turn_are_written_in_one_transaction(
    database, writer, monkeypatch
):
    books = Books(database)
    monkeypatch.setattr(arrivals, "MAX_SECONDS", 60)
    with database.connect() as connection:
        connection.execute("call enable_logging('QueryLog')")

    async def come() -> None:
        told = []
        for i in range(100, 150):
            told.append(writer.answer(insert("departments", department(i))))
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*told), 60)

    asyncio.run(come())
    transactions = books.ask(
        "select distinct transaction_id from duckdb_logs where type = 'QueryLog'"
        " and message like 'insert into core%'"
    )
    assert len(transactions) == 1


def test_of_requests_that_share_a_commit_each_is_told_what_became_of_it(database, writer):
    async def come() -> list[object]:
        loop, is_gone = asyncio.get_running_loop(), threading.Event()

        def give_up() -> None:
            gone.cancel()
            is_gone.set()

        def during() -> None:  # in the transaction
            loop.call_soon_threadsafe(give_up)
            assert is_gone.wait(60)

        with writer.lock:
            gone = writer.answer(insert("departments", department(200)))
            told = [
                writer.answer(named(insert("departments", department(201)), "a", "this", during)),
                writer.answer(named(insert("departments", department(202)), "a", "that")),
                writer.answer(insert("departments", department(203), department(None))),
            ]
        return await asyncio.wait_for(asyncio.gather(gone, *told, return_exceptions=True), 60)

    gone, first, second, third = asyncio.run(come())
    assert isinstance(gone, asyncio.CancelledError)
    assert isinstance(first, Outcome)
    assert isinstance(second, KeyReused)
    assert isinstance(third, Outcome)
    assert violations(third) == {1: [("id", "not_null")]}
    there = Books(database).ask("select id from core.departments where id >= 200 order by id")
    assert there == [(200,), (201,), (203,)]


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_loop_that_does_not_turn_is_not_waited_for(monkeypatch, is_closed):
    monkeypatch.setattr(arrivals, "MAX_SECONDS", 0.001)
    loop = asyncio.new_event_loop()
    if is_closed:
        loop.close()
    thread = threading.Thread(target=Arrivals().wait, args=[loop], daemon=True)
    thread.start()
    thread.join(60)
    loop.close()
    assert not thread.is_alive()

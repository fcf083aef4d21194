"""Small requests that come at the same time are waited for; a loop that stands still is not."""

import asyncio
import threading

import pytest

from service.warehouse import arrivals
from service.warehouse.arrivals import Arrivals
from tests.warehouse.tables import Books, department, insert


def test_small_requests_that_come_turn_by_turn_are_written_in_one_transaction(
    database, writer, monkeypatch
):
    books = Books(database)
    monkeypatch.setattr(arrivals, "MOST_SECONDS", 60)
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


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_loop_that_does_not_turn_is_not_waited_for(monkeypatch, is_closed):
    monkeypatch.setattr(arrivals, "MOST_SECONDS", 0.001)
    loop = asyncio.new_event_loop()
    if is_closed:
        loop.close()
    thread = threading.Thread(target=Arrivals().wait, args=[loop], daemon=True)
    thread.start()
    thread.join(60)
    loop.close()
    assert not thread.is_alive()

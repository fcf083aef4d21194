"""The writer: changes of other kinds, whose turn it is, and the end."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import duckdb
import pytest

from service.errors import KeyReused, Unavailable
from service.warehouse.writer import Writer
from tests.support.tables import (
    DEPARTMENT_ID,
    DICTIONARY,
    WatchedLock,
    answer,
    department,
    done,
    insert,
    named,
    violations,
)


def add(number: int) -> Any:
    def change(connection: duckdb.DuckDBPyConnection) -> int:
        connection.execute(f"insert into core.departments values ({number}, 'run')")
        return number

    return change


def add_and_fail(connection: duckdb.DuckDBPyConnection) -> None:
    add(101)(connection)
    raise ValueError("no")


def test_a_change_is_committed_and_the_keys_that_it_touches_are_read_anew(writer, books):
    assert done(writer.run(add(100), touches=["departments"])) == 100
    assert books.ids("departments") == [1, 2, 100]
    assert writer.keys.has(DEPARTMENT_ID, 100)


def test_a_change_that_fails_is_rolled_back_and_told(writer, books):
    with pytest.raises(ValueError, match="no"):
        done(writer.run(add_and_fail, touches=["departments"]))
    assert books.ids("departments") == [1, 2]
    with pytest.raises(Unavailable):
        done(writer.run(add(1)))  # DuckDB's own error is not told
    assert violations(done(writer.insert(insert("departments", department(101))))) == {}


def test_a_change_is_made_once_for_one_key(writer, books):
    def once(change: Any, asks: str) -> Any:
        request = named(insert("departments", department(1)), "key", asks).idempotency
        render = lambda made: answer("key", asks, str(made))  # noqa: E731
        return done(writer.run_once(change, ["departments"], request, render))

    with pytest.raises(ValueError, match="no"):
        once(add_and_fail, "this")
    assert books.count("ops.idempotency_keys") == 0
    assert once(add(100), "this") == 100
    assert once(add(102), "this").answer.body == b"100"
    with pytest.raises(KeyReused):
        once(add(103), "that")
    assert books.ids("departments") == [1, 2, 100]


def test_changes_and_requests_keep_their_turn(writer, books):
    with writer.lock:
        before = writer.insert(insert("departments", department(110)))
        change = writer.run(lambda connection: books.ids("departments"))
        after = writer.insert(insert("departments", department(111)))
    assert done(change) == [1, 2, 110]
    assert violations(done(before)) == violations(done(after)) == {}


# Begin and end


def test_a_full_queue_is_told_with_a_time_to_come_again(database, books):
    writer = Writer(database, DICTIONARY, waiting=3, group_rows=20_000)
    writer.start()
    futures: list[Future[Any]] = []

    def hand_in_without_end() -> None:
        while True:
            futures.append(writer.insert(insert("departments", department(200 + len(futures)))))

    with writer.lock, pytest.raises(Unavailable, match="too many requests") as error:
        hand_in_without_end()
    assert error.value.retry_after >= 1
    assert 3 <= len(futures) <= 4  # the writer had taken up the first, or not yet
    assert [violations(done(future)) for future in futures] == [{}] * len(futures)
    writer.stop()
    assert len(books.ids("departments")) == 2 + len(futures)


def test_stop_writes_what_waits_and_takes_no_more(database, books):
    writer = Writer(database, DICTIONARY, waiting=100, group_rows=5)
    writer.start()
    with writer.lock:
        futures = [writer.insert(insert("departments", department(i))) for i in range(300, 340)]
        futures.append(writer.run(add(340)))
        futures.append(writer.insert(insert("departments", department(341))))
        stopping = threading.Thread(target=writer.stop)
        stopping.start()
    stopping.join(60)
    assert all(future.done() for future in futures)
    assert books.ids("departments") == [1, 2, *range(300, 342)]
    assert not writer.alive
    with pytest.raises(Unavailable):
        writer.insert(insert("departments", department(342)))


def test_whoever_comes_while_it_stops_is_answered_or_refused_never_left_waiting(database, books):
    for start in range(1000, 1800, 100):
        writer = Writer(database, DICTIONARY, waiting=1000, group_rows=20_000)
        writer.start()
        begin = threading.Barrier(5)

        def hand_in(
            numbers: range, writer: Writer = writer, begin: threading.Barrier = begin
        ) -> int:
            begin.wait()
            taken: list[Future[Any]] = []
            for number in numbers:
                try:
                    taken.append(writer.insert(insert("departments", department(number))))
                except Unavailable:
                    break
            return sum(violations(done(future)) == {} for future in taken)

        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(hand_in, range(start + i, start + 100, 4)) for i in range(4)]
            begin.wait()
            writer.stop()
            answered = sum(map(done, answers))
        there = [number for number in books.ids("departments") if number >= start]
        assert len(there) == answered


def test_the_last_request_before_the_end_is_answered(database, books):
    let_go = threading.Event()

    class Hesitating(Writer):
        @property
        def alive(self) -> bool:
            said = super().alive
            assert let_go.wait(60)
            return said

    def stop() -> None:
        writer.stop()
        lock.waited_for.set()

    writer = Hesitating(database, DICTIONARY, waiting=10, group_rows=10)
    writer._taking = lock = WatchedLock()  # type: ignore[assignment]
    writer.start()
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(writer.insert, insert("departments", department(900)))
        assert lock.taken.wait(60)
        stopping = pool.submit(stop)
        assert lock.waited_for.wait(60)  # or it has stopped, and the request would be lost
        let_go.set()
        done(stopping)
        assert violations(done(asking).result(5)) == {}
    assert books.ids("departments") == [1, 2, 900]

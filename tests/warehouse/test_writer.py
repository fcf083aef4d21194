"""The writer: what is answered is committed, and what fails, fails alone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from service.dictionary import Dictionary
from service.errors import KeyReused, Unavailable
from service.warehouse.database import Database
from service.warehouse.work import Outcome, Replayed
from service.warehouse.writer import Writer
from tests.backups.world import column, everything, key, table
from tests.warehouse.tables import (
    DICTIONARY,
    Books,
    WatchedLock,
    answer,
    behind_the_back,
    department,
    insert,
    named,
    violations,
)

DEPARTMENT = ("departments", "id")
BOOKS = ("core.departments", "ops.loads", "ops.rejections", "ops.idempotency_keys")


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)


def done(future: "Future[Any]") -> Any:
    return future.result(60)


def everything_in(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.reading() as connection:
        return everything(connection)


# Groups


def test_requests_that_wait_are_written_in_one_transaction(database, writer, books):
    with database.connect() as connection:
        connection.execute("call enable_logging('QueryLog')")
    with writer.lock:
        futures = [writer.insert(insert("departments", department(i))) for i in range(100, 150)]
    assert all(done(future).verdicts[0].accepted.num_rows == 1 for future in futures)
    transactions = books.ask(
        "select distinct transaction_id from duckdb_logs where type = 'QueryLog'"
        " and message like 'insert into core%'"
    )
    assert len(transactions) <= 2  # the first request may have been on its way already
    assert books.count("ops.loads") == 50


def test_a_group_is_no_larger_than_the_limit(database, books):
    writer = Writer(database, DICTIONARY, waiting=100, group_rows=10)
    writer.start()
    with database.connect() as connection:
        connection.execute("call enable_logging('QueryLog')")
    with writer.lock:
        numbers = range(100, 160)
        futures = [writer.insert(insert("departments", department(i))) for i in numbers]
    wait_for(futures, 60)
    writer.stop()
    written = books.ask("select 1 from duckdb_logs where message like 'insert into core%'")
    assert 6 <= len(written) <= 7


def test_requests_of_one_group_know_of_each_other(writer, books):
    with writer.lock:
        first = writer.insert(insert("departments", department(7, "first")))
        second = writer.insert(insert("departments", department(7, "second")))
        child = writer.insert(insert("badges", {"id": 1, "code": "a", "department_id": 7}))
    assert violations(done(first)) == violations(done(child)) == {}
    assert violations(done(second)) == {0: [("id", "unique")]}
    assert books.ask("select department from core.departments where id = 7") == [("first",)]


def test_a_key_that_came_in_behind_the_back_fails_alone(database, writer, books):
    behind_the_back(database, 11)
    requests = [insert("departments", department(i), department(i + 100)) for i in (10, 11, 12)]
    with writer.lock:
        futures = [writer.insert(each) for each in requests]
    good, bad, fine = map(done, futures)
    assert violations(good) == violations(fine) == {}
    assert violations(bad) == {0: [("id", "unique")]}
    assert bad.accepted(bad.verdicts[0]) == 1
    assert books.ids("departments") == [1, 2, 10, 11, 12, 110, 111, 112]
    assert books.ask("select department from core.departments where id = 11") == [("behind",)]
    assert books.ask("select sum(accepted), sum(rejected) from ops.loads") == [(5, 1)]
    assert books.ask("select rejection_id, position from ops.rejections") == [
        (bad.rejection_ids["departments", 0], 0)
    ]


def test_a_key_that_comes_in_while_the_transaction_is_open_is_taken(database, writer, books):
    def during() -> None:
        if 20 not in books.ids("departments"):
            behind_the_back(database, 20)

    request = named(insert("departments", department(20)), "key", during=during)
    assert violations(done(writer.insert(request))) == {0: [("id", "unique")]}
    assert books.count("ops.loads") == books.count("ops.idempotency_keys") == 1


@dataclass
class BeforeCommit:
    """The writer's connection, with something that happens just before its next commit."""

    connection: duckdb.DuckDBPyConnection
    happens: list[Callable[[], None]]

    def commit(self) -> None:
        if self.happens:
            self.happens.pop()()
        self.connection.commit()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def test_a_key_that_comes_in_just_before_the_commit_is_taken(database, writer, books):
    def during() -> None:
        behind_the_back(database, 21)

    writer._connection = BeforeCommit(writer._connection, [during])
    said = done(writer.insert(insert("departments", department(21), department(22))))
    assert violations(said) == {0: [("id", "unique")]}
    assert books.ask("select id, department from core.departments where id > 2") == [
        (21, "behind"),
        (22, "Fleet"),
    ]
    assert books.count("ops.loads") == books.count("ops.rejections") == 1


def test_two_who_write_the_same_ids_never_both_have_one(database, writer, books):
    """Another connection inserts and commits whenever it likes: the primary key decides."""
    numbers = range(1000, 1200)
    taken: list[int] = []

    def race() -> None:
        with database.connect() as connection:
            for number in numbers:
                try:
                    connection.execute(f"insert into core.departments values ({number}, 'other')")
                    taken.append(number)
                except (duckdb.ConstraintException, duckdb.TransactionException):
                    pass

    racing = threading.Thread(target=race)
    racing.start()
    answers = [done(writer.insert(insert("departments", department(i, "ours")))) for i in numbers]
    racing.join()
    ours = [i for i, said in zip(numbers, answers, strict=True) if said.accepted(said.verdicts[0])]
    rows = books.ask("select id, department from core.departments where id >= 1000 order by id")
    assert [number for number, owner in rows if owner == "ours"] == ours
    assert [number for number, owner in rows if owner == "other"] == taken
    assert sorted(ours + taken) == list(numbers)


# Failures


@pytest.mark.parametrize("book", BOOKS)
def test_after_a_failure_in_the_middle_nothing_half_written_is_there(database, writer, books, book):
    sound = insert("departments", department(30), department(None))
    before = everything_in(database)
    with database.connect() as connection:
        if book == "core.departments":
            connection.execute("drop table core.departments")
        else:  # no longer what the writer has values for
            connection.execute(f"alter table {book} rename column status to state")
        with writer.lock:
            futures = [
                writer.insert(named(sound, "key")),
                writer.insert(insert("departments", department(31), department(None))),
            ]
        for future in futures:
            with pytest.raises(Unavailable) as error:
                done(future) if book != "ops.idempotency_keys" else done(futures[0])
            assert "select" not in str(error.value)
        if book == "core.departments":
            columns = "(id integer primary key, department varchar)"
            connection.execute(f"create table core.departments {columns}")
            connection.execute("insert into core.departments values (1, 'one'), (2, 'two')")
        else:
            connection.execute(f"alter table {book} rename column state to status")
    if book == "ops.idempotency_keys":  # the request without a key has no need of that book
        assert violations(done(futures[1])) == {1: [("id", "not_null")]}
        assert books.ids("departments") == [1, 2, 31]
    else:
        assert everything_in(database) == before
        assert not writer.keys.has(DEPARTMENT, 31)
    assert not writer.keys.has(DEPARTMENT, 30)
    said = done(writer.insert(named(sound, "key")))
    assert violations(said) == {1: [("id", "not_null")]}
    assert writer.keys.has(DEPARTMENT, 30)


def test_keys_change_only_after_the_commit(writer, books):
    during: list[Any] = []

    def look() -> None:
        during.append((writer.keys.has(DEPARTMENT, 40), books.ids("departments")))

    request = named(insert("departments", department(40)), "key", during=look)
    done(writer.insert(request))
    assert during == [(False, [1, 2])]
    assert writer.keys.has(DEPARTMENT, 40)
    assert books.ids("departments") == [1, 2, 40]


def test_a_request_given_up_before_its_turn_is_not_written_and_harms_no_other(writer, books):
    with writer.lock:
        futures = {i: writer.insert(insert("departments", department(i))) for i in range(50, 60)}
        kept = [number for number, future in futures.items() if not future.cancel()]
    for number in kept:
        assert violations(done(futures[number])) == {}
    assert violations(done(writer.insert(insert("departments", department(60))))) == {}
    assert books.ids("departments") == [1, 2, *kept, 60]
    assert len(kept) <= 1  # the one that the writer had taken up already


def test_what_was_judged_by_another_dictionary_is_refused(database, writer, books):
    renamed = column("department", "varchar", not_null={}, max_length={"length": 3})
    other = Dictionary({"departments": table("departments", key(), renamed)}, {})
    request = insert("departments", department(70))
    done(writer.adopt(other))
    with pytest.raises(Unavailable) as error:
        done(writer.insert(request))
    assert error.value.retry_after >= 1
    with pytest.raises(Unavailable):
        done(writer.insert(insert("badges", {"id": 1, "code": "a"})))
    done(writer.adopt(DICTIONARY))
    assert violations(done(writer.insert(request))) == {}
    assert books.ids("departments") == [1, 2, 70]


# Strict, dry run, idempotency


def test_a_strict_request_goes_in_whole_or_not_at_all_and_its_bad_rows_are_kept(writer, books):
    rows = department(80), department(None), department(1)
    said = done(writer.insert(insert("departments", *rows, strict=True)))
    assert said.refused
    assert violations(said) == {1: [("id", "not_null")], 2: [("id", "unique")]}
    assert books.ids("departments") == [1, 2]
    [load] = books.ask("select status, received, accepted, rejected from ops.loads")
    assert load == ("refused", 3, 0, 3)
    assert books.count("ops.rejections") == 2
    assert violations(done(writer.insert(insert("departments", department(80), strict=True)))) == {}


def test_a_dry_run_says_the_same_and_changes_nothing(database, writer):
    rows = department(80), department(None), department(1), department(80)
    before = everything_in(database)
    dry = done(writer.insert(insert("departments", *rows, dry_run=True)))
    assert dry.load_id is None
    assert everything_in(database) == before
    assert not writer.keys.has(DEPARTMENT, 80)
    wet = done(writer.insert(insert("departments", *rows)))
    assert violations(wet) == violations(dry)
    assert dry.accepted(dry.verdicts[0]) == wet.accepted(wet.verdicts[0]) == 1


def test_the_same_key_gets_the_first_answer_in_one_group_and_later(writer, books):
    request = insert("departments", department(90))
    with writer.lock:
        first, second = (writer.insert(named(request, "key")) for _ in range(2))
        other = writer.insert(named(request, "key", "something else"))
    third = writer.insert(named(request, "key"))
    outcome = done(first)
    assert isinstance(outcome, Outcome)
    for repeat in map(done, (second, third)):
        assert isinstance(repeat, Replayed)
        assert repeat.answer.body == str(outcome.load_id).encode()
    with pytest.raises(KeyReused):
        done(other)
    assert books.count("ops.loads") == books.count("ops.idempotency_keys") == 1


# Changes of other kinds


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
    assert writer.keys.has(DEPARTMENT, 100)


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


def test_threads_that_insert_overlapping_ids_are_all_told_the_truth(writer, books):
    numbers, people = range(400, 700), 6

    def hand_in(who: int) -> list[int]:
        mine = []
        for start in range(0, len(numbers), 10):
            # each starts elsewhere and takes every row once, in another order
            block = [numbers[(start + who * 50 + i) % len(numbers)] for i in range(10)]
            rows = [department(number, f"of {who}") for number in block]
            said = done(writer.insert(insert("departments", *rows)))
            [verdict] = said.verdicts
            assert {v.rule for found in verdict.rejected.values() for v in found} <= {"unique"}
            assert said.accepted(verdict) + len(verdict.rejected) == 10
            mine += [number for i, number in enumerate(block) if i not in verdict.rejected]
        return mine

    with ThreadPoolExecutor(people) as pool:
        owners = dict(enumerate(pool.map(hand_in, range(people))))
    rows = books.ask("select id, department from core.departments where id >= 400")
    told = [(number, f"of {who}") for who, mine in owners.items() for number in mine]
    assert sorted(rows) == sorted(told)
    assert len(rows) == len(numbers)
    [(received, accepted, rejected)] = books.ask(
        "select sum(received), sum(accepted), sum(rejected) from ops.loads"
    )
    assert (received, accepted) == (people * len(numbers), len(numbers))
    assert rejected == books.count("ops.rejections") == received - accepted

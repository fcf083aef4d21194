"""The writer: what is answered is committed, and what fails, fails alone."""

from concurrent.futures import wait as wait_for
from typing import Any

import duckdb
import pytest

from service.dictionary import Dictionary
from service.engines.duckdb import Database
from service.errors import KeyReused, Unavailable
from service.warehouse.work import Outcome, StoredAnswer
from service.warehouse.writer import Writer
from tests.support.tables import (
    DEPARTMENT_ID,
    DICTIONARY,
    department,
    done,
    insert,
    named,
    violations,
)
from tests.support.world import column, everything, key, table

BOOKS = ("core.departments", "ops.loads", "ops.rejections", "ops.idempotency_keys")


def everything_in(database: Database) -> dict[str, tuple[int, int]]:
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
        assert not writer.keys.has(DEPARTMENT_ID, 31)
    assert not writer.keys.has(DEPARTMENT_ID, 30)
    said = done(writer.insert(named(sound, "key")))
    assert violations(said) == {1: [("id", "not_null")]}
    assert writer.keys.has(DEPARTMENT_ID, 30)


def test_keys_change_only_after_the_commit(writer, books):
    during: list[Any] = []

    def look() -> None:
        during.append((writer.keys.has(DEPARTMENT_ID, 40), books.ids("departments")))

    request = named(insert("departments", department(40)), "key", during=look)
    done(writer.insert(request))
    assert during == [(False, [1, 2])]
    assert writer.keys.has(DEPARTMENT_ID, 40)
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
    assert not writer.keys.has(DEPARTMENT_ID, 80)
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
        assert isinstance(repeat, StoredAnswer)
        assert repeat.answer.body == str(outcome.load_id).encode()
    with pytest.raises(KeyReused):
        done(other)
    assert books.count("ops.loads") == books.count("ops.idempotency_keys") == 1


# A file that was given up


def test_a_writer_goes_on_when_another_has_had_the_file_opened_anew(database, writer, books):
    database.has_failed(duckdb.FatalException("as a build's checkpoint on a full disk"))
    assert books.count("core.departments") == 2  # whoever asks next has it opened anew
    with pytest.raises(Unavailable):
        done(writer.insert(insert("departments", department(100))))
    assert done(writer.insert(insert("departments", department(100)))).load_id
    assert books.count("core.departments") == 3

"""The writer, where others write the same keys: each has one owner, and all are told the truth."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb

from tests.support.tables import (
    behind_the_back,
    department,
    done,
    insert,
    named,
    violations,
)


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

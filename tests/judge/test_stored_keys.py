"""Committed keys in few bytes: exact where they are few, else words which the table confirms."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from service.dictionary import Column, Rule, Table
from service.dictionary.combined_columns import name_of, type_of_parts
from service.engines.column_sql import listed
from service.engines.duckdb import open_bare
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.judge.key_index import KeyIndex, Place
from service.judge.key_reading import Beside
from service.judge.key_sets import key_set
from service.judge.key_words import SortedWords, words_of
from service.judge.stored_keys import StoredKeys
from tests.support.world import column, dictionary, key, table

FIRST = 4  # values that are held as they are: others are words
BITS = 2  # that tell words apart: most values share theirs with others
# Values as batches have them, of each type that can be a key.
VALUES: dict[str, list[Any]] = {
    "varchar": ["", " ", "a", "A", "\xe9", "e\u0301", "🎉", "1", "-1", "customer-1", "customer-2"],
    "uuid": [f"{i:08x}-9dad-11d1-80b4-00c04fd430c8" for i in range(11)],
    "decimal(9,2)": ["-0.50", "0.00", "0.50", "1.50", "-1234567.89", "1234567.89", "7.00", "7.01"],
    "date": [f"20{i}-02-28" for i in range(10, 20)],
    "time": ["00:00:00", "16:02:08", "16:02:08.5", "16:02:08.000001", "23:59:59", "12:00:00"],
    "timestamp": [f"2021-07-27T16:02:{i}Z" for i in range(10, 20)] + ["2021-07-27T16:02:08.5Z"],
    "timestamp with time zone": [f"2021-07-27T16:{i}:08.25Z" for i in range(10, 20)],
    "bigint": [-(2**63), 2**63 - 1, -1, 0, 1, *(7**i * (-1) ** i for i in range(15, 22))],
    "integer": [-(2**31), -1, 0, 1, 2, 3, 4, 5, 6, 2**31 - 1],
    "together": ["a,1", "a,2", "b,1", ",1", "a%2C1,1", "a%251,1", "a,-1", "\xe9,1", "1,1"],
}


def _table(kind: str) -> Table:
    """One whose rows are told apart by `code`, of that type, or by `code` and `number`."""
    if kind != "together":
        return table(f"of {kind}", key("code", kind))
    parts = column("code", "varchar", not_null={}), column("number", "integer", not_null={})
    name = name_of(part.name for part in parts)
    of_both = type_of_parts(tuple(part.type.name for part in parts))
    both = Column(name, of_both, "", (Rule("unique", name, {}),), combines=parts)
    return Table(f"of {kind}", "One row per row.", name, parts, combined=(both,))


TABLES = {name: _table(name) for name in VALUES}
DICTIONARY = dictionary(*TABLES.values())
KINDS = pytest.mark.parametrize("kind", VALUES)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """A warehouse with a table for each type of key."""
    with open_bare(Path(":memory:")) as made:
        made.execute("set TimeZone = 'UTC'")
        made.execute("create schema core")
        for each in TABLES.values():
            columns = ", ".join(f"{quoted(c.name)} {c.type.name}" for c in each.columns)
            made.execute(
                f"create table {core(each.name)} ({columns}, primary key ({listed(each.key)}))"
            )
        yield made


class World:
    """A table, its keys in memory, and what a set of Python knows of them."""

    def __init__(self, connection: Connection, kind: str) -> None:
        self._connection, self._kind = connection, kind
        self._name = TABLES[kind].name
        self.place: Place = (self._name, TABLES[kind].primary_key)
        self.committed: set[Any] = set()
        connection.execute(f"delete from {core(self._name)}")
        self.keys = KeyIndex(DICTIONARY, bits=BITS, most=FIRST)
        self.keys.load(connection, [self._name])
        self.to_read: list[Callable[[], None]] = []

    def transaction(self, steps: list[tuple[str, list[Any]]], commits: bool) -> None:
        """Adds and removes in turn, looks each time, and then keeps all of it or nothing."""
        layer, model = KeyIndex(DICTIONARY, base=self.keys), set(self.committed)
        self._connection.begin()
        for act, some in steps:
            values = [*({*some} - model if act == "add" else {*some} & model)]
            getattr(layer, act)(self.place, values)
            self.write(act, values)
            model = model | {*values} if act == "add" else model - {*values}
            self.look(layer, model)
        if commits:
            self._connection.commit()
            self.keys.absorb(layer)
            self.committed = model
        else:
            self._connection.rollback()
            self.keys.forget()
        self.look(self.keys, self.committed)

    def write(self, act: str, values: list[Any]) -> None:
        """Adds rows or removes them, whatever the keys say."""
        key = TABLES[self._kind].key
        for value in values:
            typed = [f"cast(? as {part.type.name})" for part in key.parts]
            if act == "add":
                query = f"insert into {core(self._name)} values ({', '.join(typed)})"
            else:
                condition = f"row({listed(key)}) = row({', '.join(typed)})"
                query = f"delete from {core(self._name)} where {condition}"
            self._connection.execute(query, key.parts_of(value))

    def look(self, keys: KeyIndex, known: set[Any]) -> None:
        """Compares what the keys say with what is `known`."""
        every = VALUES[self._kind]
        assert keys.taken(self.place, every) == known
        assert keys.unknown(self.place, every) == {*every} - known
        assert keys.all_new(self.place, every) == (not known)
        assert keys.all_known(self.place, [*known])
        for value in every:
            assert keys.has(self.place, value) == (value in known)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """What is committed now."""
        with self._connection.cursor() as cursor:
            cursor.begin()
            yield cursor

    def read_anew(self, beside: bool = False) -> None:
        """As after a restore, a build, or a start; what is read beside waits `to_read`."""
        how = Beside(self.snapshot, at_once=-1, begin=self.to_read.append)
        self.keys.load(self._connection, [self._name], how if beside else None)
        assert len(self.keys._stored[self.place]) == len(self.committed)
        self.look(self.keys, self.committed)


@KINDS
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_keys_say_what_a_set_of_python_says(kind, data, connection):
    world = World(connection, kind)
    some = st.lists(st.sampled_from(VALUES[kind]), min_size=1)
    acts = st.lists(st.tuples(st.sampled_from(["add", "add", "remove"]), some), max_size=3)
    for _ in range(data.draw(st.integers(1, 4))):
        world.transaction(data.draw(acts), commits=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            world.read_anew(data.draw(st.booleans()))
        while world.to_read and data.draw(st.booleans()):
            world.to_read.pop()()
        if data.draw(st.booleans()):
            world.keys.take_in()
            world.look(world.keys, world.committed)
    for read in world.to_read:
        read()
    world.keys.take_in()
    assert not world.keys._readings
    world.look(world.keys, world.committed)
    assert len(world.keys._stored[world.place]) == len(world.committed)


@KINDS
def test_a_word_that_is_there_is_no_value_before_the_table_says_so(kind, connection):
    values = VALUES[kind]
    there, others = values[: FIRST + 1], values[FIRST + 1 :]
    world = World(connection, kind)
    world.transaction([("add", there)], commits=True)
    world.read_anew()
    asked: list[Any] = []
    stored = world.keys._stored[world.place]
    stored.forget()  # what the table said while it was looked at
    confirm = stored._confirm

    def noted(suspects: Collection[Any]) -> Any:
        asked.extend(suspects)
        return confirm(suspects)

    stored._confirm = noted
    assert not world.keys.taken(world.place, others)
    assert world.keys.unknown(world.place, others) == {*others}
    assert world.keys.all_known(world.place, there)
    if kind == "integer":
        assert not asked
    else:
        assert {*there} <= {*asked}
        asked.clear()
        assert world.keys.all_known(world.place, there)  # the table has said so before
        assert not asked


def test_what_the_table_said_in_a_transaction_is_forgotten_when_it_is_rolled_back(connection):
    world = World(connection, "varchar")
    world.transaction([("add", VALUES["varchar"][:6])], commits=True)
    world.transaction([("remove", ["a"])], commits=True)
    connection.begin()
    world.write("add", ["a"])
    assert world.keys.has(world.place, "a")  # no layer has taken it in, and its word is there
    connection.rollback()
    world.keys.forget()
    assert not world.keys.has(world.place, "a")


def test_keys_of_which_many_have_gone_are_to_be_read_anew(connection):
    world = World(connection, "uuid")
    world.transaction([("add", VALUES["uuid"])], commits=True)
    assert world.keys.worn() == set()
    world.transaction([("remove", VALUES["uuid"][:FIRST])], commits=True)
    assert world.keys.worn() == set()
    world.transaction([("remove", VALUES["uuid"][FIRST : FIRST + 1])], commits=True)
    assert world.keys.worn() == {"of uuid"}
    world.read_anew()
    assert world.keys.worn() == set()


def test_keys_that_could_not_be_read_are_read_anew_and_the_table_is_asked_meanwhile(connection):
    world = World(connection, "varchar")
    world.transaction([("add", VALUES["varchar"])], commits=True)
    world.read_anew(beside=True)
    world.keys._readings[0]._connection.close()
    world.to_read.pop()()
    assert world.keys.worn() == {"of varchar"}
    world.keys.take_in()
    world.look(world.keys, world.committed)
    world.read_anew(beside=True)
    assert world.keys.worn() == set()


def test_keys_that_are_read_once_more_are_not_read_twice(connection):
    world = World(connection, "varchar")
    world.transaction([("add", VALUES["varchar"])], commits=True)
    world.read_anew(beside=True)
    world.read_anew()
    [reading] = world.keys._readings
    world.to_read.pop()()
    assert reading.has_ended
    assert not reading.done


@pytest.mark.parametrize("lookups", [0, 1000])
@KINDS
def test_many_values_are_confirmed_as_few_are(kind, lookups, connection, monkeypatch):
    world = World(connection, kind)
    world.transaction([("add", VALUES[kind][::2])], commits=True)
    monkeypatch.setattr("service.judge.confirmed_keys.ROWS_PER_LOOKUP", 1 / (lookups or 0.001))
    assert {*world.keys._confirmed(world.place, VALUES[kind])} == {*VALUES[kind][::2]}


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_sorted_words_are_a_set(data):
    edges = [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
    numbers = st.lists(st.sampled_from(edges) | st.integers(0, 2**64 - 1), max_size=40)
    first, second, asked = data.draw(numbers), data.draw(numbers), data.draw(numbers)
    words = SortedWords(np.array(first, np.uint64))
    if second:
        more = SortedWords(np.array(second, np.uint64))
        words = SortedWords(np.concatenate([words.words, more.words]), are_two=True)
    there = {*first, *second}
    assert len(words) == len(there)
    every = [*asked, *edges, *there]
    assert words.has(np.array(every, np.uint64)).tolist() == [each in there for each in every]


def test_words_are_those_of_values_whatever_holds_them():
    numbers = [3, 2**40, 2**64 - 1]
    signed = np.array([3, 2**40, -1], np.int64)
    assert words_of(BitMap64(numbers)).tolist() == words_of(signed).tolist()
    texts, pairs = ["a", "b", ""], [("a", 1), ("a", 2), ("", 1)]
    for held in (BitMap64(numbers), texts, pairs):
        words = words_of(held).tolist()
        assert len({*words}) == 3
        assert words_of(held, 8).tolist() == [word >> 56 << 56 for word in words]


def test_a_hundred_thousand_texts_take_few_bytes_whatever_the_order_they_come_in():
    values = [f"customer-{i}" for i in range(100_000)]
    keys = StoredKeys("varchar", {*values}.intersection, most=1000)
    for start in range(0, len(values), 777):
        keys.add({*values[start : start + 777]})
    assert len(keys) == len(values)
    held = sum(part.words.nbytes + part._starts.nbytes for part in keys._parts)
    assert held < 12 * len(values)
    assert len(keys._parts) < 5  # each is looked through for each question
    assert len(keys._late) <= 1000
    assert keys.there({*values[::7], "customer"}) == {*values[::7]}


def test_numbers_that_lie_close_together_stay_in_a_bitmap_and_scattered_ones_do_not():
    close, scattered = range(10_000, 20_000), [i * 10**12 for i in range(10_000)]
    for numbers, are_words in ((close, False), (scattered, True)):
        filled = StoredKeys("bigint", {*numbers}.intersection, most=1000)
        filled.fill(10_000, np.array_split(np.array(numbers, np.int64), 7))
        added = StoredKeys("bigint", {*numbers}.intersection, most=1000)
        for start in range(0, 10_000, 500):
            added.add(key_set("bigint", numbers[start : start + 500]))
        for keys in (filled, added):
            assert bool(keys._parts) == are_words
            assert len(keys) == 10_000
            asked = key_set("bigint", [*numbers[::9], 5])
            assert keys.there(asked) == key_set("bigint", numbers[::9])

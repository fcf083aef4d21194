"""Keys: what is taken, and what can be referred to."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engines.duckdb import Database
from service.judge.key_index import KeyIndex, Place
from service.judge.key_sets import key_set, set_of_numbers, signed
from tests.support.tables import DICTIONARY

ID, CODE, LOCKER = ("badges", "id"), ("badges", "code"), ("badges", "locker")
WHOLE = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
}
EDGES: dict[Place, list[Any]] = {
    LOCKER: [-(2**31), -1, 0, 1, 2**31 - 1],
    ID: [-(2**63), -(2**32) - 1, -(2**31), -1, 0, 1, 2**31, 2**32, 2**32 + 1, 2**63 - 1],
    CODE: ["", " ", "a", "A", "\xe9", "e\u0301", "🎉", "nul\0", "1", "-1"],
}


@pytest.mark.parametrize("place", EDGES, ids=lambda place: place[1])
def test_each_value_is_known_by_itself_only(place):
    for taken in EDGES[place]:
        keys = KeyIndex(DICTIONARY)
        keys.add(place, [taken])
        assert [value for value in EDGES[place] if keys.has(place, value)] == [taken]
        for value in EDGES[place]:
            assert keys.all_new(place, [value]) == (value != taken)
            assert keys.all_known(place, [value]) == (value == taken)


@pytest.mark.parametrize("place", EDGES, ids=lambda place: place[1])
def test_a_value_that_stands_twice_is_not_new(place):
    keys = KeyIndex(DICTIONARY)
    for value in EDGES[place]:
        assert keys.all_new(place, EDGES[place])
        assert not keys.all_new(place, [*EDGES[place], value])


@pytest.mark.parametrize("place", EDGES, ids=lambda place: place[1])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_layers_add_and_remove_as_sets_do(place, data):
    some = st.lists(st.sampled_from(EDGES[place]))
    indexes, sets = [KeyIndex(DICTIONARY)], [set[Any]()]
    for _ in range(3):
        added, removed, more = data.draw(some), data.draw(some), data.draw(some)
        for act, values in (("add", added), ("remove", removed), ("add", more)):
            those = {*values} - sets[-1] if act == "add" else {*values} & sets[-1]
            getattr(indexes[-1], act)(place, those)
            sets[-1] = sets[-1] ^ those
        indexes.append(KeyIndex(DICTIONARY, base=indexes[-1]))
        sets.append(set(sets[-1]))
    for index, known in zip(indexes, sets, strict=True):
        assert index.taken(place, EDGES[place]) == known
        assert index.unknown(place, EDGES[place]) == {*EDGES[place]} - known
        assert [value for value in EDGES[place] if index.has(place, value)] == [
            value for value in EDGES[place] if value in known
        ]
        assert index.all_new(place, EDGES[place]) == (not known)
    while len(indexes) > 1:
        indexes[-2].absorb(indexes.pop())
    assert indexes[0].taken(place, EDGES[place]) == sets[-1]
    assert len(indexes[0]._stored.get(place, ())) == len(sets[-1])


def test_no_values_are_all_new_and_all_known():
    for place in EDGES:
        assert KeyIndex(DICTIONARY).all_new(place, [])
        assert KeyIndex(DICTIONARY).all_known(place, [])


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_set_of_keys_says_what_a_set_of_python_says(data):
    kind = data.draw(st.sampled_from(["integer", "bigint", "varchar"]))
    values = st.lists(WHOLE.get(kind, st.text(max_size=3)), max_size=20)
    place = {"integer": LOCKER, "bigint": ID, "varchar": CODE}[kind]
    keys, model = KeyIndex(DICTIONARY), set[Any]()
    for layer in data.draw(st.lists(values, max_size=4)):
        keys = KeyIndex(DICTIONARY, base=keys)
        keys.add(place, layer)
        model.update(layer)
    asked = [*data.draw(values), *data.draw(st.lists(st.sampled_from(sorted(model) or [None])))]
    asked = [value for value in asked if value is not None]
    assert len(key_set(kind, asked)) == len(set(asked))
    assert keys.all_new(place, asked) == (len(set(asked)) == len(asked) and not model & set(asked))
    assert keys.all_known(place, asked) == model.issuperset(asked)
    assert [keys.has(place, value) for value in asked] == [value in model for value in asked]
    assert keys.taken(place, asked) == model & set(asked)
    assert keys.unknown(place, asked) == set(asked) - model


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_set_of_numbers_is_the_set_of_their_keys(data):
    kind = data.draw(st.sampled_from(["integer", "bigint"]))
    values = data.draw(st.lists(WHOLE[kind], max_size=20))
    dtype: Any = np.int32 if kind == "integer" else np.int64
    numbers = np.array(values, dtype)
    assert set_of_numbers(numbers) == key_set(kind, values)
    assert signed(kind, set_of_numbers(numbers)) == set(values)


def test_a_layer_sees_what_is_below_it_and_not_the_other_way_round():
    committed = KeyIndex(DICTIONARY)
    committed.add(ID, [1])
    group = KeyIndex(DICTIONARY, base=committed)
    group.add(ID, [2])
    request = KeyIndex(DICTIONARY, base=group)
    request.add(ID, [3])
    assert request.all_known(ID, [1, 2, 3])
    assert not request.all_new(ID, [4, 1])
    assert not group.has(ID, 3)
    assert not committed.all_known(ID, [2])


def test_a_layer_that_holds_is_absorbed_and_one_that_does_not_leaves_no_trace():
    committed = KeyIndex(DICTIONARY)
    committed.add(ID, [1])
    for value, holds in ((2, True), (3, False), (4, True)):
        layer = KeyIndex(DICTIONARY, base=committed)
        layer.add(ID, [value])
        layer.add(CODE, [str(value)])
        if holds:
            committed.absorb(layer)
    assert [value for value in range(6) if committed.has(ID, value)] == [1, 2, 4]
    assert committed.all_known(CODE, ["2", "4"])
    assert not committed.has(CODE, "3")


def test_a_hundred_thousand_keys_are_read_from_the_warehouse_with_their_signs(database: Database):
    with database.connect() as connection:
        connection.execute(
            "insert into core.badges select (i - 50000) * 100000000000, 'c' || i,"
            " case when i % 3 > 0 then i - 50000 end, null from range(100000) r(i)"
        )
        keys = KeyIndex(DICTIONARY)
        keys.load(connection, DICTIONARY.tables)
        assert keys.counts() == {"departments": 2, "badges": 100_000, "visits": 0}
        ids = [(i - 50_000) * 100_000_000_000 for i in range(100_000)]
        assert keys.all_known(ID, ids)
        assert keys.all_new(ID, [each + 1 for each in ids])
        assert keys.all_known(CODE, [f"c{i}" for i in range(100_000)])
        assert keys.all_known(LOCKER, [i - 50_000 for i in range(100_000) if i % 3 > 0])
        assert keys.all_new(LOCKER, [i - 50_000 for i in range(100_000) if i % 3 == 0])


def test_what_is_read_again_replaces_what_was_known(database: Database):
    keys = KeyIndex(DICTIONARY)
    keys.add(("departments", "id"), [77])
    with database.connect() as connection:
        keys.load(connection, ["departments"])
    assert keys.all_known(("departments", "id"), [1, 2])
    assert not keys.has(("departments", "id"), 77)


def test_the_rows_can_be_counted_while_keys_are_added():
    keys, done = KeyIndex(DICTIONARY), threading.Event()
    counts: list[int] = []

    def count() -> None:
        while not done.is_set():
            counts.append(keys.counts()["badges"])

    counting = threading.Thread(target=count)
    counting.start()
    for start in range(0, 100_000, 1000):
        keys.add(ID, range(start, start + 1000))
    done.set()
    counting.join()
    assert counts == sorted(counts)
    assert keys.counts()["badges"] == 100_000

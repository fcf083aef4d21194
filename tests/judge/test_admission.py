"""Admission: unique and relationships, within a request and against what is there."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.judge.admission import admit, admit_all
from service.judge.batch import Batch
from service.judge.columns import FEW
from service.judge.key_index import KeyIndex
from service.judge.orphans import values_of
from tests.support.tables import DICTIONARY, WAYS, carried, judged

Found = dict[int, list[tuple[str | None, str]]]
BAD_ID = "one"


def known() -> KeyIndex:
    """Departments 1 and 2, and badge 10 with code "ten" and locker 100."""
    keys = KeyIndex(DICTIONARY)
    keys.add(("departments", "id"), [1, 2])
    keys.add(("badges", "id"), [10])
    keys.add(("badges", "code"), ["ten"])
    keys.add(("badges", "locker"), [100])
    return KeyIndex(DICTIONARY, base=keys)


def verdict(batch: Batch, keys: KeyIndex) -> tuple[list[Any], Found]:
    """The ids that go in, and column and rule of each violation by position."""
    said = admit(batch, keys)
    key = batch.table.primary_key
    rejected = {p: [(v.column, v.rule) for v in found] for p, found in said.rejected.items()}
    assert said.accepted.num_rows + len(rejected) == batch.received
    return said.accepted[key].to_pylist(), rejected


def badge(
    number: Any, code: Any = None, locker: Any = None, department: Any = None
) -> dict[str, Any]:
    row = {"id": number, "code": code or f"c{number}", "locker": locker}
    return {**row, "department_id": department}


ID, CODE, LOCKER = ("id", "unique"), ("code", "unique"), ("locker", "unique")
PARENT = ("department_id", "relationships")
CASES: list[tuple[str, list[Any], list[Any], Found]] = [
    ("all fit", [badge(1), badge(2, locker=5, department=1)], [1, 2], {}),
    ("an id that is there", [badge(10), badge(1)], [1], {0: [ID]}),
    ("an id twice in the request: the first has it", [badge(1), badge(1, "x")], [1], {1: [ID]}),
    ("an id three times", [badge(1), badge(1, "x"), badge(1, "y")], [1], {1: [ID], 2: [ID]}),
    (
        "an earlier row that is broken by itself takes no id",
        [badge(1, "much too long"), badge(1, "x")],
        [1],
        {0: [("code", "max_length")]},
    ),
    (
        "an earlier row without its parent takes no id",
        [badge(1, department=9), badge(1, "x")],
        [1],
        {0: [PARENT]},
    ),
    (
        "an earlier row that breaks but unique rules does take its other ids, as in a file",
        [badge(10, "x", 7), badge(3, "y", 7), badge(4, "x")],
        [],
        {0: [ID], 1: [LOCKER], 2: [CODE]},
    ),
    ("nothing is no id", [badge(1), badge(2), badge(3)], [1, 2, 3], {}),
    ("nothing is no parent", [badge(1, department=None)], [1], {}),
    ("no parent", [badge(1, department=9), badge(2, department=2)], [2], {0: [PARENT]}),
    (
        "several unique columns, all named",
        [badge(10, "ten", 100, 9)],
        [],
        {0: [ID, CODE, LOCKER, PARENT]},
    ),
    (
        "a broken row's keys are judged too",
        [badge(1), badge(1, "much too long", 100, 9)],
        [1],
        {1: [ID, ("code", "max_length"), LOCKER, PARENT]},
    ),
    (
        "a broken row before the one that takes its id does not collide with it",
        [badge(1, "much too long"), badge(1)],
        [1],
        {0: [("code", "max_length")]},
    ),
    ("an id that cannot be read is none", [badge(BAD_ID), badge(1)], [1], {0: [("id", "type")]}),
    ("what is no object has no keys", [5, badge(1)], [1], {0: [(None, "type")]}),
    ("negative ids", [badge(-1), badge(-1, "x"), badge(-(2**63), "y")], [-1, -(2**63)], {1: [ID]}),
]


@WAYS
@pytest.mark.parametrize(
    ("rows", "accepted", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_rows_are_admitted_by_the_keys(rows, accepted, found, way):
    keys = known()
    assert verdict(way(judged("badges", *rows)), keys) == (accepted, found)
    for each in accepted:
        assert keys.has(("badges", "id"), each)


def test_the_keys_of_rejected_rows_are_not_taken():
    keys = known()
    verdict(
        judged("badges", badge(1, "x", 7, 9), badge(10, "y", 8), badge(2, "much too long", 9)), keys
    )
    assert not keys.has(("badges", "id"), 1)
    assert not keys.has(("badges", "code"), "y")
    assert keys.all_new(("badges", "locker"), [7, 8, 9])


def test_children_may_refer_to_parents_of_the_same_request():
    keys = known()
    verdict(judged("departments", {"id": 3, "department": "three"}, {"id": 4}), keys)
    rows = badge(1, department=3), badge(2, department=4)
    assert verdict(judged("badges", *rows), keys) == ([1], {1: [PARENT]})
    children = {"id": "a", "badge": "c1"}, {"id": "b", "badge": "c2"}, {"id": "c", "badge": "ten"}
    assert verdict(judged("visits", *children), keys) == (
        ["a", "c"],
        {1: [("badge", "relationships")]},
    )


def test_violations_come_in_the_order_of_the_columns_with_the_value_that_was_sent():
    said = admit(judged("badges", {**badge(10, "ten", 100, 9), "extra": 1}), known())
    assert [(v.column, v.rule, v.value) for v in said.rejected[0]] == [
        ("id", "unique", 10),
        ("code", "unique", "ten"),
        ("locker", "unique", 100),
        ("department_id", "relationships", 9),
        ("extra", "unknown_field", 1),
    ]
    assert said.rejected[0][3].message == "departments has no row with id 9"
    assert said.rejected[0][0].message == "id 10 is taken by another row"


small = st.integers(1, 4)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.one_of(small, st.none(), st.just("x")),
            "code": st.one_of(st.sampled_from(["a", "b", "much too long"]), st.none()),
            "locker": st.one_of(small, st.none(), st.just(1.5)),
            "department_id": st.one_of(small, st.none(), st.just(True)),
        }
    ),
    min_size=1,
    max_size=8,
)


@WAYS
@settings(deadline=None, max_examples=120)
@given(rows=ROWS)
def test_the_fast_way_and_the_slow_one_say_what_the_rules_say_row_by_row(rows, way):
    batch, keys = way(judged("badges", *rows)), known()
    taken = {("id", 10), ("code", "ten"), ("locker", 100)}
    expected, accepted = {}, []
    for position, row in enumerate(rows):
        broken = batch.broken.get(position)
        found = [(v.column, v.rule) for v in broken.violations] if broken else []
        read = broken.keys if broken else row
        if read["department_id"] not in (None, 1, 2):
            found.append(PARENT)
        claims = {(name, read[name]) for name in ("id", "code", "locker") if read[name] is not None}
        clash, claiming = claims & taken, not found
        found += [(name, "unique") for name, _ in clash]
        taken |= claims if claiming else set()
        if found:
            expected[position] = sorted(found, key=str)
        else:
            accepted.append(row["id"])
    ids, said = verdict(batch, keys)
    assert ids == accepted
    assert {position: sorted(found, key=str) for position, found in said.items()} == expected


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_all_are_admitted_at_once_when_and_only_when_each_would_be(data):
    ids, codes = st.sampled_from([1, 2, 3, 4, 5, -1, 10]), st.sampled_from(["a", "b", "ten"])
    rows = st.builds(badge, ids, st.none() | codes, st.none() | ids, st.none() | ids)
    requests = data.draw(st.lists(st.lists(rows, min_size=1, max_size=2), min_size=1, max_size=3))
    batches = [judged("badges", *request) for request in requests]
    one_by_one, at_once = known(), known()
    batches = [carried(batch) if data.draw(st.booleans()) else batch for batch in batches]
    rejected = [verdict(batch, one_by_one)[1] for batch in batches]
    assert admit_all(batches, at_once) == (not any(rejected))
    place = ("badges", "id")
    if not any(rejected):
        assert at_once.taken(place, [1, 2, 3, 4, 5]) == one_by_one.taken(place, [1, 2, 3, 4, 5])
    else:
        assert at_once.taken(place, [1, 2, 3, 4, 5, -1, 10]) == {10}


def test_batches_of_two_tables_or_with_broken_rows_are_not_admitted_at_once():
    sound, keys = judged("departments", {"id": 7, "department": "x"}), known()
    assert not admit_all([sound, judged("badges", badge(1))], keys)
    assert not admit_all([sound, judged("departments", {"id": None})], keys)
    assert admit_all([sound], keys)
    assert keys.has(("departments", "id"), 7)


@WAYS
@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 300])
def test_ids_that_are_there_are_found_however_many_and_of_either_sign(way: Any, count: int) -> None:
    there = [(-1) ** n * (1_000 + n) for n in range(count)] + [-(2**31), 2**31 - 1]
    keys = known()
    keys.add(("badges", "id"), there)
    new = [(-1) ** n * (5_000 + n) for n in range(len(there))]
    ids = [each for pair in zip(there, new, strict=True) for each in pair]
    batch = judged("badges", *(badge(each, f"c{place}") for place, each in enumerate(ids)))
    rejected: Found = {place: [ID] for place in range(0, len(ids), 2)}
    assert verdict(way(batch), keys) == (new, rejected)


@WAYS
def test_a_batch_without_some_rows_has_the_values_of_the_others(way: Any) -> None:
    batch = way(judged("badges", *(badge(each, locker=10 * each) for each in (5, 6, 7, 8))))
    left = batch.without([1, 3])
    found = [set(values_of([left], column)[0]) for column in left.table.unique_columns]
    assert found == [{5, 7}, {"c5", "c7"}, {50, 70}]
    assert (left.keys["id"], left.positions) == ([5, 7], [0, 2])
    assert left.fitting["id"].to_pylist() == [5, 7]

"""Rows of a batch that refer to each other: which go in is what a plain search finds."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dictionary import Column, Dictionary, Rule, Table
from service.dictionary.column_types import type_of
from service.formats.bodies.body_rows import rows_of
from service.judge.admission import admit
from service.judge.judge import Judge
from service.judge.key_index import KeyIndex

INTEGER = type_of("integer")
STAFF = Table(
    "staff",
    "One row per person.",
    "id",
    (
        Column("id", INTEGER, "", (Rule("not_null", "id"), Rule("unique", "id"))),
        Column("desk", INTEGER, "", (Rule("unique", "desk"),)),
        Column(
            "manager_id",
            INTEGER,
            "",
            (Rule("relationships", "manager_id", {"parent": "staff", "field": "id"}),),
        ),
    ),
)
DICTIONARY = Dictionary({"staff": STAFF}, {})
JUDGE = Judge(STAFF)
THERE = {1, 2}
NUMBERS = st.integers(1, 6)
ROW = st.fixed_dictionaries(
    {"id": NUMBERS, "desk": st.none() | NUMBERS, "manager_id": st.none() | NUMBERS}
)


def expected(rows: list[dict[str, Any]]) -> list[int]:
    """The numbers of the rows that go in."""
    orphans: set[int] = set()
    while True:
        taken: set[int] = set()
        for name, there in (("id", THERE), ("desk", set())):
            owners: dict[Any, int] = {}
            for i, row in enumerate(rows):
                if row[name] is not None and row[name] not in there and i not in orphans:
                    owners.setdefault(row[name], i)
            taken |= {
                i
                for i, row in enumerate(rows)
                if row[name] in there or owners.get(row[name], i) < i
            }
        brought = {row["id"] for i, row in enumerate(rows) if i not in orphans | taken}
        more = {
            i
            for i, row in enumerate(rows)
            if row["manager_id"] is not None and row["manager_id"] not in THERE | brought
        }
        if more <= orphans:
            return [i for i in range(len(rows)) if i not in orphans | taken]
        orphans |= more


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=9))
def test_the_rows_that_go_in_are_those_whose_parents_do(rows: list[dict[str, Any]]) -> None:
    keys = KeyIndex(DICTIONARY)
    keys.add(("staff", "id"), list(THERE))
    layer = KeyIndex(DICTIONARY, base=keys)
    verdict = admit(JUDGE.judge(rows_of(msgspec.json.encode(rows), "")), layer)
    accepted = [i for i in range(len(rows)) if i not in verdict.rejected]
    assert accepted == expected(rows)
    ids = verdict.accepted["id"].to_pylist()
    parents = verdict.accepted["manager_id"].drop_null().to_pylist()
    assert {*parents} <= THERE.union(ids)
    assert layer.all_known(("staff", "id"), ids)

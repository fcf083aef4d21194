"""Batches without some of their rows: what goes along with rows stays beside the right ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from service.formats.bodies.body_rows import rows_of
from service.judge.batch import Batch
from service.judge.judge import Judge
from service.judge.kept_out import ERASED, without_erased
from service.ops.erased_rows import ErasedKeys, key_hash
from tests.support.world import column, key, table

PEOPLE = table(
    "people",
    key(type_name="varchar"),
    replace(column("country", "varchar"), default="EC"),
    replace(column("name", "varchar", not_null={}), normalise=("trim",)),
)
JUDGE = Judge(PEOPLE)
# The third breaks a rule of its own. Of the others two values are defaults, and two are trimmed.
ROWS: list[dict[str, Any]] = [
    {"id": "a", "name": " Ana "},
    {"id": "b", "country": "PE", "name": " Bo"},
    {"id": "c", "name": None},
    {"id": "d", "name": "Di"},
]


def judged() -> Batch:
    return JUDGE.judge(rows_of(msgspec.json.encode(ROWS), ""))


def erased(*keys: str) -> ErasedKeys:
    return ErasedKeys("secret", {"people": {key_hash("secret", "people", each) for each in keys}})


def by_erasing(batch: Batch, rows: Sequence[int]) -> Batch:
    return without_erased(batch, erased(*(batch.keys["id"][row] for row in rows)))


@pytest.mark.parametrize("left_out", [Batch.without, by_erasing])
@pytest.mark.parametrize(
    ("rows", "ids", "sums"),
    [
        ([], "abd", (2, 2)),
        ([0], "bd", (1, 1)),
        ([1], "ad", (2, 1)),
        ([0, 2], "b", (0, 1)),
        ([0, 1, 2], "", (0, 0)),
    ],
)
def test_what_goes_along_with_rows_goes_with_them(
    left_out: Callable[[Batch, Sequence[int]], Batch],
    rows: list[int],
    ids: str,
    sums: tuple[int, int],
) -> None:
    left = left_out(judged(), rows)
    assert left.fitting["id"].to_pylist() == list(left.keys["id"]) == list(ids)
    assert [ROWS[position]["id"] for position in left.positions] == list(ids)
    assert left.sums_adjusted(set()) == sums
    assert left.sums_adjusted({3}) == (sums[0] - ("d" in ids), sums[1])
    assert left.received == len(ROWS)


def test_rows_of_erased_keys_are_kept_out_whatever_else_they_break() -> None:
    found = without_erased(judged(), erased("b", "c"))
    assert {at: [each.rule for each in row.violations] for at, row in found.broken.items()} == {
        1: [ERASED],
        2: [ERASED],
    }

"""Lines go to DuckDB in batches as large as what it keeps together."""

import random

import pyarrow as pa
import pytest

from service.dbt import landing
from service.dbt.landing import in_groups

SCHEMA = pa.schema({"line": pa.int64(), "text": pa.string()})


def batches(sizes: list[int], text: str = "x") -> list[pa.RecordBatch]:
    """Batches of so many rows, numbered through."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [
        pa.record_batch([range(start, start + size), [text] * size], schema=SCHEMA)
        for start, size in zip(starts, sizes, strict=True)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_rows_keep_their_order_in_full_groups_but_for_the_last(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "GROUP", 100)
    chance = random.Random(seed)
    sizes = [chance.choice([0, 1, 7, 99, 100, 101, 350]) for _ in range(chance.randrange(12))]
    groups = list(in_groups(batches(sizes)))
    assert [n for group in groups for n in group["line"].to_pylist()] == list(range(sum(sizes)))
    assert [group.num_rows for group in groups[:-1]] == [100] * (len(groups) - 1)
    assert all(0 < group.num_rows <= 100 for group in groups)


def test_long_rows_do_not_wait_for_a_full_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "GROUP_BYTES", 10_000)
    groups = list(in_groups(batches([3, 3, 3, 3], text="y" * 2000)))
    assert [group.num_rows for group in groups] == [6, 6]
    assert [n for group in groups for n in group["line"].to_pylist()] == list(range(12))

"""Rows that were erased and come again: they are kept out, and nothing of them is kept."""

from collections.abc import Sequence
from dataclasses import replace

from service.judge.batch import Batch, Broken, Violation
from service.ops.erased_rows import ErasedKeys

ERASED = "erased"  # the rule that they break, whatever the dictionary says
NOTHING = "{}"  # what is kept of what was sent


def without_erased(batch: Batch, erased: ErasedKeys) -> Batch:
    """The batch, with each row of an erased key among the broken ones, and no other reason."""
    table = batch.table
    if table.name not in erased.hashes:
        return batch
    rows = erased.among(table.name, batch.keys[table.primary_key])
    broken = list(batch.broken)
    keys = [each.keys.get(table.primary_key) for each in batch.broken.values()]
    gone = [broken[i] for i in erased.among(table.name, keys)]
    gone += [batch.positions[row] for row in rows]
    kept_out = {position: _broken(table.primary_key) for position in gone}
    return replace(batch.without(rows), broken={**batch.broken, **kept_out})


def _broken(key: str) -> Broken:
    said = Violation(key, ERASED, "a row of this key was erased, and is kept out")
    return Broken([said], {})


def payload_to_keep(batch: Batch, position: int, violations: Sequence[Violation]) -> str:
    """What is kept of a rejected row, in JSON: what was sent, unless the row was erased."""
    if any(each.rule == ERASED for each in violations):
        return NOTHING
    return batch.payload(position)

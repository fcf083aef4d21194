"""Rows that were erased and come again: they are kept out, and nothing of them is kept."""

from collections.abc import Sequence
from dataclasses import replace

from service.judge.batch import Batch, Broken, Violation
from service.judge.columns import KeysOf, without
from service.ops.erased_rows import ErasedKeys

ERASED = "erased"  # the rule that they break, whatever the dictionary says
NOTHING = "{}"  # what is kept of what was sent


def without_erased(batch: Batch, erased: ErasedKeys) -> Batch:
    """The batch, with each row of an erased key among the broken ones, and no other reason."""
    table = batch.table
    if table.name not in erased.hashes:
        return batch
    rows = erased.among(table.name, batch.keys[table.primary_key])
    broken = dict(batch.broken)
    keys = [each.keys.get(table.primary_key) for each in broken.values()]
    for i in erased.among(table.name, keys):
        broken[list(broken)[i]] = _broken(table.primary_key)
    broken |= {batch.positions[row]: _broken(table.primary_key) for row in rows}
    if not rows:
        return replace(batch, broken=broken)
    fitting = without(batch.fitting, rows)
    left = set(rows)
    positions = [each for row, each in enumerate(batch.positions) if row not in left]
    keys_left = KeysOf(table, fitting)
    return replace(
        batch, fitting=fitting, positions=positions, keys=keys_left, broken=broken, sets={}
    )


def _broken(key: str) -> Broken:
    said = Violation(key, ERASED, "a row of this key was erased, and is kept out")
    return Broken([said], {})


def payload_to_keep(batch: Batch, position: int, violations: Sequence[Violation]) -> str:
    """What is kept of a rejected row, in JSON: what was sent, unless the row was erased."""
    if any(each.rule == ERASED for each in violations):
        return NOTHING
    return batch.payload(position)

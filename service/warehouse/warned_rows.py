"""Warnings of rows that go in though they break rules of severity `warn`."""

from collections.abc import Iterable

from service.judge.admission import Verdict
from service.judge.batch import Violation
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.replays import in_json


def warnings_of(verdict: Verdict, load: records.LoadRecord) -> Iterable[records.WarningRecord]:
    """What is told of the rows of `verdict` that go in by `load`."""
    batch = verdict.batch
    keys = dict(zip(batch.positions, batch.keys[batch.table.primary_key], strict=True))
    for position, warnings in told_of(verdict):
        yield records.WarningRecord(
            load_id=load.load_id,
            table_name=load.table_name,
            source=load.source,
            position=position,
            row_key=str(keys[position]),
            warnings=in_json(warnings),
            warned_at=load.finished_at or utc_now(),
        )


def told_of(verdict: Verdict) -> Iterable[tuple[int, list[Violation]]]:
    """The position and the warnings of each row that goes in and has some."""
    kept_out = {*verdict.rejected, *verdict.present}
    for position, warnings in sorted(verdict.batch.warnings.items()):
        if position not in kept_out:
            yield position, warnings

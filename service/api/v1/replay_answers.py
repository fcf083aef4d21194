"""What became of rows that were tried again, as clients see it."""

from typing import Any

import msgspec
from litestar import Response
from msgspec import UNSET, UnsetType

from service.api.http.negotiation import JSON
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.v1.answers import (
    InsertAnswer,
    created,
    encoded,
    location_of,
    outcome_of_table,
    status_of,
)
from service.doors.inserts import RefusedRequest
from service.doors.replay_runs import ReplayResult, Tally
from service.judge.batch import Violation
from service.warehouse.work import Outcome

MAX_REASONS = 100  # what clients sent can be the name of an unknown field


class ReplayAnswer(InsertAnswer):
    """What became of a row that was tried again.

    It is `already_present` if it is there already with the same content, and came by a file and
    was tried as it was, or its load asked for that; and `changed` if its load asked for changes.
    """


class RuleTally(msgspec.Struct):
    """How many rows failed for one reason."""

    column: str | None
    rule: str
    rows: int


class TableReplay(msgspec.Struct):
    """What became of the rows of one table, and why some still fail: the most frequent reasons."""

    received: int
    accepted: int
    changed: int
    rejected: int
    already_present: int
    reasons: list[RuleTally]


class StillRejected(msgspec.Struct):
    """A row that failed again."""

    rejection_id: str
    violations: list[Violation]


class NotTried(msgspec.Struct):
    """A row that was not tried, and why."""

    rejection_id: str
    detail: str


class ReplaySummary(msgspec.Struct):
    """What became of rows that were tried again: one load, or null where there was nothing to try.

    Of rows that were sent, `rejections` are those that failed, `not_tried` those that could not be
    tried.
    """

    load_id: str | None
    received: int
    accepted: int
    changed: int
    rejected: int
    already_present: int
    tables: dict[str, TableReplay]
    rejections: list[StillRejected] | UnsetType = UNSET
    not_tried: list[NotTried] | UnsetType = UNSET
    matched: int | UnsetType = UNSET  # rejections of the filter


def response_of(outcome: Outcome | RefusedRequest) -> Response[bytes]:
    assert isinstance(outcome, Outcome)  # what is no row is refused before, and not on record
    (verdict,) = outcome.verdicts
    of_table = outcome_of_table(outcome, verdict)
    answer = ReplayAnswer(
        outcome.load_id, verdict.batch.table.name, **msgspec.structs.asdict(of_table)
    )
    status = status_of([of_table], outcome.load_id)
    if status == 201:
        return created(answer, location_of(outcome))
    if status != 422:
        return Response(encoded(answer), status_code=status, media_type=JSON)
    members = msgspec.structs.asdict(answer)
    body = problem(422, "rows-rejected", "Rows rejected", "the row did not go in", **members)
    return Response(body, status_code=422, media_type=CONTENT_TYPE)


def summary_of(result: ReplayResult, lists_rows: bool) -> ReplaySummary:
    tables = {name: _of_table(tally) for name, tally in result.tables.items()}
    counts: dict[str, Any] = result.counts()
    summary = ReplaySummary(load_id=result.load_id, tables=tables, **counts)
    if not lists_rows:
        summary.matched = result.matched
    if lists_rows:
        summary.rejections = [
            StillRejected(each.rejection_id, each.violations) for each in result.failed
        ]
        summary.not_tried = [NotTried(rejection_id, why) for rejection_id, why in result.not_tried]
    return summary


def _of_table(tally: Tally) -> TableReplay:
    reasons = [
        RuleTally(column, rule, rows)
        for (column, rule), rows in tally.failing.most_common(MAX_REASONS)
    ]
    return TableReplay(
        received=tally.received,
        accepted=tally.accepted,
        changed=tally.changed,
        rejected=tally.rejected,
        already_present=tally.already_present,
        reasons=reasons,
    )

"""Rejected rows and their counts, as clients see them."""

from typing import Any, Literal, cast

import msgspec

from service.api.http.times import Timestamp, in_utc
from service.ops import records

Status = Literal["open", "accepted", "dismissed"]


class ShownViolation(msgspec.Struct):
    """One rule that the row broke; `value` is what was sent."""

    column: str | None
    rule: str
    message: str
    value: msgspec.Raw


class Replay(msgspec.Struct):
    """A row that was tried again, in the load `load_id`.

    `payload` is the corrected row, null if the same row was tried again; `violations` are null if
    there were none, or the same as before.
    """

    load_id: str
    outcome: Literal["accepted", "changed", "rejected", "already_present"]
    payload: msgspec.Raw
    violations: list[ShownViolation] | None
    replayed_at: Timestamp
    actor: str | None


class Rejection(msgspec.Struct):
    """A row that was kept out; `payload` is what was sent, `raw` a file's line as it stood there.

    `position` is that of the row in its request, from 0, or the number of its line, from 1. Of one
    that is no longer open, `resolution` is the load that its row went in by, or why it was
    dismissed. One that is shown alone has its `replays`.
    """

    rejection_id: str
    load_id: str
    table: str
    position: int
    payload: msgspec.Raw
    violations: list[ShownViolation]
    rejected_at: Timestamp
    status: Status
    raw: str | None
    resolved_at: Timestamp | None
    resolved_by: str | None
    resolution: str | None
    replays: list[Replay] | msgspec.UnsetType = msgspec.UNSET


class RejectionList(msgspec.Struct):
    """A page of rejections, newest first."""

    rejections: list[Rejection]
    next: str | None


class RuleCount(msgspec.Struct):
    """How many rejections of one status broke a rule of a column; null: a rule of the whole row."""

    table: str
    column: str | None
    rule: str
    status: Status
    rejections: int


class Summary(msgspec.Struct):
    """Rejections by status, and by table, column, rule and status: the largest counts first.

    A row that broke several rules is counted once in `open`, `accepted` or `dismissed`, and with
    each of its rules in `counts`.
    """

    open: int
    accepted: int
    dismissed: int
    counts: list[RuleCount]


class GroupCount(msgspec.Struct):
    """How many rejections broke a rule of a column; null: a rule of the whole row."""

    table: str
    column: str | None
    rule: str
    rejections: int


class RejectionGroups(msgspec.Struct):
    """The rejections of a filter: how many rows, and how many of them broke which rule."""

    rejections: int
    groups: list[GroupCount]


class Dismissal(msgspec.Struct):
    """How many rows were meant, and how many were dismissed: none by a dry run."""

    matched: int
    dismissed: int


def replay_of(entry: records.ReplayRecord) -> Replay:
    violations = entry.violations
    return Replay(
        load_id=entry.load_id,
        outcome=cast(Any, entry.outcome),
        payload=msgspec.Raw((entry.payload or "null").encode()),
        violations=msgspec.json.decode(violations, type=list[ShownViolation])
        if violations
        else None,
        replayed_at=in_utc(entry.replayed_at),
        actor=entry.actor,
    )


def page_of(entry: records.RejectionRecord) -> Rejection:
    """A rejection, as clients see it."""
    return Rejection(
        rejection_id=entry.rejection_id,
        load_id=entry.load_id,
        table=entry.table_name,
        position=entry.position,
        payload=msgspec.Raw(entry.payload.encode()),
        violations=msgspec.json.decode(entry.violations, type=list[ShownViolation]),
        rejected_at=in_utc(entry.rejected_at),
        status=cast(Status, entry.status),
        raw=entry.raw,
        resolved_at=in_utc(entry.resolved_at) if entry.resolved_at else None,
        resolved_by=entry.resolved_by,
        resolution=entry.resolution,
    )

"""The types of responses about rows, and how they are encoded."""

from collections.abc import Collection
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import UNSET, UnsetType

from service.api.http.describing import ProblemDocument
from service.judge.admission import Verdict
from service.judge.batch import Violation
from service.warehouse.warned_rows import told_of
from service.warehouse.work import Outcome


class Sent(Response[bytes]):
    """A response whose body is ready: it is sent as it is, in half of the time."""

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        """Without what Litestar adds to others: there are no cookies and no types to encode."""
        said = {
            "content-type": self.media_type or "application/json",
            "content-length": str(len(self.content)),
            **self.headers,
        }
        headers = [(name.lower().encode(), str(value).encode()) for name, value in said.items()]

        async def send_it(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code or 200,
                    "headers": headers,
                }
            )
            await send({"type": "http.response.body", "body": self.content, "more_body": False})

        return send_it


class RejectedRow(msgspec.Struct):
    """A row that was kept out; `row` is its 0-based position in the request."""

    row: int
    rejection_id: str | None
    violations: list[Violation]


class WarnedRow(msgspec.Struct):
    """A row that went in, though it breaks rules of severity `warn`; `row` as of a rejected one."""

    row: int
    warnings: list[Violation]


class TableOutcome(msgspec.Struct):
    """What became of the rows of one table: ``received = accepted + changed + rejected +
    already_present``. Of those that went in it says how many values are defaults, and how many were
    normalised to something else, where there are any. `ids` as in the answer for one table.
    """

    received: int
    accepted: int
    changed: int
    rejected: int
    already_present: int
    rejections: list[RejectedRow]
    ids: list[int | None] | UnsetType = UNSET
    warnings: list[WarnedRow] | UnsetType = UNSET
    defaulted: int | UnsetType = UNSET
    normalised: int | UnsetType = UNSET


class InsertAnswer(msgspec.Struct):
    """What became of the rows of a request for one table; `load_id` is null after a dry run.

    `changed` are rows that changed one which was there, `already_present` those that were there
    with the same content: as ``Prefer: resolution=…`` asks. Of the rows that
    went in it says how many values are defaults, and how many were normalised to something else,
    where there are any. Where the service gives the primary key, `ids` has that of each row of the
    request, in its order, and null for one that was kept out; there are none after a dry run.
    """

    load_id: str | None
    table: str
    received: int
    accepted: int
    changed: int
    rejected: int
    already_present: int
    rejections: list[RejectedRow]
    ids: list[int | None] | UnsetType = UNSET
    warnings: list[WarnedRow] | UnsetType = UNSET
    defaulted: int | UnsetType = UNSET
    normalised: int | UnsetType = UNSET


class InsertManyAnswer(msgspec.Struct):
    """What became of the rows of a request for several tables."""

    load_id: str | None
    tables: dict[str, TableOutcome]


class InsertProblem(ProblemDocument):
    """Nothing went in: the problem, with what an answer says where rows were judged."""

    load_id: str | UnsetType | None = UNSET
    table: str | UnsetType | None = UNSET
    received: int | UnsetType = UNSET
    accepted: int | UnsetType = UNSET
    changed: int | UnsetType = UNSET
    rejected: int | UnsetType = UNSET
    already_present: int | UnsetType = UNSET
    rejections: list[RejectedRow] | UnsetType = UNSET
    ids: list[int | None] | UnsetType = UNSET
    warnings: list[WarnedRow] | UnsetType = UNSET
    tables: dict[str, TableOutcome] | UnsetType = UNSET


def outcome_of_table(outcome: Outcome, verdict: Verdict) -> TableOutcome:
    """One table's part of an outcome, for the client."""
    name = verdict.batch.table.name
    rejections = [
        RejectedRow(position, outcome.rejection_ids.get((name, position)), violations)
        for position, violations in sorted(verdict.rejected.items())
    ]
    warnings = [] if outcome.refused else [WarnedRow(*each) for each in told_of(verdict)]
    defaulted, normalised = outcome.adjusted(verdict)
    return TableOutcome(
        received=verdict.batch.received,
        rejections=rejections,
        ids=_unless_none(outcome.ids(verdict)),
        warnings=warnings or UNSET,
        defaulted=defaulted or UNSET,
        normalised=normalised or UNSET,
        **outcome.counts(verdict),
    )


def _unless_none(ids: list[int | None] | None) -> list[int | None] | UnsetType:
    return UNSET if ids is None else ids


def location_of(outcome: Outcome) -> str:
    """Where what was made is: the load, or the one row that went in and was given its id."""
    load = f"/v1/loads/{outcome.load_id}"
    if len(outcome.verdicts) != 1 or outcome.verdicts[0].batch.received != 1:
        return load
    ids = outcome.ids(outcome.verdicts[0])
    return f"/v1/tables/{outcome.verdicts[0].batch.table.name}/rows/{ids[0]}" if ids else load


def status_of(tables: Collection[TableOutcome], load_id: str | None) -> int:
    """201 when all rows fit, 207 when some do, 422 when none does.

    200 in place of 201 where no row is new, and on a dry run, which has no load.
    """
    if rejected := sum(each.rejected for each in tables):
        return 207 if rejected < sum(each.received for each in tables) else 422
    return 201 if load_id is not None and any(each.accepted for each in tables) else 200


def created(answer: Any, location: str) -> Response[bytes]:
    """What was made, and where it is."""
    return Response(
        encoded(answer),
        status_code=201,
        media_type="application/json",
        headers={"Location": location},
    )


# An answer in JSON; values that JSON does not know are written as text.
encoded = msgspec.json.Encoder(enc_hook=repr).encode

"""Rejected rows, tried again: one by its id, some that were corrected, or all that are open."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import UNSET, UnsetType

from service.api.http.authentication import actor_of
from service.api.http.bodies import read_body
from service.api.http.describing import Link, described
from service.api.http.idempotency import again, answered_once, asked_by, kept
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, MSGPACK, NDJSON
from service.api.http.parameters import only_known
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.http.scopes import check_tables, tables_of_rejections
from service.api.v1.answers import (
    InsertAnswer,
    InsertProblem,
    created,
    encoded,
    outcome_of_table,
    status_of,
)
from service.api.v1.rejections import Column, Expected, Rules, Since, Text, Until, filter_of
from service.doors.inserts import InsertOptions, RefusedRequest
from service.doors.replay_changes import Changes, ReplayTry
from service.doors.replay_runs import Correction, ReplayResult, Tally
from service.errors import BadRequest, MalformedBody, UnsupportedFormat, shortened
from service.formats.bodies.body_rows import media_type
from service.formats.bodies.rows_protocol import decoding
from service.formats.bodies.text_bodies import without_mark
from service.gate import Gate
from service.judge.batch import Violation
from service.judge.judge import check_number
from service.ops.rejection_filters import RejectionFilter
from service.runtime.decoding_errors import in_words
from service.warehouse.work import Outcome, StoredAnswer

MAX_REASONS = 100  # what clients sent can be the name of an unknown field
NOTHING = msgspec.Raw(b"")


class ReplayAnswer(InsertAnswer):
    """What became of a row that was tried again.

    It is `already_present` if it came by a file, was tried as it was, and is there already.
    """

    already_present: int = 0


class Corrected(msgspec.Struct, forbid_unknown_fields=True):
    """A rejection and the row to try in its place: `row`, or its values as text, as CSV has them
    (`text`: "5" is a number, "" no value). With neither, the same row is tried again.
    """

    rejection_id: str
    row: Any = UNSET
    text: dict[str, str | None] | UnsetType = UNSET


class _Corrected(msgspec.Struct, forbid_unknown_fields=True):
    """The same, with the row as it was sent."""

    rejection_id: str
    row: msgspec.Raw = NOTHING
    text: dict[str, str | None] | UnsetType = UNSET


class SetValues(msgspec.Struct, forbid_unknown_fields=True):
    """Values that all rows of a filter have, by column."""

    set: dict[str, Any]


class RuleTally(msgspec.Struct):
    """How many rows failed for one reason."""

    column: str | None
    rule: str
    rows: int


class TableReplay(msgspec.Struct):
    """What became of the rows of one table, and why some still fail: the most frequent reasons."""

    received: int
    accepted: int
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
    rejected: int
    already_present: int
    tables: dict[str, TableReplay]
    rejections: list[StillRejected] | UnsetType = UNSET
    not_tried: list[NotTried] | UnsetType = UNSET
    matched: int | UnsetType = UNSET  # rejections of the filter


class ReplayController(Controller):
    """Replays."""

    path = "/v1/rejections"
    tags = ("rejections",)
    guards = (only_known,)

    @post(
        "/{rejection_id:str}/replay",
        operation_id="replay_rejection",
        status_code=201,
        opt=described(
            answers={
                201: ReplayAnswer,
                200: ReplayAnswer,
                422: {CONTENT_TYPE: InsertProblem},
            },
            body={JSON: Any, NDJSON: Any, CSV: str, MSGPACK: Any},
            leads_to=(Link("show_load", {"load_id": "/load_id"}),),
            body_required=False,
            problems=(400, 404, 409, 413, 415, 507),
            once=True,
            encodings=True,
            role="writer",
        ),
    )
    async def replay_rejection(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        rejection_id: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Tries a row again: the corrected one, in any format of an insert, or the same.

        It is a load of kind `replay`. If the row goes in, its rejection is accepted; if not, that
        stays as it is, and no other is opened. A dismissed one can be tried again, an accepted one
        cannot (409). A row of a file that is tried as it was, and is there already with the same
        content, is done with (200, `already_present`); any other is judged as by an insert.
        """
        body = await read_body(request, gate.settings)
        named = asked_by(request, body)
        asked = None if dry_run else named
        options = InsertOptions(
            render=lambda outcome: kept(asked, _response(outcome)),
            dry_run=dry_run,
            actor=actor_of(request),
            idempotency=asked,
        )
        content_type = header(request, "content-type") or ""
        replay = gate.replays.replay_one
        begun = await asyncio.to_thread(replay, rejection_id, body, content_type, options)
        done = await asyncio.wrap_future(begun)
        return again(done) if isinstance(done, StoredAnswer) else _response(done)

    @post(
        "/replay",
        operation_id="replay_rejections",
        status_code=200,
        opt=described(
            answers={200: ReplaySummary},
            body={JSON: list[Corrected] | SetValues},
            body_required=False,
            problems=(404, 409, 413, 422),
            once=True,
            encodings=True,
            role="writer",
        ),
    )
    async def replay_rejections(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str | None] = None,
        column: Column = None,
        rule: Rules = None,
        load_id: FromQuery[str | None] = None,
        text: Text = None,
        since: Since = None,
        until: Until = None,
        dry_run: FromQuery[bool] = False,
        expected: Expected = None,
    ) -> Response[bytes]:
        """Tries every open rejection of a filter again; or the 1 to 1000 rows sent.

        With a body `{"set": {"department_id": 3}}` these columns have that value in all rows of the
        filter, which then has to name the table. Where there are not as many as `expected`, none is
        tried. Parents come first. It is one load of kind `replay`; others go on writing meanwhile.
        """
        body = await read_body(request, gate.settings)
        wanted = filter_of(gate, table, column, rule, load_id, "open", text, since, until)
        sent = _sent(body, header(request, "content-type") or "")
        if isinstance(sent, list):
            check_number(len(sent), gate.settings.max_rows)
            if wanted != RejectionFilter(status="open") or dry_run or expected is not None:
                raise BadRequest("either a filter or rows: rows say themselves what they are")
        check_tables(request, _tables(gate, wanted, sent))
        asked = ReplayTry(
            actor_of(request),
            _changes(gate, wanted, sent) if isinstance(sent, SetValues) else {},
            dry_run,
            expected,
        )

        async def answer() -> Response[bytes]:
            if isinstance(sent, list):
                replay = gate.replays.replay_corrected
                result = await asyncio.to_thread(replay, sent, asked.actor)
            else:
                result = await asyncio.to_thread(gate.replays.replay_filtered, wanted, asked)
            summary = _summary(result, lists_rows=isinstance(sent, list))
            return Response(encoded(summary), status_code=200, media_type=JSON)

        if dry_run:  # which is no change, and keeps nothing under the key
            return await answer()
        return await answered_once(request, body, answer)


def _tables(
    gate: Gate, wanted: RejectionFilter, sent: "list[Correction] | SetValues | None"
) -> Iterable[str] | None:
    """Those whose rows are tried again; None: all. An id of no rejection is told as not tried."""
    if not isinstance(sent, list):
        return wanted.table and [wanted.table]
    return tables_of_rejections(gate, [each.rejection_id for each in sent])


def _changes(gate: Gate, wanted: RejectionFilter, sent: SetValues) -> Changes:
    if wanted.table is None or not sent.set:
        raise BadRequest("to set values, name the table, and at least one of its columns")
    known = gate.table(wanted.table).column_names
    if unknown := [name for name in sent.set if name not in known]:
        detail = f"{wanted.table} has no column {shortened(unknown[0])!r}; columns: "
        raise BadRequest(f"{detail}{', '.join(known)}", known=list(known))
    return sent.set


def _response(outcome: Outcome | RefusedRequest) -> Response[bytes]:
    assert isinstance(outcome, Outcome)  # what is no row is refused before, and not on record
    (verdict,) = outcome.verdicts
    of_table = msgspec.structs.asdict(outcome_of_table(outcome, verdict))
    table, present = verdict.batch.table.name, len(verdict.present)
    answer = ReplayAnswer(outcome.load_id, table, **of_table, already_present=present)
    status = 200 if present else status_of(outcome)
    if status == 201:
        return created(answer, f"/v1/loads/{outcome.load_id}")
    if status != 422:
        return Response(encoded(answer), status_code=status, media_type=JSON)
    members = msgspec.structs.asdict(answer)
    body = problem(422, "rows-rejected", "Rows rejected", "the row did not go in", **members)
    return Response(body, status_code=422, media_type=CONTENT_TYPE)


def _sent(body: bytes, content_type: str) -> list[Correction] | SetValues | None:
    """The rows to try, or the values to set; None where the body is empty."""
    if not body.strip():
        return None
    if media_type(content_type) != JSON:
        raise UnsupportedFormat(f"corrected rows come as {JSON}, not {media_type(content_type)}")
    try:
        with decoding():
            found = msgspec.json.decode(without_mark(body), type=list[_Corrected] | SetValues)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"the body does not fit: {in_words(error)}") from None
    return found if isinstance(found, SetValues) else [_correction(each) for each in found]


def _correction(sent: _Corrected) -> Correction:
    row = None if sent.row == NOTHING else bytes(sent.row)
    text = None if isinstance(sent.text, UnsetType) else sent.text
    if row is not None and text is not None:
        raise MalformedBody(f"{sent.rejection_id} has both row and text")
    return Correction(sent.rejection_id, row, text)


def _summary(result: ReplayResult, lists_rows: bool) -> ReplaySummary:
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
        rejected=tally.rejected,
        already_present=tally.already_present,
        reasons=reasons,
    )

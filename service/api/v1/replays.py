"""Rejected rows, tried again: one by its id, some that were corrected, or all that are open."""

import asyncio
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import UNSET, UnsetType

from service.api.http.authentication import actor_of
from service.api.http.idempotency import again, answered_once, asked_by, kept
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, MSGPACK, NDJSON
from service.api.http.parameters import only_known
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.openapi.describing import Link, described
from service.api.v1.answers import (
    InsertAnswer,
    InsertProblem,
    encoded,
    outcome_of_table,
    status_of,
)
from service.api.v1.inserts import read_body
from service.doors.replays import (
    FailedReplay,
    ReplayItem,
    ReplayResult,
    Tally,
    batch_of,
    one,
    replay_all,
    replay_some,
    stored,
    tries_of,
)
from service.errors import BadRequest, MalformedBody, UnsupportedFormat
from service.formats.bodies.body_rows import media_type, rows_of
from service.formats.bodies.rows_protocol import decoding
from service.gate import Gate
from service.judge.batch import Batch, Violation
from service.judge.judge import check_number
from service.warehouse.replays import Retries
from service.warehouse.work import Insert, Outcome, StoredAnswer

MOST_REASONS = 100  # what clients sent can be the name of an unknown field
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
        body = await read_body(request, gate)
        found = await asyncio.to_thread(one, gate, rejection_id)
        item, kind = ReplayItem(found), header(request, "content-type") or ""
        judge = _judge(gate, found.table)

        def judged() -> Batch:
            return judge.judge(rows_of(body, kind), 1) if body else batch_of(judge, [item])

        batch = await asyncio.to_thread(judged)
        named = asked_by(request, body)
        asked = None if dry_run else named
        insert = Insert([batch], False, dry_run, "replay", None, actor_of(request), asked)
        insert.replay = Retries(tries_of([item], batch.payload(0) if body else None))
        insert.render = lambda outcome: kept(asked, _response(outcome))
        done = await asyncio.wrap_future(gate.writer.insert(insert))
        return again(done) if isinstance(done, StoredAnswer) else _response(done)

    @post(
        "/replay",
        operation_id="replay_rejections",
        status_code=200,
        opt=described(
            answers={200: ReplaySummary},
            body={JSON: list[Corrected]},
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
    ) -> Response[bytes]:
        """Tries every open rejection again, of all tables or one; or the 1 to 1000 rows sent.

        Parents come first. It is one load of kind `replay`; others go on writing meanwhile.
        """
        body = await read_body(request, gate)
        actor = actor_of(request)
        name = None if table is None else gate.table(table).name
        sent = _corrected(body, header(request, "content-type") or "") if body.strip() else None
        if sent is not None:
            check_number(len(sent), gate.settings.max_rows)
        if sent is not None and name is not None:
            raise BadRequest("either a table or rows: rows say themselves what they are of")

        async def answer() -> Response[bytes]:
            summary = (
                _summary(await asyncio.to_thread(replay_all, gate, name, actor))
                if sent is None
                else await asyncio.to_thread(_replay_sent, gate, sent, actor)
            )
            return Response(encoded(summary), status_code=200, media_type=JSON)

        return await answered_once(gate, asked_by(request, body), answer)


def _judge(gate: Gate, table: str) -> Any:
    gate.table(table)  # raises UnknownTable
    return gate.judges[table]


def _response(outcome: Outcome) -> Response[bytes]:
    (verdict,) = outcome.verdicts
    of_table = msgspec.structs.asdict(outcome_of_table(outcome, verdict))
    table, present = verdict.batch.table.name, len(verdict.present)
    answer = ReplayAnswer(outcome.load_id, table, **of_table, already_present=present)
    status = 200 if present else status_of(outcome)
    if status != 422:
        return Response(encoded(answer), status_code=status, media_type=JSON)
    members = msgspec.structs.asdict(answer)
    body = problem(422, "rows-rejected", "Rows rejected", "the row did not go in", **members)
    return Response(body, status_code=422, media_type=CONTENT_TYPE)


def _corrected(body: bytes, content_type: str) -> list[_Corrected]:
    if media_type(content_type) != JSON:
        raise UnsupportedFormat(f"corrected rows come as {JSON}, not {media_type(content_type)}")
    try:
        with decoding():
            found = msgspec.json.decode(body, type=list[_Corrected])
    except msgspec.ValidationError as error:
        raise MalformedBody(f"the body does not fit: {error}") from None
    for each in found:
        if each.row != NOTHING and each.text is not UNSET:
            raise MalformedBody(f"{each.rejection_id} has both row and text")
    return found


def _replay_sent(gate: Gate, sent: list[_Corrected], actor: str | None) -> ReplaySummary:
    with gate.database.reading() as connection:
        there = {
            found.rejection_id: found
            for found in stored(connection, [each.rejection_id for each in sent])
        }
    items: dict[str, ReplayItem] = {}
    not_tried: list[NotTried] = []
    for each in sent:
        found = there.get(each.rejection_id)
        if found is None:
            not_tried.append(NotTried(each.rejection_id, "there is no such rejection"))
        elif each.rejection_id in items:
            not_tried.append(NotTried(each.rejection_id, "it stands twice; the first was tried"))
        elif found.table not in gate.dictionary.tables:
            not_tried.append(NotTried(each.rejection_id, f"there is no table {found.table} now"))
        elif found.status != "accepted":
            row = None if each.row == NOTHING else bytes(each.row)
            text = None if isinstance(each.text, UnsetType) else each.text
            items[each.rejection_id] = ReplayItem(found, row, text)
        else:
            not_tried.append(NotTried(each.rejection_id, "its row has gone in"))
    result = replay_some(gate, list(items.values()), actor)
    not_tried += [NotTried(each, "its row has gone in") for each in result.settled]
    summary = _summary(result)
    summary.rejections, summary.not_tried = [_still(each) for each in result.failed], not_tried
    return summary


def _still(failed: FailedReplay) -> StillRejected:
    return StillRejected(failed.rejection_id, failed.violations)


def _summary(result: ReplayResult) -> ReplaySummary:
    tallies = result.tables.values()
    return ReplaySummary(
        result.load_id,
        sum(tally.received for tally in tallies),
        sum(tally.accepted for tally in tallies),
        sum(tally.rejected for tally in tallies),
        sum(tally.already_present for tally in tallies),
        {name: _shown(tally) for name, tally in result.tables.items()},
    )


def _shown(tally: Tally) -> TableReplay:
    reasons = [
        RuleTally(column, rule, rows)
        for (column, rule), rows in tally.failing.most_common(MOST_REASONS)
    ]
    counts = (tally.received, tally.accepted, tally.rejected, tally.already_present)
    return TableReplay(*counts, reasons)

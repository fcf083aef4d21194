"""Rejected rows, tried again: one by its id, some that were corrected, or all that are open."""

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.bodies import read_body
from service.api.http.describing import Link, described
from service.api.http.idempotency import again, answered_once, asked_by, kept
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, MSGPACK, NDJSON
from service.api.http.parameters import only_known
from service.api.http.problems import CONTENT_TYPE
from service.api.http.scopes import check_tables, may_do, tables_of_rejections
from service.api.v1.answers import (
    InsertProblem,
    encoded,
)
from service.api.v1.rejection_parameters import (
    Column,
    Expected,
    Rules,
    Since,
    Text,
    Until,
    filter_of,
)
from service.api.v1.replay_answers import ReplayAnswer, ReplaySummary, response_of, summary_of
from service.api.v1.replay_bodies import Corrected, SetValues, changes_of, read_sent
from service.doors.inserts import InsertOptions
from service.doors.replay_changes import ReplayTry
from service.doors.replay_runs import Correction
from service.errors import BadRequest
from service.gate import Gate
from service.judge.judge import check_number
from service.ops.rejection_filters import RejectionFilter
from service.warehouse.work import StoredAnswer


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
        content, is done with (200, `already_present`). Any other is judged as by an insert with the
        preference of its load: what `merge-duplicates` asked for is done where the key may change
        rows, else it is as with `ignore-duplicates`.
        """
        body = await read_body(request, gate.settings)
        named = asked_by(request, body)
        asked = None if dry_run else named
        options = InsertOptions(
            render=lambda outcome: kept(asked, response_of(outcome)),
            dry_run=dry_run,
            may_change=may_do(request, "change"),
            actor=actor_of(request),
            idempotency=asked,
        )
        content_type = header(request, "content-type") or ""
        replay = gate.replays.replay_one
        begun = await asyncio.to_thread(replay, rejection_id, body, content_type, options)
        done = await asyncio.wrap_future(begun)
        return again(done) if isinstance(done, StoredAnswer) else response_of(done)

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
        sent = read_sent(body, header(request, "content-type") or "")
        if isinstance(sent, list):
            check_number(len(sent), gate.settings.max_rows)
            if wanted != RejectionFilter(status="open") or dry_run or expected is not None:
                raise BadRequest("either a filter or rows: rows say themselves what they are")
        check_tables(request, _tables(gate, wanted, sent))
        asked = ReplayTry(
            actor_of(request),
            changes_of(gate, wanted, sent) if isinstance(sent, SetValues) else {},
            dry_run,
            expected,
            may_do(request, "change"),
        )

        async def answer() -> Response[bytes]:
            if isinstance(sent, list):
                replay = gate.replays.replay_corrected
                result = await asyncio.to_thread(replay, sent, asked)
            else:
                result = await asyncio.to_thread(gate.replays.replay_filtered, wanted, asked)
            summary = summary_of(result, lists_rows=isinstance(sent, list))
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

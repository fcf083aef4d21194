"""POST of rows: one table or several, lenient or strict, for real or as a dry run."""

from functools import partial
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.params import FromPath, FromQuery

from service.api.http.app_state import gate_of
from service.api.http.authentication import actor_of
from service.api.http.bodies import read_body
from service.api.http.describing import Link, Schema, described
from service.api.http.idempotency import again, asked_by, kept
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, MSGPACK, NDJSON
from service.api.http.parameters import only_known
from service.api.http.preferences import RowPreferences
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.http.scopes import check_tables
from service.api.v1.answers import (
    InsertAnswer,
    InsertManyAnswer,
    InsertProblem,
    Sent,
    encoded,
    location_of,
    outcome_of_table,
    status_of,
)
from service.doors.inserts import Answer, InsertOptions, RefusedRequest
from service.runtime.resolutions import OF_REQUESTS
from service.runtime.wording import counted
from service.warehouse.work import Outcome, StoredAnswer

LOAD = Link("show_load", {"load_id": "/load_id"})
KEPT_OUT = Link("list_rejections", {"load_id": "/load_id"}, status=207)
FIRST = {"rejection_id": "/rejections/0/rejection_id"}
ROWS_IN: Any = {
    "problems": (413, 507),
    "once": True,
    "prefer": True,
    "resolves": True,
    "encodings": True,
    "role": "writer",
}


class InsertController(Controller):
    """New rows."""

    path = "/v1"
    tags = ("rows",)

    @post(
        "/tables/{table:str}/rows",
        operation_id="insert_rows",
        status_code=201,
        opt=described(
            answers={
                201: InsertAnswer,
                200: InsertAnswer,
                207: InsertAnswer,
                422: {CONTENT_TYPE: InsertProblem},
            },
            body={JSON: Schema.ROWS, NDJSON: Schema.TEXT, CSV: Schema.TEXT, MSGPACK: Schema.ROWS},
            leads_to=(LOAD, KEPT_OUT, Link("replay_rejection", FIRST, status=207)),
            **ROWS_IN,
        ),
    )
    async def insert_rows(
        self,
        request: Request[Any, Any, Any],
        table: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Inserts 1 to 1000 rows; each that does not fit is kept out, with every reason.

        An Avro file is taken, too, as `application/avro`.
        """
        gate = gate_of(request.app.state)  # a dependency takes longer than to judge a row
        await only_known(request, request.route_handler)  # a guard costs a copy of the handler
        gate.table(table)  # before the body is read
        body = await read_body(request, gate.settings)
        preferred, options = _options(request, body, dry_run, table)
        content_type = header(request, "content-type") or ""
        done = await gate.inserts.insert(table, body, content_type, options)
        return _response(done, preferred, table)

    @post(
        "/rows",
        operation_id="insert_rows_of_tables",
        status_code=201,
        opt=described(
            answers={
                201: InsertManyAnswer,
                200: InsertManyAnswer,
                207: InsertManyAnswer,
                422: {CONTENT_TYPE: InsertProblem},
            },
            body={JSON: Schema.ROWS_BY_TABLE, MSGPACK: Schema.ROWS_BY_TABLE},
            leads_to=(LOAD, KEPT_OUT),
            **ROWS_IN,
        ),
    )
    async def insert_rows_of_tables(
        self,
        request: Request[Any, Any, Any],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Inserts 1 to 1000 rows of several tables in one transaction, parents first."""
        gate = gate_of(request.app.state)
        await only_known(request, request.route_handler)
        body = await read_body(request, gate.settings)
        preferred, options = _options(request, body, dry_run, None)
        content_type = header(request, "content-type") or ""
        done = await gate.inserts.insert_many(body, content_type, options)
        return _response(done, preferred, None)


def _options(
    request: Request[Any, Any, Any], body: bytes, dry_run: bool, table: str | None
) -> tuple[RowPreferences, InsertOptions]:
    """How the request wants its rows handled: what the answer repeats, and all of it."""
    preferred = RowPreferences.of(request)
    named = asked_by(request, body)
    asked = None if dry_run else named
    options = InsertOptions(
        render=lambda done: kept(asked, _response(done, preferred, table)),
        strict=preferred.handling == "strict",
        dry_run=dry_run,
        on_conflict=preferred.on_conflict or OF_REQUESTS,
        actor=actor_of(request),
        idempotency=asked,
        check=partial(check_tables, request),
    )
    return preferred, options


def _response(done: Answer, preferred: RowPreferences, table: str | None) -> Response[bytes]:
    if isinstance(done, Outcome):
        return _of_outcome(done, preferred, table)
    return again(done) if isinstance(done, StoredAnswer) else _of_refusal(done, table)


def _of_outcome(outcome: Outcome, preferred: RowPreferences, table: str | None) -> Response[bytes]:
    tables = {
        verdict.batch.table.name: outcome_of_table(outcome, verdict) for verdict in outcome.verdicts
    }
    answer: Any = (
        InsertManyAnswer(outcome.load_id, tables)
        if table is None
        else InsertAnswer(outcome.load_id, table, **msgspec.structs.asdict(tables[table]))
    )
    status = status_of(tables.values(), outcome.load_id)
    headers = {"Preference-Applied": preferred.applied}
    if status == 201:
        headers["Location"] = location_of(outcome)
    if status != 422:
        return Sent(
            encoded(answer), status_code=status, headers=headers, media_type="application/json"
        )
    kept_out = sum(each.rejected for each in tables.values())
    detail = f"none of {counted(kept_out, 'row')} went in"
    members = msgspec.structs.asdict(answer)
    document = problem(422, "rows-rejected", "Rows rejected", detail, **members)
    return Sent(document, status_code=422, headers=headers, media_type=CONTENT_TYPE)


def _of_refusal(refused: RefusedRequest, table: str | None) -> Response[bytes]:
    error, received = refused.error, refused.error.members["received"]
    counts = {"received": received, "accepted": 0, "changed": 0, "rejected": received}
    counts |= {"already_present": 0, "rejections": []}
    body = problem(
        422, error.slug, error.title, error.detail, load_id=refused.load_id, table=table, **counts
    )
    return Response(body, status_code=422, media_type=CONTENT_TYPE)

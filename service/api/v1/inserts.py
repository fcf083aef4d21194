"""POST of rows: one table or several, lenient or strict, for real or as a dry run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from litestar import Controller, Request, Response, post
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.idempotency import again, asked_by, kept
from service.api.http.limits import body_of
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, MSGPACK, NDJSON, preference
from service.api.http.parameters import only_known
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.openapi.describing import Link, Schema, described
from service.api.v1.answers import (
    InsertAnswer,
    InsertManyAnswer,
    InsertProblem,
    Sent,
    encoded,
    outcome_of_table,
    status_of,
)
from service.engines.engine import Connection
from service.errors import UnknownTable, WrongNumberOfRows
from service.formats.bodies.body_rows import by_table, rows_of
from service.formats.bodies.encodings import decompressed
from service.gate import Gate, gate_of
from service.judge.batch import Batch
from service.judge.judge import check_number
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.work import Insert, Outcome, StoredAnswer

T = TypeVar("T")
LARGE = 1 << 20  # bytes; a body from here on is judged in a thread, so that others are served
LOAD = Link("show_load", {"load_id": "/load_id"})
KEPT_OUT = Link("list_rejections", {"load_id": "/load_id"}, status=207)
FIRST = {"rejection_id": "/rejections/0/rejection_id"}
ROWS_IN: Any = {
    "problems": (413, 507),
    "once": True,
    "prefer": True,
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
            answers={201: InsertAnswer, 207: InsertAnswer, 422: {CONTENT_TYPE: InsertProblem}},
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
        """Inserts 1 to 1000 rows; each that does not fit is kept out, with every reason."""
        gate = gate_of(request.app.state)  # a dependency takes longer than to judge a row
        await only_known(request, request.route_handler)  # a guard costs a copy of the handler
        judges, together = gate.judges, _known(gate.together, table)
        body = await read_body(request, gate)
        media_type, most = header(request, "content-type") or "", gate.settings.max_rows

        async def judged() -> list[Batch]:
            if len(body) > LARGE:
                judge = judges[table].judge
                return [await gate.limits.large(lambda: judge(rows_of(body, media_type), most))]
            batch = await gate.apart.judge(judges, table, body, media_type, most)
            return [batch or await together.judge(rows_of(body, media_type), most)]

        return await _insert(request, gate, body, judged, dry_run, table)

    @post(
        "/rows",
        operation_id="insert_rows_of_tables",
        status_code=201,
        opt=described(
            answers={
                201: InsertManyAnswer,
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
        body = await read_body(request, gate)
        judges = gate.judges  # of one dictionary, parents first, even if a build ends now

        def judge() -> list[Batch]:
            tables = by_table(body, header(request, "content-type") or "")
            for name in tables:
                _known(judges, name)
            check_number(sum(map(len, tables.values())), gate.settings.max_rows)
            return [judges[name].judge(tables[name]) for name in judges if name in tables]

        async def judged() -> list[Batch]:
            return await gate.limits.large(judge) if len(body) > LARGE else judge()

        return await _insert(request, gate, body, judged, dry_run, None)


def _known(judges: Mapping[str, T], table: str) -> T:
    if table not in judges:
        raise UnknownTable(table, list(judges))
    return judges[table]


async def read_body(request: Request[Any, Any, Any], gate: Gate) -> bytes:
    """The decompressed body.

    Raises:
        TooLarge, UnsupportedFormat, MalformedBody: as `decompressed` does.
        Unavailable: there is no room for it.
    """
    limit = gate.settings.max_body_bytes
    if int(header(request, "content-length") or 0) > limit:
        raise RequestEntityTooLarge
    body = await body_of(request).all(limit)
    encoding = header(request, "content-encoding")
    if not encoding:
        return body
    # In a thread, since a small body may well be a large one.
    plain = await asyncio.to_thread(decompressed, body, encoding, limit, gate.settings.max_ratio)
    body_of(request).take(len(plain))
    return plain


async def _insert(
    request: Request[Any, Any, Any],
    gate: Gate,
    body: bytes,
    judged: Callable[[], Awaitable[list[Batch]]],
    dry_run: bool,
    table: str | None,
) -> Response[bytes]:
    handling = preference(header(request, "prefer") or "", "handling", ("lenient", "strict"))
    named = asked_by(request, body)
    asked = None if dry_run else named
    try:
        batches = await judged()
    except WrongNumberOfRows as error:
        if dry_run:
            raise
        return await _refuse(gate, error, asked, table, actor_of(request))
    insert = Insert(
        batches, handling == "strict", dry_run, actor=actor_of(request), idempotency=asked
    )
    insert.render = lambda outcome: kept(asked, _response(outcome, handling, table))
    done = await gate.writer.answer(insert)
    if isinstance(done, StoredAnswer):
        return again(done)
    if not dry_run:
        _count(gate, done)
    return _response(done, handling, table)


def _response(outcome: Outcome, handling: str, table: str | None) -> Response[bytes]:
    tables = {
        verdict.batch.table.name: outcome_of_table(outcome, verdict) for verdict in outcome.verdicts
    }
    answer: Any = (
        InsertManyAnswer(outcome.load_id, tables)
        if table is None
        else InsertAnswer(outcome.load_id, table, **msgspec.structs.asdict(tables[table]))
    )
    status = status_of(outcome)
    headers = {"Preference-Applied": f"handling={handling}"}
    if status != 422:
        return Sent(
            encoded(answer), status_code=status, headers=headers, media_type="application/json"
        )
    kept_out = sum(each.rejected for each in tables.values())
    detail = f"none of {kept_out} row{'s' if kept_out > 1 else ''} went in"
    document = problem(
        422, "rows-rejected", "Rows rejected", detail, **msgspec.structs.asdict(answer)
    )
    return Sent(document, status_code=422, headers=headers, media_type=CONTENT_TYPE)


async def _refuse(
    gate: Gate, error: WrongNumberOfRows, asked: Any, table: str | None, actor: str | None
) -> Response[bytes]:
    """Puts on record that a request of no or of too many rows was refused."""
    received, now, load_id = error.members["received"], utc_now(), str(uuid4())
    load = records.LoadRecord(
        load_id=load_id,
        table_name=table or "",
        kind="batch",
        source=None,
        status="refused",
        received=received,
        accepted=0,
        rejected=received,
        already_present=0,
        started_at=now,
        finished_at=now,
        actor=actor,
    )
    counts = {"received": received, "accepted": 0, "rejected": received, "rejections": []}
    body = problem(
        422, error.slug, error.title, error.detail, load_id=load_id, table=table, **counts
    )
    response = Response(body, status_code=422, media_type=CONTENT_TYPE)

    def record(connection: Connection) -> None:
        records.write(connection, [load])

    done = gate.writer.run_once(record, (), asked, lambda _: kept(asked, response))
    found = await asyncio.wrap_future(done)
    return again(found) if isinstance(found, StoredAnswer) else response


def _count(gate: Gate, outcome: Outcome) -> None:
    for verdict in outcome.verdicts:
        accepted = outcome.accepted(verdict)
        gate.metrics.judged(verdict.batch.table.name, accepted, verdict.batch.received - accepted)

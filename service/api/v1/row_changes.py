"""PUT, PATCH and DELETE of a row, and DELETE of the rows that fit filters."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from litestar import Controller, Request, Response, delete, patch, put
from litestar.params import FromPath, FromQuery

from service.api.http.app_state import gate_of
from service.api.http.authentication import actor_of
from service.api.http.bodies import read_body
from service.api.http.describing import Schema, described
from service.api.http.idempotency import MEANING, again, asked_by, kept
from service.api.http.middleware import header
from service.api.http.negotiation import JSON, number_preferred
from service.api.http.parameters import only_known
from service.api.http.preconditions import PRECONDITIONS, preconditions
from service.api.http.problems import CONTENT_TYPE
from service.api.v1.answers import InsertProblem
from service.api.v1.change_answers import (
    RemovedRows,
    RowChangeAnswer,
    answered,
    changed,
    is_as_sent,
    refused,
)
from service.dictionary import Table
from service.doors.row_changes import Asking
from service.errors import BadRequest, MalformedBody, UnsupportedFormat
from service.formats.bodies.body_rows import media_type
from service.formats.bodies.merge_patches import MergePatch
from service.formats.bodies.text_bodies import without_mark
from service.warehouse.many_rows import RowsRemoved
from service.warehouse.one_row import RowChange, RowChanged, missing, read_key
from service.warehouse.row_queries import ORDER, SELECT, RowQuery
from service.warehouse.work import StoredAnswer

T = TypeVar("T")
MERGE_PATCH = "application/merge-patch+json"
DRY_RUN = "dry_run"
ROW = "/tables/{table:str}/rows/{row_id:str}"
CHANGES: Any = {
    "problems": (404, 409, 412, 413, 507),
    "once": True,
    "conditional": True,
    "role": "operator",
}
WITH_BODY: Any = {**CHANGES, "encodings": True}
BROKEN: Any = {422: {CONTENT_TYPE: InsertProblem}}


class RowChangeController(Controller):
    """Rows that are in, changed and removed."""

    path = "/v1"
    tags = ("rows",)

    @put(
        ROW,
        operation_id="put_row",
        status_code=200,
        opt=described(
            answers={200: RowChangeAnswer, 201: RowChangeAnswer, **BROKEN},
            body={JSON: Schema.ROW_SENT},
            **WITH_BODY,
        ),
    )
    async def put_row(
        self,
        request: Request[Any, Any, Any],
        table: FromPath[str],
        row_id: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Makes a row what the body says, all of it; where there is none, it is made (201).

        It is judged by every rule as the row that it becomes. Its primary key stands in the body,
        too, and does not change.
        """
        found, key = _place(request, table, row_id)
        body = await _body(request, (JSON,))
        if body.lstrip()[:1] != b"{":
            raise MalformedBody("a row is an object")
        change = RowChange(found, key, lambda _: body, preconditions(request), dry_run)
        return await _changed(request, change, body, row_id)

    @patch(
        ROW,
        operation_id="patch_row",
        status_code=200,
        opt=described(
            answers={200: RowChangeAnswer, **BROKEN},
            body={MERGE_PATCH: Schema.PATCH, JSON: Schema.PATCH},
            **WITH_BODY,
        ),
    )
    async def patch_row(
        self,
        request: Request[Any, Any, Any],
        table: FromPath[str],
        row_id: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Changes the columns that the body names (RFC 7396): null takes a value away.

        Documents of json columns are merged member by member. The row is judged by every rule as
        it becomes.
        """
        found, key = _place(request, table, row_id)
        body = await _body(request, (MERGE_PATCH, JSON))
        said = MergePatch.read(body)
        documents = [column.name for column in found.columns if column.type.name == "json"]

        def patched(row: str | None) -> bytes:
            if row is None:
                raise missing(found, key)
            return said.applied(row, documents)

        change = RowChange(found, key, patched, preconditions(request), dry_run)
        return await _changed(request, change, body, row_id)

    @delete(
        ROW,
        operation_id="delete_row",
        status_code=200,
        opt=described(answers={200: RowChangeAnswer}, **CHANGES),
    )
    async def delete_row(
        self,
        request: Request[Any, Any, Any],
        table: FromPath[str],
        row_id: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Removes a row, unless others refer to it."""
        found, key = _place(request, table, row_id)

        def removed(row: str | None) -> None:
            if row is None:
                raise missing(found, key)

        change = RowChange(found, key, removed, preconditions(request), dry_run)
        return await _changed(request, change, b"", row_id)

    @delete(
        "/tables/{table:str}/rows",
        operation_id="delete_rows",
        status_code=200,
        opt=described(
            answers={200: RemovedRows},
            problems=(400, 409, 422, 507),
            once=True,
            filters=True,
            role="operator",
        ),
    )
    async def delete_rows(
        self,
        request: Request[Any, Any, Any],
        table: FromPath[str],
        dry_run: FromQuery[bool] = False,
    ) -> Response[bytes]:
        """Removes all rows that fit the filters, or none of them: where more fit than
        ``Prefer: max-affected=`` says, or others refer to one. There must be a filter.
        """
        gate = gate_of(request.app.state)
        found = gate.table(table)
        query = _filters(request, found)
        most = number_preferred(header(request, "prefer") or "", "max-affected")
        applied = {} if most is None else {"Preference-Applied": f"max-affected={most}"}

        def response(done: RowsRemoved) -> Response[bytes]:
            removed = RemovedRows(done.load_id, table, done.rows, done.rows, done.first)
            return answered(removed, headers=applied)

        asking = _asking(request, b"", response)
        return await _answered(gate.row_changes.remove(query, most, dry_run, asking), response)


async def _body(request: Request[Any, Any, Any], formats: tuple[str, ...]) -> bytes:
    said = media_type(header(request, "content-type") or "")
    if said not in formats:
        raise UnsupportedFormat(f"the body comes as {' or '.join(formats)}, not {said}")
    body = await read_body(request, gate_of(request.app.state).settings)
    return without_mark(body)


def _place(request: Request[Any, Any, Any], table: str, row_id: str) -> tuple[Table, Any]:
    """The table, and the primary key as its type reads it.

    Raises:
        UnknownTable: there is no such table.
        NotFound: it is no key of the table.
    """
    found = gate_of(request.app.state).table(table)
    return found, read_key(found, row_id)


def _filters(request: Request[Any, Any, Any], table: Table) -> RowQuery:
    items = [(n, v) for n, v in request.query_params.multi_items() if n != DRY_RUN]
    if other := {name for name, _ in items} & {ORDER, SELECT}:
        raise BadRequest(f"there is no parameter {min(other)} here", parameter=min(other))
    query = RowQuery.read(table, items, (DRY_RUN,))
    if not query.filters:
        raise BadRequest("name the rows that are to go by a filter, such as id=in.(1,2)")
    return query


async def _changed(
    request: Request[Any, Any, Any], change: RowChange, body: bytes, row_id: str
) -> Response[bytes]:
    await only_known(request, request.route_handler)

    def response(done: RowChanged) -> Response[bytes]:
        if done.violations:
            return refused(done, change.table)
        return changed(done, change.table, row_id, is_as_sent(request.method, body, done.after))

    asking = _asking(request, body, response)
    changes = gate_of(request.app.state).row_changes
    return await _answered(changes.change(change, asking), response)


def _asking(
    request: Request[Any, Any, Any], body: bytes, response: Callable[[Any], Response[bytes]]
) -> Asking:
    asked = asked_by(request, body, (*MEANING, *PRECONDITIONS))
    return Asking(actor_of(request), asked, lambda done: kept(asked, response(done)))


async def _answered(
    changed: "Future[T | StoredAnswer]", response: Callable[[T], Response[bytes]]
) -> Response[bytes]:
    done = await asyncio.wrap_future(changed)
    return again(done) if isinstance(done, StoredAnswer) else response(done)

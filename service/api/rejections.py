"""The rows that were kept out: what was sent, and every reason."""

import asyncio
from datetime import datetime
from typing import Any, Literal, cast

import msgspec
from litestar import Controller, Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.describing import described
from service.api.paging import After, Limit, cursor, key_of, link
from service.api.parameters import only_known
from service.api.times import Moment, in_utc
from service.gate import Gate
from service.warehouse import books, ledger

Status = Literal["open", "accepted", "dismissed"]


class Reason(msgspec.Struct):
    """One rule that the row broke; `value` is what was sent."""

    column: str | None
    rule: str
    message: str
    value: msgspec.Raw


class Rejection(msgspec.Struct):
    """A row that was kept out; `payload` is what was sent, `raw` a file's line as it stood there.

    `position` is that of the row in its request, from 0, or the number of its line, from 1.
    """

    rejection_id: str
    load_id: str
    table: str
    position: int
    payload: msgspec.Raw
    violations: list[Reason]
    rejected_at: Moment
    status: Status
    raw: str | None


class RejectionList(msgspec.Struct):
    """A page of rejections, newest first."""

    rejections: list[Rejection]
    next: str | None


class RejectionController(Controller):
    """Rejections."""

    path = "/v1/rejections"
    tags = ("rejections",)
    guards = (only_known,)

    @get("/", operation_id="list_rejections", sync_to_thread=True, opt=described(links=True))
    def list_rejections(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str | None] = None,
        rule: FromQuery[str | None] = None,
        load_id: FromQuery[str | None] = None,
        status: FromQuery[Status | None] = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[RejectionList]:
        """Lists rejections, newest first; `rule` is any of those that the row broke."""
        only = {"table": None if table is None else gate.table(table).name, "rule": rule}
        start: Any = None if after is None else key_of(after, datetime, int, str)
        with gate.database.reading() as connection:
            found = ledger.rejections(
                connection, limit, start, **only, load_id=load_id, status=status
            )
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.rejected_at, last.position, last.rejection_id)
        shown = [page_of(entry) for entry in found.entries]
        return Response(RejectionList(shown, following), headers=link(request, following))

    @get("/{rejection_id:str}", operation_id="show_rejection", sync_to_thread=True)
    def show_rejection(self, gate: NamedDependency[Gate], rejection_id: FromPath[str]) -> Rejection:
        """Shows one rejection."""
        with gate.database.reading() as connection:
            return page_of(ledger.rejection(connection, rejection_id))

    @delete(
        "/{rejection_id:str}",
        operation_id="dismiss_rejection",
        opt=described(problems=(409,)),
    )
    async def dismiss_rejection(
        self, gate: NamedDependency[Gate], rejection_id: FromPath[str]
    ) -> None:
        """Says that the row stays out; it remains listed. One whose row went in later: 409."""
        done = gate.writer.run(lambda connection: ledger.dismiss(connection, rejection_id))
        await asyncio.wrap_future(done)


def page_of(entry: books.Rejection) -> Rejection:
    """A rejection, as clients see it."""
    return Rejection(
        entry.rejection_id,
        entry.load_id,
        entry.table_name,
        entry.position,
        msgspec.Raw(entry.payload.encode()),
        msgspec.json.decode(entry.violations, type=list[Reason]),
        in_utc(entry.rejected_at),
        cast(Status, entry.status),
        entry.raw,
    )

"""The rows that were kept out: what was sent, and every reason."""

import asyncio
from typing import Annotated, Any, get_args

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from service.api.http.authentication import actor_of
from service.api.http.describing import Link, described, lists
from service.api.http.idempotency import again, asked_by, kept
from service.api.http.negotiation import JSON, answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.v1.answers import encoded
from service.api.v1.rejection_entries import (
    Dismissal,
    GroupCount,
    Rejection,
    RejectionGroups,
    RejectionList,
    RuleCount,
    Status,
    Summary,
    page_of,
    replay_of,
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
from service.engines.engine import Connection
from service.gate import Gate
from service.ops import queries, rejection_filters
from service.warehouse.work import StoredAnswer

FIRST_OF_LIST = tuple(
    Link(call, {"rejection_id": "/rejections/0/rejection_id"})
    for call in ("show_rejection", "replay_rejection", "dismiss_rejection")
)
MAX_COUNTS = 10_000  # what clients sent can be the name of an unknown field


class RejectionController(Controller):
    """Rejections."""

    path = "/v1/rejections"
    tags = ("rejections",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="list_rejections",
        sync_to_thread=True,
        opt=described(
            answers=lists(RejectionList), problems=(406,), links=True, leads_to=FIRST_OF_LIST
        ),
    )
    def list_rejections(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str | None] = None,
        column: Column = None,
        rule: Rules = None,
        load_id: FromQuery[str | None] = None,
        status: FromQuery[Status | None] = None,
        text: Text = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists rejections, newest first; `rule` is any of those that the row broke."""
        wanted = filter_of(gate, table, column, rule, load_id, status, text, since, until)
        start: Any = None if after is None else key_of(after, int, int, str)
        with gate.database.reading() as connection:
            found = queries.rejections(connection, limit, start, wanted)
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.number, last.position, last.rejection_id)
        shown = [page_of(entry) for entry in found.entries]
        page = RejectionList(shown, following)
        return answer_with_entries(request, Rejection, shown, page, link(request, following))

    @get("/groups", operation_id="group_rejections", sync_to_thread=True)
    def group_rejections(
        self,
        gate: NamedDependency[Gate],
        table: FromQuery[str | None] = None,
        column: Column = None,
        rule: Rules = None,
        load_id: FromQuery[str | None] = None,
        status: FromQuery[Status | None] = None,
        text: Text = None,
        since: Since = None,
        until: Until = None,
    ) -> RejectionGroups:
        """Counts the rejections of a filter by table, column and rule, the largest groups first."""
        wanted = filter_of(gate, table, column, rule, load_id, status, text, since, until)
        with gate.database.all_cores(), gate.database.reading() as connection:
            found = rejection_filters.groups(connection, wanted, MAX_COUNTS)
            number = rejection_filters.count(connection, wanted)
        return RejectionGroups(number, [GroupCount(**vars(each)) for each in found])

    @post(
        "/dismiss",
        operation_id="dismiss_rejections",
        status_code=200,
        opt=described(answers={200: Dismissal}, problems=(404, 409), once=True, role="operator"),
    )
    async def dismiss_rejections(
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
        reason: Annotated[str | None, QueryParameter(description="Why the rows stay out.")] = None,
        dry_run: FromQuery[bool] = False,
        expected: Expected = None,
    ) -> Response[bytes]:
        """Says that the open rows of a filter stay out; they remain listed.

        It is all of them, or none where there are not as many as `expected`.
        """
        wanted = filter_of(gate, table, column, rule, load_id, "open", text, since, until)
        named = asked_by(request, await request.body())
        actor = actor_of(request)

        def response(matched: int) -> Response[bytes]:
            said = Dismissal(matched, 0 if dry_run else matched)
            return Response(encoded(said), status_code=200, media_type=JSON)

        def look() -> int:
            with gate.database.reading() as connection:
                matched = rejection_filters.count(connection, wanted)
            rejection_filters.check_expected(matched, expected)
            return matched

        def dismiss(connection: Connection) -> int:
            return rejection_filters.dismiss_all(connection, wanted, reason, actor, expected)

        if dry_run:
            return response(await asyncio.to_thread(look))
        done = await asyncio.wrap_future(
            gate.writer.run_once(dismiss, (), named, lambda matched: kept(named, response(matched)))
        )
        return again(done) if isinstance(done, StoredAnswer) else response(done)

    @get("/{rejection_id:str}", operation_id="show_rejection", sync_to_thread=True)
    def show_rejection(self, gate: NamedDependency[Gate], rejection_id: FromPath[str]) -> Rejection:
        """Shows one rejection, and how often its row was tried again."""
        with gate.database.reading() as connection:
            page = page_of(queries.rejection(connection, rejection_id))
            page.replays = [replay_of(each) for each in queries.replays(connection, rejection_id)]
        return page

    @get("/summary", operation_id="summarize_rejections", sync_to_thread=True)
    def summarize_rejections(
        self, gate: NamedDependency[Gate], table: FromQuery[str | None] = None
    ) -> Summary:
        """Counts rejections by table, column, rule and status."""
        name = None if table is None else gate.table(table).name
        with gate.database.all_cores(), gate.database.reading() as connection:
            counts = queries.summary(connection, MAX_COUNTS, table=name)
            statuses = queries.by_status(connection, table=name)
        return Summary(
            **{status: statuses.get(status, 0) for status in get_args(Status)},
            counts=[RuleCount(**vars(count)) for count in counts],
        )

    @delete(
        "/{rejection_id:str}",
        operation_id="dismiss_rejection",
        opt=described(problems=(409,), role="operator"),
    )
    async def dismiss_rejection(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        rejection_id: FromPath[str],
        reason: Annotated[str | None, QueryParameter(description="Why the row stays out.")] = None,
    ) -> None:
        """Says that the row stays out; it remains listed. One whose row went in later: 409."""
        actor = actor_of(request)
        done = gate.writer.run(
            lambda connection: queries.dismiss(connection, rejection_id, reason, actor)
        )
        await asyncio.wrap_future(done)

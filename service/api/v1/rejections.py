"""The rows that were kept out: what was sent, and every reason."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from service.api.http.authentication import actor_of
from service.api.http.describing import Link, described, lists
from service.api.http.idempotency import again, asked_by, kept
from service.api.http.negotiation import JSON, answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc, naive
from service.api.v1.answers import encoded
from service.engines.engine import Connection
from service.gate import Gate
from service.ops import queries, records, rejection_filters
from service.ops.rejection_filters import RejectionFilter
from service.warehouse.work import StoredAnswer

Status = Literal["open", "accepted", "dismissed"]
FIRST_OF_LIST = tuple(
    Link(call, {"rejection_id": "/rejections/0/rejection_id"})
    for call in ("show_rejection", "replay_rejection", "dismiss_rejection")
)
Column: TypeAlias = Annotated[
    str | None, QueryParameter(description="A column that broke the rule; empty: the whole row.")
]
Rules: TypeAlias = Annotated[
    str | None, QueryParameter(description="One of these rules was broken: not_null,unique.")
]
Text: TypeAlias = Annotated[
    str | None, QueryParameter(description="A part of what was sent, in letters of either case.")
]
Since: TypeAlias = Annotated[
    datetime | None, QueryParameter(description="The first moment: ISO 8601, in UTC.")
]
Until: TypeAlias = Annotated[
    datetime | None, QueryParameter(description="The first moment that is too late.")
]
Expected: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=0, description="How many rows are meant; where it is another number: 409."),
]
MAX_COUNTS = 10_000  # what clients sent can be the name of an unknown field


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
    outcome: Literal["accepted", "rejected", "already_present"]
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
            page.replays = [_replay(each) for each in queries.replays(connection, rejection_id)]
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


def filter_of(
    gate: Gate,
    table: str | None,
    column: str | None,
    rule: str | None,
    load_id: str | None,
    status: str | None,
    text: str | None,
    since: datetime | None,
    until: datetime | None,
) -> RejectionFilter:
    """What the query of a request means.

    Raises:
        UnknownTable: there is no such table.
    """
    return RejectionFilter(
        table=None if table is None else gate.table(table).name,
        column=column,
        rules=tuple(rule.split(",")) if rule is not None else (),
        load_id=load_id,
        status=status,
        text=text,
        since=naive(since),
        until=naive(until),
    )


def _replay(entry: records.ReplayRecord) -> Replay:
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

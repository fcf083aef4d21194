"""Who did what and when."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.describing import described
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc, naive
from service.gate import Gate
from service.ops import trail
from service.ops.trail import Deed, Outcome, TrailFilter


class TrailEntry(msgspec.Struct):
    """Something that was done; `actor` is the name of a key, null where there were no keys.

    `outcome` is `begun` until it has ended; `interrupted` if the service had ended before it could
    say what came of it: then `detail` has what its next start found.
    """

    entry_id: str
    happened_at: Timestamp
    actor: str | None
    action: str
    subject: str | None
    detail: str | None
    outcome: Outcome


class TrailList(msgspec.Struct):
    """A page of the trail, newest first."""

    entries: list[TrailEntry]
    next: str | None


class TrailController(Controller):
    """The trail."""

    path = "/v1/trail"
    tags = ("trail",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="list_trail",
        sync_to_thread=True,
        opt=described(links=True, role="operator"),
    )
    def list_trail(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        actor: FromQuery[str | None] = None,
        action: FromQuery[str | None] = None,
        since: FromQuery[datetime | None] = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[TrailList]:
        """Lists what was done, newest first: deeds, and loads as the actions `load.…`.

        `action` is a whole one (`backup.delete`) or a kind (`backup`).
        """
        start: Any = None if after is None else key_of(after, int, str)
        wanted = TrailFilter(actor, action, naive(since), start)
        gate.key_memory.keep()  # what was done to them on the machine
        with gate.database.reading() as connection:
            found = trail.page(connection, limit, wanted)
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.number, last.entry_id)
        shown = [_shown(deed) for deed in found.entries]
        return Response(TrailList(shown, following), headers=link(request, following))


def _shown(deed: Deed) -> TrailEntry:
    return TrailEntry(
        entry_id=deed.entry_id,
        happened_at=in_utc(deed.happened_at),
        actor=deed.actor,
        action=deed.action,
        subject=deed.subject,
        detail=deed.detail,
        outcome=deed.outcome,
    )

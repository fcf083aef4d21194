"""GET /audit and /trail: whether the books are right, and who did what."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.describing import described_page
from service.api.http.paging import After, cursor, key_of
from service.api.http.parameters import only_known
from service.console.pages import page, segment
from service.gate import Gate
from service.ops import trail
from service.ops.trail import Deed, TrailFilter
from service.runtime.clock import utc_now

PAGE_ENTRIES = 100
# What the filter offers: kinds of actions, each with the actions that begin with it.
ACTIONS = ("load", "rejection", "backup", "build", "key", "session", "copy", "hook")
# Where the subject of an action has a page, by the kind of the action.
PLACES = {"build": "/builds/", "load": "/loads/"}


class BookPages(Controller):
    """The audit, and the trail."""

    path = "/"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/audit",
        operation_id="show_audit_page",
        sync_to_thread=True,
        opt=described_page(),
    )
    def show_audit_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows what an audit looks at, and begins one by the page's button."""
        return page(request, "audit.html", found=None)

    @get(
        "/audit/findings",
        operation_id="show_audit_findings",
        sync_to_thread=True,
        opt=described_page(),
    )
    def show_audit_findings(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Reads everything, and shows whether the books are right; it may take its time."""
        began = utc_now()
        found = gate.alarms.audit()
        checks = sorted(found.checks, key=lambda check: check.ok)
        return page(request, "audit.html", found=found, checks=checks, began=began, ended=utc_now())

    @get(
        "/trail",
        operation_id="show_trail_page",
        sync_to_thread=True,
        opt=described_page(role="operator"),
    )
    def show_trail_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        actor: FromQuery[str] = "",
        action: FromQuery[str] = "",
        after: After = None,
    ) -> Response[Any]:
        """Shows what was done, newest first."""
        start: Any = None if after is None else key_of(after, int, str)
        wanted = TrailFilter(actor or None, action or None, None, start)
        gate.key_memory.keep()  # what was done to them on the machine
        with gate.database.reading() as connection:
            found = trail.page(connection, PAGE_ENTRIES, wanted)
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.number, last.entry_id)
        return page(
            request,
            "trail.html",
            entries=[(entry, _place(entry)) for entry in found.entries],
            wanted={"actor": actor or None, "action": action or None},
            actions=ACTIONS,
            next=following,
            is_first=after is None,
        )


def _place(entry: Deed) -> str | None:
    """The page about what was done; None where there is none."""
    kind, subject = entry.action.partition(".")[0], entry.subject
    if kind == "load" and "/" in entry.entry_id:  # of the books of loads: the load, and its table
        subject = entry.entry_id.partition("/")[0]
    return PLACES[kind] + segment(subject) if kind in PLACES and subject else None

"""GET /warnings: rows that went in although they break rules of severity `warn`."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.describing import described_page
from service.api.http.paging import After, cursor, key_of
from service.api.http.parameters import only_known
from service.console.pages import page
from service.gate import Gate
from service.judge.batch import Violation
from service.ops import stored_warnings

PAGE_ROWS = 100
MOST_GROUPS = 50
_violations = msgspec.json.Decoder(list[Violation]).decode


class WarningPages(Controller):
    """Warnings."""

    path = "/warnings"
    tags = ("pages",)
    guards = (only_known,)

    @get("/", operation_id="show_warnings_page", sync_to_thread=True, opt=described_page())
    def show_warnings_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str] = "",
        rule: FromQuery[str] = "",
        load: FromQuery[str] = "",
        after: After = None,
    ) -> Response[Any]:
        """Shows how many rows break which rule, and the rows, newest first."""
        start: Any = None if after is None else key_of(after, int, int)
        wanted = {"table": table or None, "rule": rule or None, "load_id": load or None}
        with gate.database.reading() as connection:
            found = stored_warnings.page(connection, PAGE_ROWS, start, **wanted)
            groups = stored_warnings.groups(connection, MOST_GROUPS, load_id=wanted["load_id"])
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.number, last.position)
        return page(
            request,
            "warnings.html",
            entries=[(entry, _violations(entry.warnings)) for entry in found.entries],
            groups=groups,
            wanted={"table": table or None, "rule": rule or None, "load": load or None},
            next=following,
            is_first=after is None,
        )

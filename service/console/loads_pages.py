"""GET /loads: what came in, and what became of it."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.describing import described_page, described_part
from service.api.http.paging import After, cursor, key_of
from service.api.http.parameters import only_known
from service.api.v1 import loads
from service.api.v1.loads import Kind, Load, Status
from service.console.forms import Form, see_other
from service.console.pages import fragment, page
from service.gate import Gate
from service.ops import queries

PAGE_ROWS = 50
KINDS, STATUSES = Kind.__args__, Status.__args__  # type: ignore[attr-defined]


class LoadPages(Controller):
    """Loads."""

    path = "/loads"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_loads_page",
        sync_to_thread=True,
        opt=described_page(),
    )
    def show_loads_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        kind: FromQuery[str] = "",
        table: FromQuery[str] = "",
        status: FromQuery[str] = "",
        after: After = None,
    ) -> Response[Any]:
        """Shows loads, newest first; a form sends an empty filter where none is chosen."""
        start: Any = None if after is None else key_of(after, int, str)
        wanted: dict[str, Any] = {
            "kind": kind or None,
            "table": table or None,
            "status": status or None,
        }
        with gate.database.reading() as connection:
            found = queries.loads(connection, PAGE_ROWS, start, **wanted)
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(min(entry.number for entry in last), last[0].load_id)
        return page(
            request,
            "loads.html",
            loads=[loads.page_of(each) for each in found.entries],
            wanted=wanted,
            next=following,
            is_first=after is None,
            choices={"table": list(gate.dictionary.tables), "kind": KINDS, "status": STATUSES},
        )

    @get(
        "/{load_id:str}",
        operation_id="show_load_page",
        sync_to_thread=True,
        opt=described_page(),
    )
    def show_load_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], load_id: FromPath[str]
    ) -> Response[Any]:
        """Shows one load: its sum, its lines, how far it is."""
        return page(request, "load.html", load=_load(gate, load_id))

    @get(
        "/{load_id:str}/state",
        operation_id="show_load_state",
        sync_to_thread=True,
        opt=described_part(polled=True),
    )
    def show_load_state(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], load_id: FromPath[str]
    ) -> Response[Any]:
        """The part of its page that is renewed while it runs."""
        return fragment(request, "_load.html", load=_load(gate, load_id))

    @post(
        "/{load_id:str}/cancel",
        operation_id="cancel_load_by_form",
        opt=described_part(role="writer"),
    )
    async def cancel_load_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        load_id: FromPath[str],
    ) -> Response[Any]:
        """Has it end soon."""
        await loads.cancel(request, gate, load_id)
        return see_other(f"/loads/{load_id}")


def _load(gate: Gate, load_id: str) -> Load:
    long = gate.loads.get(load_id)
    if long is not None and long.file.is_trial:
        return loads.page_of_trial(long)
    with gate.database.reading() as connection:
        return loads.with_progress(gate, loads.of_id(connection, load_id))

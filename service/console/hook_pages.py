"""GET /hooks: who is told what happened, and whether they were."""

import asyncio
from typing import Any, Literal

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.audit_log import log_action
from service.api.http.authentication import actor_of
from service.api.http.describing import Schema, described
from service.api.http.negotiation import HTML
from service.api.http.paging import After, cursor, key_of
from service.api.http.parameters import only_known
from service.api.v1.hooks import listed_hooks
from service.console.forms import Form, see_other
from service.console.pages import page, segment
from service.gate import Gate
from service.notices import deliveries
from service.notices.deliveries import STATUSES, DeliveryStatus

PAGE_ENTRIES = 100
PAGE = described(answers={200: {HTML: Schema.TEXT}}, role="operator", page=True)
FORM = described(role="operator", page=True, part=True)


class HookPages(Controller):
    """Hooks."""

    path = "/hooks"
    tags = ("pages",)
    guards = (only_known,)

    @get("/", operation_id="show_hooks_page", sync_to_thread=True, opt=PAGE)
    def show_hooks_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows the hooks, and how much waits for them."""
        return page(request, "hooks.html", hooks=listed_hooks(gate))

    @get("/{name:str}", operation_id="show_hook_page", sync_to_thread=True, opt=PAGE)
    def show_hook_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        status: FromQuery[DeliveryStatus | Literal[""]] = "",
        after: After = None,
    ) -> Response[Any]:
        """Shows what a hook was told, or is to be, newest first."""
        hook = gate.teller.hook(name)
        start: Any = None if after is None else key_of(after, int)[0]
        with gate.database.reading() as connection:
            found = deliveries.page(connection, hook.name, PAGE_ENTRIES, start, status or None)
        return page(
            request,
            "hook.html",
            hook=hook,
            found=found.entries,
            statuses=STATUSES,
            chosen=status or None,
            next=cursor(found.entries[-1].number) if found.more else None,
            is_first=after is None,
        )

    @post("/{name:str}/test", operation_id="test_hook_by_form", opt=FORM)
    async def test_hook_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
    ) -> Response[Any]:
        """Sends a message that says that nothing happened."""
        await asyncio.to_thread(gate.teller.test, name, actor_of(request))
        await log_action(request, "hook.test", name)
        return see_other(f"/hooks/{segment(name)}")

    @post("/{name:str}/redeliver/{delivery_id:str}", operation_id="redeliver_by_form", opt=FORM)
    async def redeliver_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
        delivery_id: FromPath[str],
    ) -> Response[Any]:
        """Sends a message again, under the same id."""
        await asyncio.to_thread(gate.teller.redeliver, name, delivery_id)
        await log_action(request, "hook.redeliver", delivery_id)
        return see_other(f"/hooks/{segment(name)}")

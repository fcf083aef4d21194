"""Who is told what happened, and whether they were."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.audit_log import log_action
from service.api.http.authentication import actor_of
from service.api.http.describing import Link, described, lists
from service.api.http.idempotency import answered_once
from service.api.http.negotiation import answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.api.v1.answers import encoded
from service.gate import Gate
from service.notices import deliveries
from service.notices.deliveries import Delivery, DeliveryStatus
from service.notices.hooks_file import Hook, receiver_of


class ShownHook(msgspec.Struct):
    """A hook of `hooks.yml`; of a webhook's URL `receiver` has the host alone, or nothing.

    `waiting`, `delivered` and `failed` count what is in its log.
    """

    name: str
    by: str  # webhook or mail
    receiver: str
    on: list[str]
    share: float
    rows: int
    tables: list[str] | None
    values: bool
    waiting: int
    delivered: int
    failed: int


class HookList(msgspec.Struct):
    """All hooks, in the order of the file."""

    hooks: list[ShownHook]
    next: str | None = None  # they are few: there is one page


class ShownDelivery(msgspec.Struct):
    """Something that a hook is told; `payload` is what is sent.

    `delivery_id` is the `webhook-id` of each attempt. It is `failed` once it is tried no more.
    """

    delivery_id: str
    hook: str
    kind: str
    status: DeliveryStatus
    happened_at: Timestamp
    attempts: int
    tried_at: Timestamp | None
    next_at: Timestamp | None
    http_status: int | None
    error: str | None
    payload: msgspec.Raw


class DeliveryList(msgspec.Struct):
    """A page of deliveries, newest first."""

    deliveries: list[ShownDelivery]
    next: str | None


FOLLOW = Link("show_delivery", {"name": "/hook", "delivery_id": "/delivery_id"})
PUT = described(
    answers={202: ShownDelivery},
    problems=(404, 507),
    once=True,
    role="operator",
    leads_to=(FOLLOW,),
)


class HookController(Controller):
    """Hooks."""

    path = "/v1/hooks"
    tags = ("hooks",)
    guards = (only_known,)

    @get("/", operation_id="list_hooks", sync_to_thread=True, opt=described(role="operator"))
    def list_hooks(self, gate: NamedDependency[Gate]) -> HookList:
        """Lists who is told what happened, and how much waits to be told."""
        return HookList(listed_hooks(gate))

    @get(
        "/{name:str}/deliveries",
        operation_id="list_deliveries",
        sync_to_thread=True,
        opt=described(answers=lists(DeliveryList), problems=(406,), links=True, role="operator"),
    )
    def list_deliveries(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        status: FromQuery[DeliveryStatus | None] = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists what a hook was told, or is to be, newest first."""
        hook = gate.teller.hook(name)
        start: Any = None if after is None else key_of(after, int)[0]
        with gate.database.reading() as connection:
            found = deliveries.page(connection, hook.name, limit, start, status)
        following = cursor(found.entries[-1].number) if found.more else None
        shown = [shown_delivery(each) for each in found.entries]
        page = DeliveryList(shown, following)
        return answer_with_entries(request, ShownDelivery, shown, page, link(request, following))

    @get(
        "/{name:str}/deliveries/{delivery_id:str}",
        operation_id="show_delivery",
        sync_to_thread=True,
        opt=described(role="operator"),
    )
    def show_delivery(
        self, gate: NamedDependency[Gate], name: FromPath[str], delivery_id: FromPath[str]
    ) -> ShownDelivery:
        """Shows one delivery, and what came of the last attempt."""
        with gate.database.reading() as connection:
            return shown_delivery(
                deliveries.find(connection, gate.teller.hook(name).name, delivery_id)
            )

    @post(
        "/{name:str}/test",
        operation_id="test_hook",
        status_code=202,
        opt=PUT,
    )
    async def test_hook(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Response[bytes]:
        """Sends a message that says that nothing happened; where to follow it is in `Location`."""
        put = partial(gate.teller.test, name, actor_of(request))
        return await _put_once(request, put, "hook.test", name)

    @post(
        "/{name:str}/deliveries/{delivery_id:str}/redeliver",
        operation_id="redeliver",
        status_code=202,
        opt=PUT,
    )
    async def redeliver(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        delivery_id: FromPath[str],
    ) -> Response[bytes]:
        """Sends a message again, under the same id, whatever came of it before."""
        put = partial(gate.teller.redeliver, name, delivery_id)
        return await _put_once(request, put, "hook.redeliver", delivery_id)


def listed_hooks(gate: Gate) -> list[ShownHook]:
    """All hooks, as clients see them: without secrets."""
    with gate.database.reading() as connection:
        counts = deliveries.counts(connection)
    return [_shown_hook(hook, counts.get(hook.name, {})) for hook in gate.teller.hooks.values()]


def _shown_hook(hook: Hook, counts: dict[str, int]) -> ShownHook:
    return ShownHook(
        name=hook.name,
        by="mail" if hook.mail else "webhook",
        receiver=receiver_of(hook),
        on=list(hook.on),
        share=hook.share,
        rows=hook.rows,
        tables=None if hook.tables is None else list(hook.tables),
        values=hook.values,
        waiting=counts.get("waiting", 0),
        delivered=counts.get("delivered", 0),
        failed=counts.get("failed", 0),
    )


def shown_delivery(each: Delivery) -> ShownDelivery:
    """A delivery, as clients see it."""
    return ShownDelivery(
        delivery_id=each.delivery_id,
        hook=each.hook,
        kind=each.kind,
        status=each.status,
        happened_at=in_utc(each.happened_at),
        attempts=each.attempts,
        tried_at=in_utc(each.tried_at) if each.tried_at else None,
        next_at=in_utc(each.next_at) if each.next_at else None,
        http_status=each.http_status,
        error=each.error,
        payload=msgspec.Raw(each.payload.encode()),
    )


async def _put_once(
    request: Request[Any, Any, Any], put: Callable[[], Delivery], action: str, subject: str
) -> Response[bytes]:
    """Puts a message into a queue, once for an Idempotency-Key, and says so on the trail."""

    async def answer() -> Response[bytes]:
        delivery = await asyncio.to_thread(put)
        await log_action(request, action, subject)
        return _accepted(delivery)

    return await answered_once(request, await request.body(), answer)


def _accepted(put: Delivery) -> Response[bytes]:
    where = f"/v1/hooks/{put.hook}/deliveries/{put.delivery_id}"
    return Response(
        encoded(shown_delivery(put)),
        status_code=202,
        media_type="application/json",
        headers={"Location": where},
    )

"""The feed of changes, for programs that follow them."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, TypeAlias

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from service.api.http.client_queries import streamed
from service.api.http.describing import described
from service.api.http.limits import without_limit
from service.api.http.negotiation import NDJSON
from service.api.http.parameters import only_known
from service.api.v1.lake import shipper_of
from service.engines.engine import Connection
from service.errors import Unprocessable
from service.gate import Gate
from service.lake.change_lines import ChangeLine, lines_after
from service.lake.shipper import Shipper
from service.outbox import feed_state

LONGEST_WAIT = 60
AfterSequence: TypeAlias = Annotated[
    int, QueryParameter(ge=0, le=2**63 - 2, description="The last sequence that one has; 0: none.")
]
Lines: TypeAlias = Annotated[
    int,
    QueryParameter(
        ge=1, le=100_000, description="Lines after which it ends, when their commit is complete."
    ),
]
Wait: TypeAlias = Annotated[
    int,
    QueryParameter(
        ge=0, le=LONGEST_WAIT, description="Seconds to wait for a commit, where there is none."
    ),
]


class BehindTheLast(Unprocessable):
    """Changes behind one that there has not been."""

    slug, title = "behind-the-last", "There is no such change yet"


class ChangeController(Controller):
    """The feed."""

    path = "/v1/changes"
    tags = ("lake",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="list_changes",
        opt=described(answers={200: {NDJSON: ChangeLine}}, problems=(404, 422, 503), unlogged=True),
    )
    async def list_changes(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        after: AfterSequence = 0,
        limit: Lines = 1000,
        wait: Wait = 0,
    ) -> Stream:
        """Lists what commits have changed, a line for each row, in the order of the commits.

        `after` is the `sequence` of the last line that one has; 0 begins with a snapshot of all
        tables; what is greater than the last sequence is refused (422), and `last` says which that
        is. A commit is never split: the answer ends with the one by which it has `limit` lines
        or more. Where there is nothing, it waits up to `wait` seconds for the next commit, and is
        then empty.
        """
        shipper = shipper_of(gate)
        assert gate.outbox
        if after > gate.outbox.state.last:  # or the outbox has not heard yet of what is committed
            await asyncio.to_thread(_check_there_is, gate, shipper, after)
        await _until_more(request, gate, after, wait)
        is_settled = shipper.is_settled(gate.outbox.state.base)

        def pieces(connection: Connection) -> Iterator[bytes]:
            return lines_after(connection, shipper.lake.store, after, limit, is_settled)

        return await streamed(request, gate, pieces, NDJSON, {"Cache-Control": "no-store"})


def _check_there_is(gate: Gate, shipper: Shipper, after: int) -> None:
    """Nothing, where the feed has come to `after`, or it is not known yet what the lake has.

    Raises:
        BehindTheLast: it has not; who follows has followed another lake, or another warehouse.
    """
    with gate.database.reading() as connection:
        recorded = feed_state.read(connection).last
    shipped = shipper.state.shipped
    if shipped is not None and after > (last := max(recorded, shipped)):
        raise BehindTheLast(f"the last change is {last}, and {after} was asked for", last=last)


async def _until_more(request: Request[Any, Any, Any], gate: Gate, after: int, wait: int) -> None:
    """Returns when the feed is behind `after`, or after `wait` seconds."""
    outbox = gate.outbox
    assert outbox
    if not wait or outbox.state.last > after:
        return
    without_limit(request)
    loop, more = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed: no one waits any more
            loop.call_soon_threadsafe(more.set)

    end = outbox.when_more(tell)
    try:
        if outbox.state.last <= after:
            async with asyncio.timeout(wait):
                await more.wait()
    except TimeoutError:
        pass
    finally:
        end()

"""The queue of what is to be told: ``ops.deliveries``, and how far each hook has read the books.

The service makes these tables itself, where there are hooks. An entry stays for a while when it
was delivered: the queue is its own log.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self, TypeAlias, get_args

import msgspec

from service.engines.engine import Connection
from service.errors import NotFound
from service.ops.queries import RecordPage
from service.runtime.clock import utc_now

DeliveryStatus: TypeAlias = Literal["waiting", "delivered", "failed"]
STATUSES: tuple[DeliveryStatus, ...] = get_args(DeliveryStatus)
_TABLES = """
create table if not exists ops.deliveries (
    delivery_id varchar primary key,
    hook varchar not null,
    kind varchar not null,
    payload varchar not null,
    happened_at timestamp not null,
    status varchar not null,
    attempts bigint not null,
    next_at timestamp,
    tried_at timestamp,
    http_status bigint,
    error varchar,
    number bigint default nextval('ops.numbers')
);
create table if not exists ops.hooks_read (hook varchar primary key, place varchar not null);
"""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one hook is told: a row of ``ops.deliveries``. Timestamps are UTC, naive.

    `payload` is the JSON that is sent. `status` is failed when it is not tried any more.
    """

    delivery_id: str
    hook: str
    kind: str
    payload: str
    happened_at: datetime
    status: DeliveryStatus = "waiting"
    attempts: int = 0
    next_at: datetime | None = None  # when it is tried next; None: it has ended
    tried_at: datetime | None = None
    http_status: int | None = None
    error: str | None = None
    number: int = 0

    @classmethod
    def of(cls, hook: str, kind: str, data: dict[str, Any], happened_at: datetime) -> Self:
        """A new one, to be tried at once."""
        content = {"type": kind, "timestamp": f"{happened_at.isoformat()}Z", "data": data}
        return cls(
            delivery_id=f"msg_{secrets.token_hex(16)}",
            hook=hook,
            kind=kind,
            payload=msgspec.json.encode(content).decode(),
            happened_at=happened_at,
            next_at=happened_at,
        )

    def answered(self, answer: "Answer", next_at: datetime | None) -> "Delivery":
        """As it is after an attempt; `next_at` is when to try again, None: not any more."""
        again = None if answer.done or answer.is_final else next_at
        ended: DeliveryStatus = "delivered" if answer.done else "failed"
        return msgspec.structs.replace(
            self,
            status="waiting" if again else ended,
            attempts=self.attempts + 1,
            next_at=again,
            tried_at=utc_now(),
            http_status=answer.status,
            error=answer.error,
        )


class Answer(msgspec.Struct, frozen=True):
    """What came of an attempt; `is_final` if no other is wanted."""

    done: bool
    status: int | None = None  # by HTTP
    error: str | None = None
    is_final: bool = False


_UNENDED = {"loads": "unended_loads", "deeds": "unended_deeds"}


class BookPlace(msgspec.Struct, kw_only=True, rename=_UNENDED):
    """How far a hook has read the books: to the entry `number`, but for those that had not ended.

    `loads` are the numbers of loads among them, `deeds` those of entries on the trail.
    """

    number: int
    loads: list[int] = []
    deeds: list[int] = []


class TriedDelivery(NamedTuple):
    """A delivery as it was before an attempt, and as it is by what came of that."""

    before: Delivery
    after: Delivery


_FIELDS = Delivery.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_WRITTEN = _FIELDS[:-1]
_INSERT = (
    f"insert or replace into ops.deliveries ({', '.join(_WRITTEN)}, number)"
    f" values ({', '.join('?' for _ in _WRITTEN)},"
    " coalesce((select number from ops.deliveries where delivery_id = ?), nextval('ops.numbers')))"
)
_OUTCOME = ("status", "attempts", "next_at", "tried_at", "http_status", "error")
_NOTE = (
    f"update ops.deliveries set {', '.join(f'{name} = ?' for name in _OUTCOME)}"
    " where delivery_id = ? and status = 'waiting' and attempts = ? and next_at = ?"
)


def make_tables(connection: Connection, hooks: Sequence[str]) -> None:
    """Makes the tables. A hook that is there no more has not read anything."""
    connection.execute(_TABLES)
    connection.execute(
        "delete from ops.hooks_read where hook not in (select unnest(?::varchar[]))", [list(hooks)]
    )


def are_there(connection: Connection) -> bool:
    """Whether the tables were made."""
    found = connection.execute(
        "select 1 from information_schema.tables"
        " where table_schema = 'ops' and table_name = 'deliveries'"
    )
    return found.fetchone() is not None


def write(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Adds them, or has them be as they are now, in the open transaction."""
    for each in deliveries:
        values = [getattr(each, name) for name in _WRITTEN]
        connection.execute(_INSERT, [*values, each.delivery_id])


def note(connection: Connection, attempts: Sequence[TriedDelivery]) -> None:
    """Says what came of attempts, in the open transaction.

    What was asked to be delivered again meanwhile, or was forgotten, stays as it is.
    """
    for before, after in attempts:
        connection.execute(
            _NOTE,
            [getattr(after, name) for name in _OUTCOME]
            + [before.delivery_id, before.attempts, before.next_at],
        )


def due(connection: Connection, hook: str, now: datetime, limit: int) -> list[Delivery]:
    """At most `limit` of those that a hook is to be told now, the longest due first."""
    found = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where hook = ? and status = 'waiting'"
        " and next_at <= ? order by next_at, number limit ?",
        [hook, now, limit],
    )
    return [_delivery(row) for row in found.fetchall()]


def find(connection: Connection, hook: str, delivery_id: str) -> Delivery:
    """One of a hook's; raises NotFound."""
    found = None
    if are_there(connection):
        found = connection.execute(
            f"select {_COLUMNS} from ops.deliveries where hook = ? and delivery_id = ?",
            [hook, delivery_id],
        ).fetchone()
    if found is None:
        raise NotFound("there is no such delivery")
    return _delivery(found)


def page(
    connection: Connection,
    hook: str,
    limit: int,
    after: int | None = None,
    status: str | None = None,
) -> RecordPage:
    """At most `limit` of a hook's, newest first, from that after the number `after`."""
    if not are_there(connection):
        return RecordPage([], False)
    found = connection.execute(
        f"select {_COLUMNS} from ops.deliveries where hook = ? and (? is null or status = ?)"
        " and (? is null or number < ?) order by number desc limit ?",
        [hook, status, status, after, after, limit + 1],
    ).fetchall()
    return RecordPage([_delivery(row) for row in found[:limit]], len(found) > limit)


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many there are of each status, by hook."""
    counted: dict[str, dict[str, int]] = {}
    if are_there(connection):
        query = "select hook, status, count(*) from ops.deliveries group by hook, status"
        for hook, status, count in connection.execute(query).fetchall():
            counted.setdefault(hook, {})[status] = count
    return counted


def forget(connection: Connection, before: datetime, hooks: Sequence[str]) -> None:
    """Forgets what has ended before a time (UTC), or is of no hook that there is."""
    if are_there(connection):
        connection.execute(
            "delete from ops.deliveries where coalesce(tried_at, happened_at) < ?"
            " and (status <> 'waiting' or hook not in (select unnest(?::varchar[])))",
            [before, list(hooks)],
        )


def place_of(connection: Connection, hook: str) -> BookPlace | None:
    """How far a hook has read; None: it is new."""
    query = "select place from ops.hooks_read where hook = ?"
    found = connection.execute(query, [hook]).fetchone()
    return msgspec.json.decode(found[0], type=BookPlace) if found else None


def set_place(connection: Connection, hook: str, place: BookPlace) -> None:
    """Says how far a hook has read, in the transaction that adds what it is told of that."""
    connection.execute(
        "insert or replace into ops.hooks_read values (?, ?)",
        [hook, msgspec.json.encode(place).decode()],
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(**dict(zip(_FIELDS, row, strict=True)))

"""What the books say that a hook is to be told: loads and deeds that ended since it last looked.

The books are the outbox. What happens is on record in the transaction in which it happens, so there
is nothing to be written for hooks beside it, and inserts know nothing of them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.engines.engine import Connection
from service.notices import deliveries
from service.notices.deliveries import BookPlace, Delivery
from service.notices.hooks_file import Hook, Kind
from service.ops.records import BEFORE_ALL
from service.ops.rejection_filters import SHAPE_OF_VIOLATIONS
from service.runtime.wording import counted

NAMED = 100  # loads that one message names; of rejections that it shows values of, a tenth
LOOKED_AT = 1000  # rejections that reasons are counted of
KINDS_OF_FAILED_LOADS = ("history", "file", "replay", "restore")

SENT = ("source", "detail")  # the name of a file is the sender's; details may quote rows

Columns = Callable[[str], Sequence[str]]  # of a table, by name


class LoadTold(msgspec.Struct, kw_only=True):
    """A load of one table, as it is told."""

    load_id: str
    table: str
    kind: str
    source: str | None
    status: str
    received: int
    accepted: int
    rejected: int
    already_present: int
    changed: int = 0
    finished_at: datetime
    detail: str | None = None

    @property
    def is_failed(self) -> bool:
        """Whether it came to nothing; of a request, whoever sent it was answered so."""
        return self.status in ("failed", "refused") and self.kind in KINDS_OF_FAILED_LOADS


class DeedTold(msgspec.Struct, kw_only=True):
    """Something on the trail that went wrong, as it is told."""

    entry_id: str
    action: str
    subject: str | None
    actor: str | None
    outcome: str
    happened_at: datetime
    detail: str | None = None


# What came behind a number, and what had not ended then. Both are found without reading the book:
# DuckDB knows which numbers stand where in it, but not for conditions with `or`.
_NEW = """
with new as (
    select * from {book} where number > ?
    union all
    select * from {book} where number in (select unnest(?::bigint[]))
)
"""
_LOADS = f"""{_NEW.format(book="ops.loads")}
select load_id, table_name, kind, source, status, received, accepted, rejected, already_present,
    coalesce(changed, 0) as changed, finished_at, detail
from new
where finished_at is not null and (rejected > 0 or status in ('failed', 'refused'))
order by number
"""
_UNENDED_LOADS = f"""{_NEW.format(book="ops.loads")}
select number from new where finished_at is null order by number
"""
_DEEDS = f"""{_NEW.format(book="ops.trail")}
select entry_id, action, subject, actor,
    case when is_intent then outcome else 'done' end as outcome,
    coalesce(ended_at, happened_at) as happened_at, outcomes.detail, new.detail as said, number
from new left join ops.outcomes as outcomes using (entry_id)
order by number
"""
_NEWEST = """
select greatest(
    coalesce((select max(number) from ops.loads), ?),
    coalesce((select max(number) from ops.trail), ?)
)
"""


def newest(connection: Connection) -> int:
    """The number of the newest entry of the books; where there is none, one before all."""
    return int(connection.execute(_NEWEST, [BEFORE_ALL, BEFORE_ALL]).fetchall()[0][0])


def begin(connection: Connection, hooks: Sequence[str]) -> None:
    """Makes the queue for these hooks; a new one is told of what happens from now on."""
    deliveries.make_tables(connection, hooks)
    for hook in hooks:
        if deliveries.place_of(connection, hook) is None:
            deliveries.set_place(connection, hook, BookPlace(number=newest(connection)))


def look(
    connection: Connection, hook: Hook, place: BookPlace, columns: Columns
) -> tuple[list[Delivery], BookPlace]:
    """What a hook is to be told of what ended behind `place`, and how far that is then.

    `connection` has to see one snapshot.
    """
    new_loads, new_deeds = [place.number, place.loads], [place.number, place.deeds]
    loads = connection.execute(_LOADS, new_loads).fetchall()
    waiting = connection.execute(_UNENDED_LOADS, new_loads).fetchall()
    deeds = connection.execute(_DEEDS, new_deeds).fetchall()
    told = [LoadTold(**dict(zip(LoadTold.__struct_fields__, row, strict=True))) for row in loads]
    found = [
        *_of_loads(connection, hook, told, columns),
        *(made for *row, _ in deeds if (made := _of_deed(hook, row)) is not None),
    ]
    ahead = BookPlace(
        number=newest(connection),
        loads=[number for (number,) in waiting],
        deeds=[row[-1] for row in deeds if row[4] is None],
    )
    return found, ahead


def _of_loads(
    connection: Connection, hook: Hook, loads: Sequence[LoadTold], columns: Columns
) -> list[Delivery]:
    """One message of each kind, however many loads there are."""
    ours = [load for load in loads if hook.concerns(load.table)]
    failed = [load for load in ours if load.is_failed]
    kept_out = [
        load
        for load in ours
        if not load.is_failed
        and load.rejected >= hook.rows
        and load.rejected > hook.share * load.received
    ]
    made = []
    if failed and "load.failed" in hook.on:
        made.append(_message(hook, "load.failed", failed, _said_of_failed(failed)))
    if kept_out and "load.rejections" in hook.on:
        more = _reasons(connection, kept_out, columns)
        if hook.values:
            more["rejections"] = _values(connection, kept_out)
        text = _said_of_rejections(kept_out)
        made.append(_message(hook, "load.rejections", kept_out, text, more))
    return made


def _message(
    hook: Hook, kind: Kind, loads: Sequence[LoadTold], text: str, more: dict[str, Any] | None = None
) -> Delivery:
    shown = [_plain(load, hook.values) for load in loads[:NAMED]]
    data = {"text": text, "loads": shown, "not_named": len(loads) - len(shown), **(more or {})}
    return Delivery.of(hook.name, kind, data, max(load.finished_at for load in loads))


def _said_of_rejections(loads: Sequence[LoadTold]) -> str:
    rejected, received = (sum(getattr(x, n) for x in loads) for n in ("rejected", "received"))
    return f"{_named(loads)}: {rejected:,} of {counted(received, 'row')} kept out"


def _said_of_failed(loads: Sequence[LoadTold]) -> str:
    statuses = " and ".join(sorted({load.status for load in loads}))
    return f"{_named(loads)}: {statuses}"


def _named(loads: Sequence[LoadTold]) -> str:
    """Which loads they are, in words; the name of a file is the sender's, and is not repeated."""
    ids = list(dict.fromkeys(load.load_id for load in loads))
    tables = ", ".join(sorted({load.table for load in loads} - {""})) or "several tables"
    return f"load {ids[0]} of {tables}" if len(ids) == 1 else f"{len(ids)} loads of {tables}"


def _reasons(connection: Connection, loads: Sequence[LoadTold], columns: Columns) -> dict[str, Any]:
    """Which rules were broken most, of the first rejections; a column that is none is not named."""
    found = connection.execute(
        f"""
        with first as (
            select table_name, unnest(from_json(violations, '{SHAPE_OF_VIOLATIONS}')) as violation
            from (
                select table_name, violations from ops.rejections
                where load_id in (select unnest(?::varchar[])) limit {LOOKED_AT}
            )
        )
        select table_name, violation."column", violation.rule, count(*) as found
        from first group by all order by found desc, 1, 2, 3
        """,
        [[load.load_id for load in loads]],
    ).fetchall()
    sums: dict[tuple[str, str | None, str], int] = {}
    for table, column, rule, rows in found:
        known = (table, column if column in columns(table) else None, rule)
        sums[known] = sums.get(known, 0) + rows
    names = ("table", "column", "rule")
    return {
        "reasons": [{**dict(zip(names, each, strict=True)), "rows": n} for each, n in sums.items()][
            :NAMED
        ]
    }


def _values(connection: Connection, loads: Sequence[LoadTold]) -> list[dict[str, Any]]:
    """The first rejections of the loads, with what was sent."""
    found = connection.execute(
        "select rejection_id, load_id, table_name, position, payload, violations"
        " from ops.rejections where load_id in (select unnest(?::varchar[]))"
        f" order by number, position limit {NAMED // 10}",
        [[load.load_id for load in loads]],
    ).fetchall()
    names = ("rejection_id", "load_id", "table", "position", "payload", "violations")
    shown = [dict(zip(names, row, strict=True)) for row in found]
    for each in shown:
        each["payload"], each["violations"] = (
            msgspec.Raw(str(each[name]).encode()) for name in ("payload", "violations")
        )
    return shown


def _of_deed(hook: Hook, row: Sequence[Any]) -> Delivery | None:
    *fields, said = row
    if fields[4] is None:
        return None  # it has not ended
    deed = DeedTold(**dict(zip(DeedTold.__struct_fields__, fields, strict=True)))
    kind = kind_of(deed, said)
    if kind is None or kind not in hook.on:
        return None
    deed.detail = deed.detail or said
    what = f" {deed.subject}" if deed.subject else ""
    went = deed.outcome if deed.outcome != "done" else "it went wrong"
    text = f"{deed.action}{what}: {went}"
    data = {"text": text, **_plain(deed, hook.values)}
    return Delivery.of(hook.name, kind, data, deed.happened_at)


def kind_of(deed: DeedTold, said: str | None) -> Kind | None:
    """What it is told as; None where all went well, or nobody is told of such."""
    action = deed.action
    if action == "service.died":
        return "service.died"
    if action in ("backup.failed", "self-check.failed", "audit.failed"):  # of the schedule
        return "audit.failed" if action == "audit.failed" else "backup.failed"
    if action == "backup.verify":
        return None if said == "ok" else "backup.failed"
    if deed.outcome not in ("failed", "interrupted"):
        return None
    kinds: dict[str, Kind] = {
        "build": "build.failed",
        "restore": "restore.failed",
        "backup": "backup.failed",
        "copy": "copy.failed",
    }
    return kinds.get(action.partition(".")[0])


def _plain(told: LoadTold | DeedTold, values: bool) -> dict[str, Any]:
    """As JSON has it; what the sender said, or may be quoted, is there where `values` are."""
    shown: dict[str, Any] = msgspec.to_builtins(told)
    for name, value in shown.items():
        if name.endswith("_at"):
            shown[name] = f"{value}Z"
    return shown if values else {n: each for n, each in shown.items() if n not in SENT}

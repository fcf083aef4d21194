"""What was ever brought in, and what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec
from litestar import Controller, Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from service.api.http.audit_log import log_action
from service.api.http.describing import described, lists
from service.api.http.negotiation import answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.scopes import of_its_tables
from service.api.http.times import Timestamp, in_utc, naive
from service.doors.file_load import FileLoad, LineRejected, Progress, RowRead, TrialResult
from service.engines.engine import Connection
from service.errors import Conflict
from service.formats.csv.dialect import Dialect
from service.gate import Gate
from service.ops import queries, records, stored_warnings
from service.runtime.resolutions import OnConflict

Kind = Literal["history", "file", "batch", "replay", "restore", "change", "erasure"]
Status = Literal["running", "done", "refused", "failed"]
LINES = ("lines", "header_lines", "blank_lines", "skipped_lines", "record_lines")


NONE_WARNED: Mapping[tuple[str, str], int] = {}


class Counts(msgspec.Struct):
    """``received = accepted + rejected + already_present + changed + removed``, for ever."""

    received: int
    accepted: int
    rejected: int
    already_present: int
    changed: int = 0
    removed: int = 0


class ColumnRead(msgspec.Struct):
    """What the file calls a column, which one of the table's it is (null: none), and why."""

    in_file: str
    column: str | None
    why: str


class Load(msgspec.Struct):
    """A load; `table` is null where it concerned several, whose counts are then in `tables`.

    Of a file or history, `lines` is how many lines it has, counted by themselves; each of them is
    one of the header, blank, skipped, or of a record. They are null where nothing came by a file.
    """

    load_id: str
    kind: Kind
    table: str | None
    source: str | None
    status: Status
    received: int
    accepted: int
    rejected: int
    already_present: int
    warned: int  # of the accepted rows: those that break rules of severity `warn`
    started_at: Timestamp
    finished_at: Timestamp | None
    actor: str | None
    detail: str | None
    lines: int | None
    header_lines: int | None
    blank_lines: int | None
    skipped_lines: int | None
    record_lines: int | None
    # Of the rows that went in: values that are defaults, or were normalised, where there are any.
    defaulted: int | msgspec.UnsetType = msgspec.UNSET
    normalised: int | msgspec.UnsetType = msgspec.UNSET
    changed: int = 0
    removed: int = 0
    on_conflict: OnConflict | None = None  # of rows whose key is there; null: what the door does
    tables: dict[str, Counts] | msgspec.UnsetType = msgspec.UNSET
    progress: Progress | msgspec.UnsetType = msgspec.UNSET  # of a file that is being loaded
    # Of a dry run: the first lines it would keep out, how the file is read, and its first rows.
    rejections: list[LineRejected] | msgspec.UnsetType = msgspec.UNSET
    dialect: Dialect | msgspec.UnsetType = msgspec.UNSET
    columns: list[ColumnRead] | msgspec.UnsetType = msgspec.UNSET
    first_rows: list[RowRead] | msgspec.UnsetType = msgspec.UNSET


class LoadList(msgspec.Struct):
    """A page of loads, newest first."""

    loads: list[Load]
    next: str | None


class LoadController(Controller):
    """Loads."""

    path = "/v1/loads"
    tags = ("loads",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="list_loads",
        sync_to_thread=True,
        opt=described(answers=lists(LoadList), problems=(406,), links=True),
    )
    def list_loads(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        kind: FromQuery[Kind | None] = None,
        table: FromQuery[str | None] = None,
        status: FromQuery[Status | None] = None,
        since: Annotated[
            datetime | None, QueryParameter(description="Begun from then on: ISO 8601, in UTC.")
        ] = None,
        until: Annotated[datetime | None, QueryParameter(description="Begun before then.")] = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists loads, newest first."""
        name = None if table is None else gate.table(table).name
        start: Any = None if after is None else key_of(after, int, str)
        with gate.database.reading() as connection:
            found = queries.loads(
                connection,
                limit,
                start,
                kind=kind,
                table=name,
                status=status,
                since=naive(since),
                until=naive(until),
            )
            warned = _warned(connection, found.entries)
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(min(entry.number for entry in last), last[0].load_id)
        shown = [page_of(of_its_tables(request, entries), warned) for entries in found.entries]
        page = LoadList(shown, following)
        return answer_with_entries(request, Load, shown, page, link(request, following))

    @get("/{load_id:str}", operation_id="show_load", sync_to_thread=True)
    def show_load(self, gate: NamedDependency[Gate], load_id: FromPath[str]) -> Load:
        """Shows one load; that of a file says how far it is. Dry runs are not kept for long."""
        long = gate.loads.get(load_id)
        if long is not None and long.file.is_trial:
            return page_of_trial(long)
        with gate.database.reading() as connection:
            return with_progress(gate, of_id(connection, load_id))

    @delete(
        "/{load_id:str}",
        operation_id="cancel_load",
        opt=described(problems=(409,), role="writer"),
    )
    async def cancel_load(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], load_id: FromPath[str]
    ) -> None:
        """Has the load of a file, or a replay, end soon, as failed; 409 when it has ended.

        Rows that it has brought in stay, and are counted.
        """
        await cancel(request, gate, load_id)


async def cancel(request: Request[Any, Any, Any], gate: Gate, load_id: str) -> None:
    """Has a load end soon, and puts that on record; raises NotFound, Conflict."""
    if not (gate.loads.cancel(load_id) or gate.replays.cancel(load_id)):
        await asyncio.to_thread(_say_that_it_has_ended, gate, load_id)
    await log_action(request, "load.cancel", load_id)


def with_progress(gate: Gate, page: Load) -> Load:
    """The page of a load; with how far it is, if it is that of a file which is being loaded."""
    long = gate.loads.get(page.load_id)
    if long is not None and page.status == "running":
        page.progress = long.progress
    return page


def _say_that_it_has_ended(gate: Gate, load_id: str) -> None:
    with gate.database.reading() as connection:
        queries.load(connection, load_id)
    raise Conflict("the load has ended", load_id=load_id)


def page_of_trial(load: FileLoad) -> Load:
    """A dry run, which is not on record."""
    found = load.result or TrialResult()
    return Load(
        load_id=load.load_id,
        kind="file",
        table=load.file.table_name,
        source=load.file.source,
        status=cast(Status, load.status),
        received=found.received,
        accepted=found.accepted,
        rejected=found.rejected,
        already_present=found.already_present,
        warned=found.warned,
        started_at=in_utc(load.file.asked_at),
        finished_at=in_utc(load.finished_at) if load.finished_at else None,
        actor=load.file.actor,
        detail=load.detail,
        **_lines(load.result),
        changed=found.changed,
        on_conflict=cast("OnConflict | None", load.file.on_conflict),
        progress=load.progress if load.status == "running" else msgspec.UNSET,
        rejections=found.rejections,
        dialect=load.dialect,
        columns=[ColumnRead(*each) for each in load.dialect.explained()],
        first_rows=found.first_rows,
    )


def of_id(connection: Connection, load_id: str) -> Load:
    """The page of one load; raises NotFound."""
    entries = queries.load(connection, load_id)
    return page_of(entries, _warned(connection, [entries]))


Warned: TypeAlias = Mapping[tuple[str, str], int]  # rows with warnings, by load and table


def _warned(connection: Connection, loads: Sequence[Sequence[records.LoadRecord]]) -> Warned:
    return stored_warnings.counts(connection, [entries[0].load_id for entries in loads])


def page_of(entries: Sequence[records.LoadRecord], warned: Warned = NONE_WARNED) -> Load:
    """A load, from its entries: one for each of its tables."""
    first, several = entries[0], len(entries) > 1
    return Load(
        load_id=first.load_id,
        kind=cast(Kind, first.kind),
        table=None if several else first.table_name or None,
        source=_source(first),
        status=cast(Status, first.status),
        warned=sum(warned.get((each.load_id, each.table_name), 0) for each in entries),
        started_at=in_utc(first.started_at),
        finished_at=_finished(entries),
        actor=first.actor,
        detail=first.detail,
        on_conflict=cast("OnConflict | None", first.on_conflict),
        **_lines(None if several else first),
        defaulted=sum(each.defaulted or 0 for each in entries) or msgspec.UNSET,
        normalised=sum(each.normalised or 0 for each in entries) or msgspec.UNSET,
        tables={e.table_name: Counts(**_sums([e])) for e in entries} if several else msgspec.UNSET,
        **_sums(entries),  # type: ignore[arg-type]
    )


def _sums(entries: Sequence[records.LoadRecord]) -> dict[str, int]:
    fields = Counts.__struct_fields__
    return {name: sum(getattr(entry, name) for entry in entries) for name in fields}


def _lines(entry: records.LoadRecord | TrialResult | None) -> dict[str, Any]:
    """The account of the lines of a file."""
    return {name: getattr(entry, name, None) for name in LINES}


def _finished(entries: Sequence[records.LoadRecord]) -> datetime | None:
    """When the last of its tables was done; None while one is not."""
    times = [entry.finished_at for entry in entries]
    known = [time for time in times if time is not None]
    return in_utc(max(known)) if len(known) == len(times) else None


def _source(entry: records.LoadRecord) -> str | None:
    """Where it came from; of a file on this machine its name, as paths are nobody's business."""
    if entry.kind == "history" and entry.source:
        return PurePath(entry.source).name
    return entry.source

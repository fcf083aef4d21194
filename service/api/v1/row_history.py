"""What was done to a row: each change, as it was before and after."""

from typing import Any, Literal

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import described, lists
from service.api.http.negotiation import answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.api.v1.loads import Kind
from service.gate import Gate
from service.ops.past_rows import PastChange, changes_of
from service.ops.row_history import stored_row
from service.warehouse.one_row import missing, read_key


class RowHistoryEntry(msgspec.Struct):
    """A change of a row, by a load of some kind: the whole row `before` and `after`.

    Null is where there was, or is, no row. A column that the table got later is null.
    """

    changed_at: Timestamp
    load_id: str
    kind: Kind | None
    operation: Literal["insert", "update", "delete"]
    actor: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class RowHistory(msgspec.Struct):
    """A page of the changes of a row, newest first; `exists` says whether the row is there now.

    How the row first came in, by a request, a file or history, is on no list of changes.
    """

    table: str
    key: Any
    exists: bool
    changes: list[RowHistoryEntry]
    next: str | None


class RowHistoryController(Controller):
    """The history of a row."""

    path = "/v1/tables/{table:str}/rows/{row_id:str}/history"
    tags = ("rows",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_row_history",
        sync_to_thread=True,
        opt=described(answers=lists(RowHistory), problems=(406,), links=True),
    )
    def show_row_history(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        row_id: FromPath[str],
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists what was done to the row of one primary key, restores included, newest first.

        A row that was removed has its history for as long as changes are kept (`changes_days`).
        """
        found = gate.table(table)
        start = None if after is None else key_of(after, int)[0]
        key = read_key(found, row_id)
        with gate.database.reading() as connection:
            changes, more = changes_of(connection, found, key, limit, start)
            exists = stored_row(connection, found, key) is not None
        if not (exists or changes or start is not None):
            raise missing(found, row_id)
        following = cursor(changes[-1].number) if more else None
        entries = list(map(_shown, changes))
        page = RowHistory(found.name, key, exists, entries, following)
        return answer_with_entries(
            request, RowHistoryEntry, entries, page, link(request, following)
        )


def _shown(change: PastChange) -> RowHistoryEntry:
    before: Any = change.before
    after: Any = change.after
    return RowHistoryEntry(
        changed_at=in_utc(change.changed_at),
        load_id=change.load_id,
        kind=change.kind,  # type: ignore[arg-type]
        operation=change.operation,
        actor=change.actor,
        before=before,
        after=after,
    )

"""The rows that went in although they break rules of severity `warn`."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.describing import described, lists
from service.api.http.negotiation import answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.gate import Gate
from service.judge.batch import Violation
from service.ops import stored_warnings
from service.ops.records import WarningRecord

_violations = msgspec.json.Decoder(list[Violation]).decode


class RowWarning(msgspec.Struct):
    """A row that went in with warnings; `row_key` is its primary key, as text.

    `position` is its place in the request, or its line in the file.
    """

    load_id: str
    table: str
    position: int
    row_key: str
    warnings: list[Violation]
    warned_at: Timestamp


class WarningList(msgspec.Struct):
    """A page of warnings, newest first."""

    warnings: list[RowWarning]
    next: str | None


class WarningController(Controller):
    """Warnings."""

    path = "/v1/warnings"
    tags = ("loads",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="list_warnings",
        sync_to_thread=True,
        opt=described(answers=lists(WarningList), problems=(406,), links=True),
    )
    def list_warnings(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str | None] = None,
        load_id: FromQuery[str | None] = None,
        rule: FromQuery[str | None] = None,
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists rows that went in although they break rules of severity `warn`, newest first."""
        name = None if table is None else gate.table(table).name
        start: Any = None if after is None else key_of(after, int, int)
        with gate.database.reading() as connection:
            found = stored_warnings.page(
                connection, limit, start, table=name, load_id=load_id, rule=rule
            )
        following = None
        if found.more:
            last = found.entries[-1]
            following = cursor(last.number, last.position)
        shown = [_shown(entry) for entry in found.entries]
        page = WarningList(shown, following)
        return answer_with_entries(request, RowWarning, shown, page, link(request, following))


def _shown(entry: WarningRecord) -> RowWarning:
    return RowWarning(
        entry.load_id,
        entry.table_name,
        entry.position,
        entry.row_key,
        _violations(entry.warnings),
        in_utc(entry.warned_at),
    )

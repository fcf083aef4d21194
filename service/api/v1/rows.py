"""GET of rows: page after page, or one by its id."""

from secrets import token_hex
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import Schema, described
from service.api.http.etags import is_known, not_modified
from service.api.http.middleware import header
from service.api.http.negotiation import CSV, JSON, NDJSON, answer_with, negotiated
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.dictionary import Column, Table
from service.dictionary.column_types import Unreadable
from service.errors import BadRequest, NotFound
from service.gate import Gate
from service.warehouse import stored_rows
from service.warehouse.stored_rows import RowPage

START = token_hex(4)  # versions count from here
PAGE = {JSON: Schema.PAGE, CSV: Schema.TEXT, NDJSON: Schema.TEXT}
ROW = {JSON: Schema.ROW, CSV: Schema.TEXT, NDJSON: Schema.TEXT}


class ReadController(Controller):
    """Rows as they are in the tables of record."""

    path = "/v1"
    tags = ("rows",)

    @get(
        "/tables/{table:str}/rows",
        operation_id="list_rows",
        sync_to_thread=True,
        guards=[only_known],
        opt=described(answers={200: PAGE}, problems=(406,), links=True),
    )
    def list_rows(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        limit: Limit = 100,
        after: After = None,
    ) -> Response[bytes]:
        """Lists rows by primary key."""
        found, form = gate.table(table), negotiated(request)
        headers = {"ETag": _tag(gate, found, form), "Vary": "Accept, Accept-Encoding"}
        if is_known(header(request, "if-none-match"), headers["ETag"]):
            return not_modified(headers)
        key = stored_rows.key_column(found)
        start = None if after is None else _start(key, after)
        with gate.database.reading() as connection:
            rows = stored_rows.page(connection, found, start, limit)
        place = found.column_names.index(key.name)
        following = cursor(rows.values[-1][place]) if rows.more else None
        return answer_with(
            rows,
            form,
            lambda shown: {"rows": shown, "next": following},
            {**headers, **link(request, following)},
        )

    @get(
        "/tables/{table:str}/rows/{row_id:str}",
        operation_id="show_row",
        sync_to_thread=True,
        guards=[only_known],
        opt=described(answers={200: ROW}, problems=(406,)),
    )
    def show_row(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        row_id: FromPath[str],
    ) -> Response[bytes]:
        """Shows the row of one primary key."""
        found, form = gate.table(table), negotiated(request)
        rows = RowPage((), ())
        try:
            key = stored_rows.key_column(found).type.from_text(row_id)
            with gate.database.reading() as connection:
                rows = stored_rows.row(connection, found, key)
        except Unreadable:  # no row has such a key
            pass
        if not rows.values:
            raise NotFound(f"{table} has no row {row_id!r}", table=table)
        return answer_with(rows, form, lambda shown: shown[0])


def _tag(gate: Gate, table: Table, form: str) -> str:
    """Of any page of a table: it changes with the table, and no page has to be read to know it.

    To be asked before the page is read: what is committed meanwhile then has another one.
    """
    version = gate.writer.versions[table.name]
    return f'W/"{START}.{version}.{table.fingerprint[:8]}.{form.rpartition("/")[2]}"'


def _start(key: Column, after: str) -> Any:
    """The key that a page begins after."""
    (value,) = key_of(after, Any)
    try:
        return key.type.read(value)
    except Unreadable:
        raise BadRequest("after is not the next of a page of this table") from None

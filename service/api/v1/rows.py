"""GET of rows: page after page, or one by its id."""

from pathlib import PurePosixPath
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import Schema, described
from service.api.http.etags import tag_of_row
from service.api.http.negotiation import (
    ARROW,
    CSV,
    FORMATS,
    JSON,
    NDJSON,
    PARQUET,
    answer_with,
    negotiated,
)
from service.api.http.parameters import only_known
from service.api.v1.row_answers import ENDINGS, answer_rows
from service.gate import Gate
from service.ops import row_history
from service.warehouse import stored_rows
from service.warehouse.one_row import missing, read_key

FILES = {CSV: Schema.TEXT, NDJSON: Schema.TEXT, PARQUET: Schema.BYTES, ARROW: Schema.BYTES}
PAGE = {JSON: Schema.PAGE, **FILES}
FORM_OF = {media_type: name for name, media_type in FORMATS.items()}
ROW = {JSON: Schema.ROW, CSV: Schema.TEXT, NDJSON: Schema.TEXT}


class ReadController(Controller):
    """Rows as they are in the tables of record."""

    path = "/v1"
    tags = ("rows",)

    @get(
        ["/tables/{table:str}/rows", *(f"/tables/{{table:str}}/rows.{each}" for each in ENDINGS)],
        operation_id="list_rows",
        opt=described(
            answers={200: PAGE},
            problems=(400, 406, 503),
            links=True,
            rows=True,
            endings={JSON: Schema.ANY, **FILES},
        ),
    )
    async def list_rows(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], table: FromPath[str]
    ) -> Response[Any]:
        """Lists the rows that fit filters, in an order: by primary key, where none is asked for.

        A filter is ``column=operator.value``; several must all hold. Operators are eq, neq, gt,
        gte, lt, lte, in.(a,b), is.null (true, false), like.a* and ilike.a*, with not. before them.
        A column that is named like a parameter is written column.NAME. ``Prefer: count=exact`` or
        ``count=estimated`` (up to 10 000) counts the rows that fit. With limit=all, and where the
        path ends in .csv, .ndjson, .json, .parquet or .arrow, all rows come as one stream, of one
        moment.
        """
        found = gate.table(table)
        ending = PurePosixPath(request.scope["path"]).suffix.removeprefix(".")
        return await answer_rows(request, gate, found, ending if ending in ENDINGS else None)

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
        key = read_key(found, row_id)
        with gate.database.reading() as connection:
            rows = stored_rows.row(connection, found, key)
            text = row_history.stored_row(connection, found, key)
        if text is None:
            raise missing(found, row_id)
        headers = {"ETag": tag_of_row(text, FORM_OF[form])}
        return answer_with(rows, form, lambda shown: shown[0], headers)

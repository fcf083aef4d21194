"""Answers to questions about rows: a page, or all of them as a stream, in the format asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from litestar import Request, Response

from service.api.http.client_queries import asked, streamed
from service.api.http.etags import is_known, not_modified
from service.api.http.middleware import header
from service.api.http.negotiation import FORMATS, answer_with, form_asked, preference
from service.api.http.paging import cursor, key_of_any, link, read_limit, split_off
from service.dictionary import Table
from service.engines.engine import Connection
from service.formats.row_streams import STREAMS, TYPED
from service.gate import Gate
from service.warehouse import row_queries, row_stream
from service.warehouse.row_queries import RESERVED, RowCount, RowQuery
from service.warehouse.stored_rows import RowPage

PAGING = ("limit", "after", "format")
EVERYTHING, DEFAULT_LIMIT, MAX_LIMIT = "all", 100, 10_000
COUNTS = ("none", "exact", "estimated")
ENDINGS = tuple(FORMATS)
START = token_hex(4)  # versions of tables count from here
VARY = "Accept, Prefer, Accept-Encoding"


@dataclass(frozen=True)
class RowsPage:
    """Rows, the cursor of the next page, and how many there are where that was asked."""

    rows: RowPage
    next: str | None
    count: RowCount | None = None


@dataclass(frozen=True)
class RowsAsked:
    """What a request wants of a table: `limit` is None for all rows."""

    query: RowQuery
    limit: int | None
    after: str | None

    @classmethod
    def read(
        cls, table: Table, items: Iterable[tuple[str, str]], default: int | None = DEFAULT_LIMIT
    ) -> "RowsAsked":
        """What the `items` of a query string say; `default` is the limit where there is none.

        Raises:
            BadRequest: one of them cannot be read.
        """
        paging, rest = split_off(items, PAGING)
        query = RowQuery.read(table, rest, RESERVED[:-1])
        limit = paging.get("limit")
        is_all = limit == EVERYTHING
        count = None if is_all else read_limit(limit, default, MAX_LIMIT, f" or {EVERYTHING}")
        return cls(query, count, paging.get("after"))

    @property
    def place(self) -> Any:
        """Where the page begins, as the query's order takes it."""
        return None if self.after is None else key_of_any(self.after)


def page_of_rows(connection: Connection, asked_for: RowsAsked, counts: str = "none") -> RowsPage:
    """A page of at most `limit` rows; `counts` is none, exact or estimated."""
    limit = MAX_LIMIT if asked_for.limit is None else asked_for.limit
    found = row_queries.page(connection, asked_for.query, asked_for.place, limit)
    count = None
    if counts != "none":
        count = row_queries.count(connection, asked_for.query, counts == "exact")
    return RowsPage(found.rows, None if found.last is None else cursor(*found.last), count)


async def answer_rows(
    request: Request[Any, Any, Any], gate: Gate, table: Table, ending: str | None
) -> Response[Any]:
    """The answer to GET of rows; a file (a path with an `ending`) has all of them unless limited.

    Raises:
        BadRequest: a parameter cannot be read.
        NotAcceptable: there is no such format.
    """
    form = form_asked(request, ending or request.query_params.get("format"), FORMATS)
    counts = preference(header(request, "prefer") or "", "count", COUNTS)
    tag = _tag(gate, table, form, counts)
    if is_known(header(request, "if-none-match"), tag):
        return not_modified({"ETag": tag, "Vary": VARY})
    is_whole = ending is not None or form in TYPED
    items = request.query_params.multi_items()
    wanted = RowsAsked.read(table, items, None if is_whole else DEFAULT_LIMIT)
    if is_whole or wanted.limit is None:
        return await _all_rows(request, gate, wanted, form, ending, tag)
    found = await asked(request, gate, lambda connection: page_of_rows(connection, wanted, counts))
    members: dict[str, Any] = {"next": found.next}
    headers = {"ETag": tag, "Vary": VARY, **link(request, found.next)}
    if found.count is not None:
        members |= {"count": found.count.rows, "count_exact": found.count.is_exact}
        more = "" if found.count.is_exact else "+"
        headers |= {
            "X-Total-Count": f"{found.count.rows}{more}",
            "Preference-Applied": f"count={counts}",
        }
    return answer_with(found.rows, FORMATS[form], lambda rows: {"rows": rows, **members}, headers)


def _tag(gate: Gate, table: Table, form: str, counts: str) -> str:
    """Of whatever is asked of a table: it changes with that, and no row has to be read for it.

    To be made before rows are read: what is committed meanwhile then has another one.
    """
    version = gate.writer.versions[table.name]
    return f'W/"{START}.{version}.{table.fingerprint[:8]}.{form}.{counts}"'


async def _all_rows(
    request: Request[Any, Any, Any],
    gate: Gate,
    wanted: RowsAsked,
    form: str,
    ending: str | None,
    tag: str,
) -> Response[Any]:
    place = wanted.place

    def pieces(connection: Connection) -> Iterator[bytes]:
        is_typed = form in TYPED
        batches = row_stream.batches(connection, wanted.query, place, wanted.limit, is_typed)
        yield from STREAMS[form](batches)

    headers = {"ETag": tag, "Vary": VARY}
    if ending is not None or form in TYPED:
        name = f"{wanted.query.table.name}.{form}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return await streamed(request, gate, pieces, FORMATS[form], headers)

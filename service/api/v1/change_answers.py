"""What is answered to a change of rows."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response
from msgspec import UNSET, UnsetType

from service.api.http.etags import tag_of_row
from service.api.http.negotiation import JSON
from service.api.http.problems import CONTENT_TYPE, problem
from service.api.v1.answers import RejectedRow, WarnedRow, encoded
from service.dictionary import Table
from service.doors.row_changes import counts_of
from service.warehouse.one_row import RowChanged
from service.warehouse.warned_rows import told_of

Key = Annotated[Any, msgspec.Meta(description="A primary key, as rows show it.")]


class RowChangeAnswer(msgspec.Struct):
    """What became of a row: ``received`` is 1, the sum of the counts behind it.

    `row` is the row as it is now, or would be; null where it is gone. `load_id` is null after a dry
    run. A row that breaks rules of severity `warn` becomes so, and has `warnings`.
    """

    load_id: str | None
    table: str
    received: int
    accepted: int
    changed: int
    removed: int
    already_present: int
    rejected: int
    row: dict[str, Any] | None
    warnings: list[WarnedRow] | UnsetType = UNSET


class RemovedRows(msgspec.Struct):
    """How many rows were removed, or would be; `first` are primary keys.

    `load_id` is null after a dry run, and where no row fitted: there is no load then.
    """

    load_id: str | None
    table: str
    received: int
    removed: int
    first: list[Key]


def is_as_sent(method: str, body: bytes, row: str | None) -> bool:
    """Whether the answer may have the row's tag: after PUT, if it was kept as it was sent (RFC
    9110, section 9.3.4).
    """
    if row is None or method != "PUT":
        return row is not None
    sent, is_kept = (_there(_decoded(each)) for each in (body, row))
    return sent == is_kept


# A double has no 1e400, which a document may have.
_decoded = msgspec.json.Decoder(float_hook=Decimal).decode


def _there(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def changed(done: RowChanged, table: Table, row_id: str, has_tag: bool) -> Response[bytes]:
    row: Any = None if done.after is None else msgspec.Raw(done.after.encode())
    told = [WarnedRow(*each) for each in told_of(done.warned)] if done.warned else UNSET
    answer = RowChangeAnswer(done.load_id, table.name, **counts_of(done), row=row, warnings=told)
    headers = {"ETag": tag_of_row(done.after, "json")} if has_tag and done.after else {}
    if done.operation == "insert" and done.load_id is not None:
        headers["Location"] = f"/v1/tables/{_segment(table.name)}/rows/{_segment(row_id)}"
        return answered(answer, 201, headers)
    return answered(answer, headers=headers)


def _segment(name: str) -> str:
    return quote(name, safe="")


def refused(done: RowChanged, table: Table) -> Response[bytes]:
    counts = {"received": 1, "accepted": 0, "rejected": 1}
    rejections = [RejectedRow(0, None, done.violations)]
    body = problem(
        422,
        "rows-rejected",
        "Rows rejected",
        "the row would break rules, and stays as it was",
        load_id=done.load_id,
        table=table.name,
        **counts,
        rejections=rejections,
    )
    return Response(body, status_code=422, media_type=CONTENT_TYPE)


def answered(
    answer: msgspec.Struct, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(encoded(answer), status_code=status, media_type=JSON, headers=headers or {})

"""The filter of rejections, as queries say it."""

from datetime import datetime
from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

from service.api.http.times import naive
from service.gate import Gate
from service.ops.rejection_filters import RejectionFilter

Column: TypeAlias = Annotated[
    str | None, QueryParameter(description="A column that broke the rule; empty: the whole row.")
]


Rules: TypeAlias = Annotated[
    str | None, QueryParameter(description="One of these rules was broken: not_null,unique.")
]


Text: TypeAlias = Annotated[
    str | None, QueryParameter(description="A part of what was sent, in letters of either case.")
]


Since: TypeAlias = Annotated[
    datetime | None, QueryParameter(description="The first moment: ISO 8601, in UTC.")
]


Until: TypeAlias = Annotated[
    datetime | None, QueryParameter(description="The first moment that is too late.")
]


Expected: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=0, description="How many rows are meant; where it is another number: 409."),
]


def filter_of(
    gate: Gate,
    table: str | None,
    column: str | None,
    rule: str | None,
    load_id: str | None,
    status: str | None,
    text: str | None,
    since: datetime | None,
    until: datetime | None,
) -> RejectionFilter:
    """What the query of a request means.

    Raises:
        UnknownTable: there is no such table.
    """
    return RejectionFilter(
        table=None if table is None else gate.table(table).name,
        column=column,
        rules=tuple(rule.split(",")) if rule is not None else (),
        load_id=load_id,
        status=status,
        text=text,
        since=naive(since),
        until=naive(until),
    )

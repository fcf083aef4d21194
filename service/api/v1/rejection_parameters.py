"""The filter of rejections, as queries say it."""

from datetime import datetime
from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

from service.api.http.times import naive
from service.errors import BadRequest
from service.gate import Gate
from service.ops.rejection_filters import RejectionFilter

MAX_RULES = 100  # of a query: no dictionary has so many kinds
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
        BadRequest: there are more than MAX_RULES rules.
    """
    return RejectionFilter(
        table=None if table is None else gate.table(table).name,
        column=column,
        rules=_rules(rule),
        load_id=load_id,
        status=status,
        text=text,
        since=naive(since),
        until=naive(until),
    )


def _rules(said: str | None) -> tuple[str, ...]:
    rules = tuple(dict.fromkeys(said.split(","))) if said is not None else ()
    if len(rules) > MAX_RULES:
        raise BadRequest(f"rule takes {MAX_RULES} rules at most", parameter="rule")
    return rules

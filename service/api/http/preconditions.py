"""``If-Match`` and ``If-None-Match`` of requests that change a row (RFC 9110, section 13.1)."""

from collections.abc import Callable
from typing import Any

from litestar import Request

from service.api.http.etags import is_row
from service.api.http.middleware import header
from service.errors import PreconditionFailed

PRECONDITIONS = ("if-match", "if-none-match")


def preconditions(request: Request[Any, Any, Any]) -> Callable[[str | None], None]:
    """What a request wants to be so: to be called with the stored row, in JSON, or None.

    Raises, when it is called:
        PreconditionFailed: it is not so.
    """
    wanted, unwanted = (header(request, name) for name in PRECONDITIONS)

    def check(row: str | None) -> None:
        if wanted is not None and not is_row(wanted, row, strongly=True):
            there = "there is no such row" if row is None else "the row is another by now"
            raise PreconditionFailed(f"{there}: If-Match does not hold")
        if unwanted is not None and is_row(unwanted, row, strongly=False):
            raise PreconditionFailed("the row is there: If-None-Match does not hold")

    return check

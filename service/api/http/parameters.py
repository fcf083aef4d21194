"""Query parameters: a guard against unknown ones, and those given twice."""

from typing import Any, get_args

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition

from service.errors import BadRequest


def of_query(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """The query parameters that a handler takes, by name."""
    given = handler.parsed_fn_signature.parameters
    return {
        name: field
        for name, field in given.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }


async def only_known(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
) -> None:
    """A guard: a filter that is misspelt must not be taken for no filter.

    Raises:
        BadRequest: a parameter is not one of the handler's, is there twice, or is `null`.
    """
    scope: Any = connection.scope
    if not scope["query_string"] or scope["method"] == "OPTIONS":  # which has none of its own
        return
    known = of_query(handler)
    seen: set[str] = set()
    for name, value in connection.query_params.multi_items():
        if name not in known:
            words = f"there are {', '.join(known)}" if known else "there is none here"
            raise BadRequest(f"there is no parameter {name!r}; {words}", known=list(known))
        if name in seen:
            raise BadRequest(f"the parameter {name} is there twice")
        seen.add(name)
        # msgspec would read it as no value, and a filter as no filter.
        if value.lower() == "null" and str not in get_args(known[name].annotation):
            raise BadRequest(f"{name}: null is no value; leave the parameter out")

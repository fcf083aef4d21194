"""The paths of the document: one for each route, or one for each table or report of the route."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from service.api.http.describing import Described, description_of
from service.api.http.parameters import of_query
from service.dictionary import Dictionary, Report, Table


@dataclass(frozen=True)
class Place:
    """One path of the document: a route, and the table or report that it is for."""

    path: str
    route: HTTPRoute
    handler: HTTPRouteHandler
    method: str
    table: Table | None = None
    report: Report | None = None
    is_file: bool = False  # whether its path has an ending that says the format

    @property
    def operation_id(self) -> str:
        """Of the route, and the table or report."""
        if self.is_file:
            return f"{self.handler.operation_id}_as_file"
        of = self.table or self.report
        return f"{self.handler.operation_id}_{of.name}" if of else str(self.handler.operation_id)

    @property
    def in_path(self) -> list[str]:
        """The names of the parameters that are left in the path."""
        return re.findall(r"{(\w+)}", self.path)


def places(routes: list[Any], dictionary: Dictionary) -> Iterator[Place]:
    """Every path and method, those of tables and reports once for each, in a fixed order."""
    for route in sorted(routes, key=lambda route: str(route.path)):
        if not isinstance(route, HTTPRoute):
            continue
        path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
        # Litestar collects them in a set, whose order changes from start to start.
        handlers = {
            str(method): handler
            for handler in route.route_handlers
            for method in handler.http_methods - {"OPTIONS"}
            if not description_of(handler).part
        }
        for method, handler in sorted(handlers.items(), key=lambda item: item[0]):
            place = Place(path, route, handler, method)
            if not description_of(handler).endings:
                yield from _for_each(place, dictionary)
            elif not _has_ending(path):
                yield from _for_each(place, dictionary)
                yield Place(f"{path}.{{ending}}", route, handler, method, is_file=True)


_has_ending = re.compile(r"\.[a-z]+$").search


def _for_each(place: Place, dictionary: Dictionary) -> Iterator[Place]:
    there = (place.route, place.handler, place.method)
    if "{table}" in place.path:
        for name, table in dictionary.tables.items():
            yield Place(place.path.replace("{table}", name), *there, table=table)
    elif place.path.startswith("/v1/reports/{"):
        for name, report in dictionary.reports.items():
            yield Place(f"/v1/reports/{name}", *there, report=report)
    else:
        yield place


def problem_statuses(place: Place, said: Described) -> set[int]:
    """The statuses of the problem documents that a call may answer with, but those of keys."""
    statuses = {*said.problems}
    if said.body:
        statuses |= {400, 415}
    if of_query(place.handler):
        statuses |= {400}
    if place.in_path:
        statuses |= {404}
    if said.once:
        statuses |= {400, 422}
    if place.method != "GET":
        statuses |= {503}
    return statuses

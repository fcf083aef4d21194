"""The OpenAPI 3.1 document, made from the routes themselves and from the dictionary.

Paths with ``{table}`` become one path for each table, since each has rows of its own type; so do
the reports. What a signature cannot say is said next to the handlers (api/http/describing.py).
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.typing import FieldDefinition
from msgspec import Meta

from service.api.http.authentication import needs_of
from service.api.http.describing import OPEN, Described, ProblemDocument, Schema, description_of
from service.api.http.negotiation import JSON
from service.api.http.parameters import of_query
from service.api.http.problems import CONTENT_TYPE as PROBLEM
from service.api.openapi.general import SCHEMES, general
from service.api.openapi.header_fields import answer_headers, request_headers
from service.api.openapi.places import Place, places, problem_statuses
from service.api.openapi.row_parameters import (
    FORMAT_OF,
    count_header,
    facet_parameters,
    filter_parameters,
    key_parameter,
    paging_parameters,
    report_paging,
    report_parameter,
    row_parameters,
)
from service.api.openapi.types import Schemas
from service.dictionary import Dictionary
from service.runtime.settings import Settings

Json = dict[str, Any]
REF = "#/components/schemas/{name}"


class Document:
    """Builds the document once; `json` is what there is to show."""

    def __init__(
        self,
        routes: list[Any],
        dictionary: Dictionary,
        settings: Settings,
        report_types: Mapping[str, Mapping[str, str]],
    ) -> None:
        """`report_types` are the types of the columns of each report."""
        self._dictionary, self._settings = dictionary, settings
        self._shapes = Schemas(dictionary, settings.max_rows, report_types)
        self._wanted: list[tuple[Any, Json]] = []  # types, and where their schemas go
        problem = self._schema(ProblemDocument)
        self._problems: Json = {}
        paths: Json = {}
        for place in places(routes, dictionary):
            operation = self._operation(place)
            paths.setdefault(place.path, {})[place.method.lower()] = operation
        self.json = {
            "openapi": "3.1.0",
            **general(),
            "paths": paths,
            "components": {
                "securitySchemes": SCHEMES,
                "schemas": self._filled(),
                "responses": {
                    name: {**said, "content": {PROBLEM: {"schema": problem}}}
                    for name, said in sorted(self._problems.items())
                },
            },
        }

    def _schema(self, kind: Any) -> Json:
        """The schema of a type; it is empty until `_filled`, when all types are known."""
        schema: Json = {}
        self._wanted.append((kind, schema))
        return schema

    def _filled(self) -> Json:
        kinds = [kind for kind, _ in self._wanted]
        schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
        for (_, place), schema in zip(self._wanted, schemas, strict=True):
            place.update(schema)
        for component in components.values():
            if component.get("additionalProperties") is False:
                _leave_out_defaults(component)
        return dict(components)

    def _operation(self, place: Place) -> Json:
        said = description_of(place.handler)
        summary, _, more = _words(place.handler).partition("\n\n")
        operation: Json = {
            "operationId": place.operation_id,
            "tags": place.handler.resolve_tags(),
            "summary": " ".join(summary.split()),
            "parameters": [*self._parameters(place, said)],
            "responses": dict(self._responses(place, said)),
        }
        needs = needs_of(place.handler, place.method, self._settings)
        takes = "Takes no key." if needs == OPEN else f"Takes a key with the role `{needs}`."
        operation["description"] = " ".join([*more.split(), takes])
        operation["security"] = [] if needs == OPEN else [{name: []} for name in SCHEMES]
        if said.body:
            operation["requestBody"] = {
                "required": said.body_required,
                "content": self._content(said.body, place),
            }
        return operation

    def _parameters(self, place: Place, said: Described) -> Iterator[Json]:
        for name in place.in_path:
            kind = self._shapes.key(place.table) if place.table else str
            if name == "ending":
                kind = Literal[tuple(FORMAT_OF[each] for each in said.endings)]
            said_key = key_parameter(place.table) if name == "row_id" and place.table else {}
            given = {"name": name, "in": "path", "required": True, "schema": self._schema(kind)}
            yield {**given, **said_key}
        for name, field in of_query(place.handler).items():
            yield self._query_parameter(name, field)
        if place.report:
            yield from map(report_parameter, place.report.takes)
        if place.report or (place.is_file and not said.rows):
            yield from report_paging()
        if said.rows:
            yield from paging_parameters()
        if said.rows and place.table:
            yield from row_parameters(place.table)
            yield count_header()
        if said.filters and place.table:
            yield from filter_parameters(place.table)
        if said.facets and place.table:
            yield from facet_parameters(place.table)
        yield from request_headers(said, place.method)

    def _query_parameter(self, name: str, field: FieldDefinition) -> Json:
        said = field.kwarg_definition
        limits = {key: getattr(said, key, None) for key in ("ge", "le")}
        meta = Meta(**{key: limit for key, limit in limits.items() if limit is not None})
        schema = self._schema(Annotated[_not_null(field.annotation), meta])
        parameter = {"name": name, "in": "query", "required": field.is_required, "schema": schema}
        if description := getattr(said, "description", None):
            parameter["description"] = description
        if field.default is not None and not field.is_required:
            schema["default"] = field.default
        return parameter

    def _responses(self, place: Place, said: Described) -> Iterator[tuple[str, Json]]:
        answers = {200: said.endings} if place.is_file else said.answers
        for status, answer in (answers or _annotated(place.handler)).items():
            media = answer if isinstance(answer, Mapping) else {"application/json": answer}
            response: Json = {"description": HTTPStatus(status).phrase}
            if answer is not NoneType:
                response |= self._answer_content(media, place)
            if headers := answer_headers(said, place.method, status):
                response["headers"] = headers
            if links := _links(place, said, status):
                response["links"] = links
            yield str(status), response
        if place.method == "GET":
            headers = answer_headers(said, place.method, HTTPStatus.NOT_MODIFIED)
            yield "304", {"description": HTTPStatus.NOT_MODIFIED.phrase, "headers": headers}
        statuses = problem_statuses(place, said)
        is_open = needs_of(place.handler, place.method, self._settings) == OPEN
        statuses |= {400} if is_open else {401, 403, 429}
        for problem in sorted(statuses - said.answers.keys()):
            phrase = HTTPStatus(problem).phrase
            name = phrase.title().replace(" ", "").replace("-", "")
            self._problems[name] = {"description": phrase}
            yield str(problem), {"$ref": f"#/components/responses/{name}"}
        self._problems["Problem"] = {"description": "Any other trouble"}
        yield "default", {"$ref": "#/components/responses/Problem"}

    def _answer_content(self, media: Mapping[str, Any], place: Place) -> Json:
        """What an answer may be. Of several formats `content` has JSON alone, and so its type:
        clients that are generated would take it for JSON or text, and know the fields of neither.
        """
        if len(media) == 1 or JSON not in media:
            return {"content": self._content(media, place)}
        others = {name: kind for name, kind in media.items() if name != JSON}
        return {
            "description": f"OK. By `Accept` also as {' or '.join(others)}: see x-other-formats.",
            "content": self._content({JSON: media[JSON]}, place),
            "x-other-formats": self._content(others, place),
        }

    def _content(self, media: Mapping[str, Any], place: Place) -> Json:
        return {name: self._medium(name, kind, place) for name, kind in media.items()}

    def _medium(self, name: str, kind: Any, place: Place) -> Json:
        if kind is Schema.BYTES:
            return {"schema": {"type": "string", "format": "binary"}}
        if kind is Schema.ANY:
            return {"schema": {"type": "object"}}
        if kind is Schema.TEXT:
            return {"schema": self._shapes.text(name, place.table or place.report)}
        if isinstance(kind, Schema):
            kind = self._shapes.of(kind, place.table or place.report)
        return {"schema": self._schema(kind)}


def _annotated(handler: HTTPRouteHandler) -> dict[int, Any]:
    """What the handler's annotation says that it answers."""
    kind = handler.parsed_fn_signature.return_type.annotation
    if get_origin(kind) is Response:
        (kind,) = get_args(kind)
    return {handler.status_code: NoneType if kind is None else kind}


def _words(handler: HTTPRouteHandler) -> str:
    """The handler's docstring; one that runs in a thread is wrapped."""
    return getattr(handler.fn, "func", handler.fn).__doc__ or ""


def _not_null(kind: Any) -> Any:
    """A parameter is left out; it is never null."""
    if NoneType not in get_args(kind):
        return kind
    return Union[tuple(each for each in get_args(kind) if each is not NoneType)]  # noqa: UP007


def _leave_out_defaults(schema: Json) -> None:
    """What a request may leave out has no `default`: clients that are generated would want it."""
    for member in schema["properties"].values():
        if "default" in member:
            value = msgspec.json.encode(member.pop("default")).decode()
            words = [member["description"]] if "description" in member else []
            member["description"] = " ".join([*words, f"Left out, it is {value}."])


def _links(place: Place, said: Described, status: int) -> Json:
    table = place.table.name if place.table else None
    return {
        link.operation_id: link.shown(table)
        for link in said.leads_to
        if status == link.status or (link.status is None and status < 300)
    }

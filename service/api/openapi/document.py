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

from service import __version__
from service.api.http.authentication import needs_of
from service.api.http.describing import OPEN, Described, ProblemDocument, Schema, description_of
from service.api.http.parameters import of_query
from service.api.http.problems import CONTENT_TYPE as PROBLEM
from service.api.openapi.places import Place, places, problem_statuses
from service.api.openapi.row_parameters import (
    FORMAT_OF,
    count_header,
    facet_parameters,
    paging_parameters,
    row_parameters,
)
from service.api.openapi.types import Schemas
from service.dictionary import Dictionary
from service.runtime.settings import Settings

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
# Schemas that the document has always shown by another name than their class has now, and their
# titles: clients that were generated from it know them by these.
PUBLISHED = {
    "ProblemDocument": ("Problem", "Problem"),
    "ReadinessCheck": ("service.api.health.Check", "Check"),
    "AuditCheck": ("service.auditing.Check", "Check"),
    "ShownViolation": ("service.api.rejections.Reason", "Reason"),
    "RuleTally": ("service.api.replaying.Reason", "Reason"),
}
ABOUT = (
    "Rows come in by one rulebook, the dictionary: each that does not fit is kept out, with every "
    "reason. Errors are problem documents (RFC 9457)."
)
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


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
            "info": {"title": "Gatehouse", "version": __version__, "description": ABOUT},
            "externalDocs": {
                "url": "/dictionary/",
                "description": "The dictionary: tables, columns, each rule in words.",
            },
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
            place.update(_renamed(schema))
        return {
            PUBLISHED.get(name, (name, ""))[0]: _as_published(name, schema)
            for name, schema in components.items()
        }

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
        open_to = "" if needs == OPEN else f"Takes a key with the role `{needs}`."
        if more or open_to:
            operation["description"] = " ".join([*more.split(), open_to]).strip()
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
            yield {"name": name, "in": "path", "required": True, "schema": self._schema(kind)}
        for name, field in of_query(place.handler).items():
            yield self._query_parameter(name, field)
        for name in place.report.parameters if place.report else ():
            yield {"name": name, "in": "query", "required": True, "schema": self._schema(int)}
        if said.rows:
            yield from paging_parameters()
        if said.rows and place.table:
            yield from row_parameters(place.table)
            yield count_header()
        if said.facets and place.table:
            yield from facet_parameters(place.table)
        yield from _headers(said)

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
                response["content"] = self._content(media, place)
            if headers := _answer_headers(said, status):
                response["headers"] = headers
            if links := _links(place, said, status):
                response["links"] = links
            yield str(status), response
        statuses = problem_statuses(place, said)
        if needs_of(place.handler, place.method, self._settings) != OPEN:
            statuses |= {401, 403, 429}
        for problem in sorted(statuses - said.answers.keys()):
            phrase = HTTPStatus(problem).phrase
            name = phrase.title().replace(" ", "").replace("-", "")
            self._problems[name] = {"description": phrase}
            yield str(problem), {"$ref": f"#/components/responses/{name}"}
        self._problems["Problem"] = {"description": "Any other trouble"}
        yield "default", {"$ref": "#/components/responses/Problem"}

    def _content(self, media: Mapping[str, Any], place: Place) -> Json:
        return {name: self._medium(name, kind, place) for name, kind in media.items()}

    def _medium(self, name: str, kind: Any, place: Place) -> Json:
        if kind is Schema.BYTES:
            return {}
        if kind is Schema.ANY:
            return {"schema": {"type": "object"}}
        if kind is Schema.TEXT:
            return {"schema": self._shapes.text(name, place.table or place.report)}
        if isinstance(kind, Schema):
            kind = self._shapes.of(kind, place.table or place.report)
        return {"schema": self._schema(kind)}


def _as_published(name: str, schema: Json) -> Json:
    """A component by the title, and with the references, that the document has always had."""
    if name in PUBLISHED:
        schema = {**schema, "title": PUBLISHED[name][1]}
    return {key: _renamed(value) for key, value in schema.items()}


def _renamed(part: Any) -> Any:
    """A part of a schema in which references name components as they are published."""
    if isinstance(part, dict):
        return {key: _renamed(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(each) for each in part]
    for name, (published, _) in PUBLISHED.items():
        if part == REF.format(name=name):
            return REF.format(name=published)
    return part


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


def _headers(said: Described) -> Iterator[Json]:
    if said.once:
        yield _header(
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 255},
            "The same request under the same key is done once; its answer comes again.",
        )
    if said.prefer:
        yield _header(
            "Prefer",
            {"type": "string", "examples": ["handling=lenient", "handling=strict"]},
            "RFC 7240. Strict: one bad row, and nothing goes in.",
        )
    if said.encodings:
        yield _header(
            "Content-Encoding",
            {"type": "string", "enum": ["gzip", "zstd", "identity"]},
            "How the body is compressed.",
        )


def _header(name: str, schema: Json, description: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": schema,
        "description": description,
    }


def _links(place: Place, said: Described, status: int) -> Json:
    table = place.table.name if place.table else None
    return {
        link.operation_id: link.shown(table)
        for link in said.leads_to
        if status == link.status or (link.status is None and status < 300)
    }


def _answer_headers(said: Described, status: int) -> Json:
    names = {
        "Link": said.links and "Where the next page is, if there is one.",
        "Idempotency-Replayed": said.once and "`true` when this is the answer of the first time.",
        "Preference-Applied": (said.prefer or said.rows) and "What was done as `Prefer` says.",
        "X-Total-Count": said.rows and "How many rows fit, if asked; with + there are more.",
    }
    return {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in names.items()
        if text and status < 400
    }

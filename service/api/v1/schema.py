"""GET /schema: the OpenAPI document of the dictionary as it is now."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from service.api.http.describing import Schema, described
from service.api.openapi.document import Document
from service.gate import Gate
from service.reports.marts import report_types


class SchemaController(Controller):
    """The description of all this."""

    path = "/"
    tags = ("about",)

    @get(
        "/schema",
        operation_id="read_schema",
        sync_to_thread=True,
        opt=described(answers={200: {"application/json": Schema.ANY}}, public="public_dictionary"),
    )
    def read_schema(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Shows every call, and the type of every table's rows, as OpenAPI 3.1."""
        state, dictionary = request.app.state, gate.dictionary
        made_for, text = state.get("openapi", (None, b""))
        if made_for is not dictionary:
            text = _written(request, gate)
            state.openapi = (dictionary, text)
        return Response(text, media_type="application/json")


def _written(request: Request[Any, Any, Any], gate: Gate) -> bytes:
    dictionary = gate.dictionary
    with gate.database.reading() as connection:
        types = {
            name: report_types(connection, report) for name, report in dictionary.reports.items()
        }
    document = Document(request.app.routes, dictionary, gate.settings, types)
    return msgspec.json.encode(document.json)

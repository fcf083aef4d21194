"""The OpenAPI document of the dictionary as it is now; the console shows it at /schema."""

from typing import Any

import msgspec
from litestar import Request

from service.api.openapi.document import Document
from service.gate import Gate
from service.reports.marts import report_types


def document_of_calls(request: Request[Any, Any, Any], gate: Gate) -> bytes:
    """Every call, and the type of every table's rows, as OpenAPI 3.1 in JSON."""
    state, dictionary = request.app.state, gate.dictionary
    made_for, text = state.get("openapi", (None, b""))
    if made_for is not dictionary:
        text = _written(request, gate)
        state.openapi = (dictionary, text)
    return bytes(text)


def _written(request: Request[Any, Any, Any], gate: Gate) -> bytes:
    dictionary = gate.dictionary
    with gate.database.reading() as connection:
        types = {
            name: report_types(connection, report) for name, report in dictionary.reports.items()
        }
    document = Document(request.app.routes, dictionary, gate.settings, types)
    return msgspec.json.encode(document.json)

"""GET /v1/dictionary: all that the dictionary says; GET …/schema: a table's contract as a file."""

from typing import Any, Literal

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.describing import Schema, described
from service.api.http.parameters import only_known
from service.api.v1.dictionary_content import document_of
from service.api.v1.dictionary_entries import DictionaryDocument
from service.contracts.contract_files import FORMATS
from service.gate import Gate

CONTRACT: Any = {each.media_type: Schema.ANY for each in FORMATS.values()}


class DictionaryController(Controller):
    """The dictionary as a whole."""

    path = "/v1"
    tags = ("tables",)
    guards = (only_known,)

    @get(
        "/dictionary",
        operation_id="show_dictionary",
        sync_to_thread=True,
        opt=described(public="public_dictionary"),
    )
    def show_dictionary(self, gate: NamedDependency[Gate]) -> DictionaryDocument:
        """Shows tables, columns, rules in words and what breaks them most, marts and reports."""
        return document_of(gate)

    @get(
        "/tables/{table:str}/schema",
        operation_id="show_table_schema",
        sync_to_thread=True,
        opt=described(answers={200: CONTRACT}, problems=(409,), public="public_dictionary"),
    )
    def show_table_schema(
        self,
        gate: NamedDependency[Gate],
        table: FromPath[str],
        format: FromQuery[Literal["json-schema", "avro", "odcs"]] = "json-schema",  # noqa: A002
    ) -> Response[bytes]:
        """Shows a table's contract as JSON Schema (2020-12), Avro schema or ODCS YAML."""
        found, written = gate.table(table), FORMATS[format]
        name = f"{found.name}{written.suffix}"
        headers = {"Content-Disposition": f'inline; filename="{name}"'}
        return Response(written.write(found), media_type=written.media_type, headers=headers)

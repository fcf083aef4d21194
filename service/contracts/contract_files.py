"""The files that a table's contract can be written as."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]

from service.contracts.json_schema import json_schema
from service.contracts.odcs import odcs
from service.dictionary import DictionaryError, Table
from service.errors import Conflict
from service.formats.avro.avro_schema import schema_of


@dataclass(frozen=True)
class ContractFormat:
    """A format; `write` makes the bytes of the file, which ends with a line feed."""

    media_type: str
    suffix: str
    write: Callable[[Table], bytes]


def _json_schema(table: Table) -> bytes:
    return _as_json(json_schema(table))


def _avro(table: Table) -> bytes:
    try:
        return _as_json(schema_of(table))
    except DictionaryError as error:
        raise Conflict(f"there is no Avro schema: {error}") from error


def _odcs(table: Table) -> bytes:
    text: str = yaml.safe_dump(odcs(table), sort_keys=False, allow_unicode=True, width=100)
    return text.encode()


def _as_json(schema: object) -> bytes:
    # In ASCII: a pattern names characters of which nothing is seen.
    return json.dumps(schema, indent=2).encode() + b"\n"


FORMATS: Mapping[str, ContractFormat] = {
    "json-schema": ContractFormat("application/schema+json", ".schema.json", _json_schema),
    "avro": ContractFormat("application/json", ".avsc", _avro),
    "odcs": ContractFormat("application/yaml", ".odcs.yaml", _odcs),
}

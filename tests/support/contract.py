"""The OpenAPI document, as a judge of real answers."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator, oas31_format_checker

Json = dict[str, Any]
HEADERS = ("Link", "Idempotency-Replayed", "Preference-Applied", "ETag", "Location")
OPEN = ("ProblemDocument", "InsertProblem")  # they may have members that the document does not name


class Contract:
    """Says of each answer whether it is one that the document announces."""

    def __init__(self, document: Json) -> None:
        self._components = copy.deepcopy(document["components"])
        for name, schema in self._components["schemas"].items():
            if "properties" in schema and name not in OPEN:
                schema.setdefault("additionalProperties", False)  # nothing is left unsaid
        self._operations = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]*", re.escape(path))), method, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        ]
        self.answered: set[tuple[str, int]] = set()  # operation ids and statuses

    def check(self, answer: httpx.Response) -> None:
        """Fails when an answer is not as announced; one of no known path has to be a problem."""
        answer.read()
        if answer.request.method == "OPTIONS" and answer.status_code == 204:
            return  # of each path, and of none of its operations
        operation = self._operation(answer.request)
        if operation is None:
            assert 400 <= answer.status_code < 500, f"{answer.request.url} is not in the document"
            self._check_body(answer, self._components["responses"]["Problem"])
            return
        responses = operation["responses"]
        said = responses.get(str(answer.status_code))
        assert said or answer.status_code >= 400, f"{answer.status_code} is not announced"
        self._check_body(answer, self._followed(said or responses["default"]))
        self._check_headers(answer, self._followed(said or responses["default"]))
        self.answered.add((operation["operationId"], answer.status_code))

    def _operation(self, request: httpx.Request) -> Json | None:
        path = request.url.raw_path.decode().partition("?")[0]
        path = path.removesuffix("/") or "/"  # which means the same
        wanted = "get" if request.method == "HEAD" else request.method.lower()
        return next(
            (
                operation
                for pattern, method, operation in self._operations
                if pattern.fullmatch(path) and method == wanted
            ),
            None,
        )

    def _followed(self, said: Json) -> Json:
        if "$ref" in said:
            said = self._components["responses"][said["$ref"].split("/")[-1]]
        return said

    def _check_body(self, answer: httpx.Response, said: Json) -> None:
        if "content" not in said:
            assert answer.content == b""
            return
        name = answer.headers["content-type"].removesuffix("; charset=utf-8")
        announced = {**said["content"], **said.get("x-other-formats", {})}
        assert name in announced, f"{name} is not announced for {answer.request.url}"
        if answer.request.method == "HEAD":
            assert answer.content == b""
            return
        schema = announced[name].get("schema")
        if schema is not None and "json" in name and "ndjson" not in name:
            self.validator(schema).validate(_sample(answer.json()))

    def _check_headers(self, answer: httpx.Response, said: Mapping[str, Any]) -> None:
        for name in HEADERS:
            if name in answer.headers and answer.status_code < 400:
                assert name in said.get("headers", {}), f"{name} is not announced"

    def validator(self, schema: Json) -> OAS31Validator:
        """Judges values by a schema that may refer to the document's components."""
        whole = {**schema, "components": self._components}
        return OAS31Validator(whole, format_checker=oas31_format_checker)


def _sample(value: Any) -> Any:
    """`value` with the first entries of each list: the others look alike, and judging is slow."""
    if isinstance(value, list):
        return [_sample(each) for each in value[:20]]
    if isinstance(value, dict):
        return {name: _sample(each) for name, each in value.items()}
    return value


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of every call."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation

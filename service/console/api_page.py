"""GET /schema: every call, for people with curl to copy, for programs as OpenAPI."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.describing import Schema, described
from service.api.http.negotiation import HTML, JSON, negotiated
from service.api.v1.schema import document_of_calls
from service.console.pages import page
from service.console.samples import sample
from service.gate import Gate

Json = Mapping[str, Any]
# What nearly every call takes, which the page says once.
SAID = ("If-None-Match",)


@dataclass(frozen=True)
class ShownCall:
    """One call as people see it: that of the first table stands for those of all."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Json, ...]
    body: tuple[str, ...]  # media types
    answers: tuple[str, ...]
    curl: str
    others: tuple[str, ...]  # paths of the same call for other tables or reports
    anchor: str
    tag: str


class ApiPage(Controller):
    """The description of all calls."""

    path = "/"
    tags = ("about",)

    @get(
        "/schema",
        operation_id="read_schema",
        sync_to_thread=True,
        opt=described(
            answers={200: {JSON: Schema.ANY, HTML: Schema.TEXT}},
            problems=(406,),
            public="public_dictionary",
            page=True,
        ),
    )
    def read_schema(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        raw: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Shows every call, and the type of every table's rows, as OpenAPI 3.1; with `raw` in a
        browser, too.
        """
        form = negotiated(request, (JSON, HTML))
        text = document_of_calls(request, gate)
        if form == JSON or raw:
            return Response(text, media_type=JSON, headers={"Vary": "Accept"})
        document = msgspec.json.decode(text)
        calls = shown_calls(document, str(request.base_url).rstrip("/"), gate.keyring.had_keys)
        return page(request, "api.html", calls=calls)

    @get(
        "/schema/try",
        operation_id="show_try_page",
        sync_to_thread=False,
        opt=described(
            answers={200: {HTML: Schema.TEXT}}, public="public_dictionary", page=True, part=True
        ),
    )
    def show_try_page(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """Shows every call with a form to try it."""
        return page(request, "try.html")


def shown_calls(document: Json, base_url: str, keyed: bool) -> dict[str, list[ShownCall]]:
    """The calls that programs make, by subject, as the document has them."""
    alike: dict[tuple[str, str], list[tuple[str, Json]]] = {}
    for path, method, operation in _operations(document):
        alike.setdefault((method, _kind_of(operation)), []).append((path, operation))
    calls: dict[str, list[ShownCall]] = {each["name"]: [] for each in document["tags"]}
    for (method, _), found in alike.items():
        path, operation = found[0]
        others = tuple(other for other, _ in found[1:])
        curl = _curl(document, base_url, method, path, operation, keyed)
        call = ShownCall(
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=operation.get("description", ""),
            parameters=tuple(each for each in operation["parameters"] if each["name"] not in SAID),
            body=tuple(operation.get("requestBody", {}).get("content", ())),
            answers=tuple(status for status in operation["responses"] if status != "default"),
            curl=curl,
            others=others,
            anchor=operation["operationId"],
            tag=operation["tags"][0],
        )
        calls[call.tag].append(call)
    return {subject: each for subject, each in calls.items() if each}


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "pages" not in operation["tags"]:
                yield path, method, operation


def _kind_of(operation: Json) -> str:
    """What calls that differ by their table alone have in common."""
    return f"{operation['tags'][0]}: {operation['summary']}"


def _curl(
    document: Json, base_url: str, method: str, path: str, operation: Json, keyed: bool
) -> str:
    needed = [
        f"{each['name']}={_value(document, each)}"
        for each in operation["parameters"]
        if each["in"] == "query" and each["required"]
    ]
    filled = re.sub(r"{(\w+)}", lambda name: name[1].upper(), path)
    words = ["curl", quote(base_url + filled + ("?" + "&".join(needed) if needed else ""))]
    if method not in ("get", "post"):
        words += ["-X", method.upper()]
    if keyed and operation["security"]:
        words.append('-H "Authorization: Bearer $KEY"')
    body = operation.get("requestBody", {}).get("content", {})
    if JSON in body:
        example = sample(document, body[JSON]["schema"])
        words += [
            f"-H 'Content-Type: {JSON}'",
            "-d",
            quote(json.dumps(example, ensure_ascii=False)),
        ]
    elif body:
        words += [f"-H 'Content-Type: {next(iter(body))}'", "--data-binary @FILE"]
    elif method == "post":
        words += ["-X", "POST"]
    return " ".join(words)


def _value(document: Json, parameter: Json) -> Any:
    value = sample(document, parameter["schema"])
    return 2021 if parameter["name"] == "year" else value

"""Headers of requests and answers, as the OpenAPI document shows them."""

from collections.abc import Iterator
from typing import Any

from service.api.http.describing import Described
from service.runtime.resolutions import RESOLUTIONS

Json = dict[str, Any]


def request_headers(said: Described, method: str) -> Iterator[Json]:
    """The headers of a request that have a meaning, as parameters."""
    if method == "GET":
        yield _header(
            "If-None-Match",
            {"type": "string"},
            "The `ETag` of an answer that one has: 304 if it would be the same.",
        )
    if said.conditional:
        yield _header("If-Match", {"type": "string"}, "Its `ETag` by now, or `*`; else 412.")
        yield _header("If-None-Match", {"type": "string"}, "`*`: only if there is none; else 412.")
    if said.ranges:
        yield _header(
            "Range",
            {"type": "string", "examples": ["bytes=0-1023", "bytes=1024-", "bytes=-512"]},
            "The part of the file to send; of several parts, all of it.",
        )
        yield _header("If-Range", {"type": "string"}, "The `ETag` that the other parts had.")
    if said.once:
        yield _header(
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 255},
            "The same request under the same key is done once; its answer comes again.",
        )
    if said.prefer or said.resolves:
        yield _prefer(said)
    if said.encodings:
        yield _header(
            "Content-Encoding",
            {"type": "string", "enum": ["gzip", "zstd", "identity"]},
            "How the body is compressed.",
        )


def _prefer(said: Described) -> Json:
    examples, meanings = list[str](), ["RFC 7240."]
    if said.prefer:
        examples += ["handling=lenient", "handling=strict"]
        meanings.append("Strict: one bad row, and nothing goes in.")
    if said.resolves:
        examples += [f"resolution={word}" for word in RESOLUTIONS]
        meanings.append(
            "Of a row whose primary key is there: `ignore-duplicates` counts it as already present"
            " if its content is the same, `merge-duplicates` changes the row that is there."
        )
    schema = {"type": "string", "examples": examples}
    return _header("Prefer", schema, " ".join(meanings))


def _header(name: str, schema: Json, description: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "schema": schema,
        "description": description,
    }


def answer_headers(said: Described, method: str, status: int) -> Json:
    """The headers of an answer of that status, by name."""
    preferring = said.prefer or said.resolves or said.rows or said.filters
    names = {
        "ETag": (method == "GET" or said.conditional) and "Changes when the answer does.",
        "Location": status in (201, 202) and "Where to find what was made.",
        "Accept-Ranges": said.ranges and "`bytes`: a part of it can be asked for.",
        "Content-Range": status == 206 and "Which bytes of how many these are.",
        "Link": said.links and "Where the next page is, if there is one.",
        "Idempotency-Replayed": said.once and "`true` when this is the answer of the first time.",
        "Preference-Applied": preferring and "What was done as `Prefer` says.",
        "X-Total-Count": said.rows and "How many rows fit, if asked; with + there are more.",
    }
    return {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in names.items()
        if text and status < 400
    }

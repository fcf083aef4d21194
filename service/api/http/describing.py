"""What a route's signature cannot say of it, for the OpenAPI document: kept next to the handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal, TypeAlias

import msgspec
from litestar.handlers.base import BaseRouteHandler

from service.access.roles import Role
from service.api.http.negotiation import CSV, HTML, JSON, NDJSON

Needs: TypeAlias = Role | Literal["open"]
OPEN: Literal["open"] = "open"


class Schema(Enum):
    """Types that depend on the dictionary; the document has one of each for every table."""

    ROW = auto()  # one row
    ROW_SENT = auto()  # one row of a request
    ROWS = auto()  # the rows of a request, or one row
    ROWS_BY_TABLE = auto()  # the rows of a request for several tables
    PATCH = auto()  # the columns of a row that change
    PAGE = auto()  # rows and where the next page is
    REPORT = auto()  # the rows of a report, and its scalars
    BYTES = auto()  # a file
    TEXT = auto()  # lines for people or tools
    ANY = auto()  # an object that has a schema of its own elsewhere


class ProblemDocument(msgspec.Struct):
    """What went wrong (RFC 9457); some problems have members of their own."""

    type: str
    title: str
    status: int
    detail: str


Media = Mapping[str, Any]  # media type -> a type that msgspec knows, or a Shape


@dataclass(frozen=True)
class Link:
    """A call that often comes next, and what it takes from the answer (OpenAPI's Link Object).

    `parameters` and `body` give names of the next call JSON pointers into the answer's body.
    """

    operation_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    of_table: bool = False  # whether the next call is one of those that each table has
    status: int | None = None  # of the answer; None: of each that is no problem

    def shown(self, table: str | None) -> dict[str, Any]:
        """As the document says it, of an answer about `table`."""
        name = f"{self.operation_id}_{table}" if self.of_table else self.operation_id
        said: dict[str, Any] = {"operationId": name}
        if self.parameters:
            said["parameters"] = _from_answer(self.parameters)
        if self.body:  # an expression within an object is more than generators of clients know
            taken = [f"`{name}`: `{pointer}`" for name, pointer in self.body.items()]
            said["description"] = f"Of this answer its body takes {', '.join(taken)}."
        return said


def _from_answer(pointers: Mapping[str, str]) -> dict[str, str]:
    return {name: f"$response.body#{pointer}" for name, pointer in pointers.items()}


@dataclass(frozen=True)
class Described:
    """What is said of one route.

    `answers` are by status, where they are not what the handler's annotation says; `problems` are
    the statuses of problem documents, besides those that follow from parameters and bodies. `role`
    is the smallest that may call it; it must be said of all that is not GET. `public` is the
    setting that opens it to those without a key.
    """

    answers: Mapping[int, Any] = field(default_factory=dict)
    body: Media = field(default_factory=dict)
    body_required: bool = True
    problems: tuple[int, ...] = ()
    once: bool = False  # whether an Idempotency-Key counts
    prefer: bool = False  # whether ``Prefer: handling`` counts
    resolves: bool = False  # whether ``Prefer: resolution`` counts
    encodings: bool = False  # whether Content-Encoding may be gzip or zstd
    ranges: bool = False  # whether a Range of the answer can be asked for
    links: bool = False  # whether the next page is in a Link header
    role: Needs | None = None
    public: str | None = None
    leads_to: tuple[Link, ...] = ()  # calls that often come next
    rows: bool = False  # whether it takes filters, an order and what else chooses rows
    filters: bool = False  # whether it takes filters alone, and at most how many rows may fit
    conditional: bool = False  # whether If-Match and If-None-Match count, and answers have an ETag
    facets: bool = False  # the same filters, to count values by
    endings: Media = field(default_factory=dict)  # the same path with .csv, say, after it
    unlogged: bool = False  # whether an answer that is no error has no line in the log
    page: bool = False  # whether it is for people, whose sessions count beside keys
    part: bool = False  # whether it is a form or a fragment of a page, and no call by itself
    polled: bool = False  # whether pages ask for it by themselves, which keeps no session alive


def lists(kind: Any) -> dict[int, Media]:
    """The answers of a call that lists entries: in JSON a page of `kind`, else the entries."""
    formats = {JSON: kind, CSV: Schema.TEXT, NDJSON: Schema.TEXT}
    return {200: formats}


def described(**said: Any) -> dict[str, Any]:
    """The route's ``opt``; takes what Described does."""
    return {"described": Described(**said)}


def described_page(**said: Any) -> dict[str, Any]:
    """The ``opt`` of a page that is HTML and nothing else."""
    return described(answers={200: {HTML: Schema.TEXT}}, page=True, **said)


def described_part(**said: Any) -> dict[str, Any]:
    """The ``opt`` of a form, or of a part of a page."""
    return described(page=True, part=True, **said)


def description_of(handler: BaseRouteHandler) -> Described:
    """What was said of a route."""
    found = handler.opt.get("described")
    return found if isinstance(found, Described) else Described()

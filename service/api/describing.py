"""What a route's signature cannot say of it, for the OpenAPI document: kept next to the handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import msgspec
from litestar.handlers.base import BaseRouteHandler


class Shape(Enum):
    """Types that depend on the dictionary; the document has one of each for every table."""

    ROW = auto()  # one row
    ROWS = auto()  # the rows of a request, or one row
    ROWS_BY_TABLE = auto()  # the rows of a request for several tables
    PAGE = auto()  # rows and where the next page is
    REPORT = auto()  # the rows of a report, and its scalars
    BYTES = auto()  # a file
    TEXT = auto()  # lines for people or tools
    ANY = auto()  # an object that has a schema of its own elsewhere


class Problem(msgspec.Struct):
    """What went wrong (RFC 9457); some problems have members of their own."""

    type: str
    title: str
    status: int
    detail: str


Media = Mapping[str, Any]  # media type -> a type that msgspec knows, or a Shape


@dataclass(frozen=True)
class Described:
    """What is said of one route.

    `answers` are by status, where they are not what the handler's annotation says; `problems` are
    the statuses of problem documents, besides those that follow from parameters and bodies.
    """

    answers: Mapping[int, Any] = field(default_factory=dict)
    body: Media = field(default_factory=dict)
    body_required: bool = True
    problems: tuple[int, ...] = ()
    once: bool = False  # whether an Idempotency-Key counts
    prefer: bool = False  # whether ``Prefer: handling`` counts
    encodings: bool = False  # whether Content-Encoding may be gzip or zstd
    links: bool = False  # whether the next page is in a Link header


def described(**said: Any) -> dict[str, Any]:
    """The route's ``opt``; takes what Described does."""
    return {"described": Described(**said)}


def description_of(handler: BaseRouteHandler) -> Described:
    """What was said of a route."""
    found = handler.opt.get("described")
    return found if isinstance(found, Described) else Described()

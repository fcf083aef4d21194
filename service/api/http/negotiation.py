"""What a client asks for by ``Accept`` (RFC 9110, section 12.5.1) and ``Prefer`` (RFC 7240)."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from litestar import Request, Response

from service.errors import BadRequest, Problem, shortened
from service.formats.bodies.csv_lines import csv_line
from service.warehouse.stored_rows import RowPage

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
HTML = "text/html"  # pages for people
MSGPACK = "application/msgpack"  # rows come in it, and do not go out
AVRO = "application/avro"  # likewise, but for whole tables: backups
PARQUET, ARROW = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
OFFERED = (JSON, CSV, NDJSON)
# What ``?format=`` and the ending of a path may say in place of ``Accept``.
FORMATS = {"json": JSON, "csv": CSV, "ndjson": NDJSON, "parquet": PARQUET, "arrow": ARROW}
_is_weight = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?").fullmatch
_encoder = msgspec.json.Encoder()


class NotAcceptable(Problem):
    """The client accepts none of the formats there are."""

    status: ClassVar[int] = 406
    slug: ClassVar[str] = "not-acceptable"
    title: ClassVar[str] = "Not acceptable"


def chosen(accept: str, offered: Sequence[str] = OFFERED) -> str:
    """The media type that a client prefers; the first of `offered` where it has no preference.

    Raises:
        NotAcceptable: it wants none of them.
    """
    if not accept.strip():
        return offered[0]
    ranges = dict(weights_of(accept))
    weights = {name: _weight(ranges, name) for name in offered}
    best = max(offered, key=weights.__getitem__)
    if not weights[best]:
        raise NotAcceptable(f"there are {', '.join(offered)}", offered=list(offered))
    return best


def weights_of(accept: str) -> Iterator[tuple[str, float]]:
    """What a header such as ``Accept`` names, in lower case, with its weight.

    A weight that cannot be read counts as none said.
    """
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        said = dict(parameter.partition("=")[::2] for parameter in parameters)
        weight = said.get("q", "1")
        yield name, float(weight) if _is_weight(weight) else 1.0


def _weight(ranges: Mapping[str, float], name: str) -> float:
    """By the most specific range: ``text/csv;q=0, */*`` accepts everything but CSV."""
    specific_first = (name, f"{name.split('/')[0]}/*", "*/*")
    return next((ranges[each] for each in specific_first if each in ranges), 0.0)


def negotiated(request: Request[Any, Any, Any], offered: Sequence[str] = OFFERED) -> str:
    """The media type to answer the request in, of those `offered`; raises NotAcceptable."""
    return chosen(",".join(request.headers.getall("accept", [])), offered)


def form_asked(
    request: Request[Any, Any, Any], said: str | None, offered: Mapping[str, str], owner: str = ""
) -> str:
    """The name of the format, of those `offered`: what was `said`, else by ``Accept``.

    `said` is the ending of the path, or ``?format=``. `owner` is what has no other formats, for
    the complaint.

    Raises:
        BadRequest: there is none of that name.
        NotAcceptable: the client accepts none of them.
    """
    if said is None:
        media_type = negotiated(request, tuple(offered.values()))
        return next(name for name, each in offered.items() if each == media_type)
    if said not in offered:
        lacks = f"{owner} has no format" if owner else "there is no format"
        detail = f"{lacks} {shortened(said)!r}; there are {', '.join(offered)}"
        raise BadRequest(detail, parameter="format", known=[*offered])
    return said


def preference(header: str, name: str, known: tuple[str, ...]) -> str:
    """What a ``Prefer`` header (RFC 7240) says of `name`, else the first of `known`; raises as
    `preference_said` does.
    """
    return preference_said(header, name, known) or known[0]


def preference_said(header: str, name: str, known: Collection[str]) -> str | None:
    """What a ``Prefer`` header (RFC 7240) says of `name`; None where it says nothing.

    Raises:
        BadRequest: it asks for something that is not known.
    """
    for part in header.split(","):
        key, _, value = part.split(";")[0].partition("=")
        if key.strip().lower() == name:
            asked = value.strip().strip('"').lower()
            if asked not in known:
                raise BadRequest(f"Prefer: {name} must be one of {', '.join(known)}")
            return asked
    return None


def number_preferred(header: str, name: str) -> int | None:
    """The whole number that a ``Prefer`` header says of `name`; None where it says none.

    Raises:
        BadRequest: it is no such number, or is there twice.
    """
    said = [part.split(";")[0].partition("=")[::2] for part in header.split(",")]
    values = [value.strip().strip('"') for key, value in said if key.strip().lower() == name]
    if not values:
        return None
    if len(values) > 1 or not (values[0].isascii() and values[0].isdigit()):
        raise BadRequest(f"Prefer: {name} takes one whole number, 0 or more")
    return int(values[0])


def answer_with(
    rows: RowPage,
    name: str,
    envelope: Callable[[list[dict[str, Any]]], Any],
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The rows in the format `name`; in JSON within what `envelope` makes of them."""
    if name == CSV:
        body = _csv(rows)
    elif name == NDJSON:
        body = _encoder.encode_lines(rows.dicts())
    else:
        body = _encoder.encode(envelope(rows.dicts()))
    return Response(body, media_type=name, headers={"Vary": "Accept", **(headers or {})})


def answer_with_entries(
    request: Request[Any, Any, Any],
    kind: type[msgspec.Struct],
    entries: Sequence[msgspec.Struct],
    envelope: msgspec.Struct,
    headers: Mapping[str, str],
) -> Response[bytes]:
    """A list as the request wants it: in JSON the `envelope`, else its `entries`, each a `kind`.

    In CSV a member that is a list or an object is as JSON has it, a text is as it is, and members
    that only some entries have are left out.

    Raises:
        NotAcceptable: it wants another format.
    """
    form = negotiated(request)
    if form == JSON:
        body = _encoder.encode(envelope)
    elif form == NDJSON:
        body = _encoder.encode_lines(entries)
    else:
        body = _csv(_in_columns(kind, entries))
    return Response(body, media_type=form, headers={"Vary": "Accept", **headers})


def _in_columns(kind: type[msgspec.Struct], entries: Sequence[msgspec.Struct]) -> RowPage:
    fields = msgspec.structs.fields(kind)
    names = tuple(each.encode_name for each in fields if each.default is not msgspec.UNSET)
    members = msgspec.json.decode(_encoder.encode(entries), type=list[dict[str, msgspec.Raw]])
    return RowPage(names, [tuple(_in_csv(each[name]) for name in names) for each in members])


def _in_csv(member: msgspec.Raw) -> str | None:
    """A member as a field of CSV; numbers keep every digit that they had in JSON."""
    written = bytes(member)
    if written == b"null":
        return None
    return str(msgspec.json.decode(written)) if written[:1] == b'"' else written.decode()


def _csv(rows: RowPage) -> bytes:
    """As RFC 4180 has it, with a header, in UTF-8; a missing value is an empty field."""
    return "".join(map(csv_line, [rows.names, *rows.values])).encode()

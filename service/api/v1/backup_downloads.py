"""The file of a backup, or the part of it that is asked for."""

from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from litestar import Request, Response
from litestar.response import Stream

from service.api.http.byte_ranges import asked_range
from service.api.http.etags import is_known, not_modified
from service.api.http.middleware import header
from service.api.http.negotiation import AVRO
from service.api.http.reads import wants_no_body
from service.gate import Gate

PIECE = 1 << 18  # bytes of a file that are sent at once


def file_of(request: Request[Any, Any, Any], gate: Gate, backup_id: str) -> Response[Any]:
    """The file of a backup, or a part of it; raises NotFound."""
    entry = gate.catalogue.get(backup_id)
    tag = f'"{entry.sha256}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{entry.file}"',
    }
    if is_known(header(request, "if-none-match"), tag):
        return not_modified(headers)
    asked, if_range = header(request, "range"), header(request, "if-range")
    part = asked_range(asked, if_range, tag, entry.bytes)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{entry.bytes}"
    sent = range(entry.bytes) if part is None else part
    headers["Content-Length"] = str(len(sent))
    read = range(0) if wants_no_body(request.scope) else sent
    return Stream(
        _pieces(gate.catalogue.open(entry), read),
        status_code=200 if part is None else 206,
        media_type=AVRO,
        headers=headers,
    )


def _pieces(file: BufferedReader, sent: range) -> Iterator[bytes]:
    """Those bytes of the file, and none that were appended since: that many were announced."""
    size = len(sent)
    with file:
        file.seek(sent.start)
        while size > 0 and (piece := file.read(min(PIECE, size))):
            size -= len(piece)
            yield piece

"""What pages load besides: styles and pictures, under a URL that changes when one of them does.

So a browser keeps them for good and asks for them once. They are public: they take no key, no turn
of a key's limit, and no line in the log.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.params import FromPath

from service.api.http.compression import accepts
from service.api.http.describing import Schema, described
from service.errors import NotFound
from service.reports.chart_svg import STYLES

FOLDER = Path(__file__).with_name("static")
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent, plain and compressed."""

    media_type: str
    plain: bytes
    gzipped: bytes


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All there are, by name."""
    return {
        path.name: StaticFile(
            MEDIA_TYPES[path.suffix],
            path.read_bytes(),
            gzip.compress(path.read_bytes(), mtime=0),
        )
        for path in sorted([*FOLDER.iterdir(), STYLES])
        if path.suffix in MEDIA_TYPES
    }


@cache
def static_hash() -> str:
    """Of all of them: 16 hexadecimal digits."""
    said = hashlib.sha256()
    for name, file in static_files().items():
        said.update(name.encode() + b"\0" + file.plain + b"\0")
    return said.hexdigest()[:16]


def static_url(name: str) -> str:
    """Where the file of that name, which must be there, is."""
    assert name in static_files(), name
    return f"/static/{static_hash()}/{name}"


class StaticController(Controller):
    """The files that pages load."""

    path = "/static"
    tags = ("pages",)

    @get(
        "/{version:str}/{name:str}",
        operation_id="read_static_file",
        sync_to_thread=False,
        opt=described(
            answers={200: dict.fromkeys(MEDIA_TYPES.values(), Schema.BYTES)},
            problems=(404,),
            role="open",
            unlogged=True,
        ),
    )
    def read_static_file(
        self, request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[str]
    ) -> Response[bytes]:
        """Reads a style or a picture of the pages; `version` is part of the links in them."""
        file = static_files().get(name)
        if file is None or version != static_hash():
            raise NotFound("there is no such file; load the page again")
        headers = {
            "Cache-Control": FOR_GOOD,
            "ETag": f'"{version}"',
            "Vary": "Accept-Encoding",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        body = file.plain
        if accepts(request.headers.get("accept-encoding"), "gzip"):
            body, headers["Content-Encoding"] = file.gzipped, "gzip"
        return Response(body, media_type=file.media_type, headers=headers)

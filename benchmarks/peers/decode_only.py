"""A limit: Litestar, our server settings, and nothing but msgspec on the body. Keeps no row.

python decode_only.py PORT
"""

import sys
from datetime import datetime
from typing import Annotated, Any

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post
from msgspec import Meta

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Hire(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row, with the limits that msgspec knows."""

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    datetime: Annotated[datetime, Meta(tz=True)]
    department_id: Id
    job_id: Id


decode = msgspec.json.Decoder(list[Hire]).decode


@post("/rows")
async def insert(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Decodes the rows and forgets them."""
    rows = decode(await request.body())
    return Response(b'{"received":%d}' % len(rows), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Litestar([insert], openapi_config=None, logging_config=None),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )

"""GET /dictionary/dbt/: dbt's docs site, as one page."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from service.api.http.compression import accepts
from service.api.http.describing import Schema, described
from service.api.http.middleware import header
from service.gate import Gate

HTML = "text/html"


class DocsSiteController(Controller):
    """dbt's docs."""

    path = "/dictionary/dbt"
    tags = ("about",)

    @get(
        "/",
        operation_id="read_dbt_docs",
        opt=described(
            answers={200: {HTML: Schema.BYTES}},
            problems=(503,),
            public="public_dictionary",
        ),
    )
    async def read_dbt_docs(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Shows dbt's docs of the last build: models, lineage, rules, rows and open rejections.

        The first request after a build waits until the page is made; 503 when that takes too long.
        """
        page = await gate.dbt_docs.page()
        headers = {
            "ETag": page.etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": page.policy,
        }
        if not accepts(header(request, "accept-encoding"), "gzip"):
            return Response(page.html, headers=headers, media_type=HTML)
        headers["Content-Encoding"] = "gzip"
        return Response(page.gzipped, headers=headers, media_type=HTML)

"""GET /: where everything is, for people and for programs."""

from typing import Any

from litestar import Controller, Request, Response, get

from service.api.http.describing import Schema, described
from service.api.http.letting_in import check_visitor
from service.api.http.negotiation import HTML, JSON, negotiated
from service.api.v1.index import INDEX, Index
from service.console.pages import page

# What people find under the links of the index; those that are not here say it by their names.
WORDS = {
    "dictionary": "every table and column, each rule in words, and what breaks it most",
    "schema": "every call, as OpenAPI",
    "tables": "the tables of record and their rows",
    "rejections": "the rows that were kept out, with every reason",
    "loads": "what came in, and what became of it",
    "reports": "answers that are made of the tables",
    "backups": "the Avro files to go back to",
    "builds": "runs of dbt",
}


class StartPage(Controller):
    """The index."""

    path = "/"
    tags = ("about",)

    @get(
        "/",
        operation_id="show_index",
        sync_to_thread=False,
        opt=described(
            answers={200: {JSON: Index, HTML: Schema.TEXT}},
            problems=(406,),
            role="open",
            page=True,
        ),
    )
    def show_index(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """Shows where everything is."""
        if negotiated(request, (JSON, HTML)) == JSON:
            return Response(INDEX, headers={"Vary": "Accept"})
        check_visitor(request.scope)
        return page(request, "start.html", links=INDEX.links, words=WORDS)

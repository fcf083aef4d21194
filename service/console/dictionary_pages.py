"""GET /dictionary/: the dictionary for people, and the same as JSON."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.describing import Schema, described
from service.api.http.negotiation import HTML, JSON, negotiated
from service.api.http.parameters import only_known
from service.api.v1.dictionary_content import document_of
from service.api.v1.dictionary_entries import DictionaryDocument, MartEntry, TableEntry
from service.api.v1.index import LINKS
from service.console.pages import page
from service.errors import NotFound
from service.gate import Gate

OFFERED = (JSON, HTML)
Answer = Response[Any]


class DictionaryPages(Controller):
    """The dictionary: an overview, and a page for each table and mart."""

    path = "/dictionary"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_dictionary_page",
        sync_to_thread=True,
        opt=described(
            answers={200: {JSON: DictionaryDocument, HTML: Schema.TEXT}},
            problems=(406,),
            public="public_dictionary",
            page=True,
        ),
    )
    def show_dictionary_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        whole: FromQuery[bool] = False,
    ) -> Answer:
        """Shows what there is: tables, marts, reports, rules; with `whole` all on one page."""
        form = negotiated(request, OFFERED)
        said = document_of(gate)
        if form == JSON:
            return Response(said, headers={"Vary": "Accept"})
        template = "dictionary_whole.html" if whole else "dictionary.html"
        return page(request, template, dictionary=said, links=LINKS)

    @get(
        "/{name:str}",
        operation_id="show_dictionary_entry",
        sync_to_thread=True,
        opt=described(
            answers={200: {JSON: TableEntry | MartEntry, HTML: Schema.TEXT}},
            problems=(404, 406),
            public="public_dictionary",
            page=True,
        ),
    )
    def show_dictionary_entry(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Shows a table or a mart: its columns, rules in words, references, owner."""
        form = negotiated(request, OFFERED)
        said = document_of(gate)
        entry = _named(said, name)
        if form == JSON:
            return Response(entry, headers={"Vary": "Accept"})
        template = "table.html" if isinstance(entry, TableEntry) else "mart.html"
        return page(request, template, dictionary=said, entry=entry)


def _named(said: DictionaryDocument, name: str) -> TableEntry | MartEntry:
    marts: dict[str, TableEntry | MartEntry] = {each.name: each for each in said.marts}
    entries = {each.name: each for each in said.tables} | marts
    if name not in entries:
        detail = f"there is no table or mart {name!r}; there are {', '.join(entries)}"
        raise NotFound(detail, known=list(entries))
    return entries[name]

"""Errors for people: a page that says what is wrong, or the way to log in.

Programs, and all of `/v1`, get problem documents as ever.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from litestar import Request, Response

from service.api.http import problems
from service.api.http.authentication import READS
from service.api.http.negotiation import HTML, JSON, NotAcceptable, negotiated
from service.console.forms import see_other
from service.console.pages import fragment, page, url

Handler: TypeAlias = Callable[[Request[Any, Any, Any], Any], Response[Any]]
OF_PROGRAMS = ("/v1/", "/health/", "/metrics", "/static/")
FRAGMENT = "hx-request"  # the header by which htmx asks for a fragment


def _for_people(answer: Handler) -> Handler:
    """The same handler of errors, which answers people by pages."""

    def handle(request: Request[Any, Any, Any], error: Any) -> Response[Any]:
        found = answer(request, error)
        return _as_page(request, found) if _is_of_people(request) else found

    return handle


def _is_of_people(request: Request[Any, Any, Any]) -> bool:
    if request.scope["path"].startswith(OF_PROGRAMS):
        return False
    try:
        return negotiated(request, (JSON, HTML)) == HTML
    except NotAcceptable:
        return False


def _as_page(request: Request[Any, Any, Any], found: Response[Any]) -> Response[Any]:
    problem = msgspec.json.decode(found.content)
    status = int(problem["status"])
    is_fragment = FRAGMENT in request.headers
    if status == 401:
        return _to_login(request, is_fragment)
    if is_fragment:
        return fragment(request, "_problem.html", status, problem=problem)
    shown: Response[Any] = page(request, "problem.html", status, problem=problem)
    for name in ("Retry-After", "Allow"):
        if name in found.headers:
            shown.headers[name] = found.headers[name]
    return shown


def _to_login(request: Request[Any, Any, Any], is_fragment: bool) -> Response[Any]:
    """To the login, and back from there. A page that a link of another site has led to is asked
    for once more, since its cookie is not sent with such a link.
    """
    here, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    if query:
        here += f"?{query}"
    if is_fragment:
        return Response(b"", headers={"HX-Redirect": "/login"}, media_type=HTML)
    if request.method not in READS:
        return see_other("/login")
    if request.headers.get("sec-fetch-site") == "cross-site":
        return page(request, "again.html", here_url=here)
    return see_other(url("/login", to=here))


HANDLERS: Any = {kind: _for_people(answer) for kind, answer in problems.HANDLERS.items()}

"""Logging in with a key, and out."""

import hashlib
import re
from contextlib import suppress
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from service.api.http.app_state import sessions_of
from service.api.http.audit_log import log_action
from service.api.http.authentication import CALLER, admitted
from service.api.http.cookies import cookie, no_cookie, session_of
from service.api.http.describing import described, described_page
from service.api.http.letting_in import NO_PAGES
from service.console.forms import Form, see_other
from service.console.pages import page
from service.errors import Problem, Unauthorized
from service.gate import Gate

FORM = {"role": "open", "page": True, "part": True}
# A path of ours: another host would begin with two slashes, which may be backslashes, too.
_is_path = re.compile(r"/(?![/\\])[!-\[\]-~]*").fullmatch


class LoginPages(Controller):
    """The login."""

    path = "/"
    tags = ("pages",)

    @get(
        "/login",
        operation_id="show_login_page",
        sync_to_thread=False,
        opt=described_page(role="open"),
    )
    def show_login_page(
        self, request: Request[Any, Any, Any], to: FromQuery[str] = "/"
    ) -> Response[Any]:
        """Shows where to log in with a key; `to` is the page that comes then."""
        return page(request, "login.html", to=_path(to), wrong=None)

    @post("/login", operation_id="log_in", opt=described(**FORM))
    async def log_in(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
    ) -> Response[Any]:
        """Begins a session, for as long as the key counts."""
        to, digest = _path(form.text("to")), hashlib.sha256(form.text("key").encode()).digest()
        if not gate.keyring.configured:
            return see_other(to)
        try:
            caller = admitted(gate.keyring, gate.keyring.with_digest(digest), "reader")
        except Unauthorized as refused:
            return page(request, "login.html", 401, to=to, wrong=refused.detail)
        if caller.is_narrowed:
            return page(request, "login.html", 403, to=to, wrong=NO_PAGES)
        _end_session(request)
        session_id = sessions_of(request).begin(digest)
        request.scope[CALLER] = caller  # type: ignore[literal-required]
        with suppress(Problem):  # where the disk is full, someone has to come in
            await log_action(request, "session.begin", str(caller.name))
        answer = see_other(to)
        answer.headers["Set-Cookie"] = cookie(request.scope, session_id)
        return answer

    @post("/logout", operation_id="log_out", opt=described(**FORM))
    async def log_out(
        self, request: Request[Any, Any, Any], form: NamedDependency[Form]
    ) -> Response[Any]:
        """Ends the session."""
        _end_session(request)
        answer = see_other("/login")
        answer.headers["Set-Cookie"] = no_cookie(request.scope)
        return answer


def _end_session(request: Request[Any, Any, Any]) -> None:
    """Ends the session that the request brings, whoever's it is."""
    session_id = session_of(request.scope, dict(request.scope["headers"]))
    if session_id is not None:
        sessions_of(request).end(session_id)


def _path(to: str) -> str:
    """Where to go after the login: a page of ours, and of no one else."""
    return to if _is_path(to) else "/"

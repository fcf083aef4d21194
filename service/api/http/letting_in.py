"""Who makes a request: by a key, by a session of a page, or on this machine where no key is."""

from collections.abc import Mapping
from typing import Any

from service.access.keyring import Keyring
from service.access.roles import Role
from service.access.sessions import Sessions
from service.api.http.authentication import (
    ANYONE,
    CALLER,
    NOBODY,
    READS,
    REFUSED,
    SESSION,
    Caller,
    admitted,
    authenticated,
)
from service.api.http.cookies import check_own_page, session_of
from service.api.http.describing import OPEN, Described, Needs
from service.api.http.hosts import Hosts, check_local
from service.api.http.limits import Limits
from service.errors import Forbidden, Problem, Unauthorized
from service.runtime.settings import Settings

Headers = Mapping[bytes, bytes]
NO_PAGES = "pages show all tables; this key is for some, or for some deeds: it is for programs"


class Porter:
    """Lets requests in, or not."""

    def __init__(
        self, settings: Settings, limits: Limits, sessions: Sessions, local: Caller | None
    ) -> None:
        """`local` makes all requests, where the app runs within a command."""
        self._limits, self._sessions, self._local = limits, sessions, local
        self._hosts = Hosts(settings)

    def let_in(
        self, scope: Any, headers: Headers, keyring: Keyring, needs: Needs, said: Described
    ) -> None:
        """Leaves in the scope who makes the request.

        Raises:
            Problem: as `authenticated`, the checks of hosts and forms, and `take_turn` do.
        """
        if self._local:
            scope[CALLER], scope[SESSION] = self._local, ""
        elif needs != OPEN:
            scope[CALLER] = self._caller(scope, headers, keyring, needs, said)
        else:  # whether it lives is told even where no key can be read
            self._hosts.check(headers, keyed=True)
            scope[CALLER] = self._visitor(scope, headers, keyring, said) if said.page else ANYONE

    def _visitor(self, scope: Any, headers: Headers, keyring: Keyring, said: Described) -> Caller:
        """Who sees a page that is open to all: someone who may see others too, or nobody."""
        if scope["method"] not in READS:
            check_own_page(scope, headers)
        try:
            caller = self._caller(scope, headers, keyring, "reader", said)
            if caller.is_narrowed:
                raise Forbidden(NO_PAGES)
            return caller
        except Problem as refused:
            scope[REFUSED] = refused
            return NOBODY

    def _caller(
        self, scope: Any, headers: Headers, keyring: Keyring, needs: Role, said: Described
    ) -> Caller:
        keyed = keyring.configured
        self._hosts.check(headers, keyed)
        session = None
        if not keyed:
            check_local(scope, headers)
            caller, session = ANYONE, ""
        elif said.page and not _brings_key(headers):
            caller, session = self._of_session(scope, headers, keyring, needs, said)
        else:
            caller = authenticated(keyring, headers, needs)
        if said.page and session is not None:
            scope[SESSION] = session
            if scope["method"] not in READS:
                check_own_page(scope, headers)
        self._limits.take_turn(caller.name)
        return caller

    def _of_session(
        self, scope: Any, headers: Headers, keyring: Keyring, needs: Role, said: Described
    ) -> tuple[Caller, str]:
        session_id = session_of(scope, headers)
        session = session_id and self._sessions.find(session_id, renew=not said.polled)
        if not session_id or not session:
            raise Unauthorized("log in with a key, or send one: Authorization: Bearer <key>")
        try:
            return admitted(keyring, keyring.with_digest(session.digest), needs), session_id
        except Unauthorized:  # its key was revoked, or is over: it will be of no use again
            self._sessions.end(session_id)
            raise
        except Forbidden:  # the page that says so is theirs
            scope[CALLER] = admitted(keyring, keyring.with_digest(session.digest), "reader")
            scope[SESSION] = session_id
            raise


def check_visitor(scope: Mapping[str, Any]) -> None:
    """Raises why the one who sees a page that is open to all was not let in."""
    if REFUSED in scope:
        raise scope[REFUSED]


def check_form(scope: Mapping[str, Any], sessions: Sessions, token: str) -> None:
    """Raises Forbidden unless a form brings the token of its session; with a key it needs none."""
    session_id = scope.get(SESSION)
    if session_id is not None and not sessions.is_token(session_id, token):
        raise Forbidden("the page with this form is too old; load it again")


def _brings_key(headers: Headers) -> bool:
    return b"authorization" in headers or b"x-api-key" in headers

"""Who looks at a page, and what is offered to them: nothing that would be refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from litestar import Litestar, Request
from litestar.routes import HTTPRoute

from service.access.roles import Role, may
from service.api.http.app_state import gate_of, sessions_of
from service.api.http.authentication import CALLER, NOBODY, SESSION, Caller, needs_of
from service.api.http.describing import OPEN, Needs


@dataclass(frozen=True)
class NavigationEntry:
    """An entry of the navigation: `key` is the `here` of its pages."""

    key: str
    href: str
    words: str
    operation: str  # that shows it; where there is no such operation, there is no entry


NAVIGATION = (
    NavigationEntry("overview", "/", "Overview", "show_index"),
    NavigationEntry("tables", "/tables", "Tables", "show_tables_page"),
    NavigationEntry("rejections", "/rejections", "Rejections", "show_rejections_page"),
    NavigationEntry("loads", "/loads", "Loads", "show_loads_page"),
    NavigationEntry("backups", "/backups", "Backups", "show_backups_page"),
    NavigationEntry("builds", "/builds", "Builds", "show_builds_page"),
    NavigationEntry("reports", "/reports", "Reports", "show_reports_page"),
    NavigationEntry("dictionary", "/dictionary/", "Dictionary", "show_dictionary_page"),
    NavigationEntry("api", "/schema", "API", "read_schema"),
)
OPERATORS = (
    NavigationEntry("audit", "/audit", "Audit", "show_audit_page"),
    NavigationEntry("warnings", "/warnings", "Warnings", "show_warnings_page"),
    NavigationEntry("trail", "/trail", "Trail", "show_trail_page"),
    NavigationEntry("keys", "/keys", "Keys", "show_keys_page"),
    NavigationEntry("hooks", "/hooks", "Hooks", "show_hooks_page"),
)


class Viewer:
    """The one who made a request."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        scope: Mapping[str, Any] = request.scope
        self._request = request
        self._caller: Caller = scope.get(CALLER, NOBODY)
        self._session: str | None = scope.get(SESSION)

    @property
    def is_let_in(self) -> bool:
        """Whether they may see more than what is open to all."""
        return self._caller is not NOBODY

    @property
    def is_logged_in(self) -> bool:
        """Whether there is a session that they can end."""
        return bool(self._session)

    @property
    def needs_no_key(self) -> bool:
        """Whether there is no key yet, so that whoever is on this machine may do everything."""
        return self.is_let_in and self._session == "" and self._caller.name is None

    @property
    def name(self) -> str:
        """The name of their key."""
        return self._caller.name or "this machine"

    @property
    def role(self) -> Role:
        """Their role."""
        return self._caller.role

    @cached_property
    def token(self) -> str:
        """What their forms bring along."""
        return "" if self._session is None else sessions_of(self._request).token(self._session)

    def may(self, operation: str) -> bool:
        """Whether the call or form of that operation id is there, and theirs to make."""
        needs = _operations(self._request.app).get(operation)
        if needs is None:
            return False
        return needs == OPEN or (self.is_let_in and may(self.role, needs))

    def entries(
        self, all_entries: tuple[NavigationEntry, ...] = NAVIGATION
    ) -> list[NavigationEntry]:
        """The navigation, for them."""
        return [each for each in all_entries if self.may(each.operation)]


def _operations(app: Litestar) -> Mapping[str, Needs]:
    """What each operation of the application needs, by operation id."""
    known: Mapping[str, Needs] | None = app.state.get("operations")
    if known is None:
        known = app.state.operations = dict(_needs(app))
    return known


def _needs(app: Litestar) -> Iterator[tuple[str, Needs]]:
    settings = gate_of(app.state).settings
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                method = next(iter(handler.http_methods - {"OPTIONS", "HEAD"}), "OPTIONS")
                if method != "OPTIONS":
                    yield str(handler.operation_id), needs_of(handler, method, settings)

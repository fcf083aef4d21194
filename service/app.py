"""The Litestar application."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from functools import lru_cache, partial
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.events import SimpleEventEmitter
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute

from service.access.sessions import Sessions
from service.api.http import slashes
from service.api.http.access_log import recorded
from service.api.http.app_state import gate_of
from service.api.http.authentication import READS, Caller
from service.api.http.headers import add_headers, allow
from service.api.http.idempotency import RequestsUnderWay
from service.api.http.letting_in import Porter
from service.api.http.limits import Limits
from service.api.http.middleware import RequestMiddleware, Terms
from service.api.http.problems import HANDLERS as PROBLEMS
from service.api.http.reads import ALLOWED, nowhere, read
from service.api.v1.controllers import CONTROLLERS
from service.api.v1.standby import StandbyController
from service.console.drafts import Drafts
from service.console.forms import form_of
from service.console.news import News
from service.console.problem_pages import HANDLERS
from service.console.routes import PAGES
from service.gate import Gate
from service.runtime.settings import Settings
from service.spark.apart import BuildsApart
from service.upkeep.schedules import Schedules


class App(Litestar):
    """Litestar, with every request on record, and without plugins that nothing here uses."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves what ASGI brings: requests, whether they find a route or not, and the lifespan."""
        serve = super().__call__
        if scope["type"] != "http":
            await serve(scope, receive, send)
            return
        slashes.hide(scope)
        if "//" in scope["path"]:  # Litestar takes it for one slash
            scope["litestar_app"] = self
            await recorded(nowhere, scope, receive, send)
        elif scope["method"] in READS:
            await recorded(partial(read, serve), scope, receive, send)
        else:
            await recorded(serve, scope, receive, send)

    def of(self, state: State, opened: Any) -> "App":
        """The same routes with a state of their own, which is `opened` as long as it is served."""
        app = copy(self)
        app.state, app._lifespan_managers = state, [opened]
        app.event_emitter = SimpleEventEmitter([])
        app.asgi_router = copy(self.asgi_router)  # of which it has its lifespan
        app.asgi_router.app = app
        return app

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        # To import those for Pydantic and attrs, which we do not use, takes a tenth of the start.
        # Litestar takes them up wherever the packages are there, as they are for dbt.
        return [*plugins, MsgspecDIPlugin()]


def schedules_of(gate: Gate) -> Schedules:
    """What the service does by the clock, with the parts that it needs."""
    spark = BuildsApart(gate.settings, gate.metrics)
    parts = gate.settings, gate.backups, gate.writer, gate.metrics
    return Schedules(*parts, gate.keep_house, gate.alarms.audit, spark)


def create_app(settings: Settings, local: Caller | None = None) -> Litestar:
    """The service as an ASGI application; its lifespan opens and closes the warehouse.

    Within a command that opens the warehouse itself, all requests are `local`'s, without a key.
    """
    limits = Limits(settings)
    sessions = Sessions(settings.session_idle_minutes * 60, settings.session_hours * 3600)
    porter = Porter(settings, limits, sessions, local)
    routes = all_routes(settings.max_body_bytes)
    kept = {
        "terms": Terms(settings, limits, porter),
        "limits": limits,
        "under_way": RequestsUnderWay(),
        "sessions": sessions,
        "drafts": Drafts(),
        "news": News(),
        ALLOWED: _allowed(routes),
    }
    return routes.of(State(kept, deep_copy=False), partial(_opened, settings, local))


@lru_cache(2)
def all_routes(max_body_bytes: int) -> App:
    """All routes, without a state; to make them takes longer than to open a warehouse."""
    return App(
        route_handlers=[*CONTROLLERS, *PAGES],
        dependencies={
            "gate": Provide(gate_of, sync_to_thread=False),
            "form": Provide(form_of),
        },
        exception_handlers=HANDLERS,
        middleware=[RequestMiddleware()],
        before_send=[add_headers],
        openapi_config=None,
        logging_config=None,  # logs.py has the say
        request_max_body_size=max_body_bytes,
    )


def create_standby_app() -> Litestar:
    """What answers while another service has the warehouse; it opens nothing."""
    app = App(
        route_handlers=[StandbyController],
        exception_handlers=PROBLEMS,
        before_send=[add_headers],
        openapi_config=None,
        logging_config=None,
    )
    app.state[ALLOWED] = _allowed(app)
    return app


def _allowed(app: Litestar) -> dict[str, str]:
    """The Allow header of each path, by its template."""
    methods: defaultdict[str, list[str]] = defaultdict(list)
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            methods[route.path_format] += route.methods
    return {path: allow(names) for path, names in methods.items()}


@asynccontextmanager
async def _opened(settings: Settings, local: Caller | None, app: Litestar) -> AsyncIterator[None]:
    app.state.gate = gate = Gate(settings, apart=local is None)
    gate.open()
    schedules = schedules_of(gate)
    try:
        if local is None:  # a command ends before anyone is told, or anything is due
            gate.alarms.start(settings)
            if not gate.losses:
                schedules.start()
                gate.start_shipping()
                gate.copy_soon()  # what a service before has left over
        yield
    finally:
        schedules.stop()
        gate.close()

"""What the application keeps for its requests: the gate, their limits, and those under way."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from service.access.sessions import Sessions
from service.api.http.limits import Limits
from service.gate import Gate


def gate_of(state: State) -> Gate:
    """The parts of the service; also what handlers get that ask for `gate`."""
    return state.gate  # type: ignore[no-any-return]


def limits_of(request: Request[Any, Any, Any]) -> Limits:
    """What the requests of the application may take, and take now."""
    return request.app.state.limits  # type: ignore[no-any-return]


def sessions_of(request: Request[Any, Any, Any]) -> Sessions:
    """The sessions of those who look at the pages of the application."""
    return request.app.state.sessions  # type: ignore[no-any-return]

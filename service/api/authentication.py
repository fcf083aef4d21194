"""Who asks."""

from typing import Any

from litestar import Request


def actor_of(request: Request[Any, Any, Any]) -> str | None:
    """The name of the key that a request came with; None where no key is configured."""
    return None

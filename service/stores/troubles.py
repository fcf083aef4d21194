"""What object storage says when it fails, in sentences without secrets.

An error of obstore quotes the request: its URL may have a signature, its answer a whole page. Of
all that, the code that the cloud gives (``AuthenticationFailed``) is told, and nothing else.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import StoreUnavailable

_code_of = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>").search
_status_of = re.compile(r"\b([45]\d\d) [A-Z]|[cC]ode:? ([45]\d\d)\b").search

_GONE = "there is no such container: make it, or correct the URL"
_REFUSED = "it refuses the credentials: they are wrong, have expired, or lack the right to do this"


class Troubles:
    """Turns obstore's errors into StoreUnavailable, and remembers why the last request failed."""

    def __init__(self, name: str) -> None:
        """`name` is what people call the store."""
        self._name = name
        self.last: str | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """A block that asks the store.

        Raises:
            StoreUnavailable: it does not answer, or refuses.
        """
        from obstore.exceptions import BaseError

        why = None
        try:
            yield
        except (BaseError, OSError) as error:  # obstore raises some of Python's own
            why = reason(error)
        self.last = why
        if why is not None:  # not from within: the error itself would come along, into the logs
            raise StoreUnavailable(f"{self._name} cannot be used: {why}")


def reason(error: Exception) -> str:
    """Why a request failed."""
    said = str(error)
    code = f" ({found[1]})" if (found := _code_of(said)) else ""
    status = next(filter(None, found.groups()), "") if (found := _status_of(said)) else ""
    kind = type(error).__name__
    if isinstance(error, PermissionError) or status in ("401", "403"):
        return _REFUSED + code
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return _REFUSED + code
    if isinstance(error, FileNotFoundError) or status == "404":
        return _GONE + code
    return f"it answers with {status}{code}" if status else "it does not answer"

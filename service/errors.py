"""What can go wrong, as small exceptions that carry their data.

api/http/problems.py turns them into HTTP answers (RFC 9457), cli/ turns those into exit codes.
"""

import errno
from typing import Any, ClassVar

QUOTED, LONGEST = 100, 2_000  # characters of what is quoted in a message, and of a message


def shortened(said: object, most: int = QUOTED) -> str:
    """What came from outside, for a message: its first `most` characters, and that it goes on."""
    text = str(said)
    return text if len(text) <= most else f"{text[:most]}…"


class Problem(Exception):
    """Something that a client or an operator is told about; `members` join the answer."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"

    def __init__(self, detail: str, **members: Any) -> None:
        self.detail = shortened(detail, LONGEST)
        self.members = members
        super().__init__(self.detail)

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides, in headers."""
        return {}


class NotFound(Problem):
    """There is no such thing."""

    status, slug, title = 404, "not-found", "Not found"


class UnknownTable(NotFound):
    """The dictionary has no table of that name."""

    slug, title = "unknown-table", "Unknown table"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"there is no table {shortened(name)!r}; there are {', '.join(known)}", known=known
        )


class BadRequest(Problem):
    """The request cannot be read."""

    status, slug, title = 400, "bad-request", "Bad request"


class MalformedBody(BadRequest):
    """The body is not what its Content-Type says."""

    slug, title = "malformed-body", "Malformed body"


class Unauthorized(Problem):
    """There is no valid key; `error` is a code of RFC 6750, section 3.1."""

    status, slug, title = 401, "unauthorized", "A key is needed"

    def __init__(self, detail: str, error: str | None = None) -> None:
        super().__init__(detail)
        self.error = error

    @property
    def headers(self) -> dict[str, str]:
        error = f', error="{self.error}"' if self.error else ""
        return {"WWW-Authenticate": f'Bearer realm="gatehouse"{error}'}


class Forbidden(Problem):
    """The key, or where the request comes from, does not allow it."""

    status, slug, title = 403, "forbidden", "Not allowed"


class SlowBody(Problem):
    """The body did not arrive in time."""

    status, slug, title = 408, "slow-body", "The body came too slowly"

    @property
    def headers(self) -> dict[str, str]:
        return {"Connection": "close"}  # what is left of the body is of no use


class WrongHost(Problem):
    """The request was meant for another host: a name that someone made to lead here."""

    status, slug, title = 421, "wrong-host", "Another host was asked"


class Conflict(Problem):
    """What is asked for does not fit what is there."""

    status, slug, title = 409, "conflict", "Conflict"


class DanglingReferences(Conflict):
    """Rows would be left that refer to rows which are gone."""

    slug, title = "dangling-references", "Dangling references"


class PreconditionFailed(Problem):
    """The row is not what ``If-Match`` or ``If-None-Match`` says."""

    status, slug, title = 412, "precondition-failed", "Precondition failed"


class BringsBackErased(Conflict):
    """A restore would bring back rows that were erased."""

    slug, title = "brings-back-erased", "Erased rows would come back"


class TooLarge(Problem):
    """The body is larger than the limit."""

    status, slug, title = 413, "too-large", "Body too large"


class UnsupportedFormat(Problem):
    """The Content-Type or Content-Encoding is not one that can be read."""

    status, slug, title = 415, "unsupported-format", "Unsupported format"


class Unprocessable(Problem):
    """The request was understood and cannot be done."""

    status, slug, title = 422, "unprocessable", "Unprocessable"


class WrongNumberOfRows(Unprocessable):
    """A request brings from 1 to a maximum of rows."""

    slug, title = "wrong-number-of-rows", "Wrong number of rows"


class KeyChanges(Unprocessable):
    """A row would get another primary key, which is its name."""

    slug, title = "key-changes", "A primary key does not change"


class TooManyAffected(Unprocessable):
    """More rows would go than the request says at most."""

    slug, title = "too-many-affected", "Too many rows affected"


class KeyReused(Unprocessable):
    """An Idempotency-Key came back with another request."""

    slug, title = "idempotency-key-reused", "Idempotency key reused"


class DamagedBackup(Unprocessable):
    """A backup file cannot be trusted: unreadable, altered, or of a schema that does not fit."""

    slug, title = "damaged-backup", "Damaged backup"


class RulesBroken(Unprocessable):
    """Rows of a backup do not fit the dictionary."""

    slug, title = "rules-broken", "Rules broken"


class TryLater(Problem):
    """It cannot be done now; `retry_after` is in seconds."""

    def __init__(self, detail: str, retry_after: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class TooManyRequests(TryLater):
    """The key has made more requests than it may."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class Unavailable(TryLater):
    """The service cannot do it now."""

    status, slug, title = 503, "unavailable", "Unavailable"


class StoreUnavailable(TryLater):
    """Object storage does not answer, or refuses; a message never says with which key."""

    status, slug, title = 503, "store-unavailable", "The store cannot be used"


class NoSpace(Problem):
    """The disk is full."""

    status, slug, title = 507, "no-space", "No space left"
    ERRNOS: ClassVar[frozenset[int]] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NotBuilt(Problem):
    """There is no warehouse here yet, or one that no build has finished."""

    status, slug, title = 503, "not-built", "The warehouse is not built"

"""What can go wrong, as small exceptions that carry their data.

api/problems.py turns them into HTTP answers (RFC 9457), cli/ turns those into exit codes.
"""

import errno
from typing import Any, ClassVar


class Problem(Exception):
    """Something that a client or an operator is told about; `members` join the answer."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members


class NotFound(Problem):
    """There is no such thing."""

    status, slug, title = 404, "not-found", "Not found"


class UnknownTable(NotFound):
    """The dictionary has no table of that name."""

    slug, title = "unknown-table", "Unknown table"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no table {name!r}; there are {', '.join(known)}", known=known)


class BadRequest(Problem):
    """The request cannot be read."""

    status, slug, title = 400, "bad-request", "Bad request"


class MalformedBody(BadRequest):
    """The body is not what its Content-Type says."""

    slug, title = "malformed-body", "Malformed body"


class Conflict(Problem):
    """What is asked for does not fit what is there."""

    status, slug, title = 409, "conflict", "Conflict"


class DanglingReferences(Conflict):
    """Rows would be left that refer to rows which are gone."""

    slug, title = "dangling-references", "Dangling references"


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


class KeyReused(Unprocessable):
    """An Idempotency-Key came back with another request."""

    slug, title = "idempotency-key-reused", "Idempotency key reused"


class DamagedBackup(Unprocessable):
    """A backup file cannot be trusted: unreadable, altered, or of a schema that does not fit."""

    slug, title = "damaged-backup", "Damaged backup"


class RulesBroken(Unprocessable):
    """Rows of a backup do not fit the dictionary."""

    slug, title = "rules-broken", "Rules broken"


class Unavailable(Problem):
    """It cannot be done now; `retry_after` is in seconds."""

    status, slug, title = 503, "unavailable", "Unavailable"

    def __init__(self, detail: str, retry_after: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after = retry_after


class NoSpace(Problem):
    """The disk is full."""

    status, slug, title = 507, "no-space", "No space left"
    ERRNOS: ClassVar[frozenset[int]] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class NotBuilt(Problem):
    """There is no warehouse here yet, or one that no build has finished."""

    status, slug, title = 503, "not-built", "The warehouse is not built"

"""The one place that turns exceptions into HTTP responses: problem documents (RFC 9457)."""

import errno
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from service.api.http.headers import allow
from service.engines.duckdb import PASSING, DatabaseError, as_problem
from service.errors import LONGEST, NoSpace, Problem, Unavailable, shortened
from service.runtime.decoding_errors import in_words
from service.runtime.logs import get_logger

log = get_logger(__name__)
CONTENT_TYPE = "application/problem+json"
# A folder is read only, someone else's, or something else is in its place.
NO_FOLDER = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
NO_FILES = {errno.EMFILE, errno.ENFILE}  # as many are open as may be
WORDS = {400: "Bad request", 404: "Not found", 405: "Method not allowed", 413: "Body too large"}


def problem(status: int, slug: str, title: str, detail: str, **members: Any) -> bytes:
    """A problem document in JSON; `members` are the project's own, but for those that are UNSET."""
    document = {
        "type": f"urn:gatehouse:problem:{slug}",
        "title": title,
        "status": status,
        "detail": shortened(detail, LONGEST),
        **{name: value for name, value in members.items() if value is not msgspec.UNSET},
    }
    return msgspec.json.encode(document, enc_hook=repr)


def _response(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(body, status_code=status, media_type=CONTENT_TYPE, headers=headers)


def of_problem(_: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    """A Problem of the service."""
    body = problem(error.status, error.slug, error.title, error.detail, **error.members)
    return _response(error.status, body, error.headers)


def of_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """An error of the framework: a wrong path, method or parameter."""
    title = WORDS.get(error.status_code, "Refused")
    members = {"errors": error.extra} if error.extra else {}
    slug = title.lower().replace(" ", "-")
    body = problem(error.status_code, slug, title, _detail(error) or title, **members)
    headers = error.headers
    if headers and "allow" in headers:  # Litestar's are those of handlers, in the order they came
        headers = {**headers, "allow": allow(headers["allow"].split(","))}
    return _response(error.status_code, body, headers)


def _detail(error: HTTPException) -> str:
    """What is wrong with which parameter, where it says so; its own words repeat the whole URL."""
    if not isinstance(error.extra, list):
        return error.detail
    return "; ".join(f"{each['key']}: {in_words(each['message'])}" for each in error.extra)


def of_os_error(request: Request[Any, Any, Any], error: OSError) -> Response[bytes]:
    """A full disk, or a folder that cannot be written; anything else is a fault of ours."""
    if error.errno in NoSpace.ERRNOS:
        return of_problem(request, NoSpace("the disk is full; nothing was changed"))
    if error.errno in NO_FILES:
        log.error("too_many_open_files", path=request.scope["path"])
        return of_problem(request, Unavailable("too many files are open; try again", retry_after=5))
    if error.errno in NO_FOLDER:
        log.error("folder_failed", path=request.scope["path"], error=str(error))
        detail = "a folder of the service cannot be written; nothing was changed"
        return of_problem(request, Unavailable(detail, retry_after=60))
    return of_anything(request, error)


def of_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The disk is full, or DuckDB has given the warehouse up, which is then opened anew."""
    if isinstance(error, PASSING):
        log.error("warehouse_failed", path=request.scope["path"], error=type(error).__name__)
        found = as_problem(error)
        if isinstance(found, Problem):
            return of_problem(request, found)
    return of_anything(request, error)


def of_anything(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of ours: logged in full, told without any of it."""
    log.error("request_failed", path=request.scope["path"], exc_info=error)
    title = "Something went wrong here"
    body = problem(500, "internal", title, "the service's log says more; nothing was changed")
    return _response(500, body)


HANDLERS: Any = {
    Problem: of_problem,
    HTTPException: of_http,
    OSError: of_os_error,
    DatabaseError: of_database_error,
    Exception: of_anything,
}

"""Headers: those of security on every response, and Allow."""

from collections.abc import Iterable

from litestar.types import Message, Scope

# Of data nothing is to be run or shown within other pages. A page of ours loads from here alone,
# and has no script or style within it; one that needs more says so itself.
DATA = b"default-src 'none'; frame-ancestors 'none'"
PAGE = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'"
)
# By no-referrer a browser would say of the forms of a page that they come from nowhere (Origin:
# null), and they would be refused.
REFERRERS_OF_DATA, REFERRERS_OF_PAGES = b"no-referrer", b"same-origin"


async def add_headers(message: Message, _scope: Scope) -> None:
    """Adds the headers that a response does not set itself."""
    if message["type"] != "http.response.start":
        return
    there = dict(message["headers"])
    is_page = there.get(b"content-type", b"").startswith(b"text/html")
    wanted = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", REFERRERS_OF_PAGES if is_page else REFERRERS_OF_DATA),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", PAGE if is_page else DATA),
    )
    added = [header for header in wanted if header[0] not in there]
    message["headers"] = [*message["headers"], *added]


def allow(methods: Iterable[str]) -> str:
    """The value of an Allow header: HEAD is wherever GET is."""
    said = {each.strip() for each in methods} | {"OPTIONS"}
    return ", ".join(sorted(said | {"HEAD"} if "GET" in said else said))

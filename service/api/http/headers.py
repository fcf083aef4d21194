"""Security headers on every response."""

from litestar.types import Message, Scope

# Of data nothing is to be run or shown within other pages. A page of ours loads from here alone;
# one that needs more says so itself.
DATA = b"default-src 'none'; frame-ancestors 'none'"
PAGE = (
    b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


async def add_headers(message: Message, _scope: Scope) -> None:
    """Adds the headers that a response does not set itself."""
    if message["type"] != "http.response.start":
        return
    there = dict(message["headers"])
    is_page = there.get(b"content-type", b"").startswith(b"text/html")
    added = [*ALWAYS]
    if b"cache-control" not in there:
        added.append((b"cache-control", b"no-store"))
    if b"content-security-policy" not in there:
        added.append((b"content-security-policy", PAGE if is_page else DATA))
    message["headers"] = [*message["headers"], *added]

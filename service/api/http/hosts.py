"""Which requests get as far as the keys: by the host they name, and by where they come from.

A page of anyone's, open in a browser on this machine, can send requests here, and can have a name
of its own lead here (DNS rebinding). Where keys are needed, that gets it nowhere. Where none are,
a request must name this machine, must come from it, and must not be a foreign page's.

A proxy on this machine makes local what is not. Most proxies give themselves away; one that does
not cannot be told from a client, so that the first thing behind any proxy is a key.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.errors import BadRequest, Forbidden, WrongHost
from service.runtime.settings import Settings

# What proxies add: names that begin with these, and those that are these.
PROXY_PREFIXES = (
    *(b"x-forwarded", b"cf-", b"x-original-", b"x-envoy-", b"x-amzn-", b"x-azure-", b"x-arr-"),
    *(b"fly-", b"fastly-"),
)
PROXY_NAMES = frozenset(
    (
        *(b"via", b"forwarded", b"forwarded-for", b"x-real-ip", b"x-client-ip", b"client-ip"),
        *(b"true-client-ip", b"x-cluster-client-ip", b"x-proxyuser-ip", b"cdn-loop"),
        *(b"x-cloud-trace-context", b"proxy-connection"),
    )
)
# What a request says once, if at all: of two, programs do not agree which one counts.
ONCE = frozenset(
    name.encode()
    for name in (
        *("host", "origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"),
        *("authorization", "x-api-key", "idempotency-key", "content-type", "content-length"),
    )
)
# RFC 3986, section 3.2, without user names: those lead people and programs astray.
_is_host = re.compile(rb"(?:[A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch
TRUSTED = "gatehouse.trusted_proxy"  # in the scope, where the peer is a proxy that is believed
HERE = (b"same-origin", b"none")  # of Sec-Fetch-Site: our own pages, and what a person types


class Hosts:
    """The hosts of one service."""

    def __init__(self, settings: Settings) -> None:
        self._limited = bool(settings.allowed_hosts)
        names = ("localhost", settings.host, *settings.allowed_hosts)
        self._names = frozenset(name.lower() for name in names)
        self._known = lru_cache(100)(self._is_known)

    def check(self, headers: Mapping[bytes, bytes], keyed: bool) -> None:
        """Raises WrongHost for a name that is not one of this service.

        Where there are keys (`keyed`) and no setting says which names there are, any will do.

        Raises:
            BadRequest: it is no name of a host, or there is none.
        """
        host = headers.get(b"host")
        if host is None:
            raise BadRequest("a request names its host")
        if not self._known(host) and (self._limited or not keyed):
            raise WrongHost("the service is not known by this name; see allowed_hosts")

    def _is_known(self, host: bytes) -> bool:
        text = host.decode("latin-1")
        if not _is_host(host) or not _is_in_urls(text):
            raise BadRequest("Host is no name or number of a host")
        name = name_of(text)
        # A number is no one's to lead elsewhere.
        return name in self._names or is_address(name)


class Proxies(ProxyHeadersMiddleware):
    """Takes the client's address from proxies that are trusted, and notes that it did."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves a request."""
        if scope["type"] == "http":
            scope[TRUSTED] = (
                scope["client"] is not None and scope["client"][0] in self.trusted_hosts
            )
        await super().__call__(scope, receive, send)


def check_once(lines: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises BadRequest where a header is there twice that may be there once."""
    seen: set[bytes] = set()
    for name, _ in lines:
        if name in ONCE and name in seen:
            raise BadRequest(f"the header {name.decode()} is there twice")
        seen.add(name)


def _is_in_urls(host: str) -> bool:
    """Whether a URL can have it: its port is not too large, what is in brackets is of IPv6."""
    try:
        return urlsplit(f"//{host}").port != -1
    except ValueError:
        return False


def name_of(host: str) -> str:
    """The host of ``host:port``, in lower case and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def is_address(name: str) -> bool:
    """Whether it is a number, and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(100)
def is_loopback(host: str) -> bool:
    """Whether it is this machine's own address."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_local(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> None:
    """Raises Forbidden unless a request, where there are no keys, comes from this machine."""
    client = scope.get("client")
    if not client or not is_loopback(client[0]) or _is_passed_on(scope, headers):
        raise Forbidden("there is no key yet, so only this machine is served; create one first")
    if _is_of_another_page(scope, headers):
        raise Forbidden("a page from elsewhere may not ask this service for anything")


def _is_passed_on(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
    """Whether a proxy sent it that does not say, or is not believed, whose it is.

    HTTP/1.0 is a sign of one, too: it is what nginx speaks unless it is told otherwise.
    """
    if scope.get(TRUSTED) and b"x-forwarded-for" in headers:
        return False
    return (
        scope["http_version"] == "1.0"
        or not PROXY_NAMES.isdisjoint(headers)
        or any(name.startswith(PROXY_PREFIXES) for name in headers)
    )


def _is_of_another_page(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says so; a link on another page may still lead here."""
    origin = headers.get(b"origin")
    own = scope["scheme"].encode() + b"://" + headers.get(b"host", b"")
    if origin is not None and origin.lower() != own.lower():
        return True
    if headers.get(b"sec-fetch-site", b"none") in HERE:
        return False
    is_link = (
        scope["method"] in ("GET", "HEAD")
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
    return not is_link

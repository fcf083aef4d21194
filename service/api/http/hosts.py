"""Which requests get as far as the keys: by the host they name, and by where they come from.

A page of anyone's, open in a browser on this machine, can send requests here, and can have a name
of its own lead here (DNS rebinding). Where keys are needed, that gets it nowhere. Where none are,
a request must name this machine, must come from it, and must not be a foreign page's.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from service.errors import Forbidden, WrongHost
from service.runtime.settings import Settings

FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip"))


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
        """
        if (self._limited or not keyed) and not self._known(headers.get(b"host", b"")):
            raise WrongHost("the service is not known by this name; see allowed_hosts")

    def _is_known(self, host: bytes) -> bool:
        name = name_of(host.decode("latin-1"))
        # A number is no one's to lead elsewhere.
        return name in self._names or is_address(name)


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
    if not client or not is_loopback(client[0]) or not FORWARDED.isdisjoint(headers):
        raise Forbidden("there is no key yet, so only this machine is served; create one first")
    origin = headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2] != headers.get(b"host", b""):
        raise Forbidden("a page from elsewhere may not ask this service for anything")

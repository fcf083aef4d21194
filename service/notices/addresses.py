"""Whom we connect to: a host's addresses, found once, and refused where they are not public.

What is connected to is the address that was looked at, never the name again: whoever answers for a
name could give another address the second time (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# IPv4 addresses within IPv6 ones, besides those that `ipaddress` finds: NAT64 (RFC 6052).
_NAT64 = ip_network("64:ff9b::/96")


class NotReachable(Exception):
    """The receiver has no address, or one that is not allowed; says which in words."""


async def addresses_of(host: str, port: int, *, private: bool) -> Sequence[str]:
    """The IP addresses of a host, as text.

    Raises:
        NotReachable: it has none; or, unless `private`, one of them is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotReachable("the name of the receiver has no address") from None
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not private and not all(map(is_public, addresses)):
        raise NotReachable("the receiver's address is not public (private: true would allow it)")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and that of one machine."""
    ip = ip_address(address.partition("%")[0])
    embedded = _embedded(ip) if isinstance(ip, IPv6Address) else None
    if embedded is not None:
        return is_public(str(embedded))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)

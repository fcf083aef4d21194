"""Seats for connections: how many there are, and who gives one up when all are taken."""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from service.api.http.hosts import is_loopback
from service.runtime.logs import get_logger
from service.runtime.settings import Settings

log = get_logger(__name__)
MAX_REFUSED = 50  # connections beyond the most that wait for a place, or are told that none is free
RESERVED_FILES = 200  # descriptors that no client takes: of the warehouse, backups, builds
NETWORK_BITS = 64  # of an IPv6 address: who has one has all others with these


class Seat:
    """The place of one connection, from when it is accepted until it is closed."""

    __slots__ = ("_places", "end", "enter", "group", "is_refused")

    def __init__(self, places: "Seats", group: str, is_refused: bool) -> None:
        """`group` is who has it; `is_refused` says that it is one to say so, and no more."""
        self._places, self.group, self.is_refused = places, group, is_refused
        self.end: Callable[[], object] = lambda: None  # closes the connection at once
        self.enter: Callable[[], object] = lambda: None  # a place has become free for it

    def wait(self) -> None:
        """Nothing goes on here until the client does something: it may have to go."""
        if not self.is_refused:
            self._places.waiting.setdefault(self)
            self._places.let_in()

    def stand(self) -> None:
        """Has no place yet, and something to ask."""
        self._places.standing.setdefault(self)
        self._places.let_in()

    def work(self) -> None:
        """The service has something to do here: it stays."""
        self._places.waiting.pop(self, None)

    def leave(self) -> None:
        """The connection is closed; once is enough."""
        self._places.left(self)


class Seats:
    """The places of one server.

    Where all are taken, the connection that has waited for its client for longest goes: so many
    that ask nothing, or do not read what they asked for, keep no one out.
    """

    def __init__(self, settings: Settings) -> None:
        self.most = min(settings.max_connections, most_by_files())
        if self.most < settings.max_connections:
            log.warning("few_open_files", connections=self.most, wanted=settings.max_connections)
        self._most_of_one = settings.max_connections_per_address
        self._proxies = Addresses(settings.trusted_proxies)
        self._group_of = lru_cache(1000)(self._group)
        self._all: set[Seat] = set()
        self._refused = 0  # of them
        self._of: Counter[str] = Counter()
        self.waiting: dict[Seat, None] = {}  # those that may go, the one that waits longest first
        self.standing: dict[Seat, None] = {}  # those that ask for a place, the first one first
        self._is_letting_in = False

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._all)

    def take(self, host: str) -> Seat | None:
        """A place for a connection from an address; None where there is none for it."""
        group = self._group_of(host)
        if group and self._of[group] >= self._most_of_one:
            return None
        full = not self._has_room()
        if full and self._refused >= MAX_REFUSED:
            return None
        place = Seat(self, group, full)
        self._all.add(place)
        self._refused += full
        self._of[group] += 1
        place.wait()
        return place

    def left(self, place: Seat) -> None:
        """A place is free again."""
        if place not in self._all:
            return
        self._all.remove(place)
        self._refused -= place.is_refused
        self.waiting.pop(place, None)
        self.standing.pop(place, None)
        self._of[place.group] -= 1
        if not self._of[place.group]:
            del self._of[place.group]
        self.let_in()

    def let_in(self) -> None:
        """Gives places to those who stand, once what has just been answered is on its way."""
        if self.standing and not self._is_letting_in:
            self._is_letting_in = True
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        self._is_letting_in = False
        while self.standing and self._has_room():
            place = next(iter(self.standing))
            del self.standing[place]
            place.is_refused = False
            self._refused -= 1
            place.enter()

    def _has_room(self) -> bool:
        return len(self._all) - self._refused < self.most or self._make_room()

    def _make_room(self) -> bool:
        """Whether a connection that waits was closed."""
        place = next(iter(self.waiting), None)
        if place is None:
            return False
        self.left(place)
        place.end()
        return True

    def _group(self, host: str) -> str:
        """What connections are counted by; nothing for this machine and for proxies."""
        if is_loopback(host) or host in self._proxies:
            return ""
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and not address.ipv4_mapped:
            return str(ip_network((int(address), NETWORK_BITS), strict=False))
        return host


class Addresses:
    """Addresses and networks of a setting."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """What is neither, such as ``*``, is every address or that name alone."""
        self._all, self._names, self._networks = "*" in names, frozenset(names), []
        for name in names:
            try:
                self._networks.append(ip_network(name, strict=False))
            except ValueError:
                continue

    def __contains__(self, host: str) -> bool:
        if self._all or host in self._names:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def allow_open_files(connections: int) -> None:
    """Raises the limit of open files of this process to what so many connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + MAX_REFUSED + RESERVED_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:  # a system that has its own idea of the most
        log.warning("open_files_not_raised", wanted=wanted, error=str(error))


def most_by_files() -> int:
    """How many connections there may be, so that files can be opened beside them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 30
    return max(1, soft - MAX_REFUSED - RESERVED_FILES)

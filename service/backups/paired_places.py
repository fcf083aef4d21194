"""Where backups are: in the primary place, and, if there is one, as copies in a second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.errors import NotFound, StoreUnavailable, Unprocessable
from service.runtime.logs import get_logger

Place: TypeAlias = Literal["primary", "copy"]
T = TypeVar("T")
log = get_logger(__name__)


@dataclass(frozen=True)
class Found:
    """Backups, and the place to read them in."""

    entries: Sequence[Entry]
    catalogue: Catalogue
    place: Place = "primary"


@dataclass(frozen=True)
class Places:
    """The catalogue of each place; `second` is None where there are no copies."""

    primary: Catalogue
    second: Catalogue | None = None

    def find(self, asked: Place | None, look: Callable[[Catalogue], Sequence[Entry]]) -> Found:
        """What `look` finds in the place that is asked for.

        If none is: in the primary place or, where that is away or has lost it, among the copies.

        Raises:
            Unprocessable: copies are asked for, and there is no second place.
            NotFound, Conflict, StoreUnavailable: as `look` in the primary place.
        """
        if asked == "copy":
            return self._copies(look)
        try:
            return Found(look(self.primary), self.primary)
        except (StoreUnavailable, NotFound, OSError):
            found = None if asked or self.second is None else self._copies_or_none(look)
            if found is None:
                raise
            log.warning("backups_of_copy", store=found.catalogue.store.name)
            return found

    def to_write(self) -> Catalogue:
        """Where a backup can be put: in the primary place, or where that is away, in the second.

        Raises:
            StoreUnavailable: it is away, and there is no second.
        """
        try:
            self.primary.store.exists("any")
        except StoreUnavailable:
            if self.second is None:
                raise
            return self.second
        return self.primary

    def _copies(self, look: Callable[[Catalogue], Sequence[Entry]]) -> Found:
        if self.second is None:
            raise Unprocessable("there are no copies: the setting backups_copy names no place")
        return Found(look(self.second), self.second, "copy")

    def _copies_or_none(self, look: Callable[[Catalogue], Sequence[Entry]]) -> Found | None:
        try:
            return self._copies(look)
        except (StoreUnavailable, NotFound, OSError):
            return None

"""Who may write into the lake: one at a time, for a while, by a number that only grows.

What is in it is safe without: the next segment has one name, and is created only once. The lease
keeps others from working in vain, and says who it is.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from service.errors import Conflict, DamagedBackup
from service.stores.store import AlreadyThere, Overtaken, Store

LEASE, LARGEST = "lease.json", 4096
SECONDS = 60


class LakeInUse(Conflict):
    """Another process writes into the lake."""

    slug, title = "lake-in-use", "The lake is in use"


class LeaseMark(msgspec.Struct, frozen=True):
    """What the lease says; `until` is UTC. `holder` is for people, `gate` the id of who has it."""

    holder: str
    epoch: int
    until: datetime
    gate: str = ""


class Lease:
    """The lease of one process; `hold` it before each round of work, and within long ones."""

    def __init__(self, store: Store, holder: str, gate: str = "", seconds: float = SECONDS) -> None:
        self._store, self._holder, self._gate = store, holder, gate
        self._length = timedelta(seconds=seconds)
        self._held: LeaseMark | None = None

    def hold(self) -> int:
        """Takes it, or goes on with it; the epoch, a number that no holder before had.

        Raises:
            LakeInUse: another has it.
            StoreUnavailable: the store is away.
        """
        now = datetime.now(UTC)
        if self._held and self._held.until - now > self._length / 2:
            return self._held.epoch
        before, version = self._read()
        ours = self._is_ours(before)
        if before and not ours and before.until > now:
            raise self._in_use(before)
        epoch = (before.epoch if before else 0) + (not ours or self._held is None)
        mark = LeaseMark(self._holder, epoch, now + self._length, self._gate)
        self._held = self._written(mark, version)
        return epoch

    def release(self) -> None:
        """Lets the next one have it at once."""
        if self._held is None:
            return
        before, version = self._read()
        if before is not None and self._is_ours(before):
            ended = LeaseMark(self._holder, before.epoch, datetime.now(UTC), self._gate)
            self._written(ended, version)
        self._held = None

    def _is_ours(self, mark: LeaseMark | None) -> bool:
        return mark is not None and (mark.holder, mark.gate) == (self._holder, self._gate)

    def _read(self) -> tuple[LeaseMark | None, str | None]:
        if not self._store.exists(LEASE):
            return None, None
        try:
            text, version = self._store.read(LEASE, LARGEST)
            return msgspec.json.decode(text, type=LeaseMark), version
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None, version
        except DamagedBackup:  # gone just now
            return None, None

    def _written(self, mark: LeaseMark, version: str | None) -> LeaseMark:
        try:
            self._store.put(LEASE, msgspec.json.encode(mark), version)
        except (AlreadyThere, Overtaken):
            self._held = None
            raise LakeInUse("another process has just begun to write into the lake") from None
        return mark

    def _in_use(self, other: LeaseMark) -> LakeInUse:
        self._held = None
        return LakeInUse(
            f"the gate of {other.holder} writes into {self._store.name},"
            f" until {other.until:%H:%M:%S} UTC at least"
        )

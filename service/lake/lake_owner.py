"""Whose a lake is: the mark in it names the gate. Two gates in one lake would mix their changes."""

from datetime import UTC, datetime

import msgspec

from service.errors import Conflict, DamagedBackup
from service.stores.store import AlreadyThere, Store

OWNER, LARGEST = "owner.json", 4096


class NotOurLake(Conflict):
    """The lake is another gate's."""

    slug, title = "not-our-lake", "The lake is another gate's"


class LakeOwner(msgspec.Struct, frozen=True):
    """The content of the mark: the gate's id, and the path of its warehouse."""

    gate: str
    warehouse: str
    since: datetime


def claim(store: Store, gate: str, warehouse: str) -> None:
    """Makes sure that the lake is this gate's; one that is nobody's becomes it.

    A warehouse that was made anew in the place of another takes its lake over.

    Raises:
        NotOurLake: it is another's, or may be.
        StoreUnavailable: the store is away.
    """
    owner = LakeOwner(gate, warehouse, datetime.now(UTC))
    if not store.exists(OWNER):
        try:
            store.put(OWNER, msgspec.json.encode(owner))
            return
        except AlreadyThere:  # just now
            pass
    there = _read(store)
    if there is None:
        raise NotOurLake(f"{store.name}/{OWNER} cannot be read, so that no one knows whose it is")
    if there.gate != gate and there.warehouse != warehouse:
        raise NotOurLake(
            f"the lake at {store.name} is the gate's with the warehouse {there.warehouse};"
            " give this one a place of its own (GATEHOUSE_LAKE)"
        )


def _read(store: Store) -> LakeOwner | None:
    try:
        return msgspec.json.decode(store.read(OWNER, LARGEST)[0], type=LakeOwner)
    except (DamagedBackup, msgspec.DecodeError, UnicodeDecodeError):
        return None

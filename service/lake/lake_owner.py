"""Whose a lake is: the mark in it names the gate. Two gates in one lake would mix their changes.

A gate is known by the id that its warehouse was given when it was made. A path is no proof: on two
machines two warehouses may have the same one.
"""

from datetime import UTC, datetime

import msgspec

from service.errors import Conflict, DamagedBackup
from service.stores.store import AlreadyThere, Overtaken, Store

OWNER, LARGEST = "owner.json", 4096


class NotOurLake(Conflict):
    """The lake is another gate's."""

    slug, title = "not-our-lake", "The lake is another gate's"


class LakeOwner(msgspec.Struct, frozen=True):
    """The content of the mark: the gate's id, and the path of its warehouse."""

    gate: str
    warehouse: str
    since: datetime


def check_owner(store: Store, gate: str) -> bool:
    """Whether the lake is this gate's; False where it is nobody's.

    Raises:
        NotOurLake: it is another's, or may be.
        StoreUnavailable: the store is away.
    """
    if not store.exists(OWNER):
        return False
    owner, _ = _read(store)
    if owner is None:
        raise NotOurLake(f"{store.name}/{OWNER} cannot be read, so that no one knows whose it is")
    if owner.gate != gate:
        raise NotOurLake(
            f"the lake at {store.name} is the gate's with the warehouse {owner.warehouse}, since"
            f" {owner.since:%Y-%m-%d %H:%M} UTC; give this one a place of its own (GATEHOUSE_LAKE),"
            " or, where that warehouse is no more, have it taken over by `gatehouse lake adopt`"
        )
    return True


def claim(store: Store, gate: str, warehouse: str) -> None:
    """Makes sure that the lake is this gate's; one that is nobody's becomes it.

    Raises:
        NotOurLake, StoreUnavailable: as `check_owner`.
    """
    if not check_owner(store, gate):
        try:
            store.put(OWNER, _written(gate, warehouse))
        except AlreadyThere:  # just now
            check_owner(store, gate)


def take_over(store: Store, gate: str, warehouse: str) -> LakeOwner | None:
    """Makes the lake this gate's whoever's it was; whose it was, if that is known.

    Raises:
        NotOurLake: another has taken it just now.
        StoreUnavailable: the store is away.
    """
    before, version = _read(store) if store.exists(OWNER) else (None, None)
    try:
        store.put(OWNER, _written(gate, warehouse), version)
    except (AlreadyThere, Overtaken):
        raise NotOurLake(f"another gate has just taken the lake at {store.name}") from None
    return before


def _written(gate: str, warehouse: str) -> bytes:
    return msgspec.json.encode(LakeOwner(gate, warehouse, datetime.now(UTC)))


def _read(store: Store) -> tuple[LakeOwner | None, str | None]:
    """What the mark says, if it can be read, and its version."""
    version = None
    try:
        text, version = store.read(OWNER, LARGEST)
        return msgspec.json.decode(text, type=LakeOwner), version
    except (DamagedBackup, msgspec.DecodeError, UnicodeDecodeError):
        return None, version

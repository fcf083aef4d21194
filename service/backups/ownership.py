"""Whose a place of backups is: the mark in it names the warehouse. Two warehouses in one place
would restore each other's rows and remove each other's backups.

A place without it becomes the first warehouse's that opens it, if that has made all the backups in
it. A warehouse is known by its id, wherever its file is: one that was made anew in the same place,
or has the same path on another machine, is another.
"""

import threading
from datetime import UTC, datetime
from pathlib import Path

from service.backups.catalogue import Catalogue
from service.backups.owner_mark import ADOPT, BackupsOwner, NotOurBackups, mark_of, not_ours
from service.engines.duckdb import Database

RECOVERING = ".recovering"  # in the name of a warehouse that is made anew beside the old one


class Ownership:
    """One warehouse's claim to a place: `claim` it before each use, `release` it in the end."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue, self._database = catalogue, database
        self._mark = mark_of(catalogue.store)
        self._warehouse = _place_of(database.path)
        self._claiming = threading.Lock()

    def claim(self) -> None:
        """Makes sure that the place is this warehouse's, and no one else's meanwhile.

        Where a folder is missing or cannot be written, what comes next says so, or makes it.

        Raises:
            NotOurBackups: it is another's, whose or since when is said; or it cannot be told whose.
            StoreUnavailable: it is away.
        """
        with self._claiming:
            self._mark.hold(self._checked)

    def adopt(self) -> BackupsOwner | None:
        """Makes the place this warehouse's whoever's it was; whose it was, if that is known.

        Raises:
            NotOurBackups: a process has its warehouse open.
            OSError, StoreUnavailable: it cannot be written.
        """
        found: list[BackupsOwner | None] = []

        def take(before: BackupsOwner | None) -> BackupsOwner:
            found.append(before)
            return self._owner(before)

        self._mark.make_place()
        self._mark.hold(take)
        return found[0] if found else None

    def release(self) -> None:
        """Lets others claim it."""
        self._mark.release()

    def _checked(self, owner: BackupsOwner | None) -> BackupsOwner:
        place, ours = self._catalogue.store.name, str(self._warehouse)
        if owner is None:
            self._check_made_here()
        elif owner.warehouse_id == self._warehouse_id:
            if owner.warehouse != ours and Path(owner.warehouse).exists():
                raise not_ours(place, f"those of {owner.warehouse}, of which this is a copy")
        elif owner.warehouse != ours:
            raise not_ours(place, f"those of the warehouse {owner.warehouse}")
        elif self._is_recovering:
            return owner  # it is this one's when it is in its place
        elif self._catalogue.list():
            raise not_ours(place, f"those of another warehouse that was at {owner.warehouse}")
        return self._owner(owner)

    def _owner(self, before: BackupsOwner | None) -> BackupsOwner:
        """This warehouse, as the mark names it: the mark that is there, if it does."""
        owner = BackupsOwner(self._warehouse_id, str(self._warehouse), datetime.now(UTC))
        same = before and (before.warehouse_id, before.warehouse) == (
            owner.warehouse_id,
            owner.warehouse,
        )
        return before if before and same else owner

    def _check_made_here(self) -> None:
        """Of a folder without the mark: whether this warehouse knows all that someone asked for."""
        if self._is_recovering:  # that is to take what is there
            return
        known = _made_here(self._database)
        others = [each for each in self._catalogue.list() if each.kind != "safety"]
        unknown = sum(each.backup_id not in known for each in others)
        if unknown:
            said = f"{unknown} of {len(others)} backups were not made by this warehouse"
            raise NotOurBackups(f"{said}, and nothing says whose they are; {ADOPT} of its own")

    @property
    def _is_recovering(self) -> bool:
        return self._database.path != self._warehouse

    @property
    def _warehouse_id(self) -> str:
        return warehouse_id(self._database)


def warehouse_id(database: Database) -> str:
    """What a warehouse is known by, wherever its file is."""
    with database.reading() as connection:
        ((found,),) = connection.execute("select warehouse_id from ops.warehouse").fetchall()
    return str(found)


def _place_of(warehouse: Path) -> Path:
    """The path of a warehouse, also while it is made anew beside it."""
    return warehouse.with_name(warehouse.name.replace(RECOVERING, ""))


def _made_here(database: Database) -> set[str]:
    with database.reading() as connection:
        found = connection.execute(
            "select subject from ops.trail where action in ('backup.create', 'backup.import')"
        ).fetchall()
    return {subject for (subject,) in found}

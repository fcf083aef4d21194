"""Copies of the warehouse, for programs that have to open a file of their own, as dbt does."""

import shutil
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from service.dbt.runner import one_at_a_time
from service.engines.duckdb import Database, as_problem
from service.errors import NotFound
from service.runtime.clock import utc_now
from service.runtime.durable_files import make_folder
from service.runtime.settings import Settings


class WarehouseCopy(msgspec.Struct):
    """A copy of the warehouse on the service's machine; `taken_at` is UTC without time zone."""

    copy_id: str
    path: str
    bytes: int
    taken_at: datetime


class WarehouseCopies:
    """The copies that the service has made, a folder for each; it removes what is left of them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database, self._folder = database, settings.copies
        self._made: dict[str, datetime] = {}  # by id; there are none from before the start
        self._name = settings.warehouse.name  # dbt calls the database after it

    def make(self, copy_id: str) -> WarehouseCopy:
        """Copies what is committed now; waits for a build that runs, inserts go on.

        Raises:
            NoSpace, Unavailable: it cannot be written.
        """
        taken_at = utc_now()
        path = self._folder / copy_id / self._name
        try:
            make_folder(path.parent)
            with one_at_a_time, self._database.all_cores():
                self._database.copy_to(path)
            self._made[copy_id] = taken_at
            return self.get(copy_id)
        except Exception as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise as_problem(error) from error

    def get(self, copy_id: str) -> WarehouseCopy:
        """A copy that is there; raises NotFound when there is none of that id."""
        path = self._folder / _canonical(copy_id) / self._name
        taken_at = self._made.get(path.parent.name)
        if taken_at is None or not path.is_file():
            raise NotFound("there is no such copy")
        return WarehouseCopy(path.parent.name, str(path), path.stat().st_size, taken_at)

    def remove(self, copy_id: str) -> None:
        """Removes a copy; raises NotFound when there is none of that id."""
        folder = self._folder / _canonical(copy_id)
        if not folder.is_dir():
            raise NotFound("there is no such copy")
        shutil.rmtree(folder)
        self._made.pop(folder.name, None)

    def sweep(self) -> None:
        """Removes all of them: who asked for one before the service was started is gone."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _canonical(copy_id: str) -> Path:
    """An id as the name of a folder, which cannot lead anywhere else."""
    try:
        return Path(str(UUID(copy_id)))
    except ValueError:
        raise NotFound("there is no such copy") from None

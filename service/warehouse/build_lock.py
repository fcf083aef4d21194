"""The writer's lock, as a build holds it while dbt writes a table of record."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from service.dbt.cancelling import Cancel
from service.warehouse.writer import Writer

WAIT_SECONDS = 0.1  # between two looks at whether to go on waiting


class BuildLock:
    """The lock of the service's writer, for one build at a time."""

    def __init__(self, writer: Writer, take_up: Callable[[], None] = lambda: None) -> None:
        """`take_up` has all others go by the dictionary that the writer has taken up."""
        self._writer, self._take_up = writer, take_up
        self._held = False

    def take(self, cancel: Cancel) -> None:
        while not self._held:
            cancel.check()
            self._held = self._writer.lock.acquire(timeout=WAIT_SECONDS)

    def release(self, table: str | None) -> None:
        if self._held:
            try:
                if table in self._writer.dictionary.tables:
                    self._writer.may_have_grown(str(table))
                self._writer.note_build()
            finally:
                self._held = False
                self._writer.lock.release()

    def altered(self) -> None:
        adopted = self._writer.adopt_next()
        self.release(None)
        adopted.result()
        self._take_up()

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        return nullcontext()  # the service has it open

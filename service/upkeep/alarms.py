"""What is found out by looking and is in no book: an audit's faults, copies that fail."""

from collections.abc import Callable, Sequence

import msgspec

from service.backups.catalogue import Catalogue
from service.dictionary import Dictionary
from service.engines.duckdb import Database
from service.notices.teller import Teller
from service.runtime.settings import Settings
from service.upkeep.audit import Audit, AuditCheck, audit
from service.warehouse.writer import Writer


class Alarms:
    """Looks, and has hooks told of what is wrong: the same thing once."""

    def __init__(
        self,
        teller: Teller,
        database: Database,
        writer: Writer,
        catalogue: Catalogue,
        dictionary: Callable[[], Dictionary],
    ) -> None:
        """`dictionary` gives the current one."""
        self._teller, self._database, self._writer = teller, database, writer
        self._catalogue, self._dictionary = catalogue, dictionary
        self._told_of: Sequence[AuditCheck] = ()  # what the last audit found fault with

    def start(self, settings: Settings) -> None:
        """Tells hooks from now on, also of what the service before did not come to tell.

        Raises:
            WrongHooks: a secret is missing.
        """
        self._teller.start(settings)
        if losses := self._writer.losses:
            said = {"missing": losses.described()}
            self._teller.tell("audit.failed", "acknowledged rows are missing", said)

    def audit(self) -> Audit:
        """Audits the books, and every backup; it reads everything, and may take its time."""
        writer = self._writer
        noted = writer.losses or dict(writer.journal.counts)  # before the snapshot is taken
        with self._database.all_cores(), self._database.reading() as connection:
            found = audit(connection, self._dictionary(), self._catalogue, noted)
        wrong = [check for check in found.checks if not check.ok]
        if wrong and wrong != self._told_of:
            names = ", ".join(check.name for check in wrong)
            values = {"checks": [msgspec.to_builtins(check) for check in wrong]}
            self._teller.tell("audit.failed", f"the audit found fault with {names}", {}, values)
        self._told_of = wrong
        return found

    def copies_failed(self, why: str) -> None:
        """Tells that backups are not copied to their second place."""
        self._teller.tell("copy.failed", f"backups are not copied: {why}", {})

"""The service's parts, put together: opened once, closed once. Knows no HTTP.

It is one module although it is long: it has a few lines for each part, in the order in which they
need each other, and that order is read as one.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from service.access.key_memory import KeyMemory
from service.access.keyring import Keyring
from service.backups.catalogue import Catalogue
from service.backups.ownership import Ownership
from service.backups.paired_places import Places
from service.backups.pairing import Pairing
from service.backups.retention import Keep
from service.dictionary import Dictionary, Table
from service.doors.backups import Backups
from service.doors.builds import Builds
from service.doors.copies import WarehouseCopies
from service.doors.dbt_docs import DbtDocs
from service.doors.differences import Differences
from service.doors.erasures import Erasures
from service.doors.files import FileLoads
from service.doors.inserts import Inserts
from service.doors.plans import plan
from service.doors.replays import Replays
from service.doors.restores import Restores
from service.doors.row_changes import RowChanges
from service.doors.tasks import Tasks
from service.errors import NoSpace, NotFound, StoreUnavailable, Unavailable
from service.judge.process.process_client import WorkerProcess
from service.judge.rulebook import Rulebook
from service.lake.opened_lake import open_outbox, open_place, open_shipper
from service.notices.hooks_file import hooks_of
from service.notices.teller import Teller
from service.ops import records, trail
from service.ops.past_rows import forget_changes
from service.ops.replays import end_interrupted
from service.ops.trail import Deed
from service.ops.violation_counts import ViolationCounts
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics
from service.runtime.running import death_before
from service.runtime.settings import Settings
from service.stores.kinds import open_store
from service.upkeep.alarms import Alarms
from service.warehouse.deeds import Deeds
from service.warehouse.facet_counts import FacetCounts
from service.warehouse.losses import HINT, Losses
from service.warehouse.opened_warehouse import open_warehouse
from service.warehouse.query_pool import QueryPool
from service.warehouse.writer import Writer

log = get_logger(__name__)


class Gate:
    """Everything a request may need; `open` it before and `close` it after use.

    Rows come in and go out by its doors: `inserts`, `loads` (of files), `builds`, `replays`,
    `restores` and `backups`.
    """

    def __init__(self, settings: Settings, apart: bool = False) -> None:
        """With `apart`, large bodies are judged in a worker process, if the settings want it.

        Raises:
            WrongHooks: the file that says who is told of what cannot be used.
        """
        self.settings = settings
        self.metrics = Metrics()
        self.violation_counts = ViolationCounts()
        self.places = places_of(settings)
        self.catalogue = self.places.primary
        self.lake_place = open_place(settings)
        self.pairing = _pairing_of(settings, self.places, self.metrics)
        self._hooks = hooks_of(settings)
        self.keyring = Keyring(settings.keys_file)
        # How the service before this one ended, if out of order.
        self.died_before: str | None = None
        self._worker = WorkerProcess(apart and settings.judging_process)

    def open(self) -> None:
        """Opens the warehouse, starts the writer, and takes up what a killed service has left.

        Raises:
            NotBuilt: there is no warehouse, or no build has finished in it.
            NotOurBackups: the folder of the backups is another warehouse's.
        """
        self._open_warehouse()
        self._open_doors()
        self._remember_keys()
        self.shipper = open_shipper(
            self.database, self.writer, self.lake_place, self.settings, self.metrics
        )
        self._take_over_backups()
        self.copies.sweep()
        if self.losses:  # nothing is written, or removed, before an operator has decided
            log.error("rows_missing", found=self.losses.described(), hint=HINT)
            return
        self.loads.resume()
        self.forget_old_answers()
        self.writer.run(lambda connection: end_interrupted(connection, utc_now())).result()
        with suppress(NoSpace, Unavailable):  # the log has it, and so will the next start
            self._tell_of_death()
            self.deeds.end_interrupted(self._found_of)

    def _tell_of_death(self) -> None:
        """That the service before this one has not ended in order is no secret."""
        self.died_before = death = death_before(self.settings)
        if death is not None:
            log.warning("service_died_before", detail=death)
            self.writer.run(
                lambda connection: trail.record(connection, None, "service.died", None, death)
            ).result()

    def _found_of(self, deed: Deed) -> str | None:
        """What there is to see of something that a killed service was about to do."""
        if not deed.action.startswith("backup.") or deed.subject is None:
            return None
        try:
            self.catalogue.get(deed.subject)
        except NotFound:
            return "the backup is not there"
        except StoreUnavailable:
            return None
        return "the backup is there"

    def _open_warehouse(self) -> None:
        settings = self.settings
        self.database, losses = open_warehouse(settings)
        try:
            self.rulebook = Rulebook.of(self.database.dictionary())
            self.outbox = None if losses else open_outbox(self.database, settings)
            self.writer = Writer(
                self.database,
                self.dictionary,
                settings.queue_requests,
                settings.group_rows,
                losses,
                self.outbox,
            )
            self.writer.start()
        except BaseException:
            self.database.close()
            raise

    def _open_doors(self) -> None:
        settings, database, writer = self.settings, self.database, self.writer
        codec = settings.codec
        self.deeds = deeds = Deeds(database, writer)
        self.tasks = Tasks()
        self.teller = Teller(self._hooks, database, writer, self._columns_of)
        self.alarms = Alarms(self.teller, database, writer, self.catalogue, lambda: self.dictionary)
        if self.pairing:
            self.pairing.on_failure = self.alarms.copies_failed
        self.ownership = Ownership(self.catalogue, database)
        if self.places.second and self.pairing:
            self.ownership_of_copies = Ownership(self.places.second, database)
            self.places.second.before_change = self.ownership_of_copies.claim

        def current() -> Rulebook:
            return self.rulebook

        self.queries = QueryPool(database)
        self.facet_counts = FacetCounts(writer.versions)
        self.inserts = Inserts(writer, self.metrics, self._worker, current, settings.max_rows)
        self.loads = FileLoads(settings, database, writer, database.all_cores)
        self.dbt_docs = DbtDocs(settings, writer)
        self.builds = Builds(
            *(settings, writer, deeds, self.reload, database.all_cores),
            ahead=lambda new, allowed: plan(database, self.catalogue, new, allowed),
        )
        self.copies = WarehouseCopies(settings, database)
        self.row_changes = RowChanges(database, writer, self.metrics, current)
        self.replays = Replays(database, writer, self.metrics, current)
        self.restores = Restores(database, writer, deeds, self.tasks, self.places, current, codec)
        self.differences = Differences(database, self.tasks, current)
        self.erasures = Erasures(
            *(database, writer, deeds, self.places, self.pairing, self.differences, current)
        )
        self.backups = Backups(
            *(database, writer, deeds, self.tasks, self.places, self.pairing),
            self.metrics,
            current,
            codec,
        )

    def _take_over_backups(self) -> None:
        """Claims the backups, and sweeps them. Where they are away, rows come in all the same."""
        self.catalogue.before_change = self.ownership.claim
        for catalogue in filter(None, (self.places.primary, self.places.second)):
            catalogue.go_by(lambda: self.dictionary)
        try:
            self.ownership.claim()
            self.catalogue.sweep()
        except StoreUnavailable as error:
            log.error("backups_away", reason=error.detail)
        except BaseException:
            self.close()
            raise

    def _remember_keys(self) -> None:
        """Has keys count that were there before, whatever became of their file."""
        self.key_memory = KeyMemory(self.keyring.path, self.database, self.writer)
        self.key_memory.keep()
        self.keyring.had_keys |= self.key_memory.had_keys()
        self.keyring.on_read = self.key_memory.keep_soon

    def cut_short(self) -> None:
        """Has what takes long end by an error, so that `close` can come to its end.

        Once is not enough: what is between two statements is not interrupted.
        """
        self.builds.cut_short()
        self.dbt_docs.cut_short()
        self.loads.cut_short()
        if self.pairing:
            self.pairing.cut_short()
        self.database.interrupt()

    def close(self) -> None:
        """Lets what is under way come to its end, then lets go of the warehouse."""
        self.differences.stop()
        self.tasks.wait()
        self.teller.stop()
        self.dbt_docs.stop()
        self.loads.stop()
        self.builds.stop()
        if self.shipper:
            self.shipper.stop()
        self.writer.stop()
        if self.pairing:
            self.pairing.stop()
        self.keyring.flush()
        self.inserts.close()
        self.queries.close()
        self.ownership.release()
        if self.pairing:
            self.ownership_of_copies.release()
        self.database.close()

    @property
    def losses(self) -> Losses | None:
        """What is missing by the journal of commits; then it serves, and writes nothing."""
        return self.writer.losses

    @property
    def dictionary(self) -> Dictionary:
        """The dictionary of the last build."""
        return self.rulebook.dictionary

    def reload(self) -> None:
        """Takes up the dictionary of the build that has just ended."""
        rulebook = Rulebook.of(self.database.dictionary())
        # The writer first: what was judged by another dictionary than its own, it refuses.
        if rulebook.dictionary.version != self.writer.dictionary.version:
            self.writer.adopt(rulebook.dictionary).result()
        self.rulebook = rulebook
        self.dbt_docs.outdate()

    def table(self, name: str) -> Table:
        """The table of that name; UnknownTable when there is none."""
        return self.rulebook.table(name)

    def _columns_of(self, table: str) -> Sequence[str]:
        found = self.dictionary.tables.get(table)
        return found.column_names if found else ()

    def keep_house(self) -> None:
        """What is done every hour: forgets what is old enough, and looks for backups to copy."""
        self.forget_old_answers()
        self.teller.forget(utc_now() - timedelta(days=self.settings.hook_days))
        self.forget_old_changes()
        self.copy_soon()

    def start_shipping(self) -> None:
        """Begins to ship changes to the lake, if there is one."""
        if self.shipper:
            self.shipper.start()

    def copy_soon(self) -> None:
        """Has backups copied, unless rows are missing: then nothing is changed."""
        if self.pairing and not self.losses:
            self.pairing.wake()

    def forget_old_changes(self) -> None:
        """Forgets what rows were before they changed, where that is long enough ago."""
        if days := self.settings.changes_days:
            before = utc_now() - timedelta(days=days)
            self.writer.run(lambda connection: forget_changes(connection, before)).result()

    def forget_old_answers(self) -> None:
        """Forgets the answers to requests with an Idempotency-Key that are old enough."""
        before = utc_now() - timedelta(hours=self.settings.idempotency_hours)
        self.writer.run(lambda connection: records.forget_answers(connection, before)).result()


def places_of(settings: Settings) -> Places:
    """Where backups are, and their copies; nothing is asked of either yet.

    Raises:
        StoreUnavailable: the credentials of one cannot be read, or the extra `lake` is missing.
    """
    primary = Catalogue(open_store(settings.backups, settings.backups_credentials))
    if settings.backups_copy is None:
        return Places(primary)
    return Places(
        primary, Catalogue(open_store(settings.backups_copy, settings.backups_copy_credentials))
    )


def _pairing_of(settings: Settings, places: Places, metrics: Metrics) -> Pairing | None:
    if places.second is None:
        return None
    return Pairing(places.primary, places.second, Keep.of(settings), metrics)

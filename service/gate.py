"""The service's parts, put together: opened once, closed once."""

from datetime import timedelta

from litestar.datastructures import State

from service.access.keyring import Keyring
from service.api.http.limits import Limits
from service.backups.catalogue import Catalogue
from service.dictionary import Dictionary, Table
from service.doors.builds import Builds
from service.doors.files import FileLoads
from service.engines.duckdb import Database
from service.errors import UnknownTable
from service.judge.judge import Judge
from service.judge.micro_batches import MicroBatcher
from service.judge.process.process_client import WorkerProcess
from service.ops import records
from service.ops.replays import end_interrupted
from service.runtime.clock import utc_now
from service.runtime.metrics import Metrics
from service.runtime.settings import Settings
from service.warehouse.writer import Writer


class Gate:
    """Everything a request may need; `open` it before and `close` it after use."""

    def __init__(self, settings: Settings, apart: bool = False) -> None:
        """Large bodies are judged in a process of their own if that is asked for by `apart`."""
        self.settings = settings
        self.apart = WorkerProcess(apart and settings.judging_process)
        self.metrics = Metrics()
        self.catalogue = Catalogue(settings.backups)
        self.keyring = Keyring(settings.keys_file)
        self.limits = Limits(settings)

    def open(self) -> None:
        """Opens the warehouse and starts the writer.

        Raises:
            NotBuilt: there is no warehouse, or no build has finished in it.
        """
        self.database = Database(
            self.settings.warehouse,
            self.settings.memory_bytes,
            self.settings.disk_floor_bytes,
        )
        try:
            dictionary = self.database.dictionary()
            self.writer = Writer(
                self.database,
                dictionary,
                self.settings.queue_requests,
                self.settings.group_rows,
            )
            self._adopt(dictionary)
            self.writer.start()
        except BaseException:
            self.database.close()
            raise
        self.catalogue.sweep()
        self.builds = Builds(self.settings, self.writer, self.reload, self.database.all_cores)
        self.loads = FileLoads(self.settings, self.database, self.writer, self.database.all_cores)
        self.loads.resume()
        self.forget_old_answers()
        self.writer.run(lambda connection: end_interrupted(connection, utc_now())).result()

    def cut_short(self) -> None:
        """Has what takes long end by an error, so that `close` can come to its end.

        Once is not enough: what is between two statements is not interrupted.
        """
        self.builds.cut_short()
        self.loads.cut_short()
        self.database.interrupt()

    def close(self) -> None:
        """Lets what is under way come to its end, then lets go of the warehouse."""
        self.loads.stop()
        self.builds.stop()
        self.writer.stop()
        self.keyring.flush()
        self.apart.close()
        self.database.close()

    def _adopt(self, dictionary: Dictionary) -> None:
        judges = {name: Judge(table) for name, table in dictionary.tables.items()}
        # The writer first: what was judged by another dictionary than its own, it refuses.
        if dictionary.version != self.writer.dictionary.version:
            self.writer.adopt(dictionary).result()
        self.dictionary, self.judges = dictionary, judges
        self.together = {name: MicroBatcher(judge) for name, judge in judges.items()}

    def reload(self) -> None:
        """Takes up the dictionary of the build that has just ended."""
        self._adopt(self.database.dictionary())

    def table(self, name: str) -> Table:
        """The table of that name; UnknownTable when there is none."""
        table = self.dictionary.tables.get(name)
        if table is None:
            raise UnknownTable(name, list(self.dictionary.tables))
        return table

    def forget_old_answers(self) -> None:
        """Forgets the answers to requests with an Idempotency-Key that are old enough."""
        before = utc_now() - timedelta(hours=self.settings.idempotency_hours)
        self.writer.run(lambda connection: records.forget_answers(connection, before)).result()


def gate_of(state: State) -> Gate:
    """The parts of the service, for handlers that ask for `gate`."""
    return state.gate  # type: ignore[no-any-return]

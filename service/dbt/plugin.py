"""What dbt calls Python for (profiles.yml): to land a CSV file, and to let a service be."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig
from dbt.adapters.factory import get_adapter_by_type
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError

from service.dbt.history_files import WrongHistory, history_file, largest_file, strange_files
from service.dbt.landing import CsvSource
from service.dbt.run_context import (
    allowed_by_run,
    landing,
    open_file,
    prepared_by_run,
    show_dictionary,
)
from service.dictionary.file_options import WrongOption, read_files, read_options
from service.engines.predicates import BadPredicate, checked
from service.engines.sql_functions import add_functions
from service.evolution.evolving import (
    altering,
    evolve,
    read_dictionary_text,
    refusal,
    saved_dictionary,
)
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import (
    Dialect,
    DialectOptions,
    ExpectedColumn,
    LineCounts,
    UnreadableFile,
    dialect_of,
)
from service.outbox.build_changes import BuiltRows, record_build
from service.runtime.running import holder_of

LEAST_MEMORY = 2_000_000_000  # bytes
NO_LIMIT = 1 << 62  # bytes; what is in the folder of the history was put there by its owner


class Plugin(BasePlugin):
    """Made by dbt-duckdb before it opens the warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Raises DbtRuntimeError when a service of another process has the warehouse."""
        assert self.creds is not None
        self.creds.path = str(_in_project(self.creds.path))
        marker = holder_of(Path(self.creds.path))
        self._in_service = marker is not None
        if marker is not None and marker.pid != os.getpid():
            raise DbtRuntimeError(
                f"a service has this warehouse open: {marker.url} (process {marker.pid}).\n"
                "  `gatehouse build` has it build, and goes on serving meanwhile;\n"
                "  `gatehouse dbt show` (test, compile, docs …) reads a copy of the warehouse;\n"
                "  to run dbt itself, stop the service first."
            )

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Keeps the connection that files are landed by, and prepares the warehouse once in a run.

        In a service its memory is set already.
        """
        assert self.creds is not None
        self._connection, prepared = conn, prepared_by_run()
        if (warehouse := Path(self.creds.path)) in prepared:
            return
        if not self._in_service:  # before anything is asked, which may need more than is set
            conn.execute(f"set global memory_limit = '{memory_for(conn)} bytes'")
        try:
            add_functions(conn)
        except duckdb.Error:
            conn.close()  # dbt does not know of it yet, and would leave the file open
            raise
        prepared.add(warehouse)

    def store(self, target_config: TargetConfig) -> None:
        """Does what a macro of engines/duckdb/ asks for; the answer goes into its `config`."""
        asked = target_config.config
        match target_config.location.format if target_config.location else None:
            case "csv":
                self._land(asked)
            case "yaml":
                asked["problem"] = _problem(asked["options"], asked["synonyms"])
            case "predicate":
                asked.update(self._of_predicates(asked))
            case "folder":
                folder = str(_in_project(asked["folder"]))
                asked.update(_history(folder, asked["table"], asked["tables"]))
            case "change":
                self._record_change(asked)
            case "altering":
                asked["changes"] = self._altering(asked["content"])
            case "alter":
                asked["problem"] = self._alter(asked)
            case "dictionary":
                show_dictionary(asked["content"])
            case "open":
                asked["is_open"] = open_file(asked["load_id"]) is not None

    def _of_predicates(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "rows" in asked:
            return {"failing": self._failing(asked["predicates"], asked["rows"])}
        return _looked_at(asked["predicate"], asked["of"])

    def _failing(self, predicates: list[str], rows: str) -> list[str]:
        """Those that cannot be evaluated for one of the rows; there are no others, as a rule."""
        with _of_this_thread().cursor() as cursor:  # what fails must not end its transaction
            if not _fails(cursor, predicates, rows):
                return []
            return [each for each in predicates if _fails(cursor, [each], rows)]

    def _record_change(self, load: dict[str, Any]) -> None:
        """In the transaction of the model that this thread runs."""
        with self._connection.cursor() as committed:
            record_build(_of_this_thread(), committed, BuiltRows(**load))

    def _altering(self, content: str) -> list[dict[str, Any]]:
        """How the dictionary of a text differs from that of the tables, where they are altered."""
        with self._connection.cursor() as cursor:
            found = altering(saved_dictionary(cursor), read_dictionary_text(content))
        return [{**asdict(change), "described": change.described} for change in found]

    def _alter(self, asked: dict[str, Any]) -> str | None:
        """Alters tables, all at once; returns why not, or None."""
        allowed = [*asked["allowed"], *allowed_by_run()]
        with self._connection.cursor() as cursor:
            cursor.execute("set TimeZone = 'UTC'")
            new = read_dictionary_text(asked["content"])
            refused = evolve(cursor, new, asked["statements"], allowed)
        return refusal(refused) if refused else None

    def _land(self, load: dict[str, Any]) -> None:
        """Lands lines of a file.

        The statements in ``before`` are executed when the file was found to make sense, in one
        transaction with the landing, and the one in ``after`` with what was found: a part of a file
        is there whole and on record, or not at all.
        """
        try:
            source = open_file(load["load_id"]) or _opened(load)
            with self._connection.cursor() as cursor, landing(cursor):
                cursor.begin()  # and what fails is taken back when the cursor is closed
                for statement in load["before"]:
                    cursor.execute(statement)
                source.land(cursor, load["target"])
                load["counted"] = _counted(source.dialect, source.counts)
                cursor.execute(load["after"], _found(source) | load["counted"])
                cursor.commit()
        except UnreadableFile as error:
            load["refused"] = error.detail
            return
        load["described"] = source.dialect.described()


def _of_this_thread() -> duckdb.DuckDBPyConnection:
    """The connection of the node that this thread runs."""
    connections = get_adapter_by_type("duckdb").connections  # type: ignore[no-untyped-call]
    return connections.get_thread_connection().handle.cursor()._cursor  # type: ignore[no-any-return]


def _in_project(path: str) -> Path:
    """A path of the profile or the environment; a relative one starts at dbt's project."""
    project: str = get_flags().PROJECT_DIR  # type: ignore[no-untyped-call]
    return Path(project, path)


def _found(source: CsvSource) -> dict[str, Any]:
    """What ``ops.landed`` keeps of a file, beside its counts."""
    columns = [name for name in source.dialect.columns if name is not None]
    return {
        "delimiter": source.dialect.delimiter,
        "columns": msgspec.json.encode(columns).decode(),
        "last_line": source.last_line,
    }


def _problem(options: Any, synonyms: dict[str, Any]) -> str | None:
    """What is wrong with what the YAML of a table says of files."""
    try:
        read_files(options, synonyms)
    except WrongOption as error:
        return str(error)
    return None


def _fails(cursor: duckdb.DuckDBPyConnection, predicates: list[str], rows: str) -> bool:
    # bool_and, since count() is not worked out where no value is null
    asked = ", ".join(f"bool_and((\n{each}\n))" for each in predicates)
    try:
        cursor.execute(f"select {asked} from {rows}").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return False  # the table is not built yet
    except (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error:
        return True
    return False


def _looked_at(predicate: str, columns: dict[str, str]) -> dict[str, Any]:
    """The columns that a predicate looks at, or why it is none over one row."""
    try:
        return {"columns": checked(predicate, columns), "problem": None}
    except BadPredicate as error:
        return {"columns": [], "problem": str(error)}


def _history(folder: str, table: str | None, tables: list[str]) -> dict[str, Any]:
    """Where the history of a table is, or why it cannot be told; and what is no table's."""
    found: dict[str, Any] = {"path": None, "problem": None, "strange": []}
    try:
        if table is not None:
            found["path"] = history_file(folder, table)
    except WrongHistory as error:
        found["problem"] = str(error)
    return found | {"strange": strange_files(folder, tables)}


def _counted(dialect: Dialect, counts: LineCounts) -> dict[str, int | None]:
    """The lines of the whole file, and of the part that was landed; as ``ops.loads`` names them."""
    return {
        "lines": dialect.lines or None,
        "header_lines": counts.header,
        "blank_lines": counts.blank,
        "skipped_lines": counts.skipped,
        "record_lines": counts.records,
    }


def memory_for(connection: duckdb.DuckDBPyConnection) -> int:
    """Bytes for data in a build by itself: as many as it goes well with, not all that there are.

    DuckDB keeps what it has read as long as there is room: of 10 million lines a gigabyte more,
    for nothing.
    """
    if said := int(os.environ.get("GATEHOUSE_MEMORY_BYTES") or 0):
        return said
    limit = "select parse_formatted_bytes(current_setting('memory_limit'))"
    ((most,),) = connection.execute(limit).fetchall()
    largest = largest_file(str(_in_project(os.environ.get("GATEHOUSE_SEEDS", "seeds"))))
    return min(int(most), max(LEAST_MEMORY, 4 * largest))


def _opened(load: dict[str, Any]) -> CsvSource:
    """The file of a load that no service has under way: a history's, or one left over."""
    path = Path(load["path"])
    expected = msgspec.convert(load["wanted"], tuple[ExpectedColumn, ...])
    if path.exists() and not path.is_file():  # a pipe, say, whose other end no one opens
        raise UnreadableFile("it is not a file")
    if load["shape"]:
        dialect = dialect_of(load["shape"])
    else:
        options = DialectOptions(**read_options(load["options"] or {}))
        dialect = detect_dialect(path, expected, options, NO_LIMIT)
    names = tuple(each.name for each in expected)
    return CsvSource(path, dialect, names, NO_LIMIT, after=load["behind"], at_once=True)

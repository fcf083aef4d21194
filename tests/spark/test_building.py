"""The same dbt project on Spark and on DuckDB: equal rows, equal rejections, equal reports.

Two builds on Spark, and one of one table, serve all these tests: they take most of a minute each.
"""

import json
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue
from service.backups.entry import DATA, name_of
from service.stores.kinds import open_store
from tests.support import CHECKOUT, world
from tests.support.challenge import CHALLENGE
from tests.support.projects import Project
from tests.support.spark import SparkProcess, differences, said

# A build there takes a minute; on a machine that does much else, ten.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TABLES = ("departments", "jobs", "hired_employees")
MARTS = ("hires_by_department", "hires_by_month", "hires_by_quarter")
COUNTS = "received, accepted, rejected, already_present, lines, record_lines"


class Both:
    """One project, built on DuckDB and on Spark."""

    def __init__(self, folder: Path, spark: SparkProcess) -> None:
        self.project, self.spark = Project(folder), spark
        for table in TABLES:
            if CHALLENGE.exists():
                shutil.copy(CHALLENGE / f"{table}.csv", self.project.seeds)
            else:
                shutil.copy(CHECKOUT / "seeds" / f"raw_{table}.csv", self.project.seeds)
        self.lake = folder / "lake"
        self.project.build(marts=True)
        self._back_up()

    def _back_up(self) -> None:
        """Backs jobs up twice; the newer one is damaged."""
        settings = self.project.settings
        catalogue, table = Catalogue(open_store(settings.backups)), world.JOBS
        with duckdb.connect(str(settings.warehouse)) as connection:
            for _ in range(2):
                connection.begin()
                (entry,) = back_up(
                    connection, [table], catalogue, dictionary_version="1", kind="manual"
                )
                connection.rollback()
        path = settings.backups.path / name_of(entry.backup_id, DATA)
        path.write_bytes(path.read_bytes()[:-1])

    def build(self, *select: str) -> dict[str, str]:
        """Builds on Spark, all or what is selected; the statuses of the nodes."""
        result = self.spark.build(said(self.project.settings, self.lake), *select)
        assert result["status"] == "done", result["message"]
        nodes: dict[str, str] = result["nodes"]
        return nodes

    def differences(self, table: str, columns: str, where: str = "true") -> set[object]:
        """The symmetric difference of what both engines have, each row as text."""
        return differences(self.project.settings.warehouse, self.spark, table, columns, where)

    def columns(self, table: str) -> str:
        """The columns that the warehouse has of a table."""
        return ", ".join(row[0] for row in self.project.query(f"describe {table}"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, spark: SparkProcess) -> Both:
    return Both(tmp_path_factory.mktemp("both"), spark)


@pytest.fixture(scope="module")
def history(both: Both) -> dict[str, str]:
    """The first build: of history alone."""
    return both.build()


def test_every_model_and_every_data_test_passes(history: dict[str, str]) -> None:
    assert {*history.values()} <= {"success", "pass"}
    assert len(history) > 30


def test_spark_warns_of_nothing_that_no_one_can_act_on(both: Both, history: dict[str, str]) -> None:
    lines = both.spark.log.read_text().splitlines()
    warned = [line for line in lines if " WARN " in line and "bind to another" not in line]
    assert not [line for line in warned if "loopback address" not in line]


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_rejections_of_history_are_those_of_duckdb(
    both: Both, history: dict[str, str], table: str
) -> None:
    assert both.differences(f"core.{table}", both.columns(f"core.{table}")) == set()
    of_table = f"table_name = '{table}'"
    said = "rejection_id, position, payload, violations, status, raw"
    assert both.differences("ops.rejections", said, of_table) == set()
    assert both.differences("ops.loads", f"kind, status, {COUNTS}", of_table) == set()


def test_a_table_is_shown_as_its_newest_whole_backup_has_it(
    both: Both, history: dict[str, str]
) -> None:
    rows = both.spark.rows("select id, job from backup.jobs")
    assert {*rows} == {*both.spark.rows("select id, job from core.jobs")}


@pytest.mark.parametrize("mart", MARTS)
def test_reports_of_history_are_those_of_duckdb(
    both: Both, history: dict[str, str], mart: str
) -> None:
    assert both.differences(f"marts.{mart}", both.columns(f"marts.{mart}")) == set()


def test_books_of_a_build_that_died_before_them_are_made_whole_by_the_next(
    both: Both, history: dict[str, str]
) -> None:
    for table in ("ops.loads", "ops.history"):
        both.spark.rows(f"delete from {table} where table_name = 'departments'")
    both.build("--select", "raw_departments", "departments")
    of_table = "table_name = 'departments'"
    assert both.differences("ops.loads", f"kind, status, {COUNTS}", of_table) == set()
    assert both.differences("core.departments", "id, department") == set()


@pytest.fixture(scope="module")
def changed(both: Both, history: dict[str, str]) -> Both:
    """Built again when a gate has shipped a snapshot, and changes behind it."""
    ship(both)
    assert {*both.build().values()} <= {"success", "pass"}
    return both


def ship(both: Both) -> None:
    """Changes of a gate on the lake, which the warehouse has, too: two segments."""
    with duckdb.connect(str(both.project.settings.warehouse)) as gate:
        gate.execute(
            "delete from ops.rejections where position = (select max(position) from ops.rejections)"
        )  # what Spark has judged, and the gate has not, goes
        first = Shipped(both.lake, 1, 1, snapshot=True)
        for table in TABLES:
            first.reset(gate, table, f"core.{table}")
            first.add(gate, table, 1, f"from core.{table}")
        for book in ("loads", "rejections"):
            first.reset(gate, f"_{book}", f"ops.{book}")
            first.add(gate, f"_{book}", 1, f"from ops.{book}", "upsert")
        first.close()
        second = Shipped(both.lake, 2, 6)
        hires = "core.hired_employees"
        (one,), (other,) = gate.sql(f"select id from {hires} order by id limit 2").fetchall()
        added = f"{one} + 900000, {other} + 900000"
        gate.execute(
            f"insert into {hires} by name select * replace (id + 900000 as id, 'Ada' as name)"
            f" from {hires} where id in ({one}, {other})"
        )
        second.add(gate, "hired_employees", 2, f"from {hires} where id in ({added})")
        gate.execute(f"update {hires} set name = 'Grace' where id = {other} + 900000")
        changed = f"from {hires} where id = {other} + 900000"
        second.add(gate, "hired_employees", 4, changed, "update")
        gone = f"from {hires} where id in ({one}, {other})"
        second.add(gate, "hired_employees", 5, gone, "delete")
        second.add(gate, "hired_employees", 6, f"from {hires} where id = {one}")
        gate.execute(f"delete from {hires} where id = {other}")
        left = change_in_any_order(gate, second, one)
        # What takes a row away is a restore; it says how many rows it left, of how many.
        gate.execute(
            "insert into ops.loads (load_id, table_name, kind, status, received, accepted,"
            " rejected, already_present, started_at, finished_at, detail)"
            " select 'live', table_name, 'restore', 'done',"
            f" accepted + 1 + {left}, accepted + 1 + {left}, 0, 0,"
            " finished_at, finished_at, '{\"accepted_before\": ' || accepted || '}'"
            " from ops.loads where table_name = 'hired_employees'"
        )
        second.add(gate, "_loads", 6, "from ops.loads where load_id = 'live'", "upsert")
        second.close()


def change_in_any_order(gate: duckdb.DuckDBPyConnection, segment: "Shipped", like: int) -> int:
    """Rows that come, change, go and come again, within a commit and over several; how many stay.

    Each is `like` a hire that is there, but for its name.
    """
    random, stay = Random("any order"), 0
    changes: list[tuple[int, int, int, str, str]] = []
    for key in range(950_000, 950_030):
        name = None
        for sequence in sorted(random.choices(range(2, 7), k=random.randint(1, 5))):
            kinds = ["insert", "upsert"] if name is None else ["update", "upsert", "delete"]
            operation = random.choice(kinds)
            name = None if operation == "delete" else f"{operation} {len(changes)}"
            changes.append((sequence, len(changes), key, operation, name or "gone"))
        if name is not None:
            stay += 1
            gate.execute(
                "insert into core.hired_employees by name select * replace (? as id, ? as name)"
                " from core.hired_employees where id = ?",
                [key, name, like],
            )
    for sequence, _, key, operation, name in sorted(changes):
        row = f"select * replace ({key} as id, '{name}' as name) from core.hired_employees"
        segment.add(gate, "hired_employees", sequence, f"{row} where id = {like}", operation)
    return stay


class Shipped:
    """A segment on its way to the lake."""

    def __init__(self, lake: Path, first: int, last: int, *, snapshot: bool = False) -> None:
        self._lake, self._first, self._last, self._snapshot = lake, first, last, snapshot
        self._name = f"{first:020d}-{last:020d}"
        self._rows: dict[str, list[pa.Table]] = {}
        self._places: Counter[tuple[str, int]] = Counter()

    def add(
        self,
        gate: duckdb.DuckDBPyConnection,
        table: str,
        sequence: int,
        query: str,
        operation: str = "insert",
    ) -> None:
        """Adds the rows of a query as one change of a table."""
        columns = "* exclude (number)" if table.startswith("_") else "*"
        place = self._places[table, sequence]
        rows = gate.sql(
            f"select {sequence}::bigint as _sequence,"
            f" ({place} + row_number() over ())::integer as _number,"
            f" '{operation}' as _operation, 'live' as _load_id, {columns} from ({query})"
        ).to_arrow_table()
        self._places[table, sequence] += rows.num_rows
        self._rows.setdefault(table, []).append(rows)

    def reset(self, gate: duckdb.DuckDBPyConnection, table: str, of: str) -> None:
        """Says that the table is empty from here."""
        self.add(
            gate,
            table,
            self._first,
            f"select x.* from (select 1) left join {of} as x on false",
            "reset",
        )

    def close(self) -> None:
        """Writes its files, and then the one that names them."""
        files = []
        for table, parts in self._rows.items():
            path = self._lake / "raw" / table / f"{self._name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = pa.concat_tables(parts)
            pq.write_table(rows, path)
            files.append(
                {
                    "table": table,
                    "path": f"raw/{table}/{path.name}",
                    "rows": len(rows),
                    "bytes": 0,
                    "sha256": "",
                }
            )
        # One that does not count: its writer was overtaken.
        stray = self._lake / "raw" / "hired_employees" / f"{self._first:020d}-{self._last + 9:020d}"
        stray.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self._strange(), f"{stray}.parquet")
        index = self._lake / "segments" / f"{self._first:020d}.json"
        index.parent.mkdir(exist_ok=True)
        said: dict[str, object] = {
            "format": 1,
            "first": self._first,
            "last": self._last,
            "snapshot": self._snapshot,
        }
        said |= {"epoch": 1, "dictionary": "", "made_at": ""}
        index.write_text(json.dumps(said | {"gate": "g", "files": files}))

    def _strange(self) -> pa.Table:
        return pa.table(
            {
                "_sequence": pa.array([self._last], pa.int64()),
                "_number": pa.array([1], pa.int32()),
                "_operation": ["insert"],
                "_load_id": ["strange"],
                "id": pa.array([777777], pa.int32()),
            }
        )


@pytest.mark.parametrize("table", TABLES)
def test_the_last_change_of_each_row_counts(changed: Both, table: str) -> None:
    assert changed.differences(f"core.{table}", changed.columns(f"core.{table}")) == set()


@pytest.mark.parametrize("mart", MARTS)
def test_reports_follow_the_changes(changed: Both, mart: str) -> None:
    assert changed.differences(f"marts.{mart}", changed.columns(f"marts.{mart}")) == set()


def test_the_books_are_those_of_the_gate(changed: Both) -> None:
    assert changed.differences("ops.loads", f"load_id, table_name, kind, {COUNTS}") == set()
    assert changed.differences("ops.rejections", "rejection_id, position, status") == set()


def test_each_row_carries_its_load_and_its_change(changed: Both) -> None:
    rows = changed.spark.rows(
        "select _sequence, count(*) from core.hired_employees"
        " where id > 900000 and id < 950000 group by 1"
    )
    assert {*rows} == {("2", "1"), ("4", "1")}
    by_gate = "select count(*) from core.departments where _sequence = 1"
    assert changed.spark.rows(by_gate) == changed.spark.rows(
        "select count(*) from core.departments"
    )

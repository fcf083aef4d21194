"""What is killed while it loads a file: the next one goes on, and counts each line once."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from service.backups.catalogue import Catalogue
from service.engines.duckdb import Database
from service.runtime.settings import Settings
from service.stores.folder import FolderStore
from service.upkeep.audit import Audit, audit
from tests.support import dying
from tests.support.processes import Service
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(10**6))))
ROUNDS = 1
ROWS = 20_000
# Parts small enough that a kill falls between, before and behind them.
PROGRAM = """
import sys
from service.doors import files
from service.dbt import landing
from service.formats.csv import opening
from service.formats.csv import reader
landing.PART = files.PART = 8_000
opening.BLOCK = reader.BLOCK = 65_536
from service.cli import main
main()
"""


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Service]]:
    with ExitStack() as stack:

        def begin() -> Service:
            service = Service(settings, PROGRAM)
            stack.callback(service.kill)
            return service

        yield begin


def a_file(rows: int) -> str:
    """Every fiftieth line lacks its job, every hundredth is there twice."""
    lines = ["id,name,datetime,department_id,job_id"]
    for i in range(1, rows + 1):
        line = f"{100_000 + i},Ada Byron,2021-06-14T09:30:00Z,1,{'' if i % 50 == 0 else 1}"
        lines += [line, line] if i % 100 == 1 else [line]
    return "\n".join(lines) + "\n"


def test_no_line_is_lost_and_none_goes_in_twice(
    start: Callable[[], Service], settings: Settings
) -> None:
    print(f"KILL_SEED={SEED}")
    random_ = random.Random(SEED)
    service = start()
    before = _rows(service)
    taken = service.client.post(
        "/v1/tables/hired_employees/files?filename=long.csv",
        content=a_file(ROWS),
        headers={"Content-Type": "text/csv"},
    ).json()
    for _ in range(ROUNDS):
        until = time.monotonic() + random_.uniform(0, 2)
        while time.monotonic() < until:
            _balanced(service.client.get(taken["href"]).json())
            PAUSE(0.1)
        service.kill()
        service = start()
    load = service.client.get(taken["href"]).json()
    while load["status"] == "running":
        PAUSE(0.1)
        load = _balanced(service.client.get(taken["href"]).json())
    assert (load["status"], load["detail"]) == ("done", None)
    assert load["received"] == ROWS + ROWS // 100
    assert (load["rejected"], load["already_present"]) == (ROWS // 50, ROWS // 100)
    assert _rows(service) == before + load["accepted"]
    assert not list(settings.spool.iterdir())


def _balanced(load: dict[str, Any]) -> dict[str, Any]:
    assert load["received"] == load["accepted"] + load["rejected"] + load["already_present"]
    return load


def _rows(service: Service) -> int:
    return int(service.client.get("/v1/tables/hired_employees").json()["rows"])


LINES = 500
PART = 300
EACH_POINT = ("landed", "typed", "judging", "judged", "inserted", "recorded", "committed")


def test_what_is_killed_at_any_point_counts_each_line_once(
    settings: Settings, tmp_path: Path
) -> None:
    """History, which has but one part; a file's first part, at its end; its second one."""
    with (settings.seeds / "raw_departments.csv").open("a") as history:
        history.write("901,New\n902,\n901,New\n")
    file = tmp_path / "hires.csv"
    file.write_text(a_file(LINES))
    lines = _query(settings, "select count(*) + 3 from raw.departments")[0][0]
    _query(settings, "create table raw.jobs__trial as select 1")  # a killed one's
    builds = [(at, dying.build) for at in ("landed", "judged", "recorded", None)]
    points = ("committed", *EACH_POINT, "ended", None)
    loads = [(at, dying.load, file, PART) for at in points]
    dying.one_after_another(settings, [*builds, *loads])
    received, present, rejected = LINES + LINES // 100, LINES // 100, LINES // 50
    accepted = received - present - rejected
    counts = "status, received, accepted, rejected, already_present from ops.loads"
    loaded = _query(settings, f"select {counts} where kind = 'file'")
    assert loaded == [("done", received, accepted, rejected, present)]
    kinds = "header_lines, blank_lines, skipped_lines, record_lines from ops.loads"
    assert _query(settings, f"select {kinds} where kind = 'file'") == [(1, 0, 0, received)]
    hires = "select count(*), count(distinct id) from core.hired_employees where id > 100000"
    assert _query(settings, hires) == [(accepted, accepted)]
    _landed_once(settings, "hired_employees", received, rejected + present)
    _landed_once(settings, "departments", lines, lines - 1)
    dying.one_after_another(settings, [(None, dying.build)])  # with all data tests
    # Lines of the history wait for a parent, so it is in the place of the file again.
    _landed_once(settings, "hired_employees", 2000, 2000)
    assert _query(settings, "select 1 from duckdb_tables() where table_name like '%trial%'") == []
    assert not list(settings.spool.iterdir())
    assert (found := _audited(settings)).ok, found.checks


def _landed_once(settings: Settings, table: str, lines: int, exceptions: int) -> None:
    for name, count in ((table, lines), (f"{table}__exceptions", exceptions)):
        landed = f"select count(*), count(distinct line) from raw.{name}"
        assert _query(settings, landed) == [(count, count)], name


def _audited(settings: Settings) -> Audit:
    database = Database(settings.warehouse)
    with closing(database), database.reading() as connection:
        return audit(
            connection, database.dictionary(), Catalogue(FolderStore(settings.backups.path))
        )


def _query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.warehouse)) as connection:
        return connection.execute(sql).fetchall()

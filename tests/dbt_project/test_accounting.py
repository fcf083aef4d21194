"""`dbt test` holds that the rows of each table follow from its loads."""

from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.test_history import HIRES, live
from tests.support import LOADS
from tests.support.projects import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("accounting"))
    project.write("departments", "id,department\n1,Quays\n2,Tugs\n")
    project.write("jobs", "id,job\n1,Pilot\n2,Stoker\n")
    project.write("hired_employees", HIRES)
    project.build()
    return project


def failing(project: Project, *damage: str) -> set[str]:
    """The data tests of accounts that fail after a change of the warehouse, which is undone."""
    path = project.settings.warehouse
    before = path.read_bytes()
    with duckdb.connect(str(path)) as connection:
        for sql in damage:
            connection.execute(sql)
    try:
        return project.failing("test_name:history_accounted_for")
    finally:
        Path(f"{path}.wal").unlink(missing_ok=True)
        path.write_bytes(before)


def load(kind: str, received: int, accepted: int, detail: str = "null") -> str:
    return (
        f"insert into {LOADS} values (cast(uuid() as varchar), 'jobs', '{kind}', null, 'done',"
        f" {received}, {accepted}, 0, {received - accepted}, now(), now(), null, {detail})"
    )


JOBS = {"history_accounted_for_jobs_"}
# Two records on either side of where lines are looked at apart.
FAR_APART = (
    "update raw.jobs set line = 999998 + line - 1 where line in (2, 3)",
    "update ops.loads set lines = 1000001 where table_name = 'jobs'",
    "update ops.loads set blank_lines = lines - header_lines - record_lines"
    " where table_name = 'jobs'",
)
DAMAGE = {
    "a row more": ("insert into core.jobs values (9, 'A')",),
    "a row less": ("delete from core.jobs where id = 1",),
    "a count of a load": (
        "update ops.loads set accepted = 1, rejected = 1 where table_name = 'jobs'",
    ),
    "a sum of a load": ("update ops.loads set received = 9 where table_name = 'jobs'",),
    "a line of a load": ("update ops.loads set lines = 4 where table_name = 'jobs'",),
    "a landed line less": ("delete from raw.jobs where line = 3",),
    "a landed line twice": (
        "update raw.jobs set _lines = 2 where line = 2",
        "update ops.loads set record_lines = 3, lines = 4 where table_name = 'jobs'",
    ),
    "a landed line twice, in two blocks": (
        "update ops.loads set record_lines = 3 where table_name = 'jobs'",
        *FAR_APART,
        "update raw.jobs set _lines = 2 where line = 999999",
    ),
    "a landed line behind the end": (
        "update raw.jobs set line = 9 where line = 2",
        "update ops.loads set lines = 3 where table_name = 'jobs'",
    ),
    "a load without rows": (load("replay", 1, 1),),
    "a restore without rows": (load("restore", 3, 1, '\'{"removed":0,"accepted_before":2}\''),),
}
FINE = {
    "nothing": (),
    "a load from before lines were counted": (
        "update ops.loads set lines = null, record_lines = null where table_name = 'jobs'",
        "update raw.jobs set _lines = 2 where line = 2",
    ),
    "lines in two blocks": FAR_APART,
    "a replay": ("insert into core.jobs values (9, 'A')", load("replay", 1, 1)),
    "a restore": (
        "delete from core.jobs",
        load("restore", 0, 0, '\'{"removed":2,"accepted_before":2}\''),
    ),
    "a restore, and a row since": (
        "delete from core.jobs where id = 1",
        load("restore", 1, 0, '\'{"removed":1,"accepted_before":2}\''),
        load("batch", 1, 1),
        "insert into core.jobs values (9, 'A')",
    ),
    "a restore of before": (
        "delete from core.jobs where id = 1",
        load("restore", 1, 0, "'{\"removed\":1}'"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_does_not_follow_from_the_loads_fails(
    project: Project, damage: tuple[str, ...]
) -> None:
    assert failing(project, *damage) == JOBS


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_follows_from_the_loads_passes(project: Project, change: tuple[str, ...]) -> None:
    assert failing(project, *change) == set()


def test_a_build_and_dbt_in_a_terminal_say_so_too(project: Project) -> None:
    live(project, "jobs", "8, 'Diver'")
    project.build()
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        connection.execute("delete from core.jobs where id = 8")
    build = project.build_fails()
    assert "history_accounted_for_jobs_" in (build.message or "")
    done = project.dbt("test", "--select", "test_name:history_accounted_for")
    assert done.returncode == 1
    assert {
        line.split("FAIL")[1].split()[1] for line in done.stdout.splitlines() if " FAIL " in line
    } == JOBS

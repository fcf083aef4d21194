"""What lies in the folder of the history: whose it is, and what cannot be one."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import zstandard

from service.ops import pending_files
from service.ops.pending_files import PendingFile
from service.runtime.clock import utc_now
from tests.support.projects import Project

pytestmark = pytest.mark.slow
JOBS = "id,job\n1,Welder\n2,Translator\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Built once, without any history; `project` is a copy that a test may change."""
    project = Project(tmp_path_factory.mktemp("base"))
    project.build()
    return project


@pytest.fixture
def project(base: Project, tmp_path: Path) -> Project:
    return base.copied(tmp_path / "copy")


def jobs(project: Project) -> list[tuple[int]]:
    """The ids of the jobs that are in."""
    return project.query("select id from core.jobs order by id")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jobs.csv.gz", gzip.compress(JOBS.encode(), mtime=0)),
        ("jobs.csv.zst", zstandard.compress(JOBS.encode())),
        ("Jobs.CSV", JOBS.encode()),
    ],
    ids=["gzip", "zstd", "capitals"],
)
def test_a_history_may_be_compressed_and_its_name_in_capitals(
    project: Project, name: str, content: bytes
) -> None:
    (project.seeds / name).write_bytes(content)
    build = project.build()
    assert jobs(project) == [(1,), (2,)]
    assert build.warnings == []
    project.build()
    assert project.query("select count(*) from ops.loads") == [(1,)]
    assert project.query("select source from ops.loads")[0][0].endswith(f"/{name}")


def test_two_files_for_a_table_are_refused_by_their_names(project: Project) -> None:
    project.write("jobs", JOBS)
    (project.seeds / "JOBS.csv.gz").write_bytes(gzip.compress(JOBS.encode(), mtime=0))
    message = project.build_fails().message or ""
    assert "has JOBS.csv.gz and jobs.csv: leave the one that is the history of jobs" in message
    assert jobs(project) == []


def test_a_folder_that_is_not_there_fails_the_build_and_says_what_to_set(project: Project) -> None:
    project.seeds.rmdir()
    for _ in range(2):
        message = project.build_fails().message or ""
        assert f"{project.seeds}" in message
        assert "set GATEHOUSE_SEEDS (the setting `seeds`) to the folder of the history" in message
        if not project.seeds.exists():
            project.seeds.write_text("a file")
    assert "is no folder" in message
    project.seeds.unlink()
    done = project.dbt("build", "--select", "+gatehouse.core")
    assert done.returncode == 1
    assert "set GATEHOUSE_SEEDS" in done.stdout


def a_folder(path: Path) -> None:
    path.mkdir()


def a_broken_link(path: Path) -> None:
    path.symlink_to("nowhere.csv")


def unreadable(path: Path) -> None:
    path.write_text(JOBS)
    path.chmod(0)


NO_FILE = [
    (a_folder, "is a folder, not a file"),
    (a_broken_link, "is a link to nowhere.csv, which is not there"),
    (os.mkfifo, "is not a file"),
    pytest.param(
        *(unreadable, "cannot be read (permission denied)"),
        marks=pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything"),
    ),
]


@pytest.mark.parametrize(("make", "says"), NO_FILE)
def test_what_is_no_file_that_can_be_read_is_told_and_not_passed_over(
    project: Project, make: Callable[[Path], None], says: str
) -> None:
    make(project.seeds / "jobs.csv")
    assert f"jobs.csv {says}" in (project.build_fails().message or "")


def test_a_link_to_a_file_is_read(project: Project) -> None:
    (project.folder / "elsewhere.csv").write_text(JOBS)
    (project.seeds / "jobs.csv").symlink_to(project.folder / "elsewhere.csv")
    project.build()
    assert jobs(project) == [(1,), (2,)]


def test_a_file_of_no_table_is_told_by_the_build_and_by_dbt(project: Project) -> None:
    for name in ("hires.csv", "job.CSV.gz", "jobs.tsv", "readme.txt", "jobs.csv.bak"):
        (project.seeds / name).write_text("id\n1\n")
    told = [
        f"{name} is the history of no table; there are departments, hired_employees, jobs"
        for name in ("hires.csv", "job.CSV.gz", "jobs.tsv")
    ]
    assert project.build().warnings == told
    done = project.dbt("build", "--select", "+gatehouse.core")
    assert done.returncode == 0
    assert all(each in done.stdout for each in told)


def test_a_dry_run_that_a_killed_service_left_is_not_run_by_a_build(project: Project) -> None:
    file = project.folder / "left.csv"
    file.write_text("id,job\n9,Smith\n")
    left = PendingFile(
        load_id="left",
        table_name="jobs",
        path=str(file),
        source="left.csv",
        shape="",
        is_trial=True,
        actor=None,
        asked_at=utc_now(),
    )
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        pending_files.add(connection, left)
        pending_files.make_current(connection, "left")
    project.write("jobs", JOBS)
    project.build()
    assert jobs(project) == [(1,), (2,)]
    assert project.query("select load_id from ops.files") == []
    project.build()
    assert project.query("select count(*) from ops.loads") == [(1,)]

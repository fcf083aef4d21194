"""Builds that would never end: cancelled, nothing is held, and the service goes on."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.dbt.runner import BuildResult
from service.errors import Conflict
from service.gate import Gate
from tests.support.locks import ShutToBuilds
from tests.support.processes import Service
from tests.support.projects import Project
from tests.support.services import serving
from tests.support.workers import PAUSE

ENDLESS = (
    "{{ table_of_record() }}"
    " and (select count(*) from range(10000000) a, range(10000000) b where a.range = -b.range - 1)"
    " >= 0\n"
)

pytestmark = pytest.mark.slow
JOBS = "/v1/tables/jobs/rows"
ENDED = ("done", "failed")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was built once."""
    project = Project(tmp_path_factory.mktemp("first"))
    project.write("departments", "id,department\n1,One\n")
    project.write("jobs", "id,job\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    project.build()
    return project


@pytest.fixture
def project(first: Project, tmp_path: Path) -> Project:
    """A copy whose next build never ends: it hangs while it holds the writer's lock."""
    copy = first.copied(tmp_path)
    (copy.core / "jobs.sql").write_text(ENDLESS)
    copy.append("jobs", "2,Second")
    return copy


@pytest.fixture
def gate(project: Project) -> Iterator[Gate]:
    gate = Gate(project.settings)
    gate.open()
    yield gate
    gate.close()


def held(gate: Gate, build: BuildResult) -> None:
    """Returns when the build holds up the writer."""
    while not (build.progress.node == "jobs" and gate.writer.lock.locked()):
        assert build.status not in ENDED, build.message
        PAUSE(0.1)


def ended(build: BuildResult) -> BuildResult:
    while build.status not in ENDED:
        PAUSE(0.1)
    return build


def test_a_build_that_hangs_is_cancelled_on_request_and_lets_the_writer_go(
    gate: Gate, project: Project
):
    build, waiting = gate.builds.ask(), gate.builds.ask()
    held(gate, build)
    gate.builds.cancel(waiting.build_id)
    gate.builds.cancel(build.build_id)
    assert (ended(build).status, build.message) == ("failed", "cancelled on request")
    assert (ended(waiting).status, waiting.nodes) == ("failed", [])
    gate.writer.run(lambda connection: connection.execute("select 1")).result(60)
    with pytest.raises(Conflict, match="the build has ended"):
        gate.builds.cancel(build.build_id)
    (project.core / "jobs.sql").write_text("{{ table_of_record() }}\n")
    assert ended(again := gate.builds.ask()).status == "done", again.message
    with gate.database.reading() as connection:
        assert connection.execute("select count(*) from core.jobs").fetchall() == [(2,)]


def test_a_build_that_waits_until_it_is_on_record_can_be_cancelled(gate: Gate):
    with gate.writer.lock:
        build = gate.builds.ask()
        gate.builds.cancel(build.build_id)
        assert ended(build).message == "cancelled on request"
        assert build.nodes == []


def test_a_build_that_waits_for_the_writer_can_be_cancelled(gate: Gate):
    lock: Any = ShutToBuilds()
    gate.writer.lock = lock
    build = gate.builds.ask()
    assert lock.tried_for.wait(60)
    gate.builds.cancel(build.build_id)
    assert ended(build).message == "cancelled on request"
    gate.writer.run(lambda connection: connection.execute("select 1")).result(60)


def test_a_build_has_so_much_time_and_then_requests_go_on(project: Project):
    settings = msgspec.structs.replace(project.settings, build_seconds=1)
    with serving(settings) as client:
        href = client.post("/v1/builds").json()["href"]
        while (build := client.get(href).json())["status"] not in ENDED:
            client.post(JOBS, json=[{"id": 7, "job": "once"}])
        assert build["status"] == "failed"
        assert build["message"] == "cancelled: it took longer than 1 s, see build_seconds"
        assert client.post(JOBS, json=[{"id": 9, "job": "after"}]).status_code == 201
        assert client.get("/v1/audit").json()["ok"]


def test_a_build_that_hangs_does_not_keep_the_service_from_ending(project: Project):
    service = Service(project.settings, more={"GATEHOUSE_SHUTDOWN_SECONDS": "1"})
    try:
        href = service.client.post("/v1/builds").json()["href"]
        while service.client.get(href).json()["progress"]["node"] != "jobs":
            PAUSE(0.1)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
    finally:
        service.kill()
    left = {path.name for path in project.folder.glob("gatehouse.duckdb*")}
    assert left == {"gatehouse.duckdb", "gatehouse.duckdb.journal"}

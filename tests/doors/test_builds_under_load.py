"""Builds in a service that inserts all the time: none fails, no request fails, no row is lost."""

import gc
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from service.dbt.cancelling import Cancel
from service.dbt.runner import BuildResult, one_at_a_time, run, small_sweeps
from service.errors import Conflict
from service.gate import Gate
from tests.support.answers import is_problem
from tests.support.inserting import (
    HIRES,
    LIVE,
    Clients,
    build,
    known,
    line,
    rules,
)
from tests.support.locks import ShutToBuilds
from tests.support.projects import CORE, Project
from tests.support.rows import hire
from tests.support.services import serving

pytestmark = pytest.mark.slow

BUILDS, NEW, RACED = 2, 300, 60  # the second meets what the first has loaded


# Builds and requests


def build_with_new_history(
    project: Project, clients: Clients, turn: int
) -> tuple[set[int], set[int]]:
    """The ids that are new in the history, and those that both doors tried to take.

    Of these a third is inserted before, a third during and a third after the build.
    """
    department = 3 + turn
    new = range(100_000 * (turn + 1), 100_000 * (turn + 1) + NEW)
    raced = range(10_000 * (turn + 1), 10_000 * (turn + 1) + RACED)
    for number in raced[: RACED // 3]:
        clients.insert([number])
    project.append("departments", f"{department},Department {turn}")
    lines = [line(number, department) for number in new]
    project.append("hired_employees", *map(line, raced), *lines)
    clients.contested.extend(raced[RACED // 3 : -RACED // 3])
    said = build(clients, clients.insert_something)
    assert said["status"] == "done", said["message"]
    for number in raced[-RACED // 3 :]:
        clients.insert([number])
    # The ids of the new history are taken at once, and its departments can be referred to.
    dry = clients.client.post(f"{HIRES}?dry_run=true", json=[hire(new[0], department, name=LIVE)])
    assert rules(dry) == ["unique"]
    return set(new), set(raced)


def test_builds_and_requests_get_on_with_each_other(project: Project, clients: Clients):
    new, raced = set(range(1, 50)), set[int]()
    with clients.inserting():
        for turn in range(BUILDS):
            of_turn = build_with_new_history(project, clients, turn)
            new |= of_turn[0]
            raced |= of_turn[1]
    rows = dict(project.query("select id, name from core.hired_employees"))
    live = {number for number, name in rows.items() if name == LIVE}
    assert live == clients.accepted()  # what was answered is so, and nothing else
    assert rows.keys() == live | raced | new
    assert {clients.told[number] for number in raced if number in clients.told} == {201, 422}
    assert late_in_the_history(project) == live & raced
    assert known(clients, "hired_employees") == len(rows)
    assert known(clients, "departments") == 2 + BUILDS
    wrong = "select * from ops.loads where received != accepted + rejected + already_present"
    assert project.query(wrong) == []


def late_in_the_history(project: Project) -> set[int]:
    """The ids of the lines of the history that came after a request; each is one rejection."""
    rows = project.query(
        "select cast(json_extract_string(payload, '$.id') as int), violations from ops.rejections"
        " where load_id in (select load_id from ops.loads where kind = 'history')"
    )
    assert all('"rule":"unique"' in violations for _, violations in rows)
    assert len({number for number, _ in rows}) == len(rows)
    return {number for number, _ in rows}


def test_a_build_waits_until_the_writer_lets_it_write(project: Project):
    project.append("departments", "3,Three")
    gate = Gate(project.settings)
    gate.open()
    lock: Any = ShutToBuilds()
    gate.writer.lock = lock
    try:
        builds = [gate.builds.ask() for _ in range(8)]
        assert lock.tried_for.wait(60)
        with pytest.raises(Conflict):  # one runs, seven wait; there is room for one more
            [gate.builds.ask() for _ in range(2)]
        assert builds[0].status == "running"
        assert not {"departments", "jobs"} & {node.name for node in builds[0].nodes}
    finally:
        lock.opened.set()
        gate.close()  # waits for the build that runs; those that wait are dropped
    assert builds[0].status == "done", builds[0].message
    assert [each.status for each in builds[1:]] == ["queued"] * 7
    assert project.query("select department from core.departments where id = 3") == [("Three",)]


class Noted:
    """The writer's lock, as a build asks for it."""

    def __init__(self) -> None:
        self.taken = 0
        self.written: list[str] = []
        self._held = False

    def take(self, cancel: Cancel) -> None:
        self.taken, self._held = self.taken + 1, True

    def release(self, table: str | None) -> None:
        if self._held and table:
            self.written.append(table)
        self._held = False

    def altered(self) -> None:
        self.release("the form of tables")

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        return nullcontext()


def tables_that_inserts_wait_for(project: Project) -> list[str]:
    """Those for which a build takes the writer's lock."""
    said, lock = BuildResult("a build", "queued"), Noted()
    what = ("build", "--select", *CORE, "--exclude-resource-type", "test")
    run(project.settings, said, lock, lambda node: None, what=what)
    assert said.status == "done", said.message
    assert lock.taken == len(lock.written)
    return lock.written


def test_inserts_wait_only_for_tables_that_a_build_changes(project: Project):
    assert tables_that_inserts_wait_for(project) == []
    project.append("jobs", "2,Second")
    assert tables_that_inserts_wait_for(project) == ["jobs"]
    # There is no file, so nothing to load: but the table is changed all the same.
    (project.seeds / "departments.csv").unlink()
    yaml = project.core / "departments.yml"
    yaml.write_text(yaml.read_text().rstrip() + NICKNAME)
    assert tables_that_inserts_wait_for(project) == ["the form of tables"]


def test_a_build_leaves_the_search_for_garbage_as_it_was(project: Project):
    before = gc.get_threshold()
    with one_at_a_time, small_sweeps():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before


# The dictionary


OFFICES = """
- name: code
  data_type: varchar
  description: What the office is called by.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: department_id
  data_type: integer
  description: Department that sits there.
  data_tests:
    - not_null
    - relationships: {arguments: {to: ref('departments'), field: id}}
"""
NICKNAME = """
      - name: nickname
        data_type: varchar
        description: What people call it.
        data_tests:
          - max_length: {arguments: {length: 5}}
"""


def test_a_changed_dictionary_is_taken_up_while_requests_come_in(
    project: Project, clients: Clients
):
    project.leave_out_marts()
    office = {"code": "HQ", "department_id": 5}
    row = {"id": 5, "department": "Five", "nickname": "fiver"}
    departments, offices = "/v1/tables/departments/rows", "/v1/tables/offices/rows"
    assert clients.client.post(offices, json=[office]).status_code == 404
    assert rules(clients.client.post(departments, json=[row])) == ["unknown_field"]
    project.model("offices", OFFICES, parents="departments", about="office")
    yaml = project.core / "departments.yml"
    yaml.write_text(yaml.read_text().rstrip() + NICKNAME)

    with clients.inserting():
        said = build(clients, clients.insert_something)
        assert said["status"] == "done", said["message"]
    assert rules(clients.client.post(departments, json=[{**row, "nickname": "too long"}])) == [
        "max_length"
    ]
    both = {"offices": [office], "departments": [row]}
    assert clients.client.post("/v1/rows", json=both).status_code == 201
    assert rules(clients.client.post(offices, json=[office])) == ["unique"]
    without = {"id": 6, "department": "Six"}
    assert clients.client.post(departments, json=[without]).status_code == 201
    kept = project.query("select id, nickname from core.departments order by id")
    assert kept == [(1, None), (2, None), (5, "fiver"), (6, None)]
    assert known(clients, "offices") == 1
    assert {
        n for (n,) in project.query(f"select id from core.hired_employees where name = '{LIVE}'")
    } == clients.accepted()

    for suffix in ("sql", "yml"):
        (project.core / f"offices.{suffix}").unlink()
    refused = build(clients, clients.insert_something)
    assert "offices removed: 1 row would be lost" in refused["message"]
    assert build(clients, clients.insert_something, "drop:offices")["status"] == "done"
    gone = clients.client.post(offices, json=[office])
    assert is_problem(gone, 404, "unknown-table")
    assert "offices" not in gone.json()["known"]


# Afterwards


def test_the_file_is_free_when_the_service_has_closed_it(project: Project):
    with serving(project.settings) as client:
        clients = Clients(client)
        assert build(clients, clients.insert_something)["status"] == "done"
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; connection = duckdb.connect(sys.argv[1]);"
            " connection.execute('insert into core.jobs values (9, $$free$$)');"
            " print(connection.execute('select count(*) from core.hired_employees').fetchone()[0])",
            str(project.settings.warehouse),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 0, other.stderr
    assert int(other.stdout) == 49 + len(clients.accepted())

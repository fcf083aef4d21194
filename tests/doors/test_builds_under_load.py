"""Builds in a service that inserts all the time: none fails, no request fails, no row is lost."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.dbt.cancelling import Cancel
from service.dbt.runner import BuildResult, one_at_a_time, run, small_sweeps
from service.errors import Conflict
from service.gate import Gate
from tests.support.answers import is_problem
from tests.support.locks import ShutToBuilds
from tests.support.projects import Project
from tests.support.rows import hire
from tests.support.services import serving
from tests.support.workers import PAUSE

pytestmark = pytest.mark.slow

BUILDS, NEW, RACED = 3, 300, 60
BREATH = 0.05  # seconds between two inserts of a client: some for each table of a build
LIVE, HIRES = "live", "/v1/tables/hired_employees/rows"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was built once."""
    project = Project(tmp_path_factory.mktemp("first"))
    project.write("departments", "id,department\n1,One\n2,Two\n")
    project.write("jobs", "id,job\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    project.append("hired_employees", *map(line, range(1, 50)))
    project.build()
    return project


@pytest.fixture
def project(first: Project, tmp_path: Path) -> Project:
    """A copy of it that the test may change."""
    return first.copied(tmp_path)


def line(number: int, department: int = 1) -> str:
    return f"{number},from the file,2021-01-01T00:00:00Z,{department},1"


@dataclass
class Clients:
    """Those who insert again and again, and what they were told."""

    client: httpx.Client
    numbers: "count[int]" = field(default_factory=lambda: count(1_000_000))
    told: dict[int, int] = field(default_factory=dict)  # status by id
    contested: list[int] = field(default_factory=list)  # ids that the history has, too

    def insert(self, ids: list[int]) -> None:
        """Inserts hires; only the history may have been faster."""
        answer = self.client.post(HIRES, json=[hire(number, name=LIVE) for number in ids])
        assert answer.status_code in (201, 422), answer.text
        if answer.status_code == 422:
            assert rules(answer) == ["unique"]
        self.told.update(dict.fromkeys(ids, answer.status_code))

    def insert_something(self) -> None:
        self.insert([next(self.numbers) for _ in range(20)])

    @contextmanager
    def inserting(self) -> Iterator[None]:
        """Has two threads insert until the block ends; one of them what is contested."""
        ended, failures = threading.Event(), list[BaseException]()

        def insert(who: int) -> None:
            try:
                while not ended.wait(BREATH):
                    if who == 0 and self.contested:
                        self.insert([self.contested.pop()])
                    else:
                        self.insert_something()
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=insert, args=[who]) for who in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert failures == []

    def accepted(self) -> set[int]:
        return {number for number, status in self.told.items() if status == 201}


@pytest.fixture
def clients(project: Project) -> Iterator[Clients]:
    with serving(project.settings) as client:
        yield Clients(client)


def rules(answer: httpx.Response) -> list[str]:
    """The rules that the only rejected row breaks."""
    [rejection] = answer.json()["rejections"]
    return [violation["rule"] for violation in rejection["violations"]]


def build(clients: Clients, meanwhile: Callable[[], Any]) -> dict[str, Any]:
    """Builds, and does something else again and again until the build has ended."""
    asked = clients.client.post("/v1/builds")
    assert asked.status_code == 202, asked.text
    href = asked.json()["href"]
    while (said := clients.client.get(href).json())["status"] in ("queued", "running"):
        meanwhile()
        PAUSE(BREATH)
    return dict(said)


def known(clients: Clients, table: str) -> int:
    """How many rows the service says that a table has."""
    return int(clients.client.get(f"/v1/tables/{table}").json()["rows"])


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

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        return nullcontext()


def tables_that_inserts_wait_for(project: Project) -> list[str]:
    """Those for which a build takes the writer's lock."""
    said, lock = BuildResult("a build", "queued"), Noted()
    run(project.settings, said, lock, lambda node: None)
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
    assert tables_that_inserts_wait_for(project) == ["departments"]


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
    assert build(clients, clients.insert_something)["status"] == "done"
    gone = clients.client.post(offices, json=[office])
    assert is_problem(gone, 404, "unknown-table")
    assert "offices" not in gone.json()["known"]


# Builds that fail


def broken_mart(project: Project) -> None:
    mart = project.marts / "a_mart.sql"
    mart.parent.mkdir()
    mart.write_text(
        "{{ config(contract={'enforced': false}) }}"
        "select nothing_like_it from {{ ref('hired_employees') }}\n"
    )


def broken_table(project: Project) -> None:
    """It fails when it is written: after the lock was taken."""
    (project.core / "jobs.sql").write_text("{{ table_of_record() }} and nothing_like_it\n")
    project.append("jobs", "2,Second")


def broken_yaml(project: Project) -> None:
    (project.core / "jobs.yml").write_text("models: [{name: jobs, columns: [")


def unknown_rule(project: Project) -> None:
    project.change("jobs", "- not_blank", "- not_nice")


def unknown_type(project: Project) -> None:
    project.change("jobs", "data_type: varchar", "data_type: uuid")


def changed_type(project: Project) -> None:
    project.change("jobs", "data_type: integer", "data_type: bigint")


BROKEN: dict[Callable[[Project], None], list[str]] = {
    broken_mart: ["a_mart", "nothing_like_it"],
    broken_table: ["jobs", "nothing_like_it"],
    broken_yaml: ["jobs.yml"],
    unknown_rule: ["not_nice"],
    unknown_type: ["jobs.job", "uuid"],
    changed_type: ["jobs.id", "bigint"],
}


def models(project: Project) -> dict[Path, bytes]:
    """The project's models and their YAML, to put them back."""
    folder = project.folder / "dbt_project" / "models"
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


def put_back(project: Project, sound: dict[Path, bytes]) -> None:
    for path in models(project).keys() - sound.keys():
        path.unlink()
    for path, content in sound.items():
        path.write_bytes(content)


def test_a_build_that_fails_says_why_and_the_service_goes_on(project: Project, clients: Clients):
    project.leave_out_marts()
    sound = models(project)
    for breaking, words in BROKEN.items():
        breaking(project)
        said = build(clients, clients.insert_something)
        clients.insert_something()  # it would wait for ever if the lock were still held
        assert said["status"] == "failed", breaking.__name__
        missing = [word for word in words if word not in said["message"]]
        assert missing == [], (breaking.__name__, said["message"])
        put_back(project, sound)
    project.append("jobs", "3,Third")
    said = build(clients, clients.insert_something)
    assert said["status"] == "done", said["message"]
    late = clients.client.post("/v1/tables/jobs/rows", json=[{"id": 3, "job": "Third"}])
    assert rules(late) == ["unique"]
    ids = f"select id from core.hired_employees where name = '{LIVE}'"
    assert {number for (number,) in project.query(ids)} == clients.accepted()


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

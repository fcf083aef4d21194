"""Lines whose row is there: `meta: {on_conflict: merge}` has them change it, as requests can.

One project for all: each table has its own history, which comes in two builds.
"""

import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from service.engines.duckdb import Database
from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from service.warehouse.work import Insert, Outcome
from service.warehouse.writer import Writer
from tests.support.projects import SITES, Project

pytestmark = pytest.mark.slow
BADGES = """
- name: id
  data_type: bigint
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: code
  data_type: varchar
  description: Code.
  data_tests: [not_null, unique, {max_length: {arguments: {length: 8}}}]
- name: locker
  data_type: integer
  description: Locker.
  data_tests: [unique]
- name: moment
  data_type: timestamp
  description: When.
"""
VISITS = """
- name: id
  data_type: varchar
  description: Name.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: badge
  data_type: varchar
  description: Whose.
  data_tests: [{relationships: {arguments: {to: ref('badges'), field: code}}}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("again") / "project")
    project.model("badges", BADGES, on_conflict="merge")
    project.model("visits", VISITS, parents="badges")
    project.model("sites", SITES, on_conflict="error")
    project.write("badges", "id,code,locker,moment\n10,ten,100,2021-01-01T00:00:00Z\n11,eleven,,\n")
    project.write("visits", "id,badge\nv,ten\n")
    project.write("sites", "id,name,note\n1,one,\n")
    project.build()
    return project


def states(project: Project, table: str) -> dict[int, tuple[str, list[Any]]]:
    rows = project.query(
        f'select line, state, violations from raw."{table}__exceptions" order by 1'
    )
    return {
        line: (state, [(each["column"], each["rule"]) for each in json.loads(violations)])
        for line, state, violations in rows
    }


def test_lines_change_rows_and_each_change_is_kept(project: Project) -> None:
    project.write(
        "badges",
        "id,code,locker,moment\n"
        "10,ten,100,2021-01-01T00:00:00Z\n"  # 2: as it is
        "11,twelve,7,2021-01-01T00:00:00.5Z\n"  # 3: changed
        "11,twelve,7,2021-01-01T00:00:00.5Z\n"  # 4: as the line before
        "11,eleven,7,\n"  # 5: changed again
        "1,a,8,\n"  # 6: new
        "1,b,8,\n"  # 7: changes line 6
        "2,c,100,\n"  # 8: the locker of badge 10
        "3,b,,\n"  # 9: the code that badge 1 claims first
        "10,x,100,2021-01-01T00:00:00Z\n"  # 10: a visit refers to its code
        "10,much too long,,\n",  # 11: broken by itself
    )
    project.build("badges", "visits", "sites")
    assert states(project, "badges") == {
        2: ("already_present", []),
        3: ("changed", []),
        4: ("already_present", []),
        5: ("changed", []),
        7: ("changed", []),
        8: ("rejected", [("locker", "unique")]),
        9: ("rejected", [("code", "unique")]),
        10: ("rejected", [("code", "relationships")]),
        11: ("rejected", [("code", "max_length")]),
    }
    assert project.query("select id, code, locker from core.badges order by id") == [
        (1, "b", 8),
        (10, "ten", 100),
        (11, "eleven", 7),
    ]
    [(load_id, *counts)] = project.query(
        "select load_id, received, accepted, changed, rejected, already_present, on_conflict"
        " from ops.loads where table_name = 'badges' order by number desc limit 1"
    )
    assert counts == [10, 1, 3, 4, 2, "merge"]
    kept = project.query(
        "select row_key, before, after, operation, actor from ops.changes"
        f" where load_id = '{load_id}' order by row_key, number"
    )
    said = [(key, json.loads(before), json.loads(after)) for key, before, after, *_ in kept]
    first, second, third = said
    assert first == (
        "1",
        {"id": 1, "code": "a", "locker": 8, "moment": None},
        {"id": 1, "code": "b", "locker": 8, "moment": None},
    )
    assert second[1] == {"id": 11, "code": "eleven", "locker": None, "moment": None}
    assert second[2] == third[1]
    assert second[2]["moment"] == "2021-01-01T00:00:00.5Z"
    assert third[2] == {"id": 11, "code": "eleven", "locker": 7, "moment": None}
    assert {row[3:] for row in kept} == {("update", "dbt")}


def test_a_history_that_says_its_rows_again_is_no_error(project: Project) -> None:
    project.append("sites", "2,two,", "1,else,")
    project.build("sites")
    assert states(project, "sites") == {
        2: ("already_present", []),
        4: ("rejected", [("id", "unique")]),
    }


def test_history_and_a_request_make_the_same_of_the_same_rows(
    project: Project, tmp_path: Path
) -> None:
    """AGAIN_SEED=<n> tries another seed."""
    random = Random(int(os.environ.get("AGAIN_SEED", "2021")))
    codes, lockers = ["ten", "eleven", "a", "b", "much too long"], ["", "7", "8", "100", "x"]
    lines = [
        f"{random.choice([10, 11, *range(1, 12), ''])},"
        f"{random.choice([*codes, *(f'c{i}' for i in range(12))])},"
        f"{random.choice([*lockers, *map(str, range(200, 240))])},"
        for _ in range(300)
    ]
    lines = [line for line in lines for _ in range(random.choice([1, 1, 2]))]
    content = "\n".join(["id,code,locker,moment", *lines]) + "\n"
    before = tmp_path / "before.duckdb"
    shutil.copy(project.settings.warehouse, before)
    project.write("badges", content)
    project.build("badges")
    database = Database(before)
    dictionary = database.dictionary()
    writer = Writer(database, dictionary, waiting=10, group_rows=20_000)
    writer.start()
    try:
        judge = Judge(dictionary.tables["badges"])
        batch = judge.judge(rows_of(content.encode(), "text/csv", judge.table))
        outcome = writer.insert(Insert([batch], on_conflict="merge")).result(60)
        assert isinstance(outcome, Outcome)
        [verdict] = outcome.verdicts
    finally:
        writer.stop()
        database.close()
    by_request: dict[int, tuple[str, list[Any]]] = {
        **{position: ("changed", []) for position in verdict.changed},
        **{position: ("already_present", []) for position in verdict.present},
    } | {
        position: ("rejected", [(v.column, v.rule, v.message) for v in violations])
        for position, violations in verdict.rejected.items()
    }
    told = project.query('select line - 2, state, violations from raw."badges__exceptions"')
    by_history = {
        position: (state, [(v["column"], v["rule"], v["message"]) for v in json.loads(violations)])
        for position, state, violations in told
    }
    assert by_history == by_request
    assert {state for state, _ in by_history.values()} == {
        "changed", "already_present", "rejected",
    }  # fmt: skip
    rows = "select * from core.badges order by id"
    changes = (
        "select row_key, before, after, operation from ops.changes where table_name = 'badges'"
        " order by all"
    )
    with duckdb.connect(before) as connection:
        assert connection.execute(rows).fetchall() == project.query(rows)
        assert connection.execute(changes).fetchall() == project.query(changes)


@pytest.mark.parametrize("word", ["maybe", "Merge"])
def test_another_word_fails_the_build(project: Project, tmp_path: Path, word: str) -> None:
    other = project.copied(tmp_path / "other")
    other.model("places", SITES, on_conflict=word)
    build = other.build_fails("places")
    assert f"on_conflict: '{word}' is none of error, ignore, merge" in str(build.message)

"""dbt's own commands, on a warehouse that is not there yet, and on one that is filled."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.projects import Project

HISTORY = {
    "departments": "id,department\n1,Archives\n2,Treasury\n",
    "jobs": "id,job\n1,Clerk\n",
    "hired_employees": "id,name,datetime,department_id,job_id\n"
    "1,Ana,2021-01-01T00:00:00Z,1,1\n2,Bo,2021-01-01T00:00:00Z,,1\n",
}
TABLES = tuple(HISTORY)
STRICT = "--warn-error"


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project with a history, of which nothing is built."""
    project = Project(tmp_path / "fresh")
    for table, lines in HISTORY.items():
        project.write(table, lines)
    return project


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """As that, built; tests here leave it as it is."""
    project = Project(tmp_path_factory.mktemp("dbt") / "filled")
    for table, lines in HISTORY.items():
        project.write(table, lines)
    project.build(marts=True)
    return project


def succeeds(project: Project, *arguments: str, cwd: Path | None = None) -> str:
    """What dbt says."""
    done = project.dbt(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def test_seed_then_run_then_docs_without_a_warning(fresh: Project) -> None:
    shown = succeeds(fresh, STRICT, "seed", "--show")
    assert "Archives" in shown
    assert "INSERT 2" in shown
    assert fresh.query("select id, department from raw.departments order by line") == [
        ("1", "Archives"),
        ("2", "Treasury"),
    ]
    assert fresh.query("select count(*) from ops.loads") == [(0,)]
    succeeds(fresh, STRICT, "run")
    assert fresh.last_load("hired_employees") == (2, 1, 1, 0)
    assert succeeds(fresh, STRICT, "seed").count("UNCHANGED") == len(TABLES)
    succeeds(fresh, STRICT, "docs", "generate")
    manifest = json.loads((fresh.settings.target / "manifest.json").read_text())
    for table in TABLES:
        assert f"seed.gatehouse.raw_{table}" in manifest["parent_map"][f"model.gatehouse.{table}"]
    compiled = manifest["nodes"]["model.gatehouse.hires_by_quarter"]["compiled_code"]
    assert '"gatehouse"."core"."hired_employees"' in compiled


def test_a_seed_again_is_judged_again_and_adds_nothing(fresh: Project) -> None:
    fresh.build()
    rows = fresh.query("select * from core.hired_employees")
    succeeds(fresh, "seed", "--full-refresh", "--select", "raw_hired_employees")
    succeeds(fresh, "build", "--select", "raw_hired_employees+", "--exclude", "gatehouse.marts")
    assert fresh.last_load("hired_employees") == (2, 0, 1, 1)
    assert fresh.query("select * from core.hired_employees") == rows
    assert len(fresh.rejections("hired_employees")) == 1


def test_what_is_missing_is_named(fresh: Project) -> None:
    done = fresh.dbt("build", "--select", "hired_employees")
    assert done.returncode == 1
    assert "build +hired_employees first" in done.stdout
    again = fresh.dbt("retry")
    assert again.returncode == 1
    assert "build +hired_employees first" in again.stdout


@pytest.mark.parametrize("command", ["compile", "docs", "ls"])
def test_a_fresh_project_can_be_read(fresh: Project, command: str) -> None:
    arguments = {"docs": ["docs", "generate"], "ls": ["ls", "--select", "+hires_by_quarter"]}
    said = succeeds(fresh, STRICT, *arguments.get(command, [command]))
    if command == "ls":
        assert {f"gatehouse.raw_{table}" for table in TABLES} <= {*said.split()}


@pytest.mark.parametrize("command", ["run", "build"])
def test_empty_judges_nothing(fresh: Project, filled: Project, command: str) -> None:
    for project in (fresh, filled):
        before = project.books() if project is filled else {}
        succeeds(project, command, "--empty")
        after = project.books()
        assert after['ops."rejections"'] == before.get('ops."rejections"', [])
        for table in TABLES:
            assert after[f'core."{table}"'] == before.get(f'core."{table}"', [])
        assert after['ops."loads"'] == before.get('ops."loads"', [])


def test_a_table_of_record_is_shown_as_what_it_is(filled: Project) -> None:
    assert "Archives" in succeeds(filled, "show", "--select", "departments")
    assert "Archives" in succeeds(filled, "show", "--select", "raw_departments")
    assert "Ana" in succeeds(
        filled, "show", "--inline", "select * from {{ ref('hired_employees') }}"
    )
    compiled = succeeds(filled, "compile", "--select", "departments")
    assert 'from "gatehouse"."core"."departments"' in compiled


def test_a_view_survives_a_warehouse_that_is_renamed(filled: Project, tmp_path: Path) -> None:
    (definition,) = filled.query(
        "select view_definition from information_schema.views where table_name = 'hires_by_quarter'"
    )[0]
    assert "gatehouse" not in definition


def test_a_copy_of_the_project_that_is_cloned_is_left_alone(filled: Project) -> None:
    succeeds(filled, STRICT, "test")  # unit tests, too
    before = filled.books()
    state = filled.folder / "state"
    succeeds(filled, "compile")
    shutil.copytree(filled.settings.target, state, dirs_exist_ok=True)
    said = succeeds(filled, "ls", "--select", "state:modified", "--state", str(state))
    assert "No nodes selected" in said
    succeeds(filled, "clone", "--state", str(state))
    assert filled.books() == before


def test_a_history_that_has_changed_is_modified_with_all_that_follows(fresh: Project) -> None:
    succeeds(fresh, "compile")
    state = fresh.folder / "state"
    shutil.copytree(fresh.settings.target, state)
    (fresh.folder / "seeds" / "raw_jobs.csv").write_text("id,job\n")
    said = succeeds(fresh, "ls", "--select", "state:modified+", "--state", str(state))
    found = {*said.split()}
    assert {
        "gatehouse.raw_jobs",
        "gatehouse.core.jobs",
        "gatehouse.marts.hires_by_quarter",
    } <= found
    assert "gatehouse.raw_departments" not in found


def test_paths_start_at_the_project(fresh: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "warehouse").mkdir(parents=True)
    done = fresh.dbt(
        *("seed", "--project-dir", str(fresh.folder), "--profiles-dir", str(fresh.folder)),
        cwd=elsewhere,
        GATEHOUSE_WAREHOUSE="gatehouse.duckdb",
        GATEHOUSE_SEEDS="history",
    )
    assert done.returncode == 0, done.stdout
    assert not [*(elsewhere / "warehouse").iterdir()]
    assert fresh.query("select count(*) from raw.departments") == [(2,)]


def test_a_table_without_a_seed_is_told(fresh: Project) -> None:
    (fresh.folder / "seeds" / "raw_jobs.csv").unlink()
    done = fresh.dbt("parse")
    assert done.returncode != 0
    assert "raw_jobs" in done.stdout
    assert "seeds/raw_jobs.csv" in (fresh.build_fails().message or "")


def test_a_seed_of_no_table_is_told(fresh: Project) -> None:
    (fresh.folder / "seeds" / "raw_offices.csv").touch()
    said = succeeds(fresh, "seed")
    assert "raw_offices.csv is the history of no table" in said


def test_a_project_is_saved_as_the_same_text_in_whichever_order_dbt_has_parsed_it(
    filled: Project,
) -> None:
    saved = "{{ tojson([saved_nodes(), saved_groups(), saved_exposures()]) }}\n"
    turn = (
        "{% for kind in ['nodes', 'groups', 'exposures'] %}"
        "{% do graph.update({kind: dict(graph[kind].items() | list | reverse)}) %}"
        "{% endfor %}"
    )
    asked = f"{{% if execute %}}{saved}{turn}{saved}{{% endif %}}"  # not while dbt parses it
    said = succeeds(filled, "--quiet", "compile", "--inline", asked)
    first, second = (json.loads(line) for line in said.splitlines() if line.startswith("[{"))
    assert min(len(first[0]), len(first[2])) > 1  # nodes and exposures; there is one group
    for one, other in zip(first, second, strict=True):
        assert json.dumps(one) == json.dumps(other)

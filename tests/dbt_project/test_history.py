"""What builds make of history files that change, and of a dictionary that does."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from service.engines.duckdb import Database
from service.errors import NotBuilt
from tests.support import LOADS
from tests.support.projects import SITES, Project

pytestmark = pytest.mark.slow
DEPARTMENTS = "id,department\n1,Archives\n2,Treasury\n"
JOBS = "id,job\n1,Welder\n2,Translator\n"
HIRES = """id,name,datetime,department_id,job_id
1,Aino Paavola,2021-01-01T00:00:00Z,1,1
2,Ilse Okafor,2021-06-14T09:30:00Z,2,2
3,Juno Rowan,2021-12-31T23:59:59Z,,2
4,Ivo Moana,2021-02-03T04:05:06Z,3,1
"""
HIRE = "Liv Sato,2021-03-04T05:06:07Z,1,1"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Built once; `project` is a copy that a test may change."""
    project = Project(tmp_path_factory.mktemp("base"))
    project.write("departments", DEPARTMENTS)
    project.write("jobs", JOBS)
    project.write("hired_employees", HIRES)
    project.build()
    return project


@pytest.fixture
def project(base: Project, tmp_path: Path) -> Project:
    return base.copied(tmp_path / "copy")


def changed(project: Project, sql: str) -> None:
    """Changes the warehouse by hand."""
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        connection.execute(sql)


def live(project: Project, table: str, row: str) -> None:
    """Puts a row in, as the service would."""
    changed(
        project,
        f"insert into core.{table} values ({row});"
        f" insert into {LOADS} values (cast(uuid() as varchar), "
        f"'{table}', 'batch', null, 'done', 1, 1, 0, 0, now(), now(), null, null)",
    )


def test_each_line_of_a_history_is_told_as_what_it_is(project: Project) -> None:
    project.write("jobs", 'id,job\n\n1,Welder\n,\n3,"Sto\nker"\n')
    project.build("jobs")
    assert project.query(
        "select header_lines, blank_lines, skipped_lines, record_lines, lines"
        " from ops.loads where table_name = 'jobs' order by started_at desc limit 1"
    ) == [(1, 2, 0, 3, 6)]


def test_books_from_before_lines_were_counted_are_built_upon(project: Project) -> None:
    for name in ("lines", "header_lines", "blank_lines", "skipped_lines", "record_lines"):
        changed(project, f"alter table ops.loads drop column {name}")
    with pytest.raises(NotBuilt), closing(Database(project.settings.warehouse)) as database:
        database.dictionary()
    project.build()
    project.append("jobs", "3,Stoker")
    project.build()
    query = "select record_lines from ops.loads where table_name = 'jobs' order by started_at"
    assert project.query(query) == [(None,), (3,)]


def test_the_first_build_takes_in_what_fits_and_says_why_the_rest_is_kept_out(
    base: Project,
) -> None:
    assert base.query("select id from core.hired_employees order by id") == [(1,), (2,)]
    assert base.last_load("hired_employees") == (4, 2, 2, 0)
    assert base.rejections("hired_employees") == [
        (4, "department_id", "not_null"),
        (5, "department_id", "relationships"),
    ]


def test_a_new_row_is_taken_up_and_what_was_known_is_already_present(project: Project) -> None:
    project.append("hired_employees", f"5,{HIRE}")
    project.build("hired_employees")
    assert project.last_load("hired_employees") == (5, 1, 2, 2)
    assert project.query("select name from core.hired_employees where id = 5") == [("Liv Sato",)]
    assert len(project.rejections("hired_employees")) == 2, "each rejection is there once"


def test_an_id_with_other_content_is_rejected_and_with_the_same_already_present(
    project: Project,
) -> None:
    project.append("departments", "1,Vaults", "02.0,Treasury", "3,Docks", "3,Docks", "3,Piers")
    project.build("departments")
    assert project.last_load("departments") == (7, 1, 2, 4)
    assert project.rejections("departments") == [(4, "id", "unique"), (8, "id", "unique")]
    assert project.query("select * from core.departments order by id") == [
        (1, "Archives"),
        (2, "Treasury"),
        (3, "Docks"),
    ]


def test_a_history_is_read_as_its_yaml_says_and_anew_when_that_changes(
    project: Project,
) -> None:
    project.write("jobs", "7;Stoker;x\n8;Pilot;y\n")
    says = "description: One row per job"
    options = 'config: {meta: {csv: {delimiter: ";", header: false, columns: [id, job, "-"]}}}'
    project.change("jobs", says, f"{options}\n    {says}")
    project.build("jobs")
    assert project.query("select * from core.jobs where id > 2") == [(7, "Stoker"), (8, "Pilot")]
    project.build("jobs")
    loads = "select count(*) from ops.loads where table_name = 'jobs'"
    assert project.query(loads) == [(2,)]
    project.change("jobs", "header: false", "header: true")
    project.build("jobs")
    assert project.query(loads) == [(3,)]
    assert project.last_load("jobs") == (1, 0, 0, 1)


def test_a_history_of_a_dialect_that_its_yaml_says_loses_no_line(project: Project) -> None:
    content = [
        "Jobs of May~",
        "job~id",
        "; a remark",
        "'Stoker'~7",
        "'it\\'s a pilot'~8",
        "",
        "job~id",
        "'Cook~9",
        "NA~10",
    ]
    project.write("jobs", "\n".join(content))
    says = "description: One row per job"
    options = """config: {meta: {csv: {delimiter: "~", quote: "'", escape: backslash, comment: ";",
      skip: 1, nulls: [NA]}}}"""
    project.change("jobs", says, f"{options}\n    {says}")
    project.build("jobs")
    jobs = project.query("select * from core.jobs where id > 2 order by id")
    assert jobs == [(7, "Stoker"), (8, "it's a pilot")]
    assert project.last_load("jobs") == (4, 2, 2, 0)
    counts = "lines, header_lines, blank_lines, skipped_lines, record_lines"
    assert project.query(
        f"select {counts} from ops.loads where table_name = 'jobs' order by started_at desc limit 1"
    ) == [(9, 2, 1, 2, 4)]


def test_a_line_that_repeats_a_rejected_one_is_not_already_present(project: Project) -> None:
    project.model(
        "badges",
        """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: code
  data_type: varchar
  description: What is printed on it.
  data_tests: [unique]
""",
    )
    project.write("badges", "id,code\n1,a\n2,a\n2,a\n3,\n4,\n")
    project.build("badges")
    assert project.last_load("badges") == (5, 3, 2, 0)
    assert project.rejections("badges") == [
        (3, "code", "unique"),
        (4, "id", "unique"),
        (4, "code", "unique"),
    ]


def test_the_next_build_takes_in_a_row_whose_parent_has_come_in_the_parents_history(
    project: Project,
) -> None:
    project.append("departments", "3,Docks")
    project.build("departments", "hired_employees")
    assert project.last_load("hired_employees") == (4, 1, 1, 2)
    assert project.rejections("hired_employees", "accepted") == [
        (5, "department_id", "relationships")
    ]
    assert project.rejections("hired_employees") == [(4, "department_id", "not_null")]


def test_the_next_build_takes_in_a_row_whose_parent_has_come_live(project: Project) -> None:
    live(project, "departments", "3, 'Docks'")
    project.build("hired_employees")
    assert project.query("select id from core.hired_employees order by id") == [(1,), (2,), (4,)]
    assert len(project.rejections("hired_employees", "accepted")) == 1


def test_a_line_whose_row_was_corrected_and_replayed_is_not_rejected_anew(
    project: Project,
) -> None:
    live(project, "hired_employees", "3, 'Corrected', timestamp '2022-01-01', 1, 1")
    before = project.query("select rejection_id from ops.rejections order by all")
    changed(
        project,
        "update ops.loads set kind = 'replay', load_id = 'replayed' where kind = 'batch';"
        " update ops.rejections set status = 'accepted', resolution = 'replayed'"
        " where violations like '%not_null%'",
    )
    project.append("departments", "9,Docks")
    project.append("hired_employees", "7,Late,2022-01-01T00:00:00Z,77,1")
    project.build("departments", "hired_employees")
    assert project.query("select name from core.hired_employees where id = 3") == [("Corrected",)]
    assert len(project.query("select rejection_id from ops.rejections")) == len(before) + 1
    assert project.rejections("hired_employees") == [
        (5, "department_id", "relationships"),
        (6, "department_id", "relationships"),
    ]


def test_a_line_that_was_dismissed_stays_so_for_whatever_reasons_it_fails(project: Project) -> None:
    changed(project, "update ops.rejections set status = 'dismissed'")
    live(project, "hired_employees", "3, 'Else', timestamp '2022-01-01', 1, 1")
    project.append("hired_employees", "7,Late,2022-01-01T00:00:00Z,1,1")
    project.build("hired_employees")
    assert project.rejections("hired_employees") == []


def test_a_row_that_a_restore_took_away_is_rejected_again_if_its_line_fails(
    project: Project,
) -> None:
    project.append("departments", "3,Docks")
    project.build("departments", "hired_employees")
    assert len(project.rejections("hired_employees", "accepted")) == 1
    for table, missing in (("hired_employees", "department_id = 3"), ("departments", "id = 3")):
        changed(
            project,
            f"delete from core.{table} where {missing}; delete from ops.history;"
            f" insert into {LOADS} select cast(uuid() as varchar), '{table}', 'restore', null,"
            " 'done', count(*), 0, 0, count(*), now(), now(), null, '{\"removed\":1}'"
            f" from core.{table}",
        )
    project.write("departments", "id,department\n1,Quays\n2,Tugs\n")
    project.build("departments", "hired_employees")
    assert project.rejections("hired_employees", "accepted") == []
    assert (5, "department_id", "relationships") in project.rejections("hired_employees")


def test_a_line_that_has_been_corrected_is_accepted_and_so_is_its_rejection(
    project: Project,
) -> None:
    project.write("hired_employees", HIRES.replace("59Z,,2", "59Z,1,2"))
    project.build("hired_employees")
    assert project.rejections("hired_employees") == [(5, "department_id", "relationships")]
    assert project.rejections("hired_employees", "accepted") == [(4, "department_id", "not_null")]


def test_a_table_without_history_is_built_empty_and_fills_later(project: Project) -> None:
    project.model("sites", SITES)
    project.build("sites")
    assert project.query("select * from core.sites") == []
    assert project.query("select * from ops.loads where table_name = 'sites'") == []
    project.write("sites", "id,name\n7,Quay\n")
    project.build("sites")
    assert project.query("select * from core.sites") == [(7, "Quay", None)]
    (project.seeds / "sites.csv").unlink()
    project.build("sites")
    assert project.query("select * from core.sites") == [(7, "Quay", None)]


def test_a_new_table_has_its_key_with_rows_and_without(project: Project) -> None:
    project.model("sites", SITES)
    project.build("sites")
    changed(project, "insert into core.sites values (7, 'Quay', null)")
    for row in ("sites values (7, 'Dock', null)", "departments values (1, 'Vaults')"):
        with pytest.raises(duckdb.ConstraintException, match="Duplicate key"):
            changed(project, f"insert into core.{row}")


def test_a_full_refresh_keeps_what_came_in_live(project: Project) -> None:
    live(project, "hired_employees", "9, 'Live', timestamp '2022-01-01', 1, 1")
    before = project.books()
    build = project.dbt("build", "--full-refresh", "--select", "gatehouse.core")
    assert build.returncode == 0, build.stdout
    assert project.books() == before
    assert project.query("select id from core.hired_employees order by id") == [(1,), (2,), (9,)]


def test_a_column_that_the_dictionary_adds_is_added_to_the_table(project: Project) -> None:
    path = project.core / "departments.yml"
    path.write_text(
        path.read_text() + "      - {name: floor, data_type: integer, description: Where it is.}\n"
    )
    project.build("departments")
    assert project.query("select * from core.departments order by id") == [
        (1, "Archives", None),
        (2, "Treasury", None),
    ]
    project.write("departments", "floor,id,department\n4,3,Docks\n")
    project.build("departments")
    assert project.query("select * from core.departments where id = 3") == [(3, "Docks", 4)]


@pytest.mark.parametrize(
    ("table", "old", "new", "says"),
    [
        (
            "hired_employees",
            "name: id\n        data_type: integer",
            "name: id\n        data_type: bigint",
            ".id is INTEGER primary key in the warehouse and bigint primary key in the dictionary:"
            " back the table up, drop it, build, and restore it",
        ),
        (
            "jobs",
            "data_type: varchar",
            "data_type: varchar\n        constraints: [{type: primary_key}]",
            ": key changed (id before, job now): a primary key stays:"
            " back the table up, drop it, build, and restore it",
        ),
        (
            "departments",
            "data_type: varchar",
            "data_type: double",
            ".department retyped (varchar before, double now):"
            " 2 values are not of the type double: correct them first",
        ),
    ],
)
def test_what_cannot_be_changed_in_a_table_is_said_and_changes_nothing(
    project: Project, table: str, old: str, new: str, says: str
) -> None:
    if table == "departments":  # rules that numbers cannot have
        project.change(table, "- not_blank", "")
        project.change(table, "- max_length: {arguments: {length: 255}}", "")
    if table == "jobs":
        project.change(table, "constraints: [{type: primary_key}]", "")
        project.change(table, "- not_blank", "- unique")
    project.change(table, old, new)
    before = project.books()
    # A run of some tables alters none; test_changed_tables.py has what one of all tables does.
    part = [table] if table == "hired_employees" else []
    message = project.build_fails(*part).message or ""
    assert f"{table}{says}" in message
    assert project.books() == before


def test_a_build_with_a_broken_table_leaves_the_dictionary_as_it_was(project: Project) -> None:
    before = project.query("select content from ops.dictionary")
    project.change("departments", "length: 255", "length: 99")
    (project.core / "jobs.sql").write_text("{{ table_of_record() }} where no_such_column = 1\n")
    assert "no_such_column" in (project.build_fails().message or "")
    assert project.query("select content from ops.dictionary") == before

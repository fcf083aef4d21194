"""What dbt's data tests find in tables of record that were changed by hand."""

import duckdb
import pytest

from tests.support.projects import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Each test changes a table of its own."""
    project = Project(tmp_path_factory.mktemp("checked"))
    project.write("departments", "id,department\n1,Archives\n2,Treasury\n")
    project.write("jobs", "id,job\n1,Welder\n")
    project.write(
        "hired_employees",
        "id,name,datetime,department_id,job_id\n1,Aino Paavola,2021-01-01T00:00:00Z,1,1\n",
    )
    project.build()
    return project


def changed(project: Project, sql: str) -> None:
    """Changes the warehouse by hand."""
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        connection.execute(sql)


def test_the_data_tests_find_what_was_put_into_core_by_hand(project: Project) -> None:
    changed(
        project,
        """
        insert into core.hired_employees values
            (90, 'Dangling', timestamp '2021-01-01', 77, 1),
            (-1, 'Below', timestamp '2021-01-01', 1, 1),
            (91, '  ', timestamp '2021-01-01', 1, 1),
            (92, repeat('x', 256), timestamp '2021-01-01', 1, 1),
            (93, 'Early', timestamp '0044-03-15 (BC)', 1, 1),
            (94, null, timestamp '2021-01-01', 1, null);
        delete from core.hired_employees where id = 1
        """,
    )
    tests = project.dbt("test", "--select", "hired_employees")
    assert tests.returncode == 1
    found = {
        line.split("FAIL")[1].split()[1] for line in tests.stdout.splitlines() if " FAIL " in line
    }
    assert found == {
        "relationships_hired_employees_department_id__id__ref_departments_",
        "in_range_hired_employees_id__1",
        "not_blank_hired_employees_name",
        "max_length_hired_employees_name__255",
        "utc_datetime_hired_employees_datetime",
        "not_null_hired_employees_name",
        "not_null_hired_employees_job_id",
        "history_accounted_for_hired_employees_",
    }


def test_the_data_tests_find_a_value_that_two_rows_have(project: Project) -> None:
    changed(
        project,
        """
        create table core.without_key as from core.departments;
        insert into core.without_key values (1, 'Vaults'), (3, 'Docks');
        drop table core.departments;
        alter table core.without_key rename to departments
        """,
    )
    tests = project.dbt("test", "--select", "departments,test_name:unique")
    assert "FAIL 1 unique_departments_id" in tests.stdout


def test_the_docs_site_is_generated(project: Project) -> None:
    docs = project.dbt("docs", "generate", "--static")
    assert docs.returncode == 0, docs.stdout
    page = (project.settings.target / "static_index.html").read_text()
    assert "One row per hire of an employee" in page

"""`gatehouse tables new`: a file becomes a page of YAML, a model and a seed that build at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.projects import Project

DEPARTMENTS = "id,department\n1,Sales\n2,Support\n3,Field Service\n"
# A header that is no name, a reserved word, a key, exact amounts, codes with zeros, few values.
ORDERS = "Order No.;dept;Department-ID;Order;Amount;Price;Zip;state;Booked at;Day;Note\n" + "".join(
    f"{number};x{number};{1 + number % 3};{'ab'[number % 2]};{number}.{number % 100:02};"
    f"{number}.50;0{number:04};{'open' if number % 4 else 'closed'};"
    f"2021-07-{1 + number % 28:02}T10:00:00+02:00;"
    f"2021-07-{1 + number % 28:02};{'' if number == 7 else f'note {number}'}\n"
    for number in range(1, 201)
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("new"))
    project.leave_out_marts()
    project.write("departments", DEPARTMENTS)
    project.build()
    return project


def files(project: Project) -> Mapping[Path, bytes]:
    places = (project.core, project.folder / "seeds", project.seeds)
    return {path: path.read_bytes() for place in places for path in place.iterdir()}


def test_a_file_becomes_a_table_that_builds_at_once(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "Orders 2021.csv"
    file.write_text(
        f"{ORDERS}201;x;1;a;oh;1.50;0;open;2021-07-27T10:00:00Z;2021-07-27;\n", "cp1252"
    )
    made = run(project.settings, "tables", "new", file, "--json")
    assert made.code == 0, made.err
    assert made.json["table"] == "orders_2021"
    page = (project.core / "orders_2021.yml").read_text()
    types = {
        line.split()[-1]: following.split(" # ")[0].split(": ")[1]
        for line, following in zip(page.splitlines(), page.splitlines()[1:], strict=False)
        if line.strip().startswith("- name:") and "data_type" in following
    }
    assert types == {
        "order_no": "integer",
        "dept": "varchar",
        "department_id": "integer",
        "order_": "varchar",
        "amount": "decimal(7,2)",
        "price": "decimal(7,2)",
        "zip": "varchar",
        "state": "varchar",
        "booked_at": "timestamp with time zone",
        "day": "date",
        "note": "varchar",
    }
    assert "data_type: decimal(7,2) # 99.5 % of the values" in page
    assert '# - accepted_values: {arguments: {"values": ["closed", "open"]}} # 100 %' in page
    assert "- relationships: {arguments: {to: ref('departments'), field: id}}" in page
    assert "# - not_null # 99 %" in page
    model = (project.core / "orders_2021.sql").read_text()
    assert model == "{{ table_of_record(parents=[ref('departments')]) }}\n"
    # Another one, in which all suggestions are taken in.
    file = tmp_path / "bookings.csv"
    file.write_text(ORDERS)
    assert run(project.settings, "tables", "new", file).code == 0
    second = project.core / "bookings.yml"
    suggested = [line for line in second.read_text().splitlines() if "# - " in line]
    assert len(suggested) >= 6
    taken = second.read_text().replace("# - not_null", "#- not_null").replace("# - ", "- ")
    second.write_text(taken.replace("# data_tests:", "data_tests:"))
    # One of which no column tells rows apart: they are given ids.
    file = tmp_path / "twins.csv"
    file.write_text("id,b\n1,1\n1,1\n1,1\n")
    assert run(project.settings, "tables", "new", file).code == 0
    assert "config: {meta: {key: generated}}" in (project.core / "twins.yml").read_text()
    project.build()
    assert project.query("select row_id, id from core.twins order by 1") == [(1, 1), (2, 1), (3, 1)]
    assert project.last_load("orders_2021") == (201, 200, 1, 0)
    assert [each[1:] for each in project.rejections("orders_2021")] == [("amount", "type")]
    assert project.last_load("bookings") == (200, 200, 0, 0)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("departments.csv", DEPARTMENTS, "there already"),
        ("numbers.csv", "1,2\n3,4\n", "--columns"),
        ("empty.csv", "", "empty"),
    ],
)
def test_what_cannot_be_a_table_writes_nothing(
    project: Project, tmp_path: Path, name: str, content: str, says: str
) -> None:
    (tmp_path / name).write_text(content)
    before = files(project)
    refused = run(project.settings, "tables", "new", tmp_path / name)
    assert refused.code != 0
    assert says in refused.err
    assert files(project) == before


def test_a_table_is_shown_and_all_are_listed_as_before(project: Project) -> None:
    listed = run(project.settings, "tables", "--json").json
    assert "departments" in [each["name"] for each in listed]
    assert run(project.settings, "tables", "departments", "--json").json["name"] == "departments"


def test_what_keeps_a_build_from_a_plan_is_told_in_lines(project: Project) -> None:
    broken = project.folder / "dbt_project" / "models" / "core" / "broken.sql"
    broken.write_text("select * from {{ ref('nowhere') }}")
    answer = run(project.settings, "build", "--plan")
    broken.unlink()
    assert answer.code == 1
    assert "\n    Model 'model.gatehouse.broken'" in answer.err
    assert answer.err.endswith("\nerror: there is no plan\n")

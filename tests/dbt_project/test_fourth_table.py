"""A fourth table is a CSV file, a line of SQL and a page of YAML, and no line of Python."""

import shutil
from collections.abc import Iterator

import httpx
import pytest

from tests.support import CHECKOUT
from tests.support.projects import Project
from tests.support.services import serving

pytestmark = pytest.mark.slow
LOCATIONS = """
- name: id
  data_type: integer
  description: Number of the location.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique, {in_range: {arguments: {min: 1}}}]
- name: city
  data_type: varchar
  description: Where it is.
  data_tests: [not_null, not_blank, {max_length: {arguments: {length: 40}}}]
- name: country
  data_type: varchar
  description: Two letters, ISO 3166.
  data_tests: [{accepted_values: {arguments: {values: [CH, "NO", PE]}}}]
"""
LOCATION_ID = """      - name: location_id
        data_type: integer
        description: Where the department is.
        data_tests: [{relationships: {arguments: {to: ref('locations'), field: id}}}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("fourth"))
    for seed in (CHECKOUT / "seeds").glob("*.csv"):
        shutil.copy(seed, project.seeds / seed.name.removeprefix("raw_"))
    project.write("locations", "id,city,country\n1,Zürich,CH\n2,Bergen,NO\n3,Paris,FR\n")
    project.model("locations", LOCATIONS, about="place that departments are at")
    with (project.core / "departments.yml").open("a") as file:
        file.write(LOCATION_ID)
    (project.core / "departments.sql").write_text(
        "{{ table_of_record(parents=[ref('locations')]) }}\n"
    )
    lines = (CHECKOUT / "seeds" / "raw_departments.csv").read_text().splitlines()
    rows = [f"{line},{1 + i % 2}\n" for i, line in enumerate(lines[1:])]
    project.write("departments", f"{lines[0]},location_id\n{''.join(rows)}13,Lost,3\n")
    project.build(marts=True)
    return project


@pytest.fixture(scope="module")
def client(project: Project) -> Iterator[httpx.Client]:
    with serving(project.settings) as client:
        yield client


def test_its_history_is_judged_and_so_are_references_to_it(project: Project) -> None:
    assert project.last_load("locations") == (3, 2, 1, 0)
    assert project.last_load("departments") == (13, 12, 1, 0)
    assert project.rejections("locations") == [(4, "country", "accepted_values")]
    assert project.rejections("departments") == [(14, "location_id", "relationships")]
    assert project.query("select count(*) from marts.hires_by_department")[0][0] > 0


def test_its_page_of_the_dictionary_is_there(client: httpx.Client) -> None:
    listed = {table["name"]: table for table in client.get("/v1/tables").json()}
    assert listed["locations"]["rows"] == 2
    page = client.get("/v1/tables/locations").json()
    assert page["description"] == "One row per place that departments are at."
    assert page["primary_key"] == "id"
    assert [column["name"] for column in page["columns"]] == ["id", "city", "country"]
    assert [column["nullable"] for column in page["columns"]] == [False, False, True]
    rules = {rule["rule"]: rule for rule in page["columns"][2]["rules"]}
    assert rules["accepted_values"]["values"] == ["CH", "NO", "PE"]
    assert "departments" in str(page["referenced_by"])
    assert "locations" in str(client.get("/v1/tables/departments").json()["references"])


def test_rows_of_it_go_in_and_out_and_are_judged(client: httpx.Client) -> None:
    path = "/v1/tables/locations/rows"
    sent = [
        {"id": 10, "city": "Lima", "country": "PE"},
        {"id": 11, "city": " ", "country": "XX"},
        {"id": 1, "city": "Genf"},
    ]
    answer = client.post(path, json=sent)
    assert answer.status_code == 207
    found = {each["row"]: each["violations"] for each in answer.json()["rejections"]}
    assert [(each["column"], each["rule"]) for each in found[1]] == [
        ("city", "not_blank"),
        ("country", "accepted_values"),
    ]
    assert [(each["column"], each["rule"]) for each in found[2]] == [("id", "unique")]
    assert client.get(f"{path}/10").json() == sent[0]
    assert client.get(path).json()["rows"][0] == {"id": 1, "city": "Zürich", "country": "CH"}


def test_a_department_needs_a_location_that_is_there(client: httpx.Client) -> None:
    sent = {
        "departments": [
            {"id": 20, "department": "Docks", "location_id": 21},
            {"id": 22, "department": "Piers", "location_id": 99},
            {"id": 23, "department": "Nowhere"},
        ],
        "locations": [{"id": 21, "city": "Callao", "country": "PE"}],
    }
    answer = client.post("/v1/rows", json=sent)
    assert answer.status_code == 207
    (rejected,) = answer.json()["tables"]["departments"]["rejections"]
    assert rejected["violations"][0]["message"] == "locations has no row with id 99"
    assert client.get("/v1/tables/departments/rows/23").json()["location_id"] is None


def test_the_openapi_schema_has_its_rows(client: httpx.Client) -> None:
    schemas = client.get("/schema").json()["components"]["schemas"]
    (location,) = (schema for name, schema in schemas.items() if name.startswith("LocationsRow"))
    assert set(location["required"]) == {"id", "city"}
    assert location["properties"]["city"]["maxLength"] == 40
    assert location["properties"]["city"]["description"] == "Where it is."
    (department,) = (each for name, each in schemas.items() if name.startswith("DepartmentsRow"))
    assert "location_id" in department["properties"]


def test_it_is_backed_up_and_restored(client: httpx.Client) -> None:
    before = client.get("/v1/tables/locations/rows").json()["rows"]
    backup = client.post("/v1/tables/locations/backups").json()
    assert backup["rows"] == len(before)
    late = {"id": 30, "city": "Late", "country": None}
    assert client.post("/v1/tables/locations/rows", json=late).status_code == 201
    asked = {"backup_id": backup["backup_id"]}
    restored = client.post("/v1/tables/locations/restore", json=asked)
    assert restored.status_code == 200, restored.text
    assert (restored.json()["removed"], restored.json()["rows_after"]) == (1, len(before))
    assert client.get("/v1/tables/locations/rows").json()["rows"] == before


def test_it_is_not_restored_to_where_departments_would_dangle(client: httpx.Client) -> None:
    backup = client.post("/v1/tables/locations/backups").json()
    row = {"id": 40, "city": "Nazca", "country": "PE"}
    assert client.post("/v1/tables/locations/rows", json=row).status_code == 201
    child = {"id": 41, "department": "Lines", "location_id": 40}
    assert client.post("/v1/tables/departments/rows", json=child).status_code == 201
    asked = {"backup_id": backup["backup_id"]}
    refused = client.post("/v1/tables/locations/restore", json=asked)
    assert refused.status_code == 409, refused.text
    assert "location_id" in refused.text
    assert client.get("/v1/tables/locations/rows/40").json() == row

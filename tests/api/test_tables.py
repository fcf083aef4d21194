"""GET /v1/tables: the dictionary, for clients."""

from tests.support.answers import is_problem


def test_tables_are_listed_parents_first_with_the_number_of_their_rows(reader, truth):
    listed = reader.get("/v1/tables").json()

    assert [table["name"] for table in listed] == ["departments", "jobs", "hired_employees"]
    for table in listed:
        assert [(table["rows"],)] == truth(f"select count(*) from core.{table['name']}")
    assert listed[0] == {
        "name": "departments",
        "description": "One row per department of the company.",
        "rows": 12,
        "primary_key": "id",
        "key": ["id"],
        "columns": 2,
        "href": "/v1/tables/departments",
    }


def test_a_listed_table_is_found_where_its_href_leads(reader):
    for table in reader.get("/v1/tables").json():
        page = reader.get(table["href"]).json()
        assert (page["name"], page["rows"]) == (table["name"], table["rows"])
        assert len(page["columns"]) == table["columns"]


def test_a_table_shows_its_columns_with_types_and_rules_and_their_arguments(reader):
    page = reader.get("/v1/tables/hired_employees").json()

    assert list(page) == [
        "name",
        "description",
        "rows",
        "primary_key",
        "key",
        "columns",
        "rules",
        "references",
        "referenced_by",
    ]
    columns = {column["name"]: column for column in page["columns"]}
    assert list(columns) == ["id", "name", "datetime", "department_id", "job_id"]
    assert columns["name"] == {
        "name": "name",
        "type": "varchar",
        "description": "Name and surname of the employee.",
        "nullable": False,
        "rules": [
            {"rule": "max_length", "length": 255},
            {"rule": "not_blank"},
            {"rule": "not_null"},
        ],
        "synonyms": [],
    }
    relationships = next(
        rule for rule in columns["job_id"]["rules"] if rule["rule"] == "relationships"
    )
    assert (relationships["parent"], relationships["field"]) == ("jobs", "id")


def test_a_table_says_whom_it_refers_to_and_who_refers_to_it(reader):
    hires = reader.get("/v1/tables/hired_employees").json()
    jobs = reader.get("/v1/tables/jobs").json()

    assert hires["references"] == [
        {"table": "departments", "column": "department_id", "field": "id"},
        {"table": "jobs", "column": "job_id", "field": "id"},
    ]
    assert hires["referenced_by"] == jobs["references"] == []
    assert jobs["referenced_by"] == [
        {"table": "hired_employees", "column": "job_id", "field": "id"}
    ]


def test_a_column_that_is_not_required_is_nullable(odd):
    columns = odd.get("/v1/tables/odd_things").json()["columns"]
    assert {column["name"]: column["nullable"] for column in columns} == {
        "code": False,
        "size": True,
        "weight": True,
        "broken": True,
        "found_on": True,
        "seen_at": True,
    }


def test_the_number_of_rows_counts_a_row_that_has_just_gone_in(client):
    before = client.get("/v1/tables/jobs").json()["rows"]
    assert client.post("/v1/tables/jobs/rows", json=[{"id": 900, "job": "New"}]).status_code == 201
    assert client.get("/v1/tables/jobs").json()["rows"] == before + 1


def test_an_unknown_table_is_told_with_the_known_ones(reader):
    for path in ("/v1/tables/nope", "/v1/tables/nope/rows", "/v1/tables/nope/backups"):
        answer = reader.get(path)
        assert is_problem(answer, 404, "unknown-table")
        assert answer.json()["known"] == ["departments", "jobs", "hired_employees"]


def test_a_parameter_that_no_one_asked_for_is_refused_with_the_known_ones(reader):
    answer = reader.get("/v1/loads?tabel=jobs")
    assert is_problem(answer, 400, "bad-request")
    known = ["kind", "table", "status", "since", "until", "limit", "after"]
    assert answer.json()["known"] == known


def test_a_parameter_that_is_there_twice_is_refused(reader):
    assert is_problem(reader.get("/v1/loads?limit=1&limit=2"), 400, "bad-request")

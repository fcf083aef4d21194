"""GET /schema: the OpenAPI document says all, and nothing that is not so."""

import re
import warnings

import msgspec
import pytest
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.api.http.describing import description_of
from service.app import create_app
from service.console.static_files import static_url
from tests.support.answers import ended
from tests.support.contract import operations
from tests.support.projects import Project
from tests.support.services import serving

JSON = {"Content-Type": "application/json"}
TABLES = ("departments", "jobs", "hired_employees")
REPORTS = (
    *("departments_above_mean", "hires_by_quarter", "hires_over_time"),
    "rejections_by_rule_and_day",
)
PAGES = ["pages"]  # the tags of what answers people; its troubles and next pages are HTML
LAKE = ["lake"]  # the feed goes on by its own sequences, and needs a lake


HOOK = """
hooks:
  - {name: ops, url: "http://127.0.0.1:9/", secret: {file: %s}, on: [disk.low], private: true}
"""


@pytest.fixture
def settings(settings, tmp_path):
    """Those of a service that has someone to tell."""
    secret, hooks = tmp_path / "secret", tmp_path / "hooks.yml"
    secret.write_text(f"whsec_{'A' * 32}")
    hooks.write_text(HOOK % secret)
    return msgspec.structs.replace(settings, hooks=hooks)


@pytest.fixture(scope="session")
def document(reader):
    return reader.get("/schema").json()


@pytest.fixture(scope="session")
def handlers(built):
    """Every path, method and handler of the application."""
    return [
        (route.path, method, handler)
        for route in create_app(built).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods - {"OPTIONS"}
        if not description_of(handler).part
    ]


def test_it_is_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_it_once_for_each_table_or_report(document, handlers):
    described = {(path, method) for path, method, _ in operations(document)}
    expected = set()
    for path, method, _ in handlers:
        shown = re.sub(r"\{table}/rows\.\w+$", "{_}/rows.{ending}", path.replace(":str}", "}"))
        names: tuple[str, ...] = TABLES if "{table}" in shown else ("",)
        if shown == "/v1/reports/{name}":
            expected.add((f"{shown}.{{ending}}", method.lower()))
            shown = "/v1/reports/{table}"
            names = REPORTS
        expected |= {(shown.replace("{table}", name), method.lower()) for name in names}
    expected = {(path.replace("{_}", "{table}"), method) for path, method in expected}
    assert described == expected


def test_every_route_has_a_name_of_its_own(document, handlers):
    given = [name for _, name in {(id(each), each.operation_id) for _, _, each in handlers}]
    shown = [operation["operationId"] for _, _, operation in operations(document)]
    assert None not in given
    assert len(set(given)) == len(given)
    assert len(set(shown)) == len(shown)


def test_every_call_says_what_it_does_and_what_it_answers(document):
    for path, method, operation in operations(document):
        assert operation["summary"].endswith((".", "on.", "so."))
        assert operation["tags"], path
        successes = [s for s in operation["responses"] if s.startswith("2")]
        assert successes, (path, method)
        for status in successes:
            response = operation["responses"][status]
            assert ("content" in response) == (status != "204"), (path, method)
            for medium in response.get("content", {}).values():
                # Bytes that JSON would have to wrap are a sign of an answer left undescribed.
                assert medium.get("schema", {}).get("contentEncoding") != "base64", (path, method)


def test_every_other_answer_is_a_problem_document(document):
    for path, method, operation in operations(document):
        for status, said in operation["responses"].items():
            if status.startswith(("2", "303", "304")) or (path, status) == ("/health/ready", "503"):
                continue
            name = said.get("$ref", "").split("/")[-1]
            response = document["components"]["responses"].get(name, said)
            media = ["application/problem+json"]
            if operation["tags"] == PAGES and "content" in said:  # a form that is shown again
                media = ["text/html", *media]
            assert list(response["content"]) == media, (path, method)


def test_every_post_that_writes_takes_an_idempotency_key(document):
    """To ship twice is to ship once."""
    for path, method, operation in operations(document):
        if method == "post" and not path.endswith(("/verify", "/ship")):
            names = [parameter["name"] for parameter in operation["parameters"]]
            assert "Idempotency-Key" in names, path


def test_names_are_short_and_are_the_titles(document):
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch("[A-Z][A-Za-z]*", name)
        assert schema["title"] == name


def test_what_generators_of_clients_stumble_over_is_not_there(document):
    """An array of who knows what, and what may be left out of a request yet has a default."""
    for name, schema in document["components"]["schemas"].items():
        is_request = schema.get("additionalProperties") is False
        for member, said in schema.get("properties", {}).items():
            assert ("items" in said) == (said.get("type") == "array"), (name, member)
            assert not (is_request and "default" in said), (name, member)


def test_each_subject_is_described_and_each_is_one_of_them(document):
    described = [tag["name"] for tag in document["tags"]]
    used = {name for _, _, operation in operations(document) for name in operation["tags"]}
    assert sorted(described) == sorted(used)


def test_of_several_formats_json_is_the_type_and_the_others_are_told(document):
    """TypeScript has a union of all that `content` has, and then knows no field of `rows`."""
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            media = response.get("content", {})
            if "application/json" in media and "/schema" not in path:
                assert list(media) == ["application/json"], (path, method, status)
    rows = document["paths"]["/v1/tables/jobs/rows"]["get"]["responses"]["200"]
    assert list(rows["x-other-formats"])[:2] == ["text/csv", "application/x-ndjson"]


def test_a_link_to_the_next_page_is_announced_where_there_are_pages(document):
    for path, method, operation in operations(document):
        named = [parameter["name"] for parameter in operation["parameters"]]
        paged = "after" in named and operation["tags"] not in (PAGES, LAKE)
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                assert ("Link" in response.get("headers", {})) == paged, (path, method)


def test_each_tables_rows_are_shown_with_descriptions_and_limits(document, reader):
    for table in TABLES:
        body = document["paths"][f"/v1/tables/{table}/rows"]["post"]["requestBody"]["content"]
        assert list(body) == [
            "application/json",
            "application/x-ndjson",
            "text/csv",
            "application/msgpack",
        ]
        many, one = body["application/json"]["schema"]["anyOf"]
        assert (many["minItems"], many["maxItems"], many["items"]) == (1, 1000, one)
        row = document["components"]["schemas"][one["$ref"].split("/")[-1]]
        page = reader.get(f"/v1/tables/{table}").json()
        assert row["description"] == page["description"]
        assert row["required"] == [c["name"] for c in page["columns"] if not c["nullable"]]
        assert row["additionalProperties"] is False
        for column in page["columns"]:
            assert row["properties"][column["name"]]["description"] == column["description"]
    name = document["components"]["schemas"]["HiredEmployeesRow"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 255)


def test_a_row_that_the_schema_refuses_is_refused_by_the_service(client, contract):
    judge = contract.validator({"$ref": "#/components/schemas/JobsRow"})
    rows = [
        {"id": 900, "job": "A"},
        {"id": 0, "job": "A"},
        {"id": 2**31, "job": "A"},
        {"id": 901, "job": ""},
        {"id": 902, "job": "A" * 256},
        {"id": 903},
        {"id": 904, "job": "A", "z": 1},
        {"id": "905", "job": "A"},
        {"id": 906, "job": None},
    ]
    answer = client.post("/v1/tables/jobs/rows", json=rows).json()
    rejected = {each["row"] for each in answer["rejections"]}
    assert rejected == {i for i, row in enumerate(rows) if not judge.is_valid(row)}
    assert rejected == set(range(1, len(rows)))


def test_reports_take_their_parameters_and_show_their_columns(document):
    report = document["paths"]["/v1/reports/departments_above_mean"]["get"]
    year, *_ = report["parameters"]
    assert (year["name"], year["in"], year["required"]) == ("year", "query", True)
    row = document["components"]["schemas"]["DepartmentsAboveMeanRow"]["properties"]
    assert list(row) == ["id", "department", "hired"]


def test_every_call_answers_as_the_document_says(client, contract, document):
    """The client's answers are all checked; here each call has to come to its success once."""
    contract.answered.clear()
    _ask_everything(client)
    succeeded = {name for name, status in contract.answered if status < 300}
    asked = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if operation["tags"] not in (PAGES, LAKE)  # they have tests of their own
    }
    assert asked - succeeded == set()


def _ask_everything(client):
    for path in ("/", "/schema", "/health/live", "/health/ready", "/metrics", "/v1/tables"):
        client.get(path)
    for path in ("/v1/dictionary", "/dictionary", "/dictionary/jobs", static_url("app.css")):
        client.get(path)
    client.post("/v1/rows", json={"departments": [{"id": 70, "department": "A"}]})
    for table in TABLES:
        _ask_table(client, table)
    set_id = client.post("/v1/backups").json()["set_id"]
    client.post("/v1/restore", json={"set_id": set_id})
    backup_id = client.get("/v1/backups?limit=2").json()["backups"][0]["backup_id"]
    client.post(f"/v1/backups/{backup_id}/verify")
    for path in ("", "/file", "/difference"):
        client.get(f"/v1/backups/{backup_id}{path}")
    task = client.get("/v1/tasks").json()["tasks"][0]
    client.get(f"/v1/tasks/{task['task_id']}")
    client.delete(f"/v1/backups/{backup_id}")
    for kind in ("load", "rejection"):
        found = client.get(f"/v1/{kind}s").json()[f"{kind}s"]
        client.get(f"/v1/{kind}s/{found[0][f'{kind}_id']}")
    rejection = f"/v1/rejections/{found[0]['rejection_id']}"
    client.delete(rejection)
    client.post(f"{rejection}/replay", json={"id": 71, "department": "A"}, params={"dry_run": True})
    corrected = {"id": 9998, "name": "A", "datetime": "2021-01-01T00:00:00Z"}
    row = {**corrected, "department_id": 1, "job_id": 1}
    assert client.post(f"{rejection}/replay", json=row).status_code == 201
    client.post("/v1/rejections/replay", json=[{"rejection_id": "x"}])
    client.get("/v1/warnings?table=jobs")
    client.get("/v1/rejections/summary")
    client.get("/v1/rejections/groups")
    client.post("/v1/rejections/dismiss?table=departments")
    client.get("/v1/audit")
    for report in client.get("/v1/reports").json():
        year = {"year": 2021} if "year" in report["parameters"] else {}
        client.get(report["href"], params=year)
        client.get(f"{report['href']}.csv", params=year)
    build = client.post("/v1/builds").json()["href"]
    client.get(build)
    client.delete(build)
    client.get("/v1/builds")
    client.get("/dictionary/dbt")
    copy = client.post("/v1/copies").json()
    client.get(f"/v1/copies/{copy['copy_id']}")
    client.delete(f"/v1/copies/{copy['copy_id']}")
    client.get("/v1/trail")
    client.get("/v1/hooks")
    told = client.post("/v1/hooks/ops/test").headers["Location"]
    for path in (told, "/v1/hooks/ops/deliveries"):
        client.get(path)
    client.post(f"{told}/redeliver")
    made = client.post("/v1/keys", json={"name": "boss", "role": "operator"}).json()
    client.headers["X-API-Key"] = made["key"]
    client.get("/v1/keys")
    client.get("/v1/keys/boss")
    client.delete("/v1/keys/boss?force=true")


def _ask_table(client, table):
    path = f"/v1/tables/{table}"
    row = client.get(f"{path}/rows?limit=1").json()["rows"][0]
    client.get(path)
    client.get(f"{path}/schema")
    client.get(f"{path}/rows/{row['id']}")
    client.post(f"{path}/rows", json=[{**row, "id": 9999}, {}])
    _change_rows(client, f"{path}/rows", {**row, "id": 9990})
    names = [column["name"] for column in client.get(path).json()["columns"]]
    file = ",".join(names) + "\n" + ",".join(str(row[name]) for name in names) + "\n"
    loads = [
        client.post(f"{path}/files", content=file, headers={"Content-Type": "text/csv"}).json()
        for _ in range(2)
    ]
    client.delete(loads[1]["href"])  # it waits for the first
    client.get(f"{path}/rows.csv")
    client.get(f"{path}/facets?column=id")
    client.get(f"{path}/rows/{row['id']}/references")
    client.post(f"{path}/backups")
    client.get(f"{path}/backups")
    client.post(f"{path}/restore", json={"backup_id": "latest"})


def _change_rows(client, rows, row):
    one = f"{rows}/{row['id']}"
    for _ in range(2):  # made, then as it is
        client.put(one, json=row)
    client.patch(one, json={})
    client.delete(one)
    client.get(f"{one}/history")
    client.delete(f"{rows}?id=eq.{row['id']}")
    client.put(one, json=row)
    client.post(f"{one}/erase", json={"reason": "a test"})
    client.delete(f"{one}/erasure")


def test_every_type_of_column_can_be_shown(odd):
    schemas = odd.get("/schema").json()["components"]["schemas"]
    row = schemas["OddThingsRow"]["properties"]
    assert row["code"]["type"] == "string"
    assert {"type": "null"} in row["seen_at"]["anyOf"]
    assert "format" in str(row["found_on"])
    path = odd.get("/schema").json()["paths"]["/v1/tables/odd_things/rows/{row_id}"]
    assert path["get"]["parameters"][0]["schema"]["type"] == "string"


def test_nothing_of_the_framework_is_used_that_it_will_drop(built):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_app(built)


def test_no_description_says_what_the_route_does_not(handlers):
    """Parameters that have a meaning only with others: a prefer or an encoding without a body."""
    for _, method, handler in handlers:
        said = description_of(handler)
        has_body = method in ("POST", "PUT", "PATCH")
        assert has_body or not (said.body or said.prefer or said.encodings)
        assert method != "GET" or not said.once


@pytest.mark.slow
def test_it_follows_the_dictionary_that_a_build_takes_up(tmp_path):
    project = Project(tmp_path)
    for table, header in (
        ("departments", "id,department"),
        ("jobs", "id,job"),
        ("hired_employees", "id,name,datetime,department_id,job_id"),
    ):
        project.write(table, f"{header}\n")
    project.build()
    with serving(project.settings) as client:
        assert (
            client.get("/schema").json()["components"]["schemas"]["JobsRow"]["properties"]["job"][
                "maxLength"
            ]
            == 255
        )
        project.change("jobs", "length: 255", "length: 60")
        href = client.post("/v1/builds").json()["href"]
        ended(client, href)
        job = client.get("/schema").json()["components"]["schemas"]["JobsRow"]["properties"]["job"]
        assert job["maxLength"] == 60
